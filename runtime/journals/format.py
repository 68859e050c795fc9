"""The number that a journal carries, so that one of another version is told from a damaged one.

Facts only ever gain fields with defaults, and that needs no new number. What does: a kind, field
or meaning that changes, and a bound that becomes stricter, for then a later program cannot read
what an earlier one wrote. Every number has its step to the next in `conversions`.
"""

from pathlib import Path
from typing import Final

from blackboard.errors import OtherFormat

UNNUMBERED: Final = 1
"""Format of journals that carry no number; the first versions wrote none."""
FORMAT: Final = 2
"""The one that this version writes and reads."""


def require_format(folder: Path, found: int, wanted: int = FORMAT) -> None:
    """Raise OtherFormat unless a journal has the format that is wanted."""
    if found == wanted:
        return
    if found > wanted:
        mend = "a later version of Quorum wrote it: install that one, or begin another book"
    else:
        mend = f"python launch.py upgrade --book {folder.parent.name}"
    raise OtherFormat(f"journal {folder} has format {found}, this version reads {wanted}: {mend}")
