"""What a driver tells other processes of itself: a small file beside the journal.

`launch.py status` and `agents` read it, together with the journal, so they need neither Ray nor a
connection, and work after a crash too: the process id then shows that nobody is there.
"""

from pathlib import Path

import msgspec

from runtime.book import write_atomically
from runtime.clock import wall_ns
from runtime.machine.current import MACHINE

STALE_AFTER_S = 15.0
"""Age beyond which the driver is taken for gone although a process of its id exists."""


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as the driver sees it."""

    name: str
    class_name: str
    mode: str
    health: str
    pid: int
    restarts: int
    reason: str
    last_fact_age_s: float
    """Process seconds since its last fact, −1 before the first."""
    posts_per_s: float
    posts_refused: int = 0
    """Posts that the board did not take from it since the board started."""
    node: str = ""
    """Id of the node of Ray on which it runs."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One driver's account of itself."""

    pid: int
    book: str
    marker: str
    """SIMULATED, PAPER or LIVE."""
    started_wall_ns: int
    written_wall_ns: int
    now_ns: int
    """Market time."""
    host: str
    """ray or in-process."""
    ray_address: str
    dashboard_url: str
    terminal_url: str
    terminal_pid: int
    board_pid: int
    head: int
    supersteps: int
    """Supersteps so far in virtual time, 0 where the clock is followed."""
    agents: list[AgentLine]
    board_node: str = ""
    """Id of the node of Ray on which the board runs."""
    console_url: str = ""
    """Empty where no console is served."""
    has_ended: bool = False
    """Whether it was the last account before an ordered end."""

    def is_alive(self) -> bool:
        """Whether the driver that wrote this still runs."""
        age_s = (wall_ns() - self.written_wall_ns) / 1e9
        return not self.has_ended and age_s < STALE_AFTER_S and MACHINE.is_running(self.pid)


def write_status(path: Path, status: Status) -> None:
    """Replace the file in one step."""
    write_atomically(path, msgspec.json.encode(status))


def read_status(path: Path) -> Status | None:
    """Return what the last driver wrote, None if none has, or one of another version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
