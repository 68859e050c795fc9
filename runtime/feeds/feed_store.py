"""What is kept of feeds across restarts: their answers, and how often they were asked.

Rows are bytes and nothing else, as in the journal: nothing is ever unpickled. What is lost here
costs a request, never an order, so a row that is not ours counts as missing; but a folder that
cannot be used is an OSError, because without it no quota could be kept.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import diskcache
import msgspec

from blackboard.errors import JournalCorrupt
from runtime.journals.diskcache import BytesDisk
from runtime.machine.current import MACHINE

_BUSY_TIMEOUT_S = 5.0
Row = TypeVar("Row", bound=msgspec.Struct)
Result = TypeVar("Result")


class FeedStore:
    """Named rows in one private folder; several processes may use it at a time."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        """Open the folder, made if it is not there; OSError if that cannot be."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        MACHINE.make_private(folder)
        self._folder = folder
        try:
            self._cache = diskcache.Cache(
                str(folder),
                disk=BytesDisk,
                eviction_policy="least-recently-stored",
                size_limit=bytes_max,
                timeout=_BUSY_TIMEOUT_S,
            )
        except sqlite3.DatabaseError as error:
            raise OSError(f"{folder} cannot be opened: {error}") from error

    def read(self, name: str, kind: type[Row]) -> Row | None:
        """Return a row, None if there is none or it is not of this kind; OSError if unreadable."""
        try:
            found = self._reached(lambda: self._cache.get(name))
            return None if found is None else msgspec.msgpack.decode(found, type=kind)
        except (JournalCorrupt, msgspec.DecodeError):
            return None

    def write(self, name: str, row: msgspec.Struct) -> None:
        """Keep a row under its name; OSError if it cannot be kept."""
        content = msgspec.msgpack.encode(row)
        self._reached(lambda: self._cache.set(name, content))

    def change(self, work: Callable[[], Result]) -> Result:
        """Do readings and writings that no other process may come between."""

        def alone() -> Result:
            with self._cache.transact():
                return work()

        return self._reached(alone)

    def close(self) -> None:
        """Close the folder."""
        self._cache.close()

    def _reached(self, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except (sqlite3.DatabaseError, diskcache.Timeout) as error:
            raise OSError(f"{self._folder} cannot be used: {error}") from error
