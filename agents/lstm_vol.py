"""The volatility forecaster: how far each symbol will move, and whether that is a storm.

It fits the HAR baseline on each symbol's history when a trading week begins and filters it through
the week; a network serves in its place only after it has earned that. It says nothing of
direction: its forecast holds back reversals in a storm and scales stops.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Final, NamedTuple

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.bars.history import SymbolWindow, Windows
from agents.challenger import Challenger
from agents.feature_shift import DailyShift, shift_draft
from agents.requests import Reply
from agents.rivals import SIGMA_FRAC_MAX, Rival, Rivals, catch_up, sigma_of
from agents.served_model import ServedModel
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    Bar,
    BarHistory,
    CandidateTrained,
    FeatureShift,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    VolatilityForecast,
)
from config.agents import LSTMVolSection
from config.settings import Settings
from models.learning.drift import FeatureDrift
from models.market.sessions import next_bar_close_ns
from models.opinion import har, volatility_lstm
from models.opinion.term_drift import NAMES, term_drifts
from models.opinion.variance import parkinson_variance, random_walk_sigma_frac
from models.opinion.volatility import HarFit, Unfitted, VolatilityModel, fit_volatility
from models.opinion.volatility_filter import VolatilityFilter, atr_scale
from models.opinion.volatility_lstm import LSTMFilter, VolatilityLSTM, load_lstm

FALLBACK_BAND: Final = 2.0
"""Factor up and down around the fallback's sigma, which has no record of its errors."""
FALLBACK_BARS: Final = 96
"""Latest bars whose mean variance the fallback carries forward."""
BAND_BARS: Final = 480
"""Bars of the history over which a network's band adapts before the week begins."""


