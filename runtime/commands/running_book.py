"""A book that runs, or has run, as verbs of a second process see it and reach it.

They read the status file and the journal, and leave letters in the mailbox, so they need neither
Ray nor a connection. A command is done once its fact stands in the journal.
"""

from collections.abc import Callable
from typing import Final

from blackboard.errors import ConfigError, RecoverableError
from blackboard.facts.control import Command
from runtime.book import Book, find_book
from runtime.clock import NS, process_s, sleep_s, wall_ns
from runtime.commands.options import ConfigOption, load
from runtime.mailbox import Letter, leave
from runtime.picture import SEEN_KINDS, Picture
from runtime.status import Status, read_status

ANSWER_WITHIN_S: Final = 15.0
"""Longest wait for a command's fact."""
_PAUSE_S: Final = 0.2


def find(book: str, config: ConfigOption) -> Book:
    """Return the book that a verb means."""
    return find_book(load(config).settings.home.absolute(), book)


def is_running(book: Book) -> bool:
    """Whether a driver runs on it."""
    told = read_status(book.state)
    return told is not None and told.is_alive()


def require_running(book: Book) -> Status:
    """Return what its driver says of itself; ConfigError if there is none."""
    told = read_status(book.state)
    if told is None or not told.is_alive():
        raise ConfigError(f"{book.name} is not running: python launch.py")
    return told


def headline(book: Book, told: Status | None) -> str:
    """Return whether it runs, in one line."""
    if told is None:
        return f"{book.name}: has told nothing of itself yet"
    seconds = max(0, wall_ns() - told.written_wall_ns) // NS
    if told.is_alive():
        return f"{told.marker} {book.name}: running ({told.host}), process {told.pid}"
    return f"{told.marker} {book.name}: not running, last seen {seconds} s ago"


def picture_of(book: Book) -> Picture:
    """Return its present, folded from the whole journal."""
    from runtime.proof.lineage import entries_of

    picture = Picture()
    if book.journal.is_dir():
        for entry in entries_of(book.journal):
            if entry.kind in SEEN_KINDS:
                picture.add(entry)
            picture.now_ns = entry.known_at_ns
    return picture


def order(book: Book, command: Command, argument: str = "") -> None:
    """Hand a command to the driver and wait for its fact; RecoverableError if none comes."""
    require_running(book)
    before = _count_commands(book)
    letter = leave(book.mailbox, Letter(command=command.value, origin="cli", argument=argument))
    if not wait(lambda: _count_commands(book) > before, ANSWER_WITHIN_S):
        letter.unlink(missing_ok=True)  # it must not be obeyed long after it was reported as failed
        raise RecoverableError(
            f"{command.value} has not reached the journal within {ANSWER_WITHIN_S:g} s"
        )


def wait(is_done: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is done; return whether it was in time."""
    end_s = process_s() + seconds
    while process_s() < end_s:
        if is_done():
            return True
        sleep_s(_PAUSE_S)
    return False


def _count_commands(book: Book) -> int:
    from runtime.proof.lineage import entries_of

    return sum(1 for entry in entries_of(book.journal) if entry.kind == "OperatorCommand")
