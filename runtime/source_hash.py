"""Which sources decide and train, as one hash: runs and models say what made them."""

import hashlib
from pathlib import Path
from typing import Final

_SOURCE_FOLDERS: Final = ("agents", "blackboard", "config", "models", "runtime")


def code_hash() -> str:
    """Return a hash over the sources that decide anything."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for folder in _SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
