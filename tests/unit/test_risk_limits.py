"""Limits beside the plain sums: shared bets, usual spreads, order rate, sides, bad fills."""

from math import isnan
from typing import Any

import numpy as np
import pytest

from agents.risk import RiskAgent
from blackboard.facts import AnyFact, Lock, RiskApproved, RiskRefused
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome, Purpose
from blackboard.facts.opinion import SymbolCorrelation
from blackboard.facts.permission import LockSide
from models.market.sessions import HOUR_NS, MINUTE_NS
from models.market.spreads import spread_slot, usual_spreads
from tests.builders import (
    M15_NS,
    T0_NS,
    a_budget,
    a_position,
    a_quote,
    a_snapshot,
    a_trade,
    an_intent,
    an_outcome,
)
from tests.desk import Desk
from tests.risk_desk import an_open_desk, settings, verdict_on, verdicts

NO_HEAT = {"correlated_heat_max": 0.1, "currency_risk_max": 0.1}
"""Settings under which sums do not refuse what a test is not about."""


def correlated(correlation: float) -> AnyFact:
    """Return a budget that knows how EURUSD moves with GBPUSD."""
    pair = SymbolCorrelation(scope="EURUSD", other="GBPUSD", correlation=correlation)
    return a_budget(correlations=(pair,))


def refused(verdict: RiskApproved | RiskRefused) -> str:
    """Return the reason of a refusal, empty for an approval."""
    return verdict.reason if isinstance(verdict, RiskRefused) else ""


@pytest.mark.parametrize(
    ("side", "correlation", "reason"),
    [
        (Side.BUY, 0.81, "correlation_max"),
        (Side.BUY, 0.8, ""),
        (Side.BUY, -0.9, ""),  # a hedge
        (Side.SELL, -0.81, "correlation_max"),  # short a symbol that falls when ours rises
        (Side.SELL, 0.9, ""),
    ],
)
def test_correlation_is_signed_by_the_sides(side: Side, correlation: float, reason: str) -> None:
    """What counts is whether the profits move together, not the prices."""
    desk = an_open_desk(NO_HEAT)
    held = a_position("GBPUSD", side=side, stop_price=1.098 if side is Side.BUY else 1.102)

    assert refused(verdict_on(desk, held, correlated(correlation))) == reason


def test_the_others_budget_tells_the_correlation_too() -> None:
    """One of the two symbols that knows is enough."""
    desk = an_open_desk(NO_HEAT)
    pair = SymbolCorrelation(scope="GBPUSD", other="EURUSD", correlation=0.9)

    verdict = verdict_on(desk, a_position("GBPUSD"), a_budget("GBPUSD", correlations=(pair,)))

    assert refused(verdict) == "correlation_max"


def approved_gbpusd(desk: Desk, stop_price: float) -> None:
    """Approve, fill and hold 0.23 lots of GBPUSD, then draw the stop to a price."""
    desk.say(an_intent("GBPUSD"))
    desk.run()
    desk.say(
        an_outcome("GBPUSD", lots=0.23), a_position("GBPUSD", lots=0.23, stop_price=stop_price)
    )
    desk.run()


def test_a_shared_budget_is_what_the_position_no_longer_risks() -> None:
    """0.004991 at the entry, 0.0023 at a stop drawn to 10 pips: 0.002691 is left."""
    desk = an_open_desk({**NO_HEAT, "correlation_mode": "share"})
    approved_gbpusd(desk, 1.099)  # 0.0010 × 0.23 × 100,000 = 23 of 10,000

    verdict = verdict_on(desk, correlated(0.9))

    assert isinstance(verdict, RiskApproved)
    assert verdict.lots == 0.12  # 26.91 / 217 = 0.124
    shared = {factor.name: factor.value for factor in verdict.factors}["shared"]
    assert shared == pytest.approx(0.002691)


def test_a_budget_that_is_used_up_is_not_shared() -> None:
    """While the position risks all it was given, the entry is refused as in the other mode."""
    desk = an_open_desk({**NO_HEAT, "correlation_mode": "share"})
    approved_gbpusd(desk, 1.098)

    verdict = verdict_on(desk, correlated(0.9))

    assert isinstance(verdict, RiskRefused)
    assert (verdict.reason, verdict.value, verdict.detail) == ("correlation_max", 0.9, "GBPUSD")


