"""A small file that says that somebody drives, for watchers that know nothing else."""

from pathlib import Path
from typing import Final

import msgspec
import structlog

from runtime.book import write_atomically
from runtime.clock import process_s
from runtime.driver import Display
from runtime.picture import Picture
from runtime.status import Status

FILE_NAME: Final = "heartbeat.json"
BEAT_EVERY_S: Final = 5.0
_log = structlog.get_logger()


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds; its age is what matters."""

    written_wall_ns: int
    pid: int
    book: str
    marker: str
    market_ns: int
    head: int
    state: str
    equity: float | None
    unwell: list[str]
    """Agents that are not healthy."""


class Heartbeat(Display):
    """Replaces the file every five seconds of process time."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE_NAME
        self._beaten_s = float("-inf")

    def update(self, picture: Picture, status: Status) -> None:
        """Beat, if it is time; a disk that fails stops nothing."""
        now_s = process_s()
        if now_s - self._beaten_s < BEAT_EVERY_S:
            return
        self._beaten_s = now_s
        try:
            write_atomically(self._path, msgspec.json.encode(beat_of(picture, status)))
        except OSError as error:
            _log.warning("heartbeat_not_written", reason=str(error))


def beat_of(picture: Picture, status: Status) -> Beat:
    """Return what is to be said now."""
    return Beat(
        written_wall_ns=status.written_wall_ns,
        pid=status.pid,
        book=status.book,
        marker=status.marker,
        market_ns=status.now_ns,
        head=status.head,
        state=picture.state.state.value if picture.state else "STARTING",
        equity=picture.account.equity if picture.account else None,
        unwell=[agent.name for agent in status.agents if agent.health != "healthy"],
    )
