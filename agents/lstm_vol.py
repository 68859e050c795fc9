"""The volatility forecaster: how far each symbol will move, and whether that is a storm.

It fits the HAR baseline on each symbol's history when a trading week begins and filters it through
the week; a network serves in its place only after it has earned that. It says nothing of
direction: its forecast holds back reversals in a storm and scales stops.
"""

from typing import Final

from agents.agent import Agent, Outbox
from agents.bars.history import SymbolWindow, Windows
from agents.requests import Reply
from agents.served_model import ServedModel, Serving
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    Bar,
    BarHistory,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    VolatilityForecast,
)
from config.agents import LSTMVolSection
from config.settings import Settings
from models.market.sessions import next_bar_close_ns
from models.opinion import har
from models.opinion.volatility import (
    HarFit,
    Unfitted,
    VolatilityFilter,
    VolatilityModel,
    atr_scale,
    fit_volatility,
    parkinson_variance,
    random_walk_sigma_frac,
)

FALLBACK_BAND: Final = 2.0
"""Factor up and down around the fallback's sigma, which has no record of its errors."""
FALLBACK_BARS: Final = 96
"""Latest bars whose mean variance the fallback carries forward."""
SIGMA_FRAC_MAX: Final = 0.5
"""Forecasts from here on are nonsense for a currency pair within hours: abstain."""