def test_known_correlation_lowers_the_heat_of_unknown_ones() -> None:
    """0.009982 as one bet, 0.00706 as two: the same limit refuses and approves."""
    limits = {"correlated_heat_max": 0.009}
    unknown, known = an_open_desk(limits), an_open_desk(limits)
    for desk in (unknown, known):
        desk.say(an_intent("GBPUSD"))
        desk.run()

    assert refused(verdict_on(unknown)) == "correlated_heat_max"
    assert refused(verdict_on(known, correlated(0.0))) == ""  # 0.004991 × sqrt(2)


def test_opposite_bets_on_a_currency_cancel() -> None:
    """Short GBPUSD beside long EURUSD leaves no net risk in dollars."""
    desk = an_open_desk({"currency_risk_max": 0.009})
    desk.say(an_intent("GBPUSD", side=Side.SELL))
    desk.run()

    assert refused(verdict_on(desk)) == ""


def test_what_nobody_specified_counts_for_every_currency() -> None:
    """A position in a symbol that is not traded here may be a bet on any of ours."""
    desk = an_open_desk({**NO_HEAT, "currency_risk_max": 0.02, "heat_max": 0.1})
    foreign = a_position("XAUUSD", ticket=9, intent_id="", stop_price=0.0)

    verdict = verdict_on(desk, foreign)

    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == "currency_risk_max"
    assert verdict.value == pytest.approx(0.02 + 0.004991)


def test_break_even_positions_do_not_pile_up() -> None:
    """Without heat at their stops they still cost two distances each when all of them slip."""
    desk = an_open_desk({"slipped_heat_max": 0.02, **NO_HEAT})
    approved_gbpusd(desk, 1.1)

    verdict = verdict_on(desk, correlated(0.0))

    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == "slipped_heat_max"
    assert verdict.value == pytest.approx(5 * 0.004991)  # 2 at break-even, 3 of its own


def quotes(desk: Desk, *asks: float) -> None:
    """Quote EURUSD a minute apart within one hour."""
    for ask in asks:
        desk.now_ns += MINUTE_NS
        desk.say(a_quote(ask=ask))
    desk.say(a_snapshot())
    desk.run()


def test_usual_spread_is_silent_before_it_is_known() -> None:
    """Below its samples the rule says nothing: the fixed ceilings hold."""
    desk = an_open_desk({"spread_samples_min": 4})
    quotes(desk, 1.1001, 1.1001, 1.1002)  # one from the start makes three before it

    assert refused(verdict_on(desk)) == ""


def test_usual_spread_is_that_of_its_hour() -> None:
    """A spread that is usual at one hour is wide at another; hours do not mix."""
    desk = an_open_desk({"spread_samples_min": 3})
    quotes(desk, 1.1001, 1.1001, 1.1001)
    desk.now_ns += HOUR_NS
    quotes(desk, 1.1002, 1.1002, 1.1002, 1.1002)

    desk.say(an_intent(valid_until_ns=desk.now_ns))
    desk.run()
    assert refused(verdicts(desk)[-1]) == ""


def test_usual_spread_survives_a_restart_and_is_the_simulators() -> None:
    """Rebuilt from the board it is the same, and the same as the column over all quotes."""
    desk = an_open_desk({"spread_samples_min": 3})
    random = np.random.default_rng(7)
    for _ in range(600):
        desk.now_ns += 7 * MINUTE_NS
        desk.say(a_quote(ask=round(1.1 + int(random.integers(5, 30)) * 1e-5, 5)))
    desk.run()
    rebuilt = RiskAgent(settings({"spread_samples_min": 3}))
    desk.replace(rebuilt)

    said = [e for e in desk.entries() if e.kind == "Quote" and e.fact.scope == "EURUSD"]
    points = [round((e.fact.ask - e.fact.bid) / 1e-5) for e in said]  # type: ignore[union-attr]
    slots = np.array([spread_slot(entry.ts_event_ns) for entry in said])
    column = usual_spreads(np.array(points, dtype=np.float64), slots, 3)

    assert not isnan(column[-1])
    assert rebuilt._views.market.usual_spread_points("EURUSD", 3) == column[-1]


