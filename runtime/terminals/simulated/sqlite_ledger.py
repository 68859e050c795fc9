"""The simulated broker's book on disk: SQLite in WAL mode, one transaction a change.

``synchronous=NORMAL`` in WAL mode survives the death of the process at any moment, which is what a
broker that outlives its agents needs; after a power cut the book is sound but may lack its last
transactions, and a full sync for simulated money would cost every send a disk's latency.

Each record type is a table whose columns are its fields, so the book can be read with any SQLite
tool; REAL columns keep a float's 64 bits.
"""

from collections.abc import Iterable
from typing import Final, TypeVar, get_type_hints

import msgspec

from runtime.terminals.simulated.ledger import (
    Answered,
    Change,
    Deal,
    LedgerUnavailable,
    Order,
    Position,
    Standing,
)
from runtime.terminals.sqlite_file import FENCE, SqliteFile, guarded

Record = TypeVar("Record", Position, Order, Deal)

_COLUMN_TYPES: Final = {int: "INTEGER", float: "REAL", str: "TEXT"}


def _table(name: str, record: type[msgspec.Struct]) -> str:
    hints = get_type_hints(record)
    columns = [f'"{field}" {_COLUMN_TYPES[hints[field]]} NOT NULL' for field in hints]
    columns[0] = "ticket INTEGER PRIMARY KEY"
    return f"CREATE TABLE {name} ({', '.join(columns)}) STRICT"


def _insert(name: str, record: type[msgspec.Struct]) -> str:
    marks = ", ".join("?" for _ in record.__struct_fields__)
    return f"INSERT OR REPLACE INTO {name} VALUES ({marks})"  # noqa: S608 - names of our own


_LAYOUT: Final = (
    _table("positions", Position),
    _table("orders", Order),
    _table("deals", Deal),
    "CREATE INDEX orders_done ON orders (done_ns)",
    "CREATE INDEX orders_position ON orders (position)",
    "CREATE INDEX deals_made ON deals (made_ns)",
    "CREATE INDEX deals_position ON deals (position)",
    'CREATE INDEX deals_order ON deals ("order")',
    "CREATE TABLE standing (one INTEGER PRIMARY KEY CHECK (one = 1), now_ns INTEGER NOT NULL, "
    "next_ticket INTEGER NOT NULL, balance REAL NOT NULL, credit REAL NOT NULL) STRICT",
    FENCE,
    "CREATE TABLE requests (request_id TEXT PRIMARY KEY, request BLOB NOT NULL, reply BLOB) STRICT",
)
# "order" is a word of SQL, so the column is quoted wherever it is named.
_ORDER_COLUMN: Final = '"order"'
_INSERT_POSITION: Final = _insert("positions", Position)
_INSERT_ORDER: Final = _insert("orders", Order)
_INSERT_DEAL: Final = _insert("deals", Deal)


