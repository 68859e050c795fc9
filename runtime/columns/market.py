"""The minutes and terms of trade of a market source, as the simulator reads them."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.limits.rules import TRADE_MODES_OF_SIDE
from blackboard.facts import SymbolSpec
from blackboard.facts.decision import Side
from config.settings import Settings
from models.decision.exposure import esma_leverage
from models.decision.simulated.columns import CONTRACT_DTYPE, MINUTE_DTYPE, NO_SYMBOL
from models.market.sessions import WEEK_NS
from models.market.spreads import MAJORS
from runtime.columns.table import Columns
from runtime.terminals.simulated.prices import LOOKBACK_BLOCKS, Prices
from runtime.terminals.simulated.source import MarketSource

ROUTE_STEPS: Final = 2
"""Symbols that a currency is valued over at most."""


class Minutes(NamedTuple):
    """The minutes of all symbols, one symbol after the other."""

    first: NDArray[np.int64]
    minutes: NDArray[np.void]
    """Without spreads: `ask_over` is 0."""
    spread_points: NDArray[np.int64]


def minutes_of(
    source: MarketSource, symbols: tuple[str, ...], start_ns: int, end_ns: int
) -> Minutes:
    """Return the minutes of a run, with the close before it that its first quotes may show."""
    from_ns = start_ns - LOOKBACK_BLOCKS * WEEK_NS
    parts = [source.minutes(symbol, from_ns, end_ns) for symbol in symbols]
    first_rows = [max(0, int(part["open_ns"].searchsorted(start_ns)) - 1) for part in parts]
    parts = [part[first:] for part, first in zip(parts, first_rows, strict=True)]
    joined = np.concatenate(parts)
    minutes = np.zeros(len(joined), MINUTE_DTYPE)
    for name in ("open_ns", "open", "high", "low", "close"):
        minutes[name] = joined[name]
    first = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    return Minutes(first, minutes, joined["spread_points"].astype(np.int64))


def with_spreads(columns: Columns, spread_factor: float) -> NDArray[np.void]:
    """Return the minutes with asks that stand above bids by whole points, as the terminal does."""
    minutes = columns.minutes.copy()
    point = np.repeat(columns.contracts["point"], np.diff(columns.first))
    minutes["ask_over"] = np.rint(columns.spread_points * spread_factor) * point
    return minutes


def contracts_of(
    source: MarketSource, specs: dict[str, SymbolSpec], symbols: tuple[str, ...], settings: Settings
) -> NDArray[np.void]:
    """Return the terms of trade: as the board has them, and the swaps of the source."""
    traits = {each.name: each for each in source.traits()}
    prices = Prices(source, settings.terminal.currency)
    found = [specs[symbol] for symbol in symbols]
    names = sorted({name for one in found for name in (one.currency_base, one.currency_profit)})
    contracts = np.zeros(len(symbols), CONTRACT_DTYPE)
    for place, symbol in enumerate(symbols):
        spec, terms = specs[symbol], traits[symbol]
        contracts[place] = (
            spec.point,
            round(spec.pip / spec.point),
            spec.digits,
            spec.contract_size,
            spec.volume_min_lots,
            spec.volume_max_lots,
            spec.volume_step_lots,
            spec.stops_level_points,
            terms.swap_long_points,
            terms.swap_short_points,
            terms.swap_triple_day,
            symbol in MAJORS,
            spec.trade_mode in TRADE_MODES_OF_SIDE[Side.BUY],
            spec.trade_mode in TRADE_MODES_OF_SIDE[Side.SELL],
            names.index(spec.currency_base),
            names.index(spec.currency_profit),
            esma_leverage(spec.currency_base, spec.currency_profit),
            *_route(prices, spec.currency_profit, symbols),
            *_route(prices, spec.currency_base, symbols),
        )
    return contracts


def _route(prices: Prices, currency: str, symbols: tuple[str, ...]) -> Iterator[int | bool]:
    steps = prices.route(currency)
    for symbol, is_inverse in steps:
        yield symbols.index(symbol)
        yield is_inverse
    for _ in range(ROUTE_STEPS - len(steps)):
        yield NO_SYMBOL
        yield False
