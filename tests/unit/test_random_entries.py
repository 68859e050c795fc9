"""Chance as a baseline: one moved trade worked by hand, and what many of them say."""

import numpy as np
import pytest

from config.system import SyntheticSection
from models.learning.random_entry import outcome
from models.market.sessions import DAY_NS, is_open
from runtime.instants import instant_ns
from runtime.reports.random_entries import RandomEntries, held_minutes
from runtime.reports.record import RunRecord
from runtime.terminals.simulated.synthetic import SyntheticMarket
from tests.run_records import HOUR_NS, a_closed_trade, a_record

START_NS = instant_ns("2025-03-03T12:00:00Z")
SPREAD = 0.0002


def entered(side: int, prices: list[tuple[float, float, float, float]]) -> tuple[int, float]:
    """Return how a trade with a stop 10 and a target 20 pips away ends over some minutes."""
    opens, highs, lows, closes = (np.array(column) for column in zip(*prices, strict=True))
    spreads = np.full(len(prices), SPREAD)
    return outcome(side, 0, len(prices), 0.0010, 0.0020, opens, highs, lows, closes, spreads)


def test_a_long_pays_the_spread_at_the_entry() -> None:
    """In at the ask 1.1002, out at the bid 1.1010 when its time is over."""
    row, move = entered(1, [(1.1, 1.1005, 1.0995, 1.1), (1.1, 1.101, 1.1, 1.101)])

    assert (row, move) == pytest.approx((1, 0.0008))


def test_a_short_pays_the_spread_at_the_exit() -> None:
    """In at the bid 1.1000, out at the ask 1.0992 + 0.0002."""
    row, move = entered(-1, [(1.1, 1.1, 1.0995, 1.0992), (1.0992, 1.0995, 1.099, 1.0992)])

    assert (row, move) == pytest.approx((1, 0.0006))


def test_the_stop_goes_before_the_target() -> None:
    """A minute that touches both is a loss of the stop's distance."""
    assert entered(1, [(1.1, 1.11, 1.09, 1.1)]) == pytest.approx((0, -0.0010))
    assert entered(-1, [(1.1, 1.11, 1.09, 1.1)]) == pytest.approx((0, -0.0010))


def test_a_gap_goes_through_the_stop() -> None:
    """The stop at 1.0992 is jumped: out at the open of 1.0950, 52 pips below the entry."""
    minutes = [(1.1, 1.1001, 1.0999, 1.1), (1.095, 1.096, 1.094, 1.095)]

    assert entered(1, minutes) == pytest.approx((1, 1.0950 - 1.1002))


def test_a_target_fills_at_its_price() -> None:
    """20 pips, also where the minute goes beyond."""
    assert entered(1, [(1.1, 1.11, 1.0999, 1.105)]) == pytest.approx((0, 0.0020))
    assert entered(-1, [(1.1, 1.1001, 1.09, 1.095)]) == pytest.approx((0, 0.0020))


def traded(trades: int) -> tuple[SyntheticMarket, RunRecord]:
    """Return a week of a synthetic market and a record with some hours in it."""
    market = SyntheticMarket(("EURUSD", "USDJPY"), SyntheticSection(history_weeks=1))
    some = [
        a_closed_trade(
            ticket=place,
            symbol=("EURUSD", "USDJPY")[place % 2],
            opened_ns=START_NS + place * HOUR_NS,
            closed_ns=START_NS + (place + 2) * HOUR_NS,
            open_price=(1.05, 150.0)[place % 2],
            stop_price=(1.045, 149.3)[place % 2],
            target_price=(1.065, 152.1)[place % 2],
            commission=-0.7,
        )
        for place in range(trades)
    ]
    record = a_record(*some)
    identity = record.identity
    moved = {"start_ns": START_NS, "end_ns": START_NS + 10 * DAY_NS}
    fields = {name: getattr(identity, name) for name in identity.__struct_fields__}
    return market, a_record(*some, identity=type(identity)(**{**fields, **moved}))


def test_moved_trades_keep_their_time_and_never_span_a_weekend() -> None:
    """Every one ends within two hours of market time, while the market trades."""
    market, record = traded(40)
    ended_ns, pnls = RandomEntries(market, record).drawn(np.random.default_rng(1))

    assert len(pnls) == 40
    assert all(is_open(int(moment) - 1) for moment in ended_ns)
    minutes = market.minutes("EURUSD", START_NS, START_NS + DAY_NS)
    assert held_minutes(minutes["open_ns"], record.trades[0]) == 120


def test_chance_loses_its_costs_on_average() -> None:
    """Over many draws a trade brings less than nothing: about what spread and commission take."""
    market, record = traded(60)
    entries = RandomEntries(market, record)
    pnls = np.concatenate([entries.drawn(np.random.default_rng(seed))[1] for seed in range(40)])

    error = pnls.std() / np.sqrt(len(pnls))
    assert -4.0 - 4.0 * error < pnls.mean() < 4.0 * error


def test_the_band_is_the_same_for_the_same_record() -> None:
    """Seeds count from 0; the band begins with the deposit and its middle lies within."""
    market, record = traded(10)
    band = RandomEntries(market, record).band(20)

    assert band is not None
    assert band == RandomEntries(market, record).band(20)
    assert band.low[0] == band.median[0] == band.high[0] == record.identity.deposit
    assert band.low[-1] < band.median[-1] < band.high[-1]
    assert len(set(band.final_returns)) > 10


def test_without_a_trade_there_is_no_chance() -> None:
    """Nothing can be moved, and nothing is drawn if nobody asks."""
    market, record = traded(0)

    assert RandomEntries(market, record).band(20) is None
    assert RandomEntries(*traded(3)).band(0) is None
