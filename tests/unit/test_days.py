"""The trading day in figures: every number by hand, told once, and nothing lost that came late."""

from typing import Any

import pytest

from agents.rounds.days import SETTLING_NS, day_end_ns
from blackboard.facts import (
    ACCOUNT,
    DayStatistics,
    EquityMark,
    Fill,
    RiskRefused,
    Summary,
)
from blackboard.facts.control import ReasonCount
from blackboard.facts.decision import Side
from blackboard.facts.execution import DealEntry, Origin
from models.market.sessions import DAY_NS, HOUR_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_position,
    a_quote,
    a_snapshot,
    a_trade,
    an_intent,
    an_outcome,
)
from tests.chamber import Chamber, a_bar

DAY_END_NS = T0_NS + 10 * HOUR_NS
DUE_NS = DAY_END_NS + SETTLING_NS


def a_fill(**changes: Any) -> Fill:
    """Return the opening deal of 0.1 lots long at 1.1."""
    fields: dict[str, Any] = {
        "scope": "EURUSD",
        "intent_id": "EURUSD-1",
        "side": Side.BUY,
        "entry": DealEntry.IN,
        "lots": 0.1,
        "price": 1.1,
        "profit": 0.0,
        "commission": 0.0,
        "swap": 0.0,
        "fee": 0.0,
        "reason": "expert",
        "deal_ticket": 1,
        "position_ticket": 1,
    }
    return Fill(**{**fields, **changes})


def a_mark(drawdown_frac: float) -> EquityMark:
    """Return a mark that equity has fallen from."""
    return EquityMark(
        scope=ACCOUNT,
        equity=10_000.0 * (1.0 - drawdown_frac),
        high_water_mark=10_000.0,
        drawdown_frac=drawdown_frac,
        deposits=10_000.0,
    )


def an_exit(reason: str, price: float, **changes: Any) -> Fill:
    """Return the deal that closes it."""
    closing = {"side": Side.SELL, "entry": DealEntry.OUT, "reason": reason, "price": price}
    return a_fill(**{"intent_id": "", "deal_ticket": 2, **closing, **changes})


def test_a_day_is_told_in_figures() -> None:
    """Two trades, one won: 0.1 lots are 10,000 units, so a pip is 1.00 and half a spread 0.50."""
    chamber = Chamber()
    chamber.say("execution", a_snapshot())
    chamber.say("data", a_quote())
    chamber.say("supervisor", an_intent(reference_price=1.1001))
    chamber.say("execution", a_fill(price=1.1003), a_position(open_price=1.1003), an_outcome())
    chamber.say("risk", a_mark(0.02))
    # The stop at 1.098 is gapped through by 3 pips; the entry slipped by 2.
    chamber.say(
        "execution",
        an_exit("stop", 1.0977),
        a_trade(pnl=-30.0, profit=-26.0, swap=1.0, commission=-4.0, fee=-1.0, r_multiple=-1.25),
    )
    refused = RiskRefused(
        scope="EURUSD", intent_id="x", reason="heat_max", value=0.03, limit=0.02, detail=""
    )
    chamber.say("risk", refused, a_mark(0.01))
    # A target fills at its level; nobody of ours asked for its entry, so it has no price.
    chamber.say("execution", a_fill(position_ticket=2, intent_id="by hand"))
    chamber.say("execution", a_position(ticket=2), an_exit("target", 1.106, position_ticket=2))
    closed = a_trade(pnl=60.0, ticket=2, r_multiple=3.0, origin=Origin.EXTERNAL)
    chamber.say("execution", closed, a_snapshot(equity=10_530.0, deposits=10_500.0))
    chamber.now_ns = T0_NS + M15_NS
    chamber.say("data", a_bar(), ts_ns=T0_NS + M15_NS)
    chamber.at(DUE_NS - 1)
    assert not chamber.all(DayStatistics)
    chamber.at(DUE_NS)

    day = chamber.last(DayStatistics)
    assert day.day == "2025-03-05"
    assert (day.equity_start, day.equity_end, day.deposits) == (10_000.0, 10_530.0, 500.0)
    assert (day.drawdown_frac, day.drawdown_frac_max) == (0.01, 0.02)
    assert (day.entries, day.trades, day.wins, day.rated, day.unpriced) == (1, 2, 1, 1, 1)
    assert (day.pnl, day.gross_profit, day.gross_loss) == (30.0, 60.0, 30.0)
    assert day.sum_r == -1.25
    assert day.held_min == 30.0
    assert (day.commission, day.swap) == (5.0, -1.0)
    assert day.spread_cost == pytest.approx(2 * 0.5)
    assert day.slippage == pytest.approx(2.0 + 3.0)
    assert day.refused_by == (ReasonCount(scope="heat_max", count=1),)
    assert (day.bars_on_time, day.bars_expected) == (1, 7 * 40)


