"""The note that a process leaves while it connects, which freezes it for longer than any call.

The MetaTrader5 package holds the interpreter while it starts the program and logs in, so the
process cannot answer for its health meanwhile. The note says until when that is no hang; it is
believed up to that moment and not beyond.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.book import write_atomically
from runtime.clock import NS, wall_ns


@contextmanager
def connecting(path: Path | None, timeout_s: float) -> Iterator[None]:
    """Leave the note while the context lasts; without a path nobody watches."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, str(wall_ns() + int(timeout_s * NS)).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def connects_still(path: Path) -> bool:
    """Whether a process has said that it connects, and its time for that has not passed."""
    with suppress(OSError, ValueError):
        return wall_ns() < int(path.read_bytes())
    return False
