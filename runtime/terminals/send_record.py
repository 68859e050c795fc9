"""What was handed to a foreign broker, and what it said: one file beside the book.

A broker takes no id of ours, so "once, ever" is kept here. An id is noted before its request
leaves, and its answer after. An id without an answer may have run: nobody can tell from here, so it
is never sent again, and only reading the broker's book settles it.
"""

from typing import Final

import msgspec

from runtime.terminals.identity import Identity
from runtime.terminals.sqlite_file import FENCE, SqliteFile, guarded
from runtime.terminals.structures import OrderSendResult

_LAYOUT: Final = (
    "CREATE TABLE sends (request_id TEXT PRIMARY KEY, request BLOB NOT NULL, answer BLOB) STRICT",
    FENCE,
    "CREATE TABLE account (one INTEGER PRIMARY KEY CHECK (one = 1), identity BLOB NOT NULL) STRICT",
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


class SendRecord(SqliteFile):
    """Request ids, the highest epoch, and the account of one book; implements `gate.EpochFence`.

    Guarantees: what a method has noted survives the death of the process and a power cut. An answer
    never changes, nor does the pinned account. One process at a time holds the file.

    Raises
    ------
    RecordUnavailable
        If the file cannot be used, is held by another process, or has another layout.
    """

    unavailable = RecordUnavailable
    layout = _LAYOUT
    layout_version = 1
    busy_timeout_s = 5.0
    # What was noted as sent must be there even after a power cut.
    synchronous = "FULL"

    @guarded
    def sent(self, request_id: str) -> Sent | None:
        """Return what was noted under an id."""
        row = self._database.execute(
            "SELECT request, answer FROM sends WHERE request_id = ?", (request_id,)
        ).fetchone()
        if row is None:
            return None
        return Sent(bytes(row[0]), None if row[1] is None else _answer_of(row[1]))

    @guarded
    def start(self, request_id: str, request: bytes) -> None:
        """Note that a request is about to leave; an id is started once."""
        self._database.execute("INSERT INTO sends VALUES (?, ?, NULL)", (request_id, request))

    @guarded
    def finish(self, request_id: str, answer: Answer) -> None:
        """Note the answer to a request; a second one changes nothing."""
        self._database.execute(
            "UPDATE sends SET answer = ? WHERE request_id = ? AND answer IS NULL",
            (_encode(answer), request_id),
        )

    @guarded
    def identity(self) -> Identity | None:
        """Return the account that the book met first, None before that."""
        row = self._database.execute("SELECT identity FROM account").fetchone()
        return None if row is None else _identity_of(row[0])

    @guarded
    def pin(self, identity: Identity) -> None:
        """Note the account of the book; a second one changes nothing."""
        self._database.execute("INSERT OR IGNORE INTO account VALUES (1, ?)", (_encode(identity),))