class LSTMVolAgent(Agent):
    """Posts one forecast for every symbol, close and horizon, an abstention included."""

    name = "lstm_vol"
    posts = (VolatilityForecast, ModelFailed)
    reads = (Bar, BarHistory, ModelPromoted, ModelRolledBack)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.lstm_vol
        self._windows = Windows(settings)
        self._forecasters: dict[str, _Forecaster] = {}
        self._answered_ns: dict[tuple[str, int], int] = {}
        self._har = ServedModel(har.FAMILY, har.FEATURES, har.load_har, self._check)

    def see(self, entry: Entry) -> None:
        """Follow the windows, and note which closes are answered."""
        if isinstance(entry.fact, VolatilityForecast):
            self._answered_ns[entry.fact.scope, entry.fact.horizon_bars] = entry.ts_event_ns
            if not entry.fact.abstains:
                self._har.said(entry.ts_event_ns, entry.fact.model)
        else:
            self._har.see(entry)
            self._windows.see(entry)

    def hear(self, reply: Reply) -> None:
        """Take a history, or a model."""
        self._har.hear(reply)
        self._windows.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Answer the newest close of each symbol, while a decision can still use it."""
        self._windows.ask(outbox)
        self._har.act(outbox)
        for window in self._windows.by_symbol.values():
            horizons = self._unanswered(window)
            is_ready = window.is_complete and self._har.is_ready(window.close_ns)
            if not horizons or not is_ready:
                continue
            valid_until_ns = next_bar_close_ns(window.close_ns, window.timeframe.length_ns)
            if now_ns < valid_until_ns:
                forecaster = self._forecaster(window)
                outbox.drafts += [forecaster.draft(h, valid_until_ns) for h in horizons]

    def _unanswered(self, window: SymbolWindow) -> list[int]:
        return [
            horizon
            for horizon in self._section.horizons_bars
            if self._answered_ns.get((window.symbol, horizon), 0) < window.close_ns
        ]

    def _forecaster(self, window: SymbolWindow) -> "_Forecaster":
        serving = self._har.at(window.close_ns)
        known = self._forecasters.get(window.symbol)
        if known is None or not known.stands_on(window, serving):
            known = _Forecaster(self._section, window, serving)
            self._forecasters[window.symbol] = known
        known.follow()
        return known

    def _check(self, models: dict[str, VolatilityModel]) -> None:
        """Refuse a trained model that lacks a horizon, or was trained on another timeframe."""
        length_ns = self.settings.timeframe.length_ns
        for symbol, model in models.items():
            horizons = {fit.horizon_bars for fit in model.fits}
            if not horizons.issuperset(self._section.horizons_bars):
                raise ValueError(f"{symbol} has no forecast {self._section.horizons_bars} ahead")
            if model.seasonality.length_ns != length_ns:
                raise ValueError(f"{symbol} was trained on bars of another timeframe")


class _Forecaster:
    """One symbol's model on its way through one week."""

    def __init__(
        self,
        section: LSTMVolSection,
        window: SymbolWindow,
        serving: Serving[dict[str, VolatilityModel]],
    ) -> None:
        self._window = window
        self._origin = _origin(window, serving)
        trained = (serving.model or {}).get(window.symbol)
        self._promotion = (serving.seq,) if trained is not None else ()
        self._model = trained or self._fitted(section, window)
        self._filter = None if isinstance(self._model, Unfitted) else VolatilityFilter(self._model)
        self._version = serving.version if trained is not None else ""

    def _fitted(self, section: LSTMVolSection, window: SymbolWindow) -> VolatilityModel | Unfitted:
        bars, rows = window.bars, window.history_rows
        return fit_volatility(
            bars.close_ns[:rows],
            parkinson_variance(bars.high[:rows], bars.low[:rows]),
            window.timeframe.length_ns,
            section.horizons_bars,
            coverage=section.band_coverage,
            veto_quantile=section.veto_quantile,
            rows_min=section.fit_rows_min,
        )

    def stands_on(self, window: SymbolWindow, serving: Serving[dict[str, VolatilityModel]]) -> bool:
        """Whether the same model still serves, and the window has the history that it began on."""
        return self._origin == _origin(window, serving)

    def follow(self) -> None:
        """Carry the model through the bars that are new."""
        if self._filter is None:
            return
        bars, rows = self._window.bars, len(self._filter)
        variance = parkinson_variance(bars.high[rows:], bars.low[rows:])
        self._filter.extend(bars.close_ns[rows:], variance)

    def draft(self, horizon_bars: int, valid_until_ns: int) -> Draft:
        """Return the forecast from the newest close, or the abstention."""
        window = self._window
        return Draft(
            fact=self._fact(horizon_bars, valid_until_ns),
            ts_event_ns=window.close_ns,
            timeframe=window.timeframe.value,
            ordinal=str(horizon_bars),
            causes=(window.history_seq, window.bar_seq, *self._promotion),
        )

    def _fact(self, horizon_bars: int, valid_until_ns: int) -> VolatilityForecast:
        if self._filter is None:
            return self._fallback(horizon_bars, valid_until_ns, self._why_unfitted())
        if self._window.bars.newest_ns != self._window.close_ns:
            return self._fallback(horizon_bars, valid_until_ns, "the history ends before the close")
        fit = next(fit for fit in self._filter.model.fits if fit.horizon_bars == horizon_bars)
        return self._forecast(self._filter, fit, valid_until_ns)

    def _forecast(
        self, filtered: VolatilityFilter, fit: HarFit, valid_until_ns: int
    ) -> VolatilityForecast:
        row = filtered.columns(fit, 1)
        sigma_frac, vol_ratio = float(row.sigma_frac[-1]), float(row.vol_ratio[-1])
        if not 0.0 < sigma_frac < SIGMA_FRAC_MAX:
            reason = f"forecast out of range: sigma {sigma_frac:g}"
            return self._fallback(fit.horizon_bars, valid_until_ns, reason)
        return VolatilityForecast(
            scope=self._window.symbol,
            valid_until_ns=valid_until_ns,
            timeframe=self._window.timeframe,
            horizon_bars=fit.horizon_bars,
            sigma_frac=sigma_frac,
            sigma_low_frac=float(row.sigma_low_frac[-1]),
            sigma_high_frac=float(row.sigma_high_frac[-1]),
            vol_ratio=vol_ratio,
            vol_ratio_limit=fit.ratio_limit,
            vetoes_reversal=vol_ratio > fit.ratio_limit,
            atr_scale=atr_scale(vol_ratio),
            abstains=False,
            reason="",
            model=self._version or filtered.model.version,
        )

    def _fallback(self, horizon_bars: int, valid_until_ns: int, reason: str) -> VolatilityForecast:
        bars = self._window.bars
        variance = parkinson_variance(bars.high[-FALLBACK_BARS:], bars.low[-FALLBACK_BARS:])
        sigma_frac = min(random_walk_sigma_frac(variance, horizon_bars), SIGMA_FRAC_MAX)
        return VolatilityForecast(
            scope=self._window.symbol,
            valid_until_ns=valid_until_ns,
            timeframe=self._window.timeframe,
            horizon_bars=horizon_bars,
            sigma_frac=sigma_frac,
            sigma_low_frac=sigma_frac / FALLBACK_BAND,
            sigma_high_frac=sigma_frac * FALLBACK_BAND,
            vol_ratio=1.0,
            vol_ratio_limit=1.0,
            vetoes_reversal=False,
            atr_scale=1.0,
            abstains=True,
            reason=reason,
            model="random_walk",
        )

    def _why_unfitted(self) -> str:
        if self._window.failure:
            return f"no history: {self._window.failure}"
        match self._model:
            case Unfitted(reason=reason, have=have, need=need):
                return f"{reason}: {have} of {need}"
            case _:
                return ""


def _origin(
    window: SymbolWindow, serving: Serving[dict[str, VolatilityModel]]
) -> tuple[object, ...]:
    return window.history_seq, window.has_history, serving.version
