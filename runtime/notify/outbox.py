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
TEXT_LENGTH_MAX: Final = 20_000
"""Longest text that is kept; a message to people never needs it."""
_DROPPED: Final = "dropped"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest message, and what was lost before it."""

    number: int
    text: str
    dropped: int
    """Older messages that gave way since a note about it was last sent."""


class Outbox:
    """The queue of one book; one process holds it, its threads may share it."""

    def __init__(self, folder: Path, messages_max: int = MESSAGES_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._messages_max = messages_max
        self._lock = threading.Lock()
        self._waiting = sorted(
            int(path.stem) for path in folder.glob("*.txt") if path.stem.isdecimal()
        )
        self._next = self._waiting[-1] + 1 if self._waiting else 1
        self._dropped = self._read_dropped()

    def __len__(self) -> int:
        """Return how many messages wait."""
        with self._lock:
            return len(self._waiting)

    def post(self, text: str) -> None:
        """Append a message; the oldest gives way to it where the queue is full."""
        content = text[:TEXT_LENGTH_MAX].encode("utf-8", errors="replace")
        with self._lock:
            while len(self._waiting) >= self._messages_max:
                self._set_dropped(self._dropped + 1)
                self._remove(self._waiting[0])
            write_atomically(self._path(self._next), content)
            self._waiting.append(self._next)
            self._next += 1

    def oldest(self) -> Message | None:
        """Return the message to send next; it stays until it is settled."""
        with self._lock:
            while self._waiting:
                number = self._waiting[0]
                try:
                    text = self._path(number).read_text(encoding="utf-8", errors="replace")
                except FileNotFoundError:  # somebody has tidied up; the others still count
                    self._waiting.pop(0)
                    continue
                return Message(number=number, text=text, dropped=self._dropped)
            return None

    def settle(self, message: Message) -> None:
        """Forget a message that was sent, and the losses that it told of."""
        with self._lock:
            told = message.dropped
            if message.number in self._waiting:
                self._remove(message.number)
            else:
                told += 1  # it gave way while it was being sent, so it was no loss
            if told:
                self._set_dropped(max(0, self._dropped - told))

    def refuse(self, message: Message) -> None:
        """Forget a message that can never be sent; it counts as lost."""
        with self._lock:
            if message.number in self._waiting:
                self._set_dropped(self._dropped + 1)
                self._remove(message.number)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.txt"

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
