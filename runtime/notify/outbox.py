"""Messages that wait to be sent, one small file each, so that they outlive the process.

Order is the order of posting. The queue is bounded: the oldest message gives way, and how many did
is kept beside the queue, to be told with the next one that goes out. Delivery is at least once: a
process that dies between the sending and `settle` sends the message again. A message survives
`kill -9` as soon as `post` has returned; a loss of power may take the latest ones.
"""

import threading
from pathlib import Path
from typing import Final

import msgspec

from runtime.book import write_atomically

MESSAGES_MAX: Final = 200
"""Messages that wait at most."""
TITLE_LENGTH_MAX: Final = 500
TEXT_LENGTH_MAX: Final = 20_000
"""Longest texts that are kept; a message to people never needs them."""
_DROPPED: Final = "dropped"


class Button(msgspec.Struct, frozen=True):
    """Something to press under a message, and what comes back then."""

    label: str
    data: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is to read."""

    title: str
    text: str = ""
    is_table: bool = False
    """Whether columns stand under each other."""
    is_silent: bool = False
    """Whether it arrives without a sound."""
    has_picture: bool = False
    """Whether the curve of equity goes with it, as it is when the message leaves."""
    buttons: tuple[Button, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that waits, and what was lost before it."""

    number: int
    note: Note
    dropped: int = 0
    """Older messages that gave way since a note about it was last sent."""


class Outbox:
    """The queue of one book; one process holds it, its threads may share it."""

    def __init__(self, folder: Path, messages_max: int = MESSAGES_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._messages_max = messages_max
        self._lock = threading.Lock()
        self._waiting = sorted(
            int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()
        )
        self._next = self._waiting[-1] + 1 if self._waiting else 1
        self._dropped = self._read_dropped()

    def __len__(self) -> int:
        """Return how many messages wait."""
        with self._lock:
            return len(self._waiting)

    def post(self, note: Note) -> None:
        """Append a message; the oldest gives way to it where the queue is full."""
        kept = msgspec.structs.replace(
            note,
            title=_encodable(note.title[:TITLE_LENGTH_MAX]),
            text=_encodable(note.text[:TEXT_LENGTH_MAX]),
        )
        content = msgspec.json.encode(kept)
        with self._lock:
            while len(self._waiting) >= self._messages_max:
                self._set_dropped(self._dropped + 1)
                self._remove(self._waiting[0])
            write_atomically(self._path(self._next), content)
            self._waiting.append(self._next)
            self._next += 1

    def first(self, count: int = 1) -> list[Message]:
        """Return the messages to send next, oldest first; they stay until they are settled."""
        found: list[Message] = []
        with self._lock:
            for number in list(self._waiting):
                if len(found) == count:
                    break
                note = self._read(number)
                if note is None:
                    self._waiting.remove(number)
                    continue
                dropped = 0 if found else self._dropped
                found.append(Message(number=number, note=note, dropped=dropped))
        return found

    def settle(self, messages: list[Message]) -> None:
        """Forget messages that were sent, and the losses that they told of."""
        with self._lock:
            told = sum(message.dropped for message in messages)
            for message in messages:
                if message.number in self._waiting:
                    self._remove(message.number)
                else:
                    told += 1  # it gave way while it was being sent, so it was no loss
            if told:
                self._set_dropped(max(0, self._dropped - told))

    def refuse(self, messages: list[Message]) -> None:
        """Forget messages that can never be sent; they count as lost."""
        with self._lock:
            for message in messages:
                if message.number in self._waiting:
                    self._set_dropped(self._dropped + 1)
                    self._remove(message.number)

    def _read(self, number: int) -> Note | None:
        """Return a message, None where somebody has tidied up; the others still count."""
        try:
            return msgspec.json.decode(self._path(number).read_bytes(), type=Note)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.json"

    def _remove(self, number: int) -> None:
        self._waiting.remove(number)  # first: a disk that fails must not make it go out twice
        self._path(number).unlink(missing_ok=True)

    def _read_dropped(self) -> int:
        try:
            return int((self._folder / _DROPPED).read_bytes())
        except (FileNotFoundError, ValueError):
            return 0

    def _set_dropped(self, dropped: int) -> None:
        write_atomically(self._folder / _DROPPED, str(dropped).encode())
        self._dropped = dropped


def _encodable(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode()
