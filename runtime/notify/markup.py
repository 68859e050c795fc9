"""A message as Telegram takes it: HTML in which no text from outside becomes markup, not too long.

Lengths are counted as Telegram does, in UTF-16 units; what the tags take is counted too, which it
does not, so a text is never longer than it may be.

Source: core.telegram.org/bots/api, "HTML style" and "sendMessage".
"""

import html
from collections.abc import Sequence
from typing import Final

from runtime.notify.outbox import Message, Note

LENGTH_MAX: Final = 4096
"""Longest message."""
CAPTION_LENGTH_MAX: Final = 1024
"""Longest text under a picture."""
TITLE_UNITS_MAX: Final = 600
JOINED_MAX: Final = 20
"""Messages that go out as one, where many wait."""
_ELLIPSIS: Final = "…"
_GAP: Final = "\n\n"


def joined(messages: Sequence[Message]) -> list[Message]:
    """Return the first messages that can go out as one: at least the first, whatever it is."""
    first, *others = messages[:JOINED_MAX]
    together = [first]
    length = _length_of(first.note)
    for message in others:
        length += len(_GAP) + _length_of(message.note)
        is_alike = message.note.is_silent is first.note.is_silent
        if not (_is_plain(first.note) and _is_plain(message.note) and is_alike):
            break
        if length > LENGTH_MAX - len(_head("PAPER", first)):
            break
        together.append(message)
    return together


def compose(marker: str, messages: Sequence[Message]) -> str:
    """Return one text of some messages, the marker first."""
    head = _head(marker, messages[0])
    parts = []
    left = LENGTH_MAX - units(head)
    for message in messages:
        part = _part(message.note, left)
        left -= units(part) + len(_GAP)
        parts.append(part)
    return head + _GAP.join(parts)


def escape_within(text: str, length_max: int) -> str:
    """Return a text for HTML mode; a longer one is cut, never inside an escaped character."""
    parts = [html.escape(character, quote=False) for character in text]
    if sum(map(units, parts)) <= length_max:
        return "".join(parts)
    left = length_max - units(_ELLIPSIS)
    kept = []
    for part in parts:
        left -= units(part)
        if left < 0:
            break
        kept.append(part)
    return "".join(kept) + _ELLIPSIS


def units(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _is_plain(note: Note) -> bool:
    return not (note.buttons or note.has_picture)


def _head(marker: str, message: Message) -> str:
    lost = f"({message.dropped} older messages were lost)\n" if message.dropped else ""
    return f"<b>[{marker}]</b> {lost}"


def _part(note: Note, length_max: int) -> str:
    title = f"<b>{escape_within(note.title, TITLE_UNITS_MAX)}</b>" if note.title else ""
    if not note.text:
        return title
    before, after = ("<pre>", "</pre>") if note.is_table else ("", "")
    title += "\n" if title else ""
    left = length_max - units(title + before + after)
    return title + before + escape_within(note.text, max(left, 1)) + after


def _length_of(note: Note) -> int:
    return units(_part(note, TITLE_UNITS_MAX + LENGTH_MAX * 5))
