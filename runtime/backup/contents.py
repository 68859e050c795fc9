"""What stands in an archive: the files of a book by name, each with its size and SHA-256.

Neither tokens nor keys, nor models, whose seal needs a key, nor logs: an archive is what a book has
recorded, and may lie on another machine.
"""

import gzip
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from blackboard.errors import ConfigError
from runtime.terminals.send_record import SendRecord
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.sqlite_file import SqliteFile

ARCHIVE_FORMAT: Final = 1
CONTENTS: Final = "backup.json"
"""First file of an archive: its `BackupContents`."""
CONTENTS_BYTES_MAX: Final = 16 << 20
BLOCKS: Final = "journal/blocks"
"""Every block as it is stored, each after its length in eight bytes."""
LENGTH_BYTES: Final = 8
STATES: Final = "journal/states"
"""The named states of the journal, encoded as one map."""
DATABASES: Final[dict[str, type[SqliteFile]]] = {
    "broker/ledger.sqlite": SqliteLedger,
    "broker/sends.sqlite": SendRecord,
}
"""Files of the terminal, and what reads them."""
SENDS: Final = "broker/sends.sqlite"
OVERRIDES: Final = "agents.json"
"""Which agents take part by an operator's choice, where anything was chosen."""
_MANIFEST: Final = re.compile(r"manifests/[0-9-]{1,60}\.json")
_FORMS: Final = (".tar.zst", ".tar.gz")
_GZIP_LEVEL: Final = 6


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file."""

    name: str
    size_bytes: int
    sha256: str


class BackupContents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an archive holds."""

    archive_format: int = ARCHIVE_FORMAT
    book: str
    journal_format: int
    head_seq: int
    """Seq of the newest entry, 0 in an empty journal."""
    head_hash: str
    """Hash of the newest block, hexadecimal."""
    made_wall_ns: int
    version: str
    items: tuple[Item, ...]


def is_expected(name: str) -> bool:
    """Whether a file of this name belongs into an archive; a name is never a way elsewhere."""
    return name in {BLOCKS, STATES, OVERRIDES, *DATABASES} or _MANIFEST.fullmatch(name) is not None


def require_form(path: Path) -> None:
    """Raise ConfigError unless the name says how the archive is packed."""
    if not path.name.endswith(_FORMS):
        raise ConfigError(f"a backup's name must end in {' or '.join(_FORMS)}, was {path.name}")


@contextmanager
def packing(path: Path, form: str) -> Iterator[IO[bytes]]:
    """Write packed bytes to a new file, in the form that a name has."""
    with ExitStack() as open_files:
        raw = open_files.enter_context(path.open("xb"))
        yield open_files.enter_context(_packer(raw, form))


@contextmanager
def unpacking(path: Path) -> Iterator[IO[bytes]]:
    """Read a packed file."""
    require_form(path)
    with ExitStack() as open_files:
        raw = open_files.enter_context(path.open("rb"))
        yield open_files.enter_context(_unpacker(raw, path.name))


def _packer(raw: IO[bytes], form: str) -> Any:
    if form.endswith(".gz"):
        return gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_GZIP_LEVEL)
    import pyarrow

    return pyarrow.CompressedOutputStream(raw, "zstd")


def _unpacker(raw: IO[bytes], form: str) -> Any:
    if form.endswith(".gz"):
        return gzip.GzipFile(fileobj=raw, mode="rb")
    import pyarrow

    return pyarrow.CompressedInputStream(raw, "zstd")
