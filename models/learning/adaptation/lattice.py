"""What every setting of the parameters would have earned in every session, simulated once.

Prices do not react to us, so the outcome of a session depends on the parameters of that session
alone: a learner that plays over the lattice needs no simulator, and a step of it is a look-up.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from models.market.bars import FloatArray, IntArray

AXES: Final = ("min_confidence", "min_rr_ratio", "atr_multiplier")
"""Parameters that decide which trades there are: axes of the lattice, in this order."""
PARAMETERS: Final = (*AXES, "risk_frac")
"""Parameters that are moved, in the order of an action. Risk only scales what a trade is worth."""


class Space(NamedTuple):
    """Where the parameters may lie; each of shape (4,), in the order of `PARAMETERS`."""

    low: FloatArray
    high: FloatArray
    static: FloatArray
    """Where they stand if nobody moves them."""

    @property
    def width(self) -> FloatArray:
        """Distance of the bounds."""
        return self.high - self.low

    def clipped(self, parameters: FloatArray) -> FloatArray:
        """Return parameters drawn into the bounds."""
        return np.clip(parameters, self.low, self.high)

    def scaled(self, parameters: FloatArray) -> FloatArray:
        """Return parameters as numbers from −1 to 1; one whose bounds meet is 0."""
        is_wide = self.high > self.low
        half = np.where(is_wide, (self.high - self.low) / 2.0, 1.0)
        return (parameters - self.low) / half - is_wide


@dataclass(frozen=True, slots=True)
class Lattice:
    """Outcomes of sessions by cell.

    Row s holds what was known when the parameters of session s had to stand, and what its entries
    came to later: `context` reads closes up to `start_ns`, `r_multiple` does not.
    """

    axes: tuple[FloatArray, FloatArray, FloatArray]
    """Values of each axis, rising."""
    start_ns: IntArray
    """Close from whose next close on the session's parameters hold, shape (n_sessions,), rising."""
    context: FloatArray
    """Shape (n_sessions, n_features), clipped and stationary; see `observation.FEATURES`."""
    r_multiple: FloatArray
    """Sum over the trades that were entered in the session, net of costs, in units of their risk,
    shape (n_sessions, *cells)."""
    trades: FloatArray
    """How many there were, the same shape."""

    def __len__(self) -> int:
        return len(self.start_ns)

    def rows(self, first: int, last: int) -> "Lattice":
        """Return the sessions [first, last)."""
        part = slice(first, last)
        return Lattice(
            self.axes,
            self.start_ns[part],
            self.context[part],
            self.r_multiple[part],
            self.trades[part],
        )

    def cells(self, parameters: FloatArray) -> IntArray:
        """Return the place of the nearest cell in the flattened lattice.

        Parameters
        ----------
        parameters : ndarray of shape (n, 4)
            In the order of `PARAMETERS`; halfway between two values the smaller one is near.
        """
        places = [
            np.searchsorted((values[:-1] + values[1:]) / 2.0, parameters[:, axis], side="left")
            for axis, values in enumerate(self.axes)
        ]
        cells: IntArray = np.ravel_multi_index(tuple(places), self.shape)
        return cells

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of values of each axis."""
        one, two, three = (len(values) for values in self.axes)
        return one, two, three

    @property
    def points(self) -> FloatArray:
        """Parameters of every cell without the risk, shape (n_cells, 3), in flattened order."""
        grids = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1)  # (cell, axis)

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything in it."""
        digest = hashlib.sha256()
        for array in (*self.axes, self.start_ns, self.context, self.r_multiple, self.trades):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