def test_a_day_is_told_once_and_the_next_names_it() -> None:
    """Its end is its slot; a reader walks back from one day to the one before."""
    chamber = Chamber()
    for place in range(2):
        chamber.now_ns = T0_NS + place * DAY_NS
        chamber.hear_close()
        chamber.settle()
        chamber.at(DUE_NS + place * DAY_NS)
        chamber.at(DUE_NS + place * DAY_NS + HOUR_NS)

    first, second = chamber.entries(DayStatistics)
    assert (first.ts_event_ns, second.ts_event_ns) == (DAY_END_NS, DAY_END_NS + DAY_NS)
    assert first.causes == ()
    assert second.causes == (first.seq,)
    digests = [entry for entry in chamber.entries(Summary) if entry.key.endswith("/day")]
    assert [entry.causes for entry in digests] == [
        (first.seq,),
        (second.seq,),
    ]


def test_what_comes_late_counts_for_the_day_after() -> None:
    """A trade of a day that was told is in the figures of the next, and in none twice."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    chamber.at(DUE_NS)
    chamber.say("execution", a_trade(), ts_ns=DAY_END_NS - HOUR_NS)
    chamber.at(DUE_NS + DAY_NS)

    assert [day.trades for day in chamber.all(DayStatistics)] == [0, 1]


def test_days_that_ended_while_nobody_ran_are_told_in_one_post() -> None:
    """Each names the one before it."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    chamber.now_ns = T0_NS + DAY_NS
    chamber.hear_close()
    chamber.at(DUE_NS + DAY_NS)

    first, second = chamber.entries(DayStatistics)
    assert second.causes == (first.seq,)
    assert (first.now_ns, second.now_ns) == (DUE_NS + DAY_NS, DUE_NS + DAY_NS)


def test_a_bar_after_the_next_close_is_late() -> None:
    """On time is what can still be decided: on the board before the close that follows."""
    chamber = Chamber()
    chamber.hear_close()
    close_ns = T0_NS + M15_NS
    chamber.now_ns = close_ns + M15_NS - 1
    chamber.say("data", a_bar(), ts_ns=close_ns)
    chamber.now_ns = close_ns + 2 * M15_NS
    chamber.say("data", a_bar("GBPUSD"), ts_ns=close_ns + M15_NS)
    chamber.at(DUE_NS)

    assert chamber.last(DayStatistics).bars_on_time == 1


def test_a_weekend_belongs_to_the_monday_after() -> None:
    """A day ends at 17:00 New York, which belongs to it; closed markets have no day."""
    friday_end_ns = DAY_END_NS + 2 * DAY_NS
    monday_end_ns = friday_end_ns + 3 * DAY_NS - HOUR_NS  # daylight saving begins on Sunday

    assert day_end_ns(DAY_END_NS) == DAY_END_NS
    assert day_end_ns(DAY_END_NS + 1) == DAY_END_NS + DAY_NS
    assert day_end_ns(friday_end_ns) == friday_end_ns
    assert day_end_ns(friday_end_ns + 1) == monday_end_ns
    assert day_end_ns(monday_end_ns - 1) == monday_end_ns