class LSTMVolAgent(Agent):
    """Posts one forecast for every symbol, close and horizon, an abstention included."""

    name = "lstm_vol"
    posts = (VolatilityForecast, FeatureShift, ModelFailed)
    reads = (Bar, BarHistory, CandidateTrained, GateReport, ModelPromoted, ModelRolledBack)
    recent: ClassVar = dict.fromkeys((Bar, BarHistory, VolatilityForecast, FeatureShift), FORTNIGHT)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.lstm_vol
        self._windows = Windows(settings)
        self._shift = DailyShift()
        self._forecasters: dict[str, _Forecaster] = {}
        self._answered_ns: dict[tuple[str, int], int] = {}
        self._har = ServedModel(har.FAMILY, har.FEATURES, har.load_har, self._check_models)
        self._lstm = ServedModel(
            volatility_lstm.FAMILY, volatility_lstm.FEATURES, load_lstm, self._check_lstm
        )
        self._challenger = Challenger(
            volatility_lstm.FAMILY, volatility_lstm.FEATURES, load_lstm, self._check_lstm
        )

    def see(self, entry: Entry) -> None:
        """Follow the windows, and note which closes are answered."""
        self._shift.see(entry)
        if isinstance(entry.fact, VolatilityForecast):
            self._answered_ns[entry.fact.scope, entry.fact.horizon_bars] = entry.ts_event_ns
            if not entry.fact.abstains:
                self._note(entry.ts_event_ns, entry.fact.model)
        else:
            for family in (self._har, self._lstm, self._challenger):
                family.see(entry)
            self._windows.see(entry)

    def hear(self, reply: Reply) -> None:
        """Take a history, or a model."""
        for family in (self._har, self._lstm, self._challenger):
            family.hear(reply)
        self._windows.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Answer the newest close of each symbol, while a decision can still use it."""
        self._windows.ask(outbox)
        for family in (self._har, self._lstm, self._challenger):
            family.act(outbox)
        for window in self._windows.by_symbol.values():
            horizons = self._unanswered(window)
            if not horizons or not self._is_ready(window):
                continue
            valid_until_ns = next_bar_close_ns(window.close_ns, window.timeframe.length_ns)
            if now_ns < valid_until_ns:
                forecaster = self._forecaster(window)
                drafts = [forecaster.draft(h, valid_until_ns) for h in horizons]
                outbox.drafts += drafts
                if forecaster.failure:
                    self._lstm.fail(forecaster.version, forecaster.failure)
        windows = self._windows.by_symbol.values()
        close_ns = self._shift.due_ns(windows)
        if close_ns and all(self._is_ready(window) for window in windows):
            outbox.drafts += self._shifts(close_ns)

    def _note(self, close_ns: int, model: str) -> None:
        """Keep to what answered a close; a name of neither family is that of the weekly HAR."""
        families = [family for family in (self._har, self._lstm) if family.knows(model)]
        for family in families or (self._har, self._lstm):
            family.said(close_ns, model)

    def _is_ready(self, window: SymbolWindow) -> bool:
        close_ns = window.close_ns
        is_known = self._har.is_ready(close_ns) and self._lstm.is_ready(close_ns)
        return window.is_complete and is_known

    def _unanswered(self, window: SymbolWindow) -> list[int]:
        return [
            horizon
            for horizon in self._section.horizons_bars
            if self._answered_ns.get((window.symbol, horizon), 0) < window.close_ns
        ]

    def _forecaster(self, window: SymbolWindow) -> "_Forecaster":
        server = self._server(window)
        challenger = Rival(self._challenger.version, self._challenger.model)
        rivals = self._rivals(window, server)
        known = self._forecasters.get(window.symbol)
        if known is None or not known.stands_on(window, server, challenger, rivals):
            known = _Forecaster(self._section, window, server, challenger, rivals)
            self._forecasters[window.symbol] = known
        known.follow()
        return known

    def _server(self, window: SymbolWindow) -> "_Server":
        """Return who answers for a symbol: the network, the trained HAR, or neither."""
        network, trained = self._lstm.at(window.close_ns), self._har.at(window.close_ns)
        # With less history the network's windows would not be full.
        is_long = window.history_rows >= volatility_lstm.FIRST_ROW
        if network.model is not None and window.symbol in network.model.models and is_long:
            return _Server(network.version, network.seq, network.model, None)
        if trained.model is not None and window.symbol in trained.model:
            return _Server(trained.version, trained.seq, None, trained.model[window.symbol])
        return _Server("", 0, None, None)

    def _rivals(self, window: SymbolWindow, server: "_Server") -> tuple[Rival, ...]:
        """Return the trained models that could answer in the place of one that serves."""
        if not server.version:
            return ()
        close_ns = window.close_ns
        networks = (self._lstm.at(close_ns), self._lstm.before(close_ns))
        trained = (self._har.at(close_ns), self._har.before(close_ns))
        rivals = [
            *(Rival(each.version, network=each.model) for each in networks if each.model),
            *(Rival(each.version, trained=each.model) for each in trained if each.model),
        ]
        return tuple(rival for rival in rivals if rival.version != server.version)

    def _shifts(self, close_ns: int) -> list[Draft]:
        """Return how far the terms of each symbol have moved from each model's training rows."""
        network, trained = self._lstm.at(close_ns), self._har.at(close_ns)
        models: list[tuple[str, str, int, Mapping[str, VolatilityModel]]] = []
        if network.model is not None:
            family = volatility_lstm.FAMILY
            models.append((family, network.version, network.seq, network.model.models))
        if trained.model is not None:
            models.append((har.FAMILY, trained.version, trained.seq, trained.model))
        windows = self._windows.by_symbol
        causes = tuple(window.bar_seq for window in windows.values())
        return [
            draft
            for family, version, seq, by_symbol in models
            for draft in shift_draft(
                family,
                version,
                {
                    f"{symbol} {name}": drift
                    for symbol, model in by_symbol.items()
                    if symbol in windows
                    for name, drift in zip(NAMES, _drifts(model, windows[symbol]), strict=False)
                },
                close_ns,
                self.settings.timeframe.value,
                (*causes, seq),
            )
        ]

    def _check_lstm(self, lstm: VolatilityLSTM) -> None:
        self._check_models(lstm.models)

    def _check_models(self, models: Mapping[str, VolatilityModel]) -> None:
        """Refuse a trained model that lacks a horizon, or was trained on another timeframe."""
        length_ns = self.settings.timeframe.length_ns
        for symbol, model in models.items():
            horizons = {fit.horizon_bars for fit in model.fits}
            if not horizons.issuperset(self._section.horizons_bars):
                raise ValueError(f"{symbol} has no forecast {self._section.horizons_bars} ahead")
            if model.seasonality.length_ns != length_ns:
                raise ValueError(f"{symbol} was trained on bars of another timeframe")


