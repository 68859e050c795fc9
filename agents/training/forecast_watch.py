"""What became of the forecasts of volatility: the losses of every model that looked at a close.

A forecast is settled by the bars of its horizon, as in training: by the sum of their Parkinson
variances. The losses of all symbols at a close are one outcome, since symbols move together. A
fold over bars and forecasts, so a rebuilt learner has the outcomes that the first one had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from agents.scores.age import open_ns
from agents.training.outcomes import UNTRAINED, Outcome
from blackboard.entry import Entry
from blackboard.facts import Bar, CandidateTrained, ModelPromoted, VolatilityForecast
from config.settings import Settings
from models.opinion.variance import parkinson_variance, qlike


@dataclass(slots=True)
class _Open:
    # What the models said of a close of which not all bars of the horizon are known.

    close_ns: int
    seq: int
    variances: Mapping[str, float]
    realised: float = 0.0
    bars: int = 0


@dataclass(slots=True)
class _Settled:
    # What the symbols' forecasts of one close came to.

    close_ns: int
    settled_ns: int
    rows: list[Mapping[str, float]] = field(default_factory=list)
    causes: list[int] = field(default_factory=list)


class ForecastWatch:
    """Losses of the shortest forecasts at which a trained model has looked."""

    def __init__(self, settings: Settings) -> None:
        self._horizon_bars = min(settings.agents.lstm_vol.horizons_bars)
        self._timeframe = settings.timeframe
        self._open_ns = open_ns(settings.timeframe)
        self._open: dict[str, list[_Open]] = {symbol: [] for symbol in settings.symbols}
        self._closes_ns = dict.fromkeys(settings.symbols, 0)
        self._settled: dict[int, _Settled] = {}
        self._versions: set[str] = set()

    def see(self, entry: Entry) -> list[Outcome]:
        """Fold one entry; return the outcomes to which no symbol can add any more."""
        match entry.fact:
            case Bar(scope=symbol) as bar if symbol in self._open:
                if bar.timeframe is self._timeframe and entry.ts_event_ns > self._closes_ns[symbol]:
                    return self._settle(entry, bar)
            case CandidateTrained(version=version) | ModelPromoted(version=version):
                self._versions.add(version)
            case VolatilityForecast(scope=symbol) as forecast if symbol in self._open:
                self._follow(entry, forecast)
            case _:
                pass
        return []

    def _follow(self, entry: Entry, forecast: VolatilityForecast) -> None:
        is_newest = entry.ts_event_ns == self._closes_ns[forecast.scope]
        if forecast.abstains or forecast.horizon_bars != self._horizon_bars or not is_newest:
            return
        sigmas = {self._name(forecast.model): forecast.sigma_frac}
        sigmas |= {self._name(each.scope): each.sigma_frac for each in forecast.rivals}
        if forecast.challenger_sigma_frac > 0.0:
            sigmas[forecast.challenger] = forecast.challenger_sigma_frac
        if any(sigmas):  # nobody learns anything where only the regression of the week speaks
            variances = {name: sigma**2 for name, sigma in sigmas.items()}
            self._open[forecast.scope].append(_Open(entry.ts_event_ns, entry.seq, variances))

    def _settle(self, entry: Entry, bar: Bar) -> list[Outcome]:
        close_ns = entry.ts_event_ns
        self._closes_ns[bar.scope] = close_ns
        variance = float(parkinson_variance(np.array([bar.high]), np.array([bar.low]))[0])
        waiting = self._open[bar.scope]
        waiting[:] = [each for each in waiting if each.close_ns >= close_ns - self._open_ns]
        for each in waiting:
            each.realised += variance
            each.bars += 1
        # A later close than that of an outcome says that no symbol will add to it any more.
        over = [one for one in self._settled.values() if one.settled_ns < close_ns]
        for one in over:
            del self._settled[one.close_ns]
        settled = [each for each in waiting if each.bars == self._horizon_bars]
        waiting[:] = [each for each in waiting if each.bars < self._horizon_bars]
        for each in settled:
            if each.realised > 0.0:  # bars without a range say nothing of the forecast
                self._add(each, entry)
        return [
            Outcome(one.close_ns, one.settled_ns, tuple(one.rows), tuple(one.causes))
            for one in over
        ]

    def _add(self, settled: _Open, entry: Entry) -> None:
        found = self._settled.setdefault(
            settled.close_ns, _Settled(settled.close_ns, entry.ts_event_ns)
        )
        losses = qlike(
            np.full(len(settled.variances), settled.realised),
            np.array(list(settled.variances.values())),
        )
        found.rows.append(dict(zip(settled.variances, losses.tolist(), strict=True)))
        found.settled_ns = max(found.settled_ns, entry.ts_event_ns)
        found.causes += [settled.seq, entry.seq]

    def _name(self, model: str) -> str:
        # What was never a candidate is fitted anew every week, under a name of its content.
        return model if model in self._versions else UNTRAINED
