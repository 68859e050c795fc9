"""What may go from this machine: found first, with its size, removed when a person says so.

Never a book's journal, its broker's records or manifests, never a version of a model or the record
of trials, nothing that a process holds, and nothing but what this program has made under a name of
its own. What is found is looked at again when it is removed: somebody may have started meanwhile.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

import msgspec

from blackboard.errors import ConfigError
from runtime.book import RUNS, Book, find_book
from runtime.clock import wall_ns
from runtime.feeds.network import FOLDER as FEEDS
from runtime.machine.current import MACHINE
from runtime.machine.port import Held, lock
from runtime.run_plan import MODELS

_DAY_S: Final = 86_400.0
_FEEDS_DAYS_MIN: Final = 1.0
"""The requests of the day are counted in the folder of the feeds."""
_RAY_FOLDER: Final = re.compile(r"quorum-[0-9]+-[0-9]{6}-([0-9]+)")
_ROTATED: Final = "*.jsonl.[0-9]*"
_LEFT_OVER: Final = (".backup-*", "journal.upgrading")
"""What a backup or an upgrade that was cut off leaves in a book."""
_RESTORING: Final = ".restoring-*"
_TRAINING: Final = ("jobs/*", "checkpoints/*", "*/*.part")
"""Below a folder of models: trainings with their bars, checkpoints, halves of versions."""
_TRAINING_DAYS_MIN: Final = 1.0
"""A training that a person started holds no book."""


class Removable(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may go."""

    path: str
    what: str
    size_bytes: int
    age_days: float
    """Since it was last changed."""
    holders: tuple[str, ...]
    """Folders that no process may hold while it goes."""


class Rule(msgspec.Struct, frozen=True):
    """What a person wants to keep."""

    days: float
    """Younger things stay."""
    runs: int
    """So many of the latest runs over history stay, however old."""


def removable(home: Path, rule: Rule) -> list[Removable]:
    """Return what may go, the largest first; what is in use is not among it."""
    found = [
        *_runs(home, rule),
        *_ray_folders(rule),
        *_of_books(home, rule),
        *_of_models(home, rule),
        *_feeds(home),
    ]
    free = [one for one in found if _is_free(one)]
    return sorted(free, key=lambda one: (-one.size_bytes, one.path))


def remove(found: Removable) -> str:
    """Remove one thing; return why it could not go, empty if it is gone."""
    path = Path(found.path)
    try:
        with _holding(found):
            if path.is_symlink() or not path.exists():
                return "it is no longer what was found"
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    except Held:
        return "it is in use"
    except OSError as error:
        return str(error)
    return ""


def _runs(home: Path, rule: Rule) -> Iterator[Removable]:
    """Yield runs over history; those that cannot be told by their lock stay."""
    folders = sorted(path for path in (home / RUNS).glob("*") if path.is_dir())
    try:
        latest = find_book(home).folder
    except ConfigError:
        latest = None  # nothing was used yet, or it is gone
    for folder in folders[: max(0, len(folders) - rule.runs)]:
        if folder != latest and (folder / "lock").exists():
            yield from _one(folder, "run over history", rule.days, folder)


def _ray_folders(rule: Rule) -> Iterator[Removable]:
    """Yield folders of Ray whose driver is gone."""
    for path in Path(tempfile.gettempdir()).glob("quorum-*"):
        named = _RAY_FOLDER.fullmatch(path.name)
        if named is not None and not MACHINE.is_running(int(named[1])):
            yield from _one(path, "Ray's files of a run that has ended", min(rule.days, 1.0))


def _of_books(home: Path, rule: Rule) -> Iterator[Removable]:
    for path in (home / "books").glob(_RESTORING):
        yield from _one(path, "half of a restored book", rule.days)
    for book in _books(home):
        for pattern in _LEFT_OVER:
            for path in book.folder.glob(pattern):
                yield from _one(path, "left over", min(rule.days, 1.0), book.folder)
        for path in book.logs.glob(_ROTATED):
            yield from _one(path, "rotated log", rule.days, book.folder)


def _of_models(home: Path, rule: Rule) -> Iterator[Removable]:
    # A training writes here for whatever book is running, so none may be.
    holders = tuple(book.folder for book in _books(home))
    for market in (home / MODELS).glob("*"):
        for pattern in _TRAINING:
            for path in market.glob(pattern):
                yield from _one(path, "training", max(rule.days, _TRAINING_DAYS_MIN), *holders)


def _feeds(home: Path) -> Iterator[Removable]:
    holders = tuple(book.folder for book in _books(home))
    yield from _one(home / FEEDS, "answers of feeds", _FEEDS_DAYS_MIN, *holders)


def _books(home: Path) -> Iterator[Book]:
    for folder in sorted((home / "books").glob("*")):
        if folder.is_dir() and not folder.name.startswith("."):
            yield Book(folder)


def _one(path: Path, what: str, days: float, *holders: Path) -> Iterator[Removable]:
    """Yield a path as removable if it is there, no link, and old enough."""
    if path.is_symlink() or not path.exists():
        return
    size_bytes, changed_s = _measured(path)
    age_days = (wall_ns() / 1e9 - changed_s) / _DAY_S
    if age_days >= days:
        yield Removable(
            path=str(path),
            what=what,
            size_bytes=size_bytes,
            age_days=age_days,
            holders=tuple(map(str, holders)),
        )


def _measured(path: Path) -> tuple[int, float]:
    """Return bytes, and when the youngest part was changed."""
    size_bytes, changed_s = 0, 0.0
    for part in (path, *path.rglob("*")):
        try:
            told = part.lstat()
        except OSError:
            continue  # it has just gone
        size_bytes += told.st_size
        changed_s = max(changed_s, told.st_mtime)
    return size_bytes, changed_s


def _is_free(found: Removable) -> bool:
    try:
        with _holding(found):
            return True
    except (Held, OSError):
        return False


def _holding(found: Removable) -> AbstractContextManager[object]:
    """Hold whatever could be using a thing; raises Held if somebody else does."""
    with ExitStack() as holding:
        for folder in found.holders:
            holding.enter_context(lock(Path(folder) / "lock"))
        return holding.pop_all()
