"""A seal over bytes, by a key that never leaves the folder of models.

Whoever can write a model's folder but not read the key cannot make a manifest that is accepted.
The key is made on first use, readable by this user alone, and stands in no log and no message.
"""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from runtime.book import write_durably
from runtime.machine.current import MACHINE

KEY_FILE: Final = "key"
_KEY_BYTES: Final = 32


class Seal:
    """Makes and checks seals."""

    def __init__(self, folder: Path) -> None:
        """Take the key of a folder, and make one where there is none; the folder must be locked."""
        path = folder / KEY_FILE
        if not path.exists():
            write_durably(path, secrets.token_bytes(_KEY_BYTES))
            MACHINE.make_private(path)
        self._key = path.read_bytes()

    def of(self, content: bytes) -> str:
        """Return the seal of some bytes, 64 hex digits."""
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()

    def fits(self, content: bytes, seal: str) -> bool:
        """Whether a seal was made of these bytes with this key."""
        return hmac.compare_digest(self.of(content).encode(), seal.encode())

    def __repr__(self) -> str:
        return "Seal()"  # never the key
