"""Once a trading day: how far the inputs of the models have moved from their training rows.

Whoever serves a model has its inputs and its reference, so it tells of them; the learner warns. The
first close of a trading day that every symbol has is the one that is told of.
"""

from collections.abc import Iterable
from typing import Final

from agents.bars.history import SymbolWindow
from blackboard.entry import Draft, Entry
from blackboard.facts import FeatureShift
from models.learning.drift import FeatureDrift, moved_share
from models.market.sessions import trading_day_start_ns

PSI_TOLD_MAX: Final = 1e9
"""Told in the place of a threshold that nothing can reach: a feature without rows lately."""


class DailyShift:
    """When the inputs are looked at."""

    def __init__(self) -> None:
        self._day_ns = 0

    def see(self, entry: Entry) -> None:
        """Note that a day has been told of."""
        if isinstance(entry.fact, FeatureShift):
            self._day_ns = max(self._day_ns, trading_day_start_ns(entry.ts_event_ns))

    def due_ns(self, windows: Iterable[SymbolWindow]) -> int:
        """Return the close to tell of, 0 where none is due until it is on the board."""
        closes = {window.close_ns if window.is_complete else 0 for window in windows}
        close_ns = closes.pop() if len(closes) == 1 else 0
        if not close_ns or trading_day_start_ns(close_ns) <= self._day_ns:
            return 0
        return close_ns


def shift_draft(
    family: str,
    version: str,
    drifts: dict[str, FeatureDrift],
    close_ns: int,
    timeframe: str,
    causes: tuple[int, ...],
) -> list[Draft]:
    """Return the fact about one model; nothing where it has no reference."""
    if not drifts:
        return []
    name, farthest = max(
        drifts.items(), key=lambda each: each[1].psi / max(each[1].threshold, 1e-12)
    )
    fact = FeatureShift(
        scope=family,
        version=version,
        features=len(drifts),
        moved_frac=moved_share(tuple(drifts.values())),
        rows=min(each.rows for each in drifts.values()),
        farthest=name,
        psi=farthest.psi,
        psi_max=min(farthest.threshold, PSI_TOLD_MAX),
    )
    return [
        Draft(fact=fact, ts_event_ns=close_ns, timeframe=timeframe, ordinal=version, causes=causes)
    ]