def test_an_hour_of_entries_passes() -> None:
    """Entries count for the hour after their close and not for longer."""
    desk = an_open_desk({"entries_per_hour_max": 1, **NO_HEAT})
    desk.say(an_intent("GBPUSD"))
    desk.run()
    outcomes = []
    for minutes in (45, 60):
        desk.now_ns = T0_NS + minutes * MINUTE_NS
        desk.say(a_snapshot(), a_quote())
        desk.run()
        desk.say(an_intent(intent_id=f"at-{minutes}", valid_until_ns=desk.now_ns + M15_NS))
        desk.run()
        outcomes.append(refused(verdicts(desk)[-1]))

    assert outcomes == ["entries_per_hour_max", ""]


def test_the_other_side_may_be_entered_earlier_after_a_stop() -> None:
    """After an hour only the side that was stopped out still rests."""
    desk = an_open_desk()
    desk.say(a_trade(reason="stop"))  # a long position
    desk.now_ns += 60 * MINUTE_NS
    desk.say(a_snapshot(), a_quote())
    desk.run()
    for side in Side:
        desk.say(an_intent(intent_id=side.value, side=side, valid_until_ns=desk.now_ns))
        desk.run()

    long, short = verdicts(desk)
    assert isinstance(long, RiskRefused)
    assert (long.reason, long.value) == ("stop_side_cooldown_min", 60.0)
    assert isinstance(short, RiskApproved)


def filled(price: float, **changes: Any) -> AnyFact:
    """Return the outcome of the intent to buy at 1.1."""
    return an_outcome(price=price, **changes)


@pytest.mark.parametrize(
    ("outcome", "is_locked"),
    [
        (filled(1.10051), True),  # 5.1 pips worse
        (filled(1.1005), False),
        (filled(1.098), False),  # better
        (filled(1.10051, outcome=Outcome.REJECTED), False),
        (filled(1.10051, purpose=Purpose.EXIT), False),
        (filled(1.10051, intent_id="never-heard-of"), False),
    ],
)
def test_a_bad_fill_rests_its_symbol(outcome: AnyFact, *, is_locked: bool) -> None:
    """An entry filled more than five pips worse than its price locks the symbol for an hour."""
    desk = an_open_desk()
    desk.say(an_intent())
    desk.run()
    desk.say(outcome)
    desk.run()

    locks = [entry.fact for entry in desk.board.history(Lock)]
    assert bool(locks) is is_locked
    for lock in locks:
        assert isinstance(lock, Lock)
        assert (lock.side, lock.reason) == (LockSide.BOTH, "slippage_pips_max")
        assert lock.valid_until_ns == T0_NS + 60 * MINUTE_NS
        desk.say(a_position(lots=0.0))
        desk.say(an_intent(intent_id="EURUSD-2"))
        desk.run()
        assert refused(verdicts(desk)[-1]) == "slippage_pips_max"


def test_a_sale_slips_downwards() -> None:
    """For a sale a lower price is the worse one."""
    desk = an_open_desk()
    desk.say(an_intent(side=Side.SELL))
    desk.run()
    desk.say(filled(1.0994))
    desk.run()

    assert desk.count(Lock) == 1


@pytest.mark.parametrize(("profile", "reason"), [("none", ""), ("esma", "leverage_profile")])
def test_a_profile_counts_margin_by_its_own_table(profile: str, reason: str) -> None:
    """At 30:1 gross 330,000 and 25,301 need 11,844 of an account of 10,000."""
    limits = {"leverage_profile": profile, "leverage_max": 500.0}
    desk = an_open_desk(limits)

    held = a_position("GBPUSD", lots=3.0, stop_price=1.1, intent_id="")

    assert refused(verdict_on(desk, held)) == reason


def test_rebuilt_agent_finds_its_locks() -> None:
    """Locks of side and of slippage are facts: a restart wants none of them again."""
    desk = an_open_desk()
    desk.say(an_intent())
    desk.run()
    desk.say(filled(1.2), a_trade("GBPUSD", reason="stop"))
    desk.run()

    assert desk.count(Lock) == 3
    assert desk.replace(RiskAgent(settings())) == []
