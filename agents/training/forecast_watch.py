"""Whether a promoted volatility model forecasts worse than it did: its losses, watched by ADWIN.

A forecast is settled by the bars of its horizon, as in training: by the sum of their Parkinson
variances. The losses of all symbols at a close are one outcome, since symbols move together. A
fold over bars and forecasts, so a rebuilt learner has the alarms that the first one had.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from agents.served_model import BASELINE
from blackboard.entry import Draft, Entry
from blackboard.facts import Bar, DriftDetected, ModelPromoted, ModelRolledBack, VolatilityForecast
from config.settings import Settings
from models.learning.drift import LossStream
from models.opinion.volatility import parkinson_variance, qlike

ADWIN: Final = "adwin"
"""Statistic of a DriftDetected about losses; its value is their mean logarithm since the change,
its threshold the one before."""


@dataclass(slots=True)
class _Open:
    # A forecast of which not all bars of the horizon are known.

    family: str
    close_ns: int
    seq: int
    variance: float
    realised: float = 0.0
    bars: int = 0


@dataclass(slots=True)
class _Outcome:
    # What the symbols' forecasts of one close came to.

    family: str
    close_ns: int
    settled_ns: int
    losses: list[float]
    causes: list[int]


class ForecastWatch:
    """Losses of the shortest forecasts that the serving models make."""

    def __init__(self, settings: Settings) -> None:
        self._horizon_bars = min(settings.agents.lstm_vol.horizons_bars)
        self._timeframe = settings.timeframe
        self._open: dict[str, list[_Open]] = {symbol: [] for symbol in settings.symbols}
        self._closes_ns = dict.fromkeys(settings.symbols, 0)
        self._serving: dict[str, str] = {}
        self._streams: dict[str, LossStream] = {}
        self._outcomes: dict[str, _Outcome] = {}
        self._due: dict[str, Draft] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case Bar(scope=symbol) as bar if symbol in self._open:
                if bar.timeframe is self._timeframe and entry.ts_event_ns > self._closes_ns[symbol]:
                    self._settle(entry, bar)
            case VolatilityForecast(scope=symbol) as forecast if symbol in self._open:
                self._follow(entry, forecast)
            case ModelPromoted(scope=family) | ModelRolledBack(scope=family) as order:
                self._begin(family, order.version)
            case DriftDetected(scope=family, statistic=statistic) if statistic == ADWIN:
                self._due.pop(family, None)
            case _:
                pass

    def drafts(self) -> list[Draft]:
        """Return the alarms about models that still serve and that were not told yet."""
        return list(self._due.values())

    def _begin(self, family: str, version: str) -> None:
        """Follow a version from its first forecast; nothing is known of its losses yet."""
        self._serving[family] = version
        for known in (self._streams, self._outcomes, self._due):
            known.pop(family, None)
        for waiting in self._open.values():
            waiting[:] = [each for each in waiting if each.family != family]

    def _follow(self, entry: Entry, forecast: VolatilityForecast) -> None:
        is_newest = entry.ts_event_ns == self._closes_ns[forecast.scope]
        if forecast.abstains or forecast.horizon_bars != self._horizon_bars or not is_newest:
            return
        for family, version in self._serving.items():
            if version != BASELINE and version == forecast.model:
                self._open[forecast.scope].append(
                    _Open(family, entry.ts_event_ns, entry.seq, forecast.sigma_frac**2)
                )

    def _settle(self, entry: Entry, bar: Bar) -> None:
        close_ns = entry.ts_event_ns
        self._closes_ns[bar.scope] = close_ns
        # A later close than that of an outcome says that no symbol will add to it any more.
        for family, outcome in list(self._outcomes.items()):
            if outcome.settled_ns < close_ns:
                self._take(family, self._outcomes.pop(family))
        variance = float(parkinson_variance(np.array([bar.high]), np.array([bar.low]))[0])
        waiting = self._open[bar.scope]
        for each in waiting:
            each.realised += variance
            each.bars += 1
        settled = [each for each in waiting if each.bars == self._horizon_bars]
        waiting[:] = [each for each in waiting if each.bars < self._horizon_bars]
        for each in settled:
            if each.realised > 0.0:  # bars without a range say nothing of the forecast
                self._add(each, entry)

    def _add(self, settled: _Open, entry: Entry) -> None:
        loss = float(qlike(np.array([settled.realised]), np.array([settled.variance]))[0])
        outcome = self._outcomes.setdefault(
            settled.family,
            _Outcome(settled.family, settled.close_ns, entry.ts_event_ns, [], []),
        )
        if outcome.close_ns == settled.close_ns:
            outcome.losses.append(loss)
            outcome.causes += [settled.seq, entry.seq]

    def _take(self, family: str, outcome: _Outcome) -> None:
        stream = self._streams.setdefault(family, LossStream())
        loss = sum(outcome.losses) / len(outcome.losses)
        alarm = stream.add(outcome.close_ns, outcome.settled_ns, loss)
        if alarm is None or not alarm.is_worse:
            return
        fact = DriftDetected(
            scope=family, statistic=ADWIN, value=alarm.after, threshold=alarm.before
        )
        self._due[family] = Draft(
            fact=fact,
            ts_event_ns=outcome.settled_ns,
            ordinal=self._serving[family],
            causes=tuple(outcome.causes),
        )
