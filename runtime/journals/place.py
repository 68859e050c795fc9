"""Where the journal of a book is, when it is not in the book's folder: a note in that folder.

Whoever opens a journal, the board, a verb or the console, has the folder and needs nothing else.
The note names the journal on the server by a key of its own, so a server that has lost it, or that
is another one, is found out. The password stands beside it in a file that its owner alone can read.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec

from blackboard.errors import ConfigError, JournalCorrupt
from config.secrets import load_secrets
from config.system import RedisSection
from runtime.book import Book, write_atomically, write_durably
from runtime.journals.diskcache import DATABASE

PLACE_FILE: Final = "place.json"


class RedisPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A journal on a Redis server; plain data, no secret."""

    url: str
    key: str
    """What its keys there begin with."""
    user: str = ""
    ca_file: str = ""
    fsync: Literal["always", "everysec"] = "always"
    timeout_s: float = 2.0
    patience_s: float = 60.0


def read_place(folder: Path) -> RedisPlace | None:
    """Return where the journal of a folder is on a server, None where it is in the folder."""
    try:
        raw = (folder / PLACE_FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=RedisPlace)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalCorrupt(f"{folder / PLACE_FILE} cannot be read: {error}") from error


def place_of(section: RedisSection, key: str) -> RedisPlace:
    """Return the place of a new journal under a key."""
    return RedisPlace(
        url=section.url,
        key=key,
        user=section.user,
        ca_file=section.ca_file,
        fsync=section.fsync,
        timeout_s=section.timeout_s,
        patience_s=section.patience_s,
    )


def write_place(book: Book, place: RedisPlace) -> None:
    """Note where the journal of a book is."""
    write_durably(book.journal / PLACE_FILE, msgspec.json.encode(place))


def is_in_folder(folder: Path) -> bool:
    """Whether a journal was begun in the folder itself."""
    return (folder / DATABASE).exists()


def require_in_folder(book: Book, what: str) -> None:
    """Refuse what can only be done with a journal in a folder: ConfigError."""
    place = read_place(book.journal)
    if place is not None:
        raise ConfigError(
            f"{what} takes journals in folders alone, and that of {book.name} is at {place.url}: "
            "docs/several-machines.md says what there is instead"
        )


def lend_password(book: Book, section: RedisSection) -> None:
    """Put the password where the board finds it, whichever machine it comes up on.

    Raises
    ------
    ConfigError
        If the file of the settings cannot be read.
    """
    password = load_secrets().redis_password.get_secret_value()
    if not password and section.password_file:
        try:
            password = Path(section.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"board.redis.password_file {section.password_file} cannot be read: {error}"
            ) from error
    if password:
        write_atomically(book.journal_password, password.encode())
    else:
        book.journal_password.unlink(missing_ok=True)


def password_for(folder: Path) -> str:
    """Return the password that a journal's folder keeps, or the environment's; empty is none."""
    try:
        return Book(folder.parent).journal_password.read_text(encoding="utf-8")
    except FileNotFoundError:
        return load_secrets().redis_password.get_secret_value()
