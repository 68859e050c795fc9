"""The opinions of the rules alone as columns, computed from bars without agents or journal.

Research asks for years and for hundreds of figures over them; running agents over that costs a
quarter of an hour a year. The rules, their weekly fits, levels and prices are the agents' own
functions, row t from bars ≤ t. What only agents have is left as it stands without them: every voter
weighs what it weighs at the beginning, there is no forecast, no text, no calendar (so risk is
halved, as `not_configured` asks for) and no budget.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.technical import rule_settings
from agents.voters import CONSTANT, RULES, first_weights, live_voters
from blackboard.facts import SymbolSpec
from config.settings import AUTO_SYMBOLS, Settings
from models.decision.jump import sigma_from_range
from models.decision.simulated.columns import (
    CLOSE_DTYPE,
    NOT_CONFIGURED,
    VIEW_DTYPE,
    VOTE_DTYPE,
    VOTER_DTYPE,
)
from models.market.bars import BAR_DTYPE, BarArray, Window, resample
from models.market.sessions import MINUTE_NS, next_week_open_ns, week_open_ns, weeks_before_ns
from models.opinion.rules import Opinion, RuleSettings, WeekRules
from models.opinion.signals import Family
from runtime.columns.calendar import bar_number, days_of, hours_of, readings_of, rollovers_of
from runtime.columns.figures import overridden
from runtime.columns.market import contracts_of, minutes_of
from runtime.columns.table import Columns
from runtime.terminals.simulated.prices import Prices, UnknownRate
from runtime.terminals.simulated.source import MarketSource, SymbolTraits

ALONE: Final = {
    "agents.sentiment.enabled": "false",
    "agents.lstm_vol.enabled": "false",
    "agents.portfolio.enabled": "false",
    "agents.supervisor.quorum": 1,
    "agents.technical.currency_strength": False,
    "agents.technical.forecaster_folder": "",
}
"""Settings of a council of rules."""
FRESH_BARS: Final = 2
"""Bars that a quote stays valid, as a vote does."""
PIP_POINTS: Final = 10.0


class RuleColumns(NamedTuple):
    """Columns, and the bars that they are made of."""

    columns: Columns
    bars: dict[str, BarArray]
    """Bars of the trading timeframe from the first anchor on."""


class _Said(NamedTuple):
    # What the rules say of one symbol, one row a bar of the run.
    close_ns: NDArray[np.int64]
    votes: NDArray[np.void]
    views: NDArray[np.void]


def rule_columns(
    source: MarketSource, settings: Settings, start_ns: int, end_ns: int
) -> RuleColumns:
    """Return the columns of the rules over a market.

    Parameters
    ----------
    source : MarketSource
        Must reach back `anchor_weeks` before the start; with less the rules abstain for longer.
    settings : Settings
        Of rules, account and decisions.
    start_ns, end_ns : int
        What is decided: closes in (start, end].
    """
    settings = overridden(settings, ALONE)
    names = settings.symbols
    traits = {each.name: each for each in source.traits()}
    symbols = tuple(sorted(traits if names == AUTO_SYMBOLS else names))
    anchor_ns = weeks_before_ns(start_ns, settings.anchor_weeks)
    length_ns = settings.timeframe.length_ns
    bars = {
        symbol: resample(closed_minutes(source, symbol, anchor_ns, end_ns), length_ns)
        for symbol in symbols
    }
    rules = rule_settings(settings.timeframe, settings.agents.technical)
    said = [_said(bars[symbol], traits[symbol], rules, settings, start_ns) for symbol in symbols]
    close_ns = np.unique(np.concatenate([each.close_ns for each in said]))
    voters = live_voters(settings)
    views = np.zeros((len(close_ns), len(symbols)), VIEW_DTYPE)
    votes = np.zeros((len(close_ns), len(symbols), len(voters)), VOTE_DTYPE)
    votes["probability_up"], votes["abstains"], votes["confluence"] = 0.5, True, 1.0
    for place, each in enumerate(said):
        rows = np.searchsorted(close_ns, each.close_ns)
        views[rows, place] = each.views
        for family, voter in enumerate(RULES):
            votes[rows, place, voters.index(voter)] = each.votes[:, family]
    _value(views, close_ns, source, [traits[each] for each in symbols], settings)
    first, minutes, spread_points = minutes_of(source, symbols, start_ns, end_ns)
    correlation = np.full((len(close_ns), len(symbols), len(symbols)), np.nan)
    correlation[:, range(len(symbols)), range(len(symbols))] = 1.0
    specs = {symbol: _spec_of(traits[symbol]) for symbol in symbols}
    columns = Columns(
        symbols=symbols,
        voters=voters,
        settings_json=settings.model_dump_json(),
        end_ns=end_ns,
        first=first,
        minutes=minutes,
        spread_points=spread_points,
        contracts=contracts_of(source, specs, symbols, settings),
        closes=_closes(close_ns, settings),
        views=views,
        votes=votes,
        voters_at=_voters_at(len(close_ns), voters, settings),
        correlation=correlation,
        days=days_of(start_ns, end_ns),
        rollovers=rollovers_of(settings.terminal.server_zone, start_ns, end_ns),
        readings_ns=readings_of(settings, start_ns, end_ns),
    )
    return RuleColumns(columns, bars)


def closed_minutes(source: MarketSource, symbol: str, from_ns: int, until_ns: int) -> BarArray:
    """Return the minutes of a source as closed bars."""
    minutes = source.minutes(symbol, from_ns, until_ns)
    bars = np.empty(len(minutes), dtype=BAR_DTYPE)
    bars["close_ns"] = minutes["open_ns"] + MINUTE_NS
    for name in ("open", "high", "low", "close", "tick_volume", "spread_points"):
        bars[name] = minutes[name]
    return bars


def _weeks(
    bars: BarArray, rules: RuleSettings, anchor_weeks: int, start_ns: int
) -> Iterator[tuple[WeekRules, BarArray]]:
    """Yield each week's rules, fitted on the bars from its anchor to its open, and its bars."""
    close_ns = np.ascontiguousarray(bars["close_ns"])
    week_ns = week_open_ns(start_ns)
    while len(close_ns) and week_ns < close_ns[-1]:
        next_ns = next_week_open_ns(week_ns)
        edges = (weeks_before_ns(week_ns, anchor_weeks), week_ns, next_ns)
        anchor, first, last = np.searchsorted(close_ns, edges, side="right").tolist()
        if first < last:
            served = WeekRules(bars[anchor:first], rules)
            served.follow(Window(bars[anchor:last], capacity=max(last - anchor, 1)))
            is_run = bars["close_ns"][first:last] > start_ns
            yield served, bars[first:last][is_run]
        week_ns = next_ns


