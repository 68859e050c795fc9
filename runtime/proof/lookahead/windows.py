"""What the window classes say of one close when they already hold later bars.

A host that computes a block at once gives them just that. The rules are asked twice: with the whole
window as history, where the indicator library computes it, and with the bars after the week's open
followed one after the other, where the recursions do.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agents.technical import rule_settings
from config.settings import Settings
from models.market.bars import BarArray, Window
from models.opinion.components import RecordTerms
from models.opinion.rules import RuleSettings, WeekRules
from models.opinion.signals import Family, RuleWindow
from models.opinion.variance import parkinson_variance
from models.opinion.volatility import Unfitted, fit_volatility
from models.opinion.volatility_filter import VolatilityFilter
from runtime.proof.lookahead.futures import Bars, Moment

REVERSION_READS = ("rsi", "bollinger", "candle")
"""How the names of the indicators begin that the reversion family reads."""

Value = float | str | bool


class Said(NamedTuple):
    """One value of one voter or adviser at the moment's close."""

    voter: str
    symbol: str
    column: str
    value: Value


def window_values(settings: Settings, moment: Moment, bars: Bars) -> Iterator[Said]:
    """Yield what the windows say, the most elementary first, so that a difference has its cause."""
    rules = rule_settings(settings.timeframe, settings.agents.technical)
    for symbol, rows in bars.items():
        if np.any(rows["close_ns"] == moment.close_ns):
            yield from _as_history(rules, moment, symbol, rows)
            yield from _as_followed(rules, moment, symbol, rows)
            yield from _volatility(settings, moment, symbol, rows)


def _as_history(rules: RuleSettings, moment: Moment, symbol: str, bars: BarArray) -> Iterator[Said]:
    terms = RecordTerms(
        rules.barrier_atr, rules.horizon_bars, rules.shrink_outcomes, rules.weight_min
    )
    window = RuleWindow(bars, rules.timeframes, rules.periods, terms)
    yield from _columns(window, window.window.row_of(moment.close_ns), symbol)


def _columns(window: RuleWindow, row: int, symbol: str) -> Iterator[Said]:
    for timeframe, name, value in window.indicators_at(row):
        family = Family.REVERSION if name.startswith(REVERSION_READS) else Family.TREND
        yield Said(f"technical.{family}", symbol, f"{name} {timeframe}", value)
    for family in Family:
        for reading in window.readings(family, row):
            name = f"{reading.name} {reading.timeframe}"
            yield Said(f"technical.{family}", symbol, f"reading {name}", reading.value)
            yield Said(f"technical.{family}", symbol, f"weight {name}", reading.weight)
        score = float(window.scores(family)[row])
        yield Said(f"technical.{family}", symbol, "score", score)


def _as_followed(
    rules: RuleSettings, moment: Moment, symbol: str, bars: BarArray
) -> Iterator[Said]:
    week = WeekRules(bars[bars["close_ns"] <= moment.open_ns], rules)
    week.follow(Window(bars))
    row = week.row_of(moment.close_ns)
    yield from _columns(week.window, row, symbol)
    for family in Family:
        opinion = week.opinion(family, row)
        for column, value in (
            ("model", week.model(family)),
            ("probability_up", opinion.probability_up),
            ("abstains", opinion.abstains),
            ("barrier_distance", opinion.barrier_distance),
            ("reference_price", opinion.reference_price),
        ):
            yield Said(f"technical.{family}", symbol, column, value)
    for name, level in week.trailing_levels(row)._asdict().items():
        yield Said("technical", symbol, f"trailing {name}", level)


def _volatility(settings: Settings, moment: Moment, symbol: str, bars: BarArray) -> Iterator[Said]:
    section = settings.agents.lstm_vol
    history = bars[bars["close_ns"] <= moment.open_ns]
    model = fit_volatility(
        np.ascontiguousarray(history["close_ns"]),
        parkinson_variance(history["high"], history["low"]),
        settings.timeframe.length_ns,
        section.horizons_bars,
        coverage=section.band_coverage,
        veto_quantile=section.veto_quantile,
        rows_min=section.fit_rows_min,
    )
    if isinstance(model, Unfitted):
        yield Said("lstm_vol", symbol, "model", model.reason)
        return
    filtered = VolatilityFilter(model)
    filtered.extend(
        np.ascontiguousarray(bars["close_ns"]), parkinson_variance(bars["high"], bars["low"])
    )
    row = int(np.searchsorted(bars["close_ns"], moment.close_ns))
    for fit in model.fits:
        columns = filtered.columns(fit, len(filtered))
        for name in ("sigma_frac", "sigma_low_frac", "sigma_high_frac", "vol_ratio"):
            value = float(getattr(columns, name)[row])
            yield Said("lstm_vol", symbol, f"{name} {fit.horizon_bars}", value)
