"""Named places on the path of an order at which a test may end the process; off in production.

Armed by an environment variable that names a file: the first process that reaches the site whose
name stands in that file removes the file, so that it happens once, and ends itself with SIGKILL. A
simulation of the whole system in one process listens instead.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

VARIABLE: Final = "FX_FAULT_SITE"

SITES: Final = (
    "send.before_post",
    "send.after_post",
    "send.before",
    "send.after",
    "send.after_outcome",
    "terminal.before",
    "terminal.inside",
    "terminal.after",
)
"""Before and after an OrderSubmitting is posted, before and after its send, after its outcome; in
the terminal process before a request is noted, with effects not yet in the ledger, and after."""

_armed: Final = os.environ.get(VARIABLE, "")
_listeners: Final[list[Callable[[str], None]]] = []


def reach(site: str) -> None:
    """Say that a site is reached."""
    for listener in _listeners:
        listener(site)
    if _armed:
        _end_here(Path(_armed), site)


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell `listener` of every site reached in this process meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _end_here(file: Path, site: str) -> None:
    try:
        if file.read_text(encoding="ascii").strip() != site:
            return
        file.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
