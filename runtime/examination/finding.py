"""One line of an examination."""

from typing import Final

import msgspec

OK: Final = "OK"
WARN: Final = "WARN"
FAIL: Final = "FAIL"


class Finding(msgspec.Struct, frozen=True):
    """A verdict on a subject, and what to do about it."""

    verdict: str
    subject: str
    detail: str
    mend: str = ""
