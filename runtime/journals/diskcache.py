"""The embedded journal: blocks in a diskcache folder whose rows are bytes and nothing else.

diskcache unpickles rows whose mode says so, and its JSON disk does not prevent it (CVE-2025-69872,
unfixed in 5.6.3). Our own `Disk` therefore never calls the parent's `get` or `fetch`: it stores and
returns bytes inside the database, so that one transaction covers a block and the states beside it,
and it refuses every other row. The folder is private to the user.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import diskcache
import msgspec
from diskcache.core import MODE_RAW, UNKNOWN

from blackboard.entry import Entry, decode_entries
from blackboard.errors import JournalCorrupt
from blackboard.journal import UNDECODABLE, Block, Durability, Label
from runtime.journals.format import FORMAT, UNNUMBERED, require_format
from runtime.machine.current import MACHINE

STATE_PREFIX: Final = "state/"
FORMAT_STATE: Final = "format"
"""State that holds the number of the format."""
DATABASE: Final = "cache.db"
"""File of the blocks and states in a journal's folder."""
_BUSY_TIMEOUT_S = 5.0
_LOG_BYTES: Final = 1 << 20
"""Bytes written since the log was written back, from which on it is worth doing again."""
_LOG_PAGES_MAX: Final = 8000
"""Pages of the log, of 4 KiB, at which a commit writes it back although somebody tidies."""
_BLOCKS_PER_PAGE = 500
_PLACES_PER_PAGE = 1000
_PAGE_GROWTH = 8
"""From one block on, because often only the first is wanted."""
_BYTES_PER_STORED = 2
_UPSERT = (
    "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, value)"
    " VALUES (?, ?, 0, 0, ?, ?, ?)"
    " ON CONFLICT (key, raw) DO UPDATE SET size = excluded.size, value = excluded.value"
)
"""Writes a row as diskcache does, without asking for it first: each would be a query of its own."""
_PLACES_TABLE = (
    "CREATE TABLE IF NOT EXISTS Places"
    " (label, first_seq INTEGER, PRIMARY KEY (label, first_seq)) WITHOUT ROWID"
)
"""A label keeps its type, and numbers never equal texts: its column has no type of its own."""
_BYTES_PER_LABEL = 32


_decoder = msgspec.msgpack.Decoder(Block)


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """A disk that knows only bytes; a row of any other mode is refused, never unpickled."""

    def put(self, key: Any) -> tuple[Any, bool]:
        """Return the database form of a key: text or integer, as it is."""
        if type(key) not in (int, str):
            raise TypeError(f"a journal key must be int or str, was {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: bool) -> Any:
        """Return a key of the database."""
        if not raw:
            raise JournalCorrupt("a journal key is pickled, which is refused")
        return key

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, None, bytes]:
        """Return the row of a value, always inside the database."""
        del read, key
        if type(value) is not bytes:
            raise TypeError(f"the journal takes bytes only, was {type(value).__name__}")
        return len(value), MODE_RAW, None, value

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        """Return the value of a row, or refuse the row."""
        del read
        if mode != MODE_RAW or filename is not None or type(value) is not bytes:
            raise JournalCorrupt("a journal row is not plain bytes, which is refused")
        return value


