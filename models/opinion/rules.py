"""The rule voters of one symbol and week: fitted on the week's history, then kept as they are.

Walk-forward: coefficients come from rows whose labels end within the history, and serve every later
close of the week. Where there are too few such rows, or the family showed no positive relation that
is more than chance would have made, its voter abstains.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from models.decision.exits import chandelier_levels
from models.market.bars import BarArray, FloatArray, Window
from models.market.indicators import IndicatorPeriods
from models.opinion.calibration import (
    Calibration,
    first_barrier,
    fit_calibration,
    uniqueness,
)
from models.opinion.components import RecordTerms
from models.opinion.signals import ComponentScore, Family, Reading, RuleWindow, score_of

FALLBACK_BARRIER_FRAC: Final = 0.001
"""Half-width of the barriers as a share of the price where there is no average true range: about
one and a half of it on M15 majors. An abstention needs a barrier too, to be comparable."""
_IGNORANCE: Final = 0.5


@dataclass(frozen=True)
class RuleSettings:
    """What the voters are made of; together with the fit it names their model."""

    timeframes: tuple[tuple[str, int], ...]
    """Name and length in nanoseconds: the trading timeframe, then longer ones."""
    periods: IndicatorPeriods
    chandelier_multiplier: float
    barrier_atr: float
    horizon_bars: int
    rows_min: int
    ridge_rows: float
    shrink_outcomes: float = 50.0
    weight_min: float = 0.0
    skill_errors_min: float = 0.0


class Opinion(NamedTuple):
    """What one family says of one close."""

    probability_up: float
    abstains: bool
    reason: str
    reference_price: float
    barrier_distance: float
    readings: tuple[Reading, ...]
    agreement: float = 0.0
    """Share of the readings' weight that points to the side of the probability."""
    confluence: float = 0.0
    """Share of the timeframes whose readings together point there."""


class TrailingLevels(NamedTuple):
    """Chandelier stops of a long and of a short, and the average true range behind them."""

    long_stop: float
    short_stop: float
    atr: float


