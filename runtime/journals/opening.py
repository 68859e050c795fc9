"""Opening the journal of a folder, whatever keeps it: a note in the folder says so."""

from pathlib import Path
from typing import Protocol

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.journal import Journal
from config.system import BoardSection
from runtime.book import Book
from runtime.journals.diskcache import DiskcacheJournal
from runtime.journals.place import (
    PLACE_FILE,
    is_in_folder,
    lend_password,
    password_for,
    place_of,
    read_place,
    write_place,
)


class KeptJournal(Journal, Protocol):
    """A journal that outlives the process."""

    def newest(self) -> Entry | None:
        """Return the newest entry, None in an empty journal; nothing else is read."""

    def tidy(self) -> None:
        """Do what can wait, now that nothing is being posted."""


def open_journal(folder: Path) -> KeptJournal:
    """Open a journal to read it; ConfigError if there is none."""
    if not folder.is_dir():
        raise ConfigError(f"no journal in {folder}")
    place = read_place(folder)
    if place is None:
        return DiskcacheJournal(folder)
    from runtime.journals.redis import RedisJournal

    journal = RedisJournal(place, password_for(folder))
    journal.require_there()
    return journal


def open_to_write(folder: Path, bytes_max: int) -> KeptJournal:
    """Open a journal as the board that writes it, which takes no more than its size.

    Raises
    ------
    JournalUnavailable
        If the server that keeps it stays away longer than its patience.
    """
    place = read_place(folder)
    if place is None:
        return DiskcacheJournal(folder, bytes_max=bytes_max)
    from runtime.journals.redis import RedisJournal

    journal = RedisJournal(place, password_for(folder), bytes_max=bytes_max)
    journal.claim(place.patience_s)
    return journal


def lay_journal(book: Book, section: BoardSection, run_id: str) -> None:
    """Make the journal of a book where the settings want it, or find it there.

    Raises
    ------
    ConfigError
        If the book has its journal elsewhere, or the server would lose it.
    """
    folder = book.journal
    place = read_place(folder)
    wanted = "diskcache" if book.is_run else section.journal
    if wanted == "diskcache":
        if place is not None:
            raise ConfigError(
                f"book {book.name} has its journal at {place.url} (board.journal: redis), this "
                "start asks for diskcache: choose another --book"
            )
        return
    if is_in_folder(folder):
        raise ConfigError(
            f"book {book.name} has its journal in {folder} (board.journal: diskcache), this start "
            "asks for redis: choose another --book"
        )
    from runtime.journals.redis import RedisJournal

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lend_password(book, section.redis)
    if place is None:
        laid = place_of(section.redis, f"quorum:{book.name}:{run_id}")
        journal = RedisJournal(laid, password_for(folder))
        journal.begin()
    elif place.url != section.redis.url:
        raise ConfigError(
            f"book {book.name} has its journal at {place.url}, this start asks for "
            f"{section.redis.url}: where the server has moved, say so in {folder / PLACE_FILE}"
        )
    else:
        laid = place_of(section.redis, place.key)
        journal = RedisJournal(laid, password_for(folder))
        journal.require_there()
    journal.close()
    write_place(book, laid)
