"""The columns of one run as one value, which can be kept in a file and known by its content."""

import hashlib
import io
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from blackboard.errors import ConfigError
from config.settings import Settings
from runtime.book import write_atomically

FORMAT: Final = 4
"""Layout of the file; another one is exported anew."""

ARRAYS: Final = (
    *("first", "minutes", "spread_points", "contracts", "closes", "views", "votes", "voters_at"),
    *("correlation", "days", "rollovers", "readings_ns"),
)
"""Fields of `Columns` that are arrays."""


class _Head(msgspec.Struct, frozen=True):
    format: int
    symbols: tuple[str, ...]
    voters: tuple[str, ...]
    settings_json: str
    end_ns: int


class Columns(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that deciding a run again needs, beside the settings' figures.

    The arrays are those of `models.decision.simulated.columns.World`.
    """

    symbols: tuple[str, ...]
    """Sorted by name."""
    voters: tuple[str, ...]
    settings_json: str
    """Settings of the run that was recorded."""
    end_ns: int
    """Last moment of the run."""
    first: NDArray[np.int64]
    minutes: NDArray[np.void]
    spread_points: NDArray[np.int64]
    """Of each minute as recorded, before `terminal.spread_factor`."""
    contracts: NDArray[np.void]
    closes: NDArray[np.void]
    views: NDArray[np.void]
    votes: NDArray[np.void]
    voters_at: NDArray[np.void]
    correlation: NDArray[np.float64]
    days: NDArray[np.void]
    rollovers: NDArray[np.void]
    readings_ns: NDArray[np.int64]
    """When the account is read: the start, then every close of the snapshot's timeframe."""

    @property
    def settings(self) -> Settings:
        """Settings of the run that was recorded."""
        return Settings.model_validate_json(self.settings_json)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over all columns, names and settings."""
        digest = hashlib.sha256(msgspec.json.encode(self._head()))
        for name, array in self.arrays().items():
            digest.update(name.encode() + str(array.dtype).encode() + array.tobytes())
        return digest.hexdigest()

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns by their names."""
        return {name: getattr(self, name) for name in ARRAYS}

    def save(self, path: Path) -> None:
        """Write them to a file, in one step."""
        head = np.frombuffer(msgspec.json.encode(self._head()), dtype=np.uint8)
        packed = io.BytesIO()
        np.savez(packed, head=head, **self.arrays())  # type: ignore[arg-type] # none is a switch
        write_atomically(path, packed.getvalue())

    def _head(self) -> _Head:
        return _Head(FORMAT, self.symbols, self.voters, self.settings_json, self.end_ns)


def load_columns(path: Path) -> Columns:
    """Read columns that `Columns.save` wrote; ConfigError if they have another layout."""
    with np.load(path, allow_pickle=False) as file:
        head = msgspec.json.decode(file["head"].tobytes(), type=_Head)
        if head.format != FORMAT:
            raise ConfigError(f"{path}: format must be {FORMAT}, was {head.format}; export it anew")
        arrays: dict[str, Any] = {name: _rows(file[name]) for name in ARRAYS}
        return Columns(
            symbols=head.symbols,
            voters=head.voters,
            settings_json=head.settings_json,
            end_ns=head.end_ns,
            **arrays,
        )


def _rows(array: NDArray[np.generic]) -> NDArray[np.generic]:
    # The file keeps the fields of a row, not that they are read by name.
    return array if array.dtype.names is None else array.view(np.dtype((np.record, array.dtype)))