def _said(
    bars: BarArray, traits: SymbolTraits, rules: RuleSettings, settings: Settings, start_ns: int
) -> _Said:
    votes, views, closes = [], [], []
    for served, week in _weeks(bars, rules, settings.anchor_weeks, start_ns):
        for bar in week:
            row = served.row_of(int(bar["close_ns"]))
            opinions = [served.opinion(family, row) for family in Family]
            votes.append(
                [(one.probability_up, True, one.abstains, _share(one)) for one in opinions]
            )
            views.append(_view(served, row, bar, traits, settings))
            closes.append(int(bar["close_ns"]))
    shape = (len(closes), len(Family))
    return _Said(
        np.array(closes, np.int64),
        np.array([tuple(each) for vote in votes for each in vote], VOTE_DTYPE).reshape(shape),
        np.array(views, VIEW_DTYPE),
    )


def _share(opinion: Opinion) -> float:
    return opinion.confluence if opinion.readings else 1.0


def _view(
    served: WeekRules, row: int, bar: np.void, traits: SymbolTraits, settings: Settings
) -> tuple[float, ...]:
    levels = served.trailing_levels(row)
    has_levels = bool(levels.atr > 0.0 and levels.long_stop > 0.0)
    atr = levels.atr if has_levels else 0.0
    close_ns, bid = int(bar["close_ns"]), float(bar["close"])
    horizon_bars = settings.agents.lstm_vol.horizons_bars[0]
    return (
        True,
        *(False, False, 0.0, 0.0, 1.0, False),
        has_levels,
        atr,
        levels.long_stop if has_levels else 0.0,
        levels.short_stop if has_levels else 0.0,
        settings.agents.technical.chandelier_multiplier if has_levels else 0.0,
        float(sigma_from_range(atr, bid, horizon_bars)),
        1.0,
        *(False, False, 0.0, np.inf, True),
        close_ns,
        close_ns + FRESH_BARS * settings.timeframe.length_ns,
        bid,
        bid + float(bar["spread_points"]) * settings.terminal.spread_factor * traits.point,
        0.0,
        np.nan,
    )


def _value(
    views: NDArray[np.void],
    close_ns: NDArray[np.int64],
    source: MarketSource,
    traits: list[SymbolTraits],
    settings: Settings,
) -> None:
    """Fill in what a unit of each profit currency was worth; where nobody knows, 0 prices none."""
    prices = Prices(source, settings.terminal.currency)
    for currency in {each.currency_profit for each in traits}:
        rates = np.array([_rate(prices, currency, int(each)) for each in close_ns])
        for place, each in enumerate(traits):
            if each.currency_profit == currency:
                views["account_per_quote"][:, place] = rates
    views["has_levels"] &= views["account_per_quote"] > 0.0


def _rate(prices: Prices, currency: str, moment_ns: int) -> float:
    try:
        return prices.closing_rate(currency, moment_ns)
    except UnknownRate:
        return 0.0


def _closes(close_ns: NDArray[np.int64], settings: Settings) -> NDArray[np.void]:
    weight = first_weights(settings)[CONSTANT]
    length_ns = settings.timeframe.length_ns
    nothing_learned = (np.nan,) * 6
    rows = [
        (
            int(each),
            bar_number(int(each), length_ns),
            weight,
            *nothing_learned,
            NOT_CONFIGURED,
            0,
            *hours_of(int(each)),
        )
        for each in close_ns
    ]
    return np.array(rows, CLOSE_DTYPE)


def _voters_at(closes: int, voters: tuple[str, ...], settings: Settings) -> NDArray[np.void]:
    weights = first_weights(settings)
    row = np.array([(weights[each], False, False, np.nan, np.nan) for each in voters], VOTER_DTYPE)
    return np.broadcast_to(row, (closes, len(voters))).copy()


def _spec_of(traits: SymbolTraits) -> SymbolSpec:
    from runtime.terminals import constants as mt5

    has_fraction = traits.digits in (3, 5)
    return SymbolSpec(
        scope=traits.name,
        terminal_name=traits.name,
        digits=traits.digits,
        point=traits.point,
        pip=traits.point * (PIP_POINTS if has_fraction else 1.0),
        contract_size=traits.contract_size,
        currency_base=traits.currency_base,
        currency_profit=traits.currency_profit,
        volume_min_lots=traits.volume_min_lots,
        volume_max_lots=traits.volume_max_lots,
        volume_step_lots=traits.volume_step_lots,
        stops_level_points=traits.stops_level_points,
        freeze_level_points=traits.freeze_level_points,
        filling_mask=mt5.SYMBOL_FILLING_FOK_BIT,
        trade_mode=mt5.SYMBOL_TRADE_MODE_FULL,
        swap_long_points=traits.swap_long_points,
        swap_short_points=traits.swap_short_points,
    )
