"""Which reading spoke loudest behind each vote, kept beside the columns of the opinions.

The simulator needs no evidence, but a person who asks where results came from does: with these a
compiled backtest is attributed to rules as a journal is.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from blackboard.entry import Entry
from blackboard.facts import Vote
from runtime.book import write_atomically
from runtime.columns import Columns

NOBODY = -1
"""Place of the name where a vote has no evidence."""


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """The loudest readings of a market's votes."""

    names: tuple[str, ...]
    close_ns: NDArray[np.int64]
    """Shape (n_closes,)."""
    loudest: NDArray[np.int16]
    """Place of the name, shape (n_closes, n_symbols, n_voters, 2): for up, for down."""

    def name(self, moment_ns: int, symbol: int, voter: int, *, is_long: bool) -> str:
        """Return the reading for a side at the last close up to a moment, empty if there is none.

        Symbols and voters are counted as in the columns.
        """
        row = int(np.searchsorted(self.close_ns, moment_ns, side="right")) - 1
        if row < 0 or voter < 0:
            return ""
        place = int(self.loudest[row, symbol, voter, 0 if is_long else 1])
        return self.names[place] if place != NOBODY else ""

    def save(self, path: Path) -> None:
        """Write them to a file, in one step."""
        packed = io.BytesIO()
        np.savez_compressed(
            packed, names=np.array(self.names), close_ns=self.close_ns, loudest=self.loudest
        )
        write_atomically(path, packed.getvalue())


def load_readings(path: Path) -> Readings:
    """Read what `Readings.save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return Readings(
            names=tuple(str(name) for name in file["names"]),
            close_ns=file["close_ns"],
            loudest=file["loudest"],
        )


def readings_of(entries: Iterable[Entry], columns: Columns) -> Readings:
    """Return the loudest readings of a journal's votes, in the order of its columns."""
    close_ns = np.ascontiguousarray(columns.closes["close_ns"])
    rows = {int(moment): row for row, moment in enumerate(close_ns)}
    symbols = {name: place for place, name in enumerate(columns.symbols)}
    voters = {name: place for place, name in enumerate(columns.voters)}
    names: dict[str, int] = {}
    shape = len(rows), len(symbols), len(voters), 2
    loudest = np.full(shape, NOBODY, np.int16)
    for entry in entries:
        match entry.fact:
            case Vote() as vote if vote.evidence and entry.ts_event_ns in rows:
                place = rows[entry.ts_event_ns], symbols[vote.scope], voters.get(vote.voter, -1)
                if place[2] >= 0:
                    for column, sign in enumerate((1.0, -1.0)):
                        name = loudest_reading(vote, sign)
                        loudest[(*place, column)] = names.setdefault(name, len(names))
            case _:
                pass
    return Readings(names=tuple(names), close_ns=close_ns, loudest=loudest)


def loudest_reading(vote: Vote, sign: float) -> str:
    """Return the reading that speaks loudest for a side (+1 up, −1 down), with its timeframe.

    It speaks with its weight times its value; ties go to who comes first.
    """
    loudest = max(vote.evidence, key=lambda each: sign * each.weight * each.value)
    return f"{loudest.name} {loudest.scope}"
