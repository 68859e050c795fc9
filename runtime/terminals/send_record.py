"""What was handed to a foreign broker, and what it said: one file beside the book.

A broker takes no id of ours, so "once, ever" is kept here. An id is noted before its request
leaves, and its answer after. An id without an answer may have run: nobody can tell from here, so it
is never sent again, and only reading the broker's book settles it.
"""

import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import msgspec

from runtime.terminals.identity import Identity
from runtime.terminals.structures import OrderSendResult

P = ParamSpec("P")
R = TypeVar("R")

LAYOUT_VERSION: Final = 1
BUSY_TIMEOUT_S: Final = 5.0
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_LAYOUT: Final = (
    "CREATE TABLE sends (request_id TEXT PRIMARY KEY, request BLOB NOT NULL, answer BLOB) STRICT",
    "CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT",
    "CREATE TABLE account (one INTEGER PRIMARY KEY CHECK (one = 1), identity BLOB NOT NULL) STRICT",
    f"PRAGMA user_version = {LAYOUT_VERSION}",
)


class RecordUnavailable(Exception):
    """The file could not be read or written; what was to be noted is not in it."""


class Answer(msgspec.Struct, frozen=True):
    """What the terminal said to a request: a result, or the last error where there was none."""

    result: OrderSendResult | None
    error: tuple[int, str] = (0, "")


class Sent(msgspec.Struct, frozen=True):
    """A request that was noted."""

    request: bytes
    """The request as it was read, to tell a repetition from another request with the same id."""
    answer: Answer | None
    """None while nobody knows whether it ran."""


_encode: Final = msgspec.msgpack.Encoder().encode
_answer_of: Final = msgspec.msgpack.Decoder(Answer).decode
_identity_of: Final = msgspec.msgpack.Decoder(Identity).decode


def _guarded(
    method: Callable[Concatenate["SendRecord", P], R],
) -> Callable[Concatenate["SendRecord", P], R]:
    @wraps(method)
    def guarded(self: "SendRecord", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except sqlite3.Error as error:
            raise RecordUnavailable(f"{method.__name__} on {self.path}: {error}") from error

    return guarded


class SendRecord:
    """Request ids, the highest epoch, and the account of one book; implements `gate.EpochFence`.

    Guarantees: what a method has noted survives the death of the process and a power cut. An answer
    never changes, nor does the pinned account. One process at a time holds the file.

    Raises
    ------
    RecordUnavailable
        If the file cannot be used, is held by another process, or has another layout.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()

    @_guarded
    def _open(self) -> None:
        self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.path.touch(mode=FILE_MODE)
        # Calls are serialised by the terminal, but the thread that serves need not be the one
        # that opened the file.
        self._database = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        # FULL: what was noted as sent must be there even after a power cut.
        self._database.execute("PRAGMA synchronous = FULL")
        with self._database:
            self._database.execute("BEGIN EXCLUSIVE")
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _LAYOUT:
                    self._database.execute(statement)
        if version not in (0, LAYOUT_VERSION):
            self._database.close()
            raise RecordUnavailable(
                f"{self.path} has layout {version}, this program reads {LAYOUT_VERSION}"
            )

    @_guarded
    def sent(self, request_id: str) -> Sent | None:
        """Return what was noted under an id."""
        row = self._database.execute(
            "SELECT request, answer FROM sends WHERE request_id = ?", (request_id,)
        ).fetchone()
        if row is None:
            return None
        return Sent(bytes(row[0]), None if row[1] is None else _answer_of(row[1]))

    @_guarded
    def start(self, request_id: str, request: bytes) -> None:
        """Note that a request is about to leave; an id is started once."""
        self._database.execute("INSERT INTO sends VALUES (?, ?, NULL)", (request_id, request))

    @_guarded
    def finish(self, request_id: str, answer: Answer) -> None:
        """Note the answer to a request; a second one changes nothing."""
        self._database.execute(
            "UPDATE sends SET answer = ? WHERE request_id = ? AND answer IS NULL",
            (_encode(answer), request_id),
        )

    @_guarded
    def epoch(self) -> int:
        """Return the highest epoch noted, 0 before the first."""
        row = self._database.execute("SELECT epoch FROM fence").fetchone()
        return 0 if row is None else int(row[0])

    @_guarded
    def raise_epoch(self, epoch: int) -> None:
        """Note an epoch; a lower one than before changes nothing."""
        self._database.execute(
            "INSERT INTO fence VALUES (1, ?) ON CONFLICT (one) "
            "DO UPDATE SET epoch = excluded.epoch WHERE excluded.epoch > epoch",
            (epoch,),
        )

    @_guarded
    def identity(self) -> Identity | None:
        """Return the account that the book met first, None before that."""
        row = self._database.execute("SELECT identity FROM account").fetchone()
        return None if row is None else _identity_of(row[0])

    @_guarded
    def pin(self, identity: Identity) -> None:
        """Note the account of the book; a second one changes nothing."""
        self._database.execute("INSERT OR IGNORE INTO account VALUES (1, ?)", (_encode(identity),))

    def close(self) -> None:
        """Let go of the file, so that another process can open it."""
        self._database.close()
