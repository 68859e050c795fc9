"""A SQLite file that one process of the terminal holds: private, exclusive, with a fence of epochs.

Every error of the database becomes the error of whoever keeps the file, with the path and the
method in it. A file of another layout is refused, never guessed at.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import ClassVar, Concatenate, Final, Literal, ParamSpec, TypeVar

from runtime.machine.current import MACHINE

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
FENCE: Final = (
    "CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT"
)
"""The table that `epoch` and `raise_epoch` need in a layout."""

P = ParamSpec("P")
R = TypeVar("R")
Kept = TypeVar("Kept", bound="SqliteFile")


def guarded(method: Callable[Concatenate[Kept, P], R]) -> Callable[Concatenate[Kept, P], R]:
    """Let a method raise the file's own error where the database raises one of its."""

    @wraps(method)
    def guard(self: Kept, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except sqlite3.Error as error:
            raise self.unavailable(f"{method.__name__} on {self.path}: {error}") from error

    return guard


class SqliteFile:
    """An open file; implements `gate.EpochFence`.

    Guarantees: whatever a method has written survives the death of the process; a power cut as well
    where `synchronous` is FULL. One process at a time holds the file.
    """

    unavailable: ClassVar[type[Exception]]
    """Raised where the file cannot be used, is held by another process, or has another layout."""
    layout: ClassVar[Sequence[str]]
    layout_version: ClassVar[int]
    busy_timeout_s: ClassVar[float]
    synchronous: ClassVar[Literal["NORMAL", "FULL"]]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()

    @guarded
    def _open(self) -> None:
        self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        MACHINE.make_private(self.path.parent)
        self.path.touch(mode=FILE_MODE)
        # WAL and its index take the mode of the file that they belong to.
        MACHINE.make_private(self.path)
        # Calls are serialised by the terminal, but the thread that serves need not be the one
        # that opened the file.
        self._database = sqlite3.connect(
            self.path, timeout=self.busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA synchronous = {self.synchronous}")
        with self._database:  # takes the lock now rather than at the first write
            self._database.execute("BEGIN EXCLUSIVE")
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in self.layout:
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {self.layout_version}")
        if version not in (0, self.layout_version):
            self._database.close()
            raise self.unavailable(
                f"{self.path} has layout {version}, this program reads {self.layout_version}"
            )

    @guarded
    def epoch(self) -> int:
        """Return the highest epoch noted, 0 before the first."""
        row = self._database.execute("SELECT epoch FROM fence").fetchone()
        return 0 if row is None else int(row[0])

    @guarded
    def raise_epoch(self, epoch: int) -> None:
        """Note an epoch; a lower one than before changes nothing."""
        self._database.execute(
            "INSERT INTO fence VALUES (1, ?) ON CONFLICT (one) "
            "DO UPDATE SET epoch = excluded.epoch WHERE excluded.epoch > epoch",
            (epoch,),
        )

    def close(self) -> None:
        """Let go of the file, so that another process can open it."""
        self._database.close()