class _Server(NamedTuple):
    # What answers for one symbol; without a model it is the HAR of the week.

    version: str
    seq: int
    network: VolatilityLSTM | None
    trained: VolatilityModel | None


class _Forecaster:
    """One symbol's model on its way through one week."""

    def __init__(
        self,
        section: LSTMVolSection,
        window: SymbolWindow,
        server: _Server,
        challenger: Rival,
        rivals: tuple[Rival, ...],
    ) -> None:
        self._window = window
        self._origin = _origin(window, server, challenger, rivals)
        self._promotion = (server.seq,) if server.version else ()
        self.version = server.version
        """Of the trained model that answers; empty for the HAR of the week."""
        self.failure = ""
        """What the network said that cannot be; empty while it said nothing of the kind."""
        self._is_network = server.network is not None
        self._model: VolatilityModel | Unfitted
        self._filter: VolatilityFilter | None
        if server.network is not None:
            from_row = window.history_rows - BAND_BARS
            self._filter = LSTMFilter(server.network, window.symbol, from_row)
            self._model = self._filter.model
        else:
            self._model = server.trained or self._fitted(section, window)
            self._filter = (
                None if isinstance(self._model, Unfitted) else VolatilityFilter(self._model)
            )
        self._challenger = challenger.version
        self._shadow: LSTMFilter | None = None
        if challenger.network is not None and window.symbol in challenger.network.models:
            from_row = len(window.bars) - 1
            self._shadow = LSTMFilter(challenger.network, window.symbol, from_row)
        weekly = partial(self._fitted, section, window) if server.version else None
        self._rivals = Rivals(rivals, window, weekly)

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

    def stands_on(
        self,
        window: SymbolWindow,
        server: _Server,
        challenger: Rival,
        rivals: tuple[Rival, ...],
    ) -> bool:
        """Whether the same models still serve, and the window has the history they began on."""
        return self._origin == _origin(window, server, challenger, rivals)

    def follow(self) -> None:
        """Carry the models through the bars that are new."""
        for filtered in (self._filter, self._shadow):
            if filtered is not None:
                catch_up(filtered, self._window)
        self._rivals.follow()

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
            if self._is_network:
                self.failure = reason
            return self._fallback(fit.horizon_bars, valid_until_ns, reason)
        challenged = sigma_of(self._shadow, fit.horizon_bars) if self._shadow else 0.0
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
            model=self.version or filtered.model.version,
            challenger=self._challenger if challenged else "",
            challenger_sigma_frac=challenged,
            rivals=self._rivals.said(fit.horizon_bars),
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


def _drifts(model: VolatilityModel, window: SymbolWindow) -> tuple[FeatureDrift, ...]:
    bars = window.bars
    return term_drifts(model, bars.close_ns, parkinson_variance(bars.high, bars.low))


def _origin(
    window: SymbolWindow, server: _Server, challenger: Rival, rivals: tuple[Rival, ...]
) -> tuple[object, ...]:
    is_read = challenger.network is not None
    versions = tuple(rival.version for rival in rivals)
    return (
        window.history_seq, window.has_history, server.version, challenger.version, is_read,
        versions,
    )  # fmt: skip
