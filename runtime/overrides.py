"""Which agents take part in a book by an operator's choice, kept over restarts until it is removed.

A small file in the book's folder. It goes before the YAML file and behind `.env`, the environment
and the command line, which a person sets for this very start.
"""

from typing import Final

import msgspec

from blackboard.errors import ConfigError
from config.agent import Mode
from config.loading import LoadedSettings, with_overrides
from runtime.book import Book, book_of, write_atomically
from runtime.council import ORDER

_BYTES_MAX: Final = 4_096


def read_overrides(book: Book) -> dict[str, Mode]:
    """Return the chosen mode by agent; ConfigError if the file is none of ours."""
    try:
        content = book.overrides.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        chosen = msgspec.json.decode(content[:_BYTES_MAX], type=dict[str, Mode])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{book.overrides} is damaged ({error}): remove it") from error
    if strangers := sorted(chosen.keys() - set(ORDER)):
        raise ConfigError(f"{book.overrides} names {', '.join(strangers)}, no agents: remove them")
    return chosen


def keep_override(book: Book, agent: str, mode: Mode) -> None:
    """Note a choice, in place of an earlier one for this agent."""
    _write(book, read_overrides(book) | {agent: mode})


def remove_override(book: Book, agent: str) -> bool:
    """Forget the choice for an agent; return whether there was one."""
    chosen = read_overrides(book)
    was_there = chosen.pop(agent, None) is not None
    if was_there:
        _write(book, chosen)
    return was_there


def in_force(loaded: LoadedSettings) -> LoadedSettings:
    """Return the settings as the next start of their book will have them; ConfigError if wrong."""
    book = book_of(loaded.settings.home.absolute(), loaded.settings.book)
    values = {setting_of(agent): mode.value for agent, mode in read_overrides(book).items()}
    return with_overrides(loaded, values, origin_of(book)) if values else loaded


def setting_of(agent: str) -> str:
    """Return the dotted key of an agent's mode."""
    return f"agents.{agent}.enabled"


def origin_of(book: Book) -> str:
    """Return the origin that `config show` tells."""
    return f"operator's override of book {book.name}"


def _write(book: Book, chosen: dict[str, Mode]) -> None:
    write_atomically(book.overrides, msgspec.json.format(msgspec.json.encode(chosen)))