class SqliteLedger(SqliteFile):
    """A book in one file; see `Ledger` for its guarantees.

    One process owns it at a time: the file is locked exclusively while it is open, so a second
    terminal on the same book is refused instead of trading beside the first.

    Raises
    ------
    LedgerUnavailable
        If the file cannot be opened, is held by another process, or has another layout.
    """

    unavailable = LedgerUnavailable
    layout = _LAYOUT
    layout_version = 2
    busy_timeout_s = 2.0
    synchronous = "NORMAL"

    @guarded
    def standing(self) -> Standing | None:
        """Return the account's state."""
        row = self._database.execute(
            "SELECT now_ns, next_ticket, balance, credit FROM standing"
        ).fetchone()
        if row is None:
            return None
        return Standing(now_ns=row[0], next_ticket=row[1], balance=row[2], credit=row[3])

    @guarded
    def positions(self) -> tuple[Position, ...]:
        """Return open positions by ticket."""
        return tuple(self._select(Position, "positions", "1 = 1"))

    @guarded
    def working(self) -> tuple[Order, ...]:
        """Return the orders that are not done, by ticket."""
        return tuple(self._select(Order, "orders", "done_ns = 0"))

    @guarded
    def commit(self, change: Change) -> None:
        """Take a change, whole."""
        standing = change.standing
        open_now = [one for one in change.positions.values() if one is not None]
        closed = [(ticket,) for ticket, one in change.positions.items() if one is None]
        with self._database:  # commits, or rolls back on any error
            run, run_many = self._database.execute, self._database.executemany
            run("BEGIN IMMEDIATE")
            run(
                "INSERT OR REPLACE INTO standing VALUES (1, ?, ?, ?, ?)",
                msgspec.structs.astuple(standing),
            )
            run_many("DELETE FROM positions WHERE ticket = ?", closed)
            run_many(_INSERT_POSITION, map(msgspec.structs.astuple, open_now))
            run_many(_INSERT_ORDER, map(msgspec.structs.astuple, change.orders))
            run_many(_INSERT_DEAL, map(msgspec.structs.astuple, change.deals))
            if change.answered is not None:
                answered = change.answered
                run(
                    "INSERT INTO requests VALUES (?, ?, ?) ON CONFLICT (request_id) "
                    "DO UPDATE SET reply = excluded.reply WHERE reply IS NULL",
                    (answered.request_id, answered.request, answered.reply),
                )

    @guarded
    def start(self, request_id: str, request: bytes) -> bytes:
        """Note that a request is about to run."""
        self._database.execute(
            "INSERT OR IGNORE INTO requests VALUES (?, ?, NULL)", (request_id, request)
        )
        row = self._database.execute(
            "SELECT request FROM requests WHERE request_id = ?", (request_id,)
        ).fetchone()
        return bytes(row[0])

    @guarded
    def answered(self, request_id: str) -> Answered | None:
        """Return a request that was answered."""
        row = self._database.execute(
            "SELECT request, reply FROM requests WHERE request_id = ? AND reply IS NOT NULL",
            (request_id,),
        ).fetchone()
        if row is None:
            return None
        return Answered(request_id=request_id, request=row[0], reply=row[1])

    @guarded
    def deals_between(self, from_ns: int, until_ns: int) -> Iterable[Deal]:
        """Return deals made in [from_ns, until_ns], by ticket."""
        return self._select(Deal, "deals", "made_ns BETWEEN ? AND ?", from_ns, until_ns)

    @guarded
    def deals_of_position(self, position: int) -> Iterable[Deal]:
        """Return the deals of a position, by ticket."""
        return self._select(Deal, "deals", "position = ?", position)

    @guarded
    def deals_of_order(self, order: int) -> Iterable[Deal]:
        """Return the deals of an order, by ticket."""
        return self._select(Deal, "deals", f"{_ORDER_COLUMN} = ?", order)

    @guarded
    def orders_between(self, from_ns: int, until_ns: int) -> Iterable[Order]:
        """Return orders done in [from_ns, until_ns], by ticket; working ones are in none."""
        return self._select(Order, "orders", "done_ns BETWEEN ? AND ?", max(from_ns, 1), until_ns)

    @guarded
    def orders_of_position(self, position: int) -> Iterable[Order]:
        """Return the finished orders of a position, by ticket."""
        return self._select(Order, "orders", "position = ? AND done_ns > 0", position)

    @guarded
    def order(self, ticket: int) -> Order | None:
        """Return one order, working or finished."""
        found = self._select(Order, "orders", "ticket = ?", ticket)
        return found[0] if found else None

    def _select(
        self, record: type[Record], table: str, condition: str, *values: int
    ) -> list[Record]:
        rows = self._database.execute(
            f"SELECT * FROM {table} WHERE {condition} ORDER BY ticket",  # noqa: S608 - our own text
            values,
        )
        names = record.__struct_fields__
        return [record(**dict(zip(names, row, strict=True))) for row in rows]