class DiskcacheJournal:
    """A journal in one folder; only one process may hold it.

    Guarantees: `append` is one transaction, so after `kill -9` at any moment either the block and
    its states are there or neither is. `Durability.FULL` also survives a power cut.

    Raises
    ------
    OtherFormat
        If the folder holds a journal of another format than `number`.
    JournalCorrupt
        If its file is no journal.
    OSError
        If it cannot be opened.
    """

    def __init__(
        self, folder: Path, *, bytes_max: int = 2**62, number: int | None = FORMAT
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        MACHINE.make_private(folder)
        self._bytes_max = bytes_max
        try:
            self._cache = diskcache.Cache(
                str(folder),
                disk=BytesDisk,
                eviction_policy="none",
                cull_limit=0,
                timeout=_BUSY_TIMEOUT_S,
            )
        except sqlite3.OperationalError as error:  # a full disk, a lock: nothing is wrong inside
            raise OSError(f"journal {folder} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(f"journal {folder} cannot be opened: {error}") from error
        self._folder = folder
        self._durability: Durability | None = None
        self._page_bytes = self._select("PRAGMA page_size", ())[0][0]
        self._free_bytes = self._unseen_bytes = 0
        self._is_numbered = False
        self._logged_bytes = 0
        self._is_tidied = False
        places = self._select("SELECT 1 FROM sqlite_master WHERE name = 'Places'", ())
        self._has_places = bool(places)
        with ExitStack() as undoing:
            undoing.callback(self._cache.close)
            self.number = self._found_number(number)
            undoing.pop_all()

    def append(
        self,
        block: Block | None,
        states: Mapping[str, bytes],
        durability: Durability,
        labels: Collection[Label] = (),
    ) -> None:
        """Store all of it in one transaction; OSError if there is no room."""
        rows: dict[int | str, bytes] = {
            STATE_PREFIX + name: value for name, value in states.items()
        }
        if block is not None:
            rows[block.first_seq] = msgspec.msgpack.encode(block)
        if not self._is_numbered:
            rows.setdefault(STATE_PREFIX + FORMAT_STATE, msgspec.msgpack.encode(self.number))
        size = sum(map(len, rows.values())) + _BYTES_PER_LABEL * len(labels)
        self._logged_bytes += size
        try:
            self._require_room(size)
            self._set_durability(durability)
            with self._cache.transact():
                self._cache._con.executemany(_UPSERT, map(self._row, rows.items()))
                if labels:
                    self._store_labels(labels)
        except (sqlite3.DatabaseError, diskcache.Timeout) as error:
            raise OSError(f"journal {self._folder} cannot be written: {error}") from error
        self._is_numbered = True
        self._has_places = self._has_places or bool(labels)

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""
        first, count = self._first_block_with(after_seq), 1
        while page := self._page(first, count):
            for row in page:
                block = self._block(*row)
                if block.last_seq > after_seq:
                    yield block
            first, count = page[-1][0] + 1, min(_BLOCKS_PER_PAGE, _PAGE_GROWTH * count)

    def block(self, first_seq: int) -> Block | None:
        """Return the block that begins with a seq, None if none does."""
        return next(
            (self._block(*row) for row in self._page(first_seq, 1) if row[0] == first_seq), None
        )

    def places(self, label: int | str, from_seq: int = 0) -> Iterator[int]:
        """Yield the first seqs, from one on, of the blocks stored under a label, in order."""
        query = (
            "SELECT first_seq FROM Places WHERE label = ? AND first_seq >= ?"
            " ORDER BY first_seq LIMIT ?"
        )
        while page := self._has_places and self._select(query, (label, from_seq, _PLACES_PER_PAGE)):
            yield from (first_seq for (first_seq,) in page)
            if len(page) < _PLACES_PER_PAGE:
                return
            from_seq = page[-1][0] + 1

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""
        try:
            value: bytes | None = self._cache.get(STATE_PREFIX + name)
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(f"journal {self._folder} cannot be read: {error}") from error
        return value

    def newest(self) -> Entry | None:
        """Return the newest entry, None in an empty journal; nothing else is read."""
        rows = self._select("SELECT MAX(key) FROM Cache WHERE typeof(key) = 'integer'", ())
        if rows[0][0] is None:
            return None
        (block,) = self.blocks(rows[0][0] - 1)
        return decode_entries(block.payload)[-1]

    def tidy(self) -> None:
        """Write SQLite's log back into the database, if there is much of it.

        SQLite does it by itself in the commit that makes the log long enough, which then waits for
        the disk. Whoever calls this between commits is spared that.
        """
        if self._logged_bytes < _LOG_BYTES:
            return
        # Where it fails for now, the log grows until a commit has to do it.
        with suppress(sqlite3.DatabaseError):
            if not self._is_tidied:
                self._cache._con.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES_MAX}")
                self._is_tidied = True
            self._cache._con.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._logged_bytes = 0

    def close(self) -> None:
        """Close the database; everything acknowledged stays."""
        self._cache.close()

    def states(self) -> dict[str, bytes]:
        """Return every named state, the number of the format among them."""
        rows = self._select(
            "SELECT key, mode, filename, value FROM Cache"
            " WHERE typeof(key) = 'text' AND substr(key, 1, ?) = ?",
            (len(STATE_PREFIX), STATE_PREFIX),
        )
        return {
            key.removeprefix(STATE_PREFIX): self._cache.disk.fetch(mode, filename, value, False)
            for key, mode, filename, value in rows
        }

    def _store_labels(self, labels: Collection[Label]) -> None:
        if not self._has_places:
            self._cache._con.execute(_PLACES_TABLE)
        self._cache._con.executemany("INSERT OR IGNORE INTO Places VALUES (?, ?)", labels)

    def _found_number(self, wanted: int | None) -> int:
        """Return the number of the format; None wants whatever is there."""
        try:
            raw = self.state(FORMAT_STATE)
            is_new = raw is None and not self._select("SELECT 1 FROM Cache LIMIT 1", ())
            found = UNNUMBERED if raw is None else msgspec.msgpack.decode(raw, type=int)
        except (JournalCorrupt, *UNDECODABLE):
            is_new = True  # whoever reads on names the damage
        if is_new:
            return FORMAT if wanted is None else wanted
        self._is_numbered = raw is not None
        if wanted is not None:
            require_format(self._folder, found, wanted)
        return found

    def _first_block_with(self, after_seq: int) -> int:
        rows = self._select(
            "SELECT MAX(key) FROM Cache WHERE typeof(key) = 'integer' AND key <= ?",
            (after_seq + 1,),
        )
        return rows[0][0] or 0

    def _page(self, first: int, count: int) -> list[Any]:
        # diskcache iterates in order of insertion with one query a row; blocks are read by key.
        return self._select(
            "SELECT key, mode, filename, value FROM Cache"
            " WHERE typeof(key) = 'integer' AND key >= ? ORDER BY key LIMIT ?",
            (first, count),
        )

    def _block(self, key: int, mode: int, filename: str | None, value: Any) -> Block:
        raw = self._cache.disk.fetch(mode, filename, value, False)
        try:
            return _decoder.decode(raw)
        except UNDECODABLE as error:
            raise JournalCorrupt(f"block {key} cannot be decoded: {error}") from error

    def _row(self, item: tuple[int | str, bytes]) -> tuple[int | str, bool, int, int, bytes]:
        key, raw = self._cache.disk.put(item[0])
        size, mode, _, value = self._cache.disk.store(item[1], False)
        return key, raw, size, mode, value

    def _select(self, query: str, arguments: tuple[object, ...]) -> list[Any]:
        try:
            rows: list[Any] = self._cache._sql(query, arguments).fetchall()
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(f"journal {self._folder} cannot be read: {error}") from error
        return rows

    def _require_room(self, size: int) -> None:
        # diskcache's own size limit only evicts, and here it evicts nothing. The file is looked at
        # before what was written since can have filled it, its pages counted as half used.
        self._unseen_bytes += size
        if _BYTES_PER_STORED * self._unseen_bytes <= self._free_bytes:
            return
        used = self._select("PRAGMA page_count", ())[0][0] * self._page_bytes
        self._unseen_bytes, self._free_bytes = size, self._bytes_max - used
        if size > self._free_bytes:
            raise OSError(
                f"journal {self._folder} is full: {used} bytes of {self._bytes_max} "
                "(board.journal_bytes_max)"
            )

    def _set_durability(self, durability: Durability) -> None:
        if durability is not self._durability:
            # SQLite refuses to change this inside a transaction, so it is set before.
            self._cache.reset("sqlite_synchronous", int(durability), update=False)
            self._durability = durability
