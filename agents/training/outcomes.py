"""What the models that looked at a close lost by it, and the losses of two models side by side."""

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from models.learning.candidate import ForecastEvidence
from models.learning.promotion import LiveRecord

UNTRAINED: Final = ""
"""Name of what answers where no model has earned its place: the regression of the week, or 0.5."""
CLOSES_MAX: Final = 6000
"""Latest closes of a pair that are kept: two months of M15."""


class Outcome(NamedTuple):
    """What became of one close."""

    close_ns: int
    settled_ns: int
    rows: tuple[Mapping[str, float], ...]
    """Losses by model, one row a symbol."""
    causes: tuple[int, ...]
    """Seqs of what was said of the close, and of what settled it."""

    def loss_of(self, model: str) -> float | None:
        """Return a model's mean loss over the symbols, None where it said nothing."""
        losses = [row[model] for row in self.rows if model in row]
        return sum(losses) / len(losses) if losses else None


class Pair:
    """Losses of one model beside those of another on the same closes and symbols."""

    def __init__(self) -> None:
        self._closes: deque[tuple[int, int, float, float]] = deque(maxlen=CLOSES_MAX)

    def add(self, outcome: Outcome, model: str, other: str) -> None:
        """Take a close at which both spoke; symbols move together, so their mean is one loss."""
        both = [(row[model], row[other]) for row in outcome.rows if model in row and other in row]
        if both:
            means = np.mean(both, axis=0)
            closed = (outcome.close_ns, outcome.settled_ns, float(means[0]), float(means[1]))
            self._closes.append(closed)

    def forget(self, oldest_ns: int) -> None:
        """Let go of what was settled before a moment."""
        while self._closes and self._closes[0][1] < oldest_ns:
            self._closes.popleft()

    def record(self, since_ns: int, now_ns: int) -> LiveRecord:
        """Return the losses since a moment as the gates read them."""
        kept = [each for each in self._closes if each[0] >= since_ns]
        close_ns, settled_ns, loss, other = zip(*kept, strict=True) if kept else ((),) * 4
        return LiveRecord(
            since_ns=since_ns,
            now_ns=now_ns,
            close_ns=np.array(close_ns, dtype=np.int64),
            settled_ns=np.array(settled_ns, dtype=np.int64),
            loss=np.array(loss, dtype=np.float64),
            champion_loss=np.array(other, dtype=np.float64),
        )


def evidence_of(record: LiveRecord) -> ForecastEvidence:
    """Return a champion's record beside its baseline as the test of a demotion reads it."""
    return ForecastEvidence(
        close_ns=record.close_ns,
        settled_ns=record.settled_ns,
        loss=record.loss,
        baseline_loss=record.champion_loss,
        champion_loss=record.loss,
    )
