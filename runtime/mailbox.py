"""How a second process asks a running system for something: a file in the book's mailbox.

It works the same for both hosts and on every system, needs no network, and survives the moment in
which the driver is busy: a letter is one file, written atomically, taken once, oldest first.
"""

from pathlib import Path

import msgspec
import structlog

from blackboard.facts.control import Command
from runtime.book import write_atomically
from runtime.clock import wall_ns

_log = structlog.get_logger()
LETTERS_MAX = 100
"""Letters that may wait; a further one is refused."""
_STOP = "stop"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks for; `command` is an operator command or ``stop``."""

    command: str
    origin: str
    argument: str = ""

    def __post_init__(self) -> None:
        if self.command != _STOP and self.command not in set(Command):
            raise ValueError(f"command must be {_STOP} or a Command, was {self.command}")

    @property
    def is_stop(self) -> bool:
        """Whether the driver is asked to shut down in order."""
        return self.command == _STOP

    @property
    def operator_command(self) -> Command:
        """The command for the council."""
        return Command(self.command)


STOP_LETTER = Letter(command=_STOP, origin="cli")


def leave(folder: Path, letter: Letter) -> Path:
    """Leave a letter; OSError if too many wait already."""
    waiting = sum(1 for _ in folder.glob("*.json"))
    if waiting >= LETTERS_MAX:
        raise OSError(f"{waiting} commands wait in {folder} already: is the driver running?")
    at_ns = wall_ns()
    while (path := folder / f"{at_ns:020d}.json").exists():
        at_ns += 1  # a coarse clock gives two letters one moment
    write_atomically(path, msgspec.json.encode(letter))
    return path


def take(folder: Path) -> list[Letter]:
    """Take all letters, oldest first; what is no letter is logged, removed and counts as none."""
    letters = []
    for path in sorted(path for path in folder.glob("*.json") if path.is_file()):
        try:
            content = path.read_bytes()
            path.unlink(missing_ok=True)  # first: what cannot be removed would be obeyed for ever
            letters.append(msgspec.json.decode(content, type=Letter))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("letter_refused", file=path.name, reason=str(error))
    return letters


def clear(folder: Path) -> None:
    """Remove what an earlier run has left unread: it was asked of that run."""
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)
