"""A book that runs, or has run, as verbs of a second process see it and reach it.

They read the status file and the journal, and leave letters in the mailbox, so they need neither
Ray nor a connection. A command is done once its fact stands in the journal.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from blackboard.entry import Entry, decode_entries
from blackboard.errors import ConfigError, RecoverableError
from blackboard.facts import OperatorCommand
from blackboard.facts.control import Command
from blackboard.journal import Journal
from runtime.book import Book, find_book
from runtime.clock import NS, process_s, sleep_s, wall_ns
from runtime.commands.options import ConfigOption, home_of
from runtime.journals.opening import open_journal
from runtime.machine.current import MACHINE
from runtime.mailbox import Letter, leave
from runtime.picture import SEEN_KINDS, Picture
from runtime.status import Status, read_status

ANSWER_WITHIN_S: Final = 15.0
"""Longest wait for a command's fact."""
CONSEQUENCE_WITHIN_S: Final = 5.0
"""Longest wait for what the council makes of it."""
_PAUSE_S: Final = 0.2


def find(book: str, config: ConfigOption) -> Book:
    """Return the book that a verb means."""
    return find_book(home_of(config), book)


def is_running(book: Book) -> bool:
    """Whether a driver runs on it."""
    told = read_status(book.state)
    return told is not None and told.is_alive()


def require_running(book: Book) -> Status:
    """Return what its driver says of itself; ConfigError if there is none, or it is silent."""
    told = read_status(book.state)
    if is_silent(book, told):
        assert told is not None
        raise ConfigError(
            f"{book.name}: process {told.pid} has told nothing of itself for {_silent_s(told)} s: "
            "python launch.py logs driver says what it waits for, stop --kill ends it"
        )
    if told is None or not told.is_alive():
        raise ConfigError(f"{book.name} is not running: python launch.py")
    return told


def is_silent(book: Book, told: Status | None) -> bool:
    """Whether its driver is there and hangs: it holds the book and tells nothing of itself."""
    if told is None or told.has_ended or told.is_alive():
        return False
    return MACHINE.is_running(told.pid) and book.is_held


def headline(book: Book, told: Status | None) -> str:
    """Return whether it runs, in one line."""
    if told is None:
        return f"{book.name}: has told nothing of itself yet"
    if told.is_alive():
        return f"{told.marker} {book.name}: running ({told.host}), process {told.pid}"
    what = f"silent, process {told.pid}" if is_silent(book, told) else "not running"
    return f"{told.marker} {book.name}: {what}, last seen {_silent_s(told)} s ago"


def _silent_s(told: Status) -> int:
    return max(0, wall_ns() - told.written_wall_ns) // NS


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


def order(book: Book, command: Command, argument: str = "") -> Entry:
    """Hand a command to the driver and return its fact's entry; RecoverableError if none comes."""
    require_running(book)
    letter = Letter(command=command.value, origin="cli", argument=argument)
    with closing(open_journal(book.journal)) as journal:
        newest = journal.newest()
        ahead = _Ahead(journal, newest.seq if newest else 0)
        path = leave(book.mailbox, letter)
        if found := ahead.first(lambda entry: _is_of(entry, letter), ANSWER_WITHIN_S):
            return found
    late = f"{command.value} has not reached the journal within {ANSWER_WITHIN_S:g} s"
    try:
        path.unlink()  # it must not be obeyed long after it was reported as failed
    except FileNotFoundError:
        raise RecoverableError(
            f"{late}: the driver has it and hands it on as soon as the board answers"
        ) from None
    raise RecoverableError(f"{late}: nobody took it, so it was withdrawn")


def consequence(book: Book, command: Entry) -> Entry | None:
    """Return the first fact of the supervisor that names a command as its cause, None in time."""
    with closing(open_journal(book.journal)) as journal:
        return _Ahead(journal, command.seq).first(
            lambda entry: entry.author == "supervisor" and command.seq in entry.causes,
            CONSEQUENCE_WITHIN_S,
        )


def wait(is_done: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is done; return whether it was in time."""
    end_s = process_s() + seconds
    while process_s() < end_s:
        if is_done():
            return True
        sleep_s(_PAUSE_S)
    return False


class _Ahead:
    """What is new in a journal after a seq; what stands before it is not read."""

    def __init__(self, journal: Journal, after_seq: int) -> None:
        self._journal = journal
        self._cursor = after_seq

    def first(self, is_meant: Callable[[Entry], bool], within_s: float) -> Entry | None:
        """Wait for an entry and return it, None if it does not come in time."""
        found: list[Entry] = []

        def is_there() -> bool:
            found.extend(filter(is_meant, self._fresh()))
            return bool(found)

        return found[0] if wait(is_there, within_s) else None

    def _fresh(self) -> Iterator[Entry]:
        for block in self._journal.blocks(self._cursor):
            entries = decode_entries(block.payload)
            yield from (entry for entry in entries if entry.seq > self._cursor)
            self._cursor = block.last_seq


def _is_of(entry: Entry, letter: Letter) -> bool:
    match entry.fact:
        case OperatorCommand(command=command, origin=letter.origin, argument=letter.argument):
            return command is letter.operator_command
        case _:
            return False
