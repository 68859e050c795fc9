"""Where the state of one account, or of one run over history, lies on disk.

A *book* is one account and its journal, continued by every later start. A *run* over history or a
simulation gets a fresh folder. Both have the same inside, private to the user, and one process at a
time may hold them.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from blackboard.errors import ConfigError
from runtime.clock import wall_ns
from runtime.machine.current import MACHINE
from runtime.machine.port import Held, lock, sync_file

LATEST = "latest"
"""File under the home that names the folder used last."""
CONSOLE_TOKEN = "console.token"  # noqa: S105 - the name of a file
"""File under the home with the token of the console."""
RUNS = "runs"
"""Folder under the home in which runs over history lie."""
LOOK_WITHIN_S: Final = 0.5
"""Process time for which a start waits for its book: whoever looks whether somebody holds it holds
it himself, for an instant."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made of; kept beside its journal."""

    run_id: str
    profile: str
    book: str
    started_wall_ns: int
    version: str
    code_hash: str
    settings: dict[str, object]
    settings_hash: str
    data: dict[str, str]
    """Source of the market: kind, path or seed, content hash."""
    arguments: list[str]
    first_seq: int = 0
    """Seq of the first entry that this start could make; 0 where it was not recorded."""
    is_virtual: bool = False
    """Whether it ran in supersteps of virtual time."""


class Book(msgspec.Struct, frozen=True):
    """The folder of one account or run."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the folder, which is the book's or the run's id."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """Folder of the journal."""
        return self.folder / "journal"

    @property
    def journal_password(self) -> Path:
        """Password of the Redis server that keeps the journal, where one does."""
        return self.journal / "password"

    @property
    def ledger(self) -> Path:
        """The simulated broker's own book."""
        return self.folder / "broker" / "ledger.sqlite"

    @property
    def logs(self) -> Path:
        """Folder of the diagnostic output."""
        return self.folder / "logs"

    @property
    def mailbox(self) -> Path:
        """Folder in which the command line leaves what an operator asks for."""
        return self.folder / "mailbox"

    @property
    def overrides(self) -> Path:
        """Modes of agents that an operator has chosen, see `runtime.overrides`."""
        return self.folder / "agents.json"

    @property
    def state(self) -> Path:
        """What is running on this book, see `runtime.status`."""
        return self.folder / "cluster.json"

    @property
    def terminal_token(self) -> Path:
        """Token of the terminal process."""
        return self.folder / "terminal.token"

    @property
    def sends(self) -> Path:
        """What was handed to a foreign broker, see `runtime.terminals.send_record`."""
        return self.folder / "broker" / "sends.sqlite"

    @property
    def connecting(self) -> Path:
        """Note of a terminal process that connects, see `runtime.terminals.connecting`."""
        return self.folder / "terminal.connecting"

    @property
    def is_run(self) -> bool:
        """Whether it is the folder of a run over history, which shares nothing with others."""
        return self.folder.parent.name == RUNS

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the book for this process; ConfigError if another one holds it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.mailbox.mkdir(exist_ok=True, mode=0o700)
        try:
            held = lock(self.folder / "lock", LOOK_WITHIN_S)
        except Held as error:
            raise ConfigError(
                f"book {self.name} is in use by another process ({error}): "
                "stop it first (python launch.py stop) or choose another book"
            ) from error
        with held:
            yield

    @property
    def is_held(self) -> bool:
        """Whether a process holds it, also one that has told nothing of itself for long."""
        if not self.folder.is_dir():
            return False
        try:
            with lock(self.folder / "lock"):
                return False
        except Held:
            return True

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest of a start; earlier ones of a book are kept beside it."""
        path = self.folder / "manifests" / f"{manifest.run_id}.json"
        path.parent.mkdir(exist_ok=True, mode=0o700)
        write_atomically(path, msgspec.json.format(msgspec.json.encode(manifest)))

    def newest_manifest(self) -> Manifest | None:
        """Return the manifest of the latest start, None before the first."""
        paths = self._manifest_paths()
        return _manifest(paths[-1]) if paths else None

    def manifests(self) -> list[Manifest]:
        """Return the manifests of all starts, oldest first."""
        return [_manifest(path) for path in self._manifest_paths()]

    def _manifest_paths(self) -> list[Path]:
        return sorted((self.folder / "manifests").glob("*.json"))


def _manifest(path: Path) -> Manifest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no manifest of this version: {error}") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by the user alone."""
    _replace(path, content)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file in one step that also survives a power cut."""
    _replace(path, content, is_durable=True)
    MACHINE.sync_folder(path.parent)


def _replace(path: Path, content: bytes, *, is_durable: bool = False) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
            file.write(content)
            if is_durable:
                file.flush()
                sync_file(file.fileno())
        MACHINE.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)  # a folder stands there, or the disk is full
        raise


def book_of(home: Path, name: str) -> Book:
    """Return the book of an account."""
    return Book(home / "books" / name)


def new_run(home: Path, run_id: str) -> Book:
    """Return the folder of a run over history."""
    return Book(home / RUNS / run_id)


def new_run_id() -> str:
    """Return an id that sorts by start and tells processes of one second apart."""
    seconds, fraction_ns = divmod(wall_ns(), 1_000_000_000)
    return f"{seconds}-{fraction_ns // 1000:06d}-{os.getpid()}"


def remember_latest(home: Path, book: Book) -> None:
    """Make a book the one that verbs without a name mean."""
    write_atomically(home / LATEST, json.dumps(str(book.folder.relative_to(home))).encode())


def find_book(home: Path, name: str = "") -> Book:
    """Return a book or run by its name, the one used last without a name; ConfigError if none."""
    if name:
        for folder in (home / "books" / name, home / "runs" / name):
            # A name is no path: what leads elsewhere is never taken for a book.
            if folder.name == name and name != ".." and folder.is_dir():
                return Book(folder)
        raise ConfigError(f"no book or run named {name!r} under {home}")
    try:
        folder = home / str(json.loads((home / LATEST).read_bytes()))
    except FileNotFoundError as error:
        raise ConfigError(f"nothing has run under {home} yet: python launch.py") from error
    except ValueError as error:
        raise ConfigError(f"{home / LATEST} cannot be read: name the book by --book") from error
    if not folder.is_dir():
        raise ConfigError(f"the book used last, {folder}, is gone: name another one by --book")
    return Book(folder)