class WeekRules:
    """A symbol's window with the calibrations that hold for one week.

    What it says of a close does not depend on later bars, nor on how bars were batched.

    Parameters
    ----------
    history : BarArray
        Bars of the trading timeframe before the week; the fit sees nothing else. May be empty.
    settings : RuleSettings
        See there.
    """

    def __init__(self, history: BarArray, settings: RuleSettings) -> None:
        self.settings = settings
        terms = RecordTerms(
            settings.barrier_atr,
            settings.horizon_bars,
            settings.shrink_outcomes,
            settings.weight_min,
        )
        self._rules = RuleWindow(history, settings.timeframes, settings.periods, terms)
        self.history_rows = len(history)
        """Rows that the calibrations may see."""
        self._calibrations = {family: self.worth(self._rules.scores(family)) for family in Family}
        self._models = {family: self._model_name(family) for family in Family}

    @property
    def window(self) -> RuleWindow:
        """Bars, indicators and scores behind the votes."""
        return self._rules

    def follow(self, window: Window) -> None:
        """Append the bars of a longer window of the same symbol that are not here yet."""
        newest_ns = self._rules.window.newest_ns
        if window.newest_ns <= newest_ns:
            return
        first_row = int(np.searchsorted(window.close_ns, newest_ns, side="right"))
        self._rules.extend(window.bars(first_row))

    def row_of(self, close_ns: int) -> int:
        """Return the row of a close, −1 if there is no such bar."""
        return self._rules.window.row_of(close_ns)

    def calibration(self, family: Family) -> Calibration:
        """Return what a family's scores were worth on the history."""
        return self._calibrations[family]

    def model(self, family: Family) -> str:
        """Return the name of a family's model: a hash of its settings and coefficients."""
        return self._models[family]

    def opinion(self, family: Family, row: int) -> Opinion:
        """Return what a family says at a row, an abstention with its reason included."""
        return self.opinion_of(self._rules.readings(family, row), self._calibrations[family], row)

    def opinion_of(self, readings: tuple[Reading, ...], fit: Calibration, row: int) -> Opinion:
        """Return what readings and their calibration say at a row."""
        score = score_of(readings)
        reason = self.why_silent(fit) or ("" if score else "no reading speaks")
        silent = self.abstention(row, reason, readings)
        if silent.reason:
            return silent
        probability_up = fit.probability_up(score)
        agreement, confluence = _agreement(readings, probability_up - _IGNORANCE)
        return silent._replace(
            probability_up=probability_up,
            abstains=False,
            reason=_loudest(readings),
            agreement=agreement,
            confluence=confluence,
        )

    def abstention(self, row: int, reason: str, readings: tuple[Reading, ...] = ()) -> Opinion:
        """Return an abstention at a row; where there is no range it gives that as its reason."""
        close, atr = float(self._rules.window.close[row]), float(self._rules.columns.atr[row])
        distance = self.settings.barrier_atr * atr
        if distance > 0.0:
            return Opinion(_IGNORANCE, True, reason, close, distance, readings)
        reason = "warm-up: no average true range" if np.isnan(atr) else "no price movement"
        return Opinion(_IGNORANCE, True, reason, close, FALLBACK_BARRIER_FRAC * close, ())

    def component_scores(self, row: int) -> tuple[ComponentScore, ...]:
        """Return the components as scored at a row; empty where it begins no trading day."""
        return self._rules.component_scores(row)

    def trailing_levels(self, row: int) -> TrailingLevels:
        """Return the chandelier stops at a row; NaN in the warm-up."""
        columns = self._rules.columns
        atr = float(columns.atr[row])
        long_stop, short_stop = chandelier_levels(
            float(columns.highest_high[row]),
            float(columns.lowest_low[row]),
            atr,
            self.settings.chandelier_multiplier,
        )
        return TrailingLevels(long_stop, short_stop, atr)

    def worth(self, scores: FloatArray) -> Calibration:
        """Return what scores were worth on the history, of which they have one for each row."""
        window, count = self._rules.window, self.history_rows
        # At a score of 0 the voter abstains, so such a row says nothing of what its word is worth.
        rows = np.flatnonzero(np.isfinite(scores) & (scores != 0.0))
        distance = self.settings.barrier_atr * self._rules.columns.atr[rows]
        prices = (window.high[:count], window.low[:count], window.close[:count])
        labels, ends = first_barrier(*prices, rows, distance, self.settings.horizon_bars)
        is_judged = ~np.isnan(labels)
        rows, ends = rows[is_judged], ends[is_judged]
        return fit_calibration(
            scores[rows], labels[is_judged], uniqueness(rows, ends), self.settings.ridge_rows
        )

    def why_silent(self, fit: Calibration) -> str:
        """Return why a voter with this calibration abstains, empty if it may speak."""
        if fit.rows < self.settings.rows_min:
            return f"{fit.rows} judged rows, needs {self.settings.rows_min}"
        if not fit.slope > 0.0:
            return f"no skill: slope {fit.slope:.3f}"
        needed = self.settings.skill_errors_min * fit.slope_error
        return "" if fit.slope > needed else f"no proof: slope {fit.slope:.3f}, needs {needed:.3f}"

    def _model_name(self, family: Family) -> str:
        return model_name(family.value, self.settings, self._calibrations[family])


def model_name(voter: str, settings: RuleSettings, fit: Calibration) -> str:
    """Return the name of a voter's model: a hash of its settings and coefficients."""
    content = repr((voter, settings, fit.intercept, fit.slope))
    return f"rules/{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _agreement(readings: tuple[Reading, ...], lean: float) -> tuple[float, float]:
    # Shares of weight and of timeframes on the side of a lean.
    total, agreeing = 0.0, 0.0
    leans: dict[str, float] = {}
    for reading in readings:
        total += reading.weight
        agreeing += reading.weight if reading.value * lean > 0.0 else 0.0
        voice = reading.weight * reading.value * lean
        leans[reading.timeframe] = leans.get(reading.timeframe, 0.0) + voice
    if not total > 0.0:
        return 0.0, 0.0
    # Rounding may leave a sum a bit above the whole of which it is a part.
    return min(agreeing / total, 1.0), sum(each > 0.0 for each in leans.values()) / len(leans)


def _loudest(readings: tuple[Reading, ...]) -> str:
    loudest = max(readings, key=lambda reading: abs(reading.value * reading.weight))
    return f"{loudest.name} {loudest.timeframe} {loudest.value:+.2f}"
