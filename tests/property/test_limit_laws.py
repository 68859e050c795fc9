"""Caps and breakers hold for any sequence of intents and any path of equity."""

from itertools import combinations
from math import isclose, sqrt

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.risk import RiskAgent
from blackboard.facts import AnyFact, LimitBreached, OrderIntent, RiskApproved, RiskRefused
from blackboard.facts.decision import Side
from blackboard.facts.opinion import SymbolCorrelation
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS, WEEK_NS
from tests.builders import (
    T0_NS,
    a_budget,
    a_coverage,
    a_feed,
    a_quote,
    a_reconciled,
    a_snapshot,
    a_spec,
    a_state,
    an_intent,
)
from tests.desk import Desk

SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD", "EURGBP")
PAIRS = tuple(combinations(SYMBOLS, 2))
EQUITY = 10_000.0
TINY = 1e-9


def configured(mode: str) -> Settings:
    """Return the defaults without the rules that would leave few intents to judge."""
    risk = {"correlation_mode": mode, "positions_per_symbol_max": 5, "positions_max": 50}
    return Settings.model_validate({"symbols": SYMBOLS, "agents": {"risk": risk}})


def a_desk(settings_: Settings, correlations: list[float | None]) -> Desk:
    """Return a desk in order, where some correlations are known."""
    desk = Desk(RiskAgent(settings_))
    desk.say(*(a_spec(symbol) for symbol in SYMBOLS))
    desk.say(*(a_quote(symbol) for symbol in SYMBOLS), *(a_feed(symbol) for symbol in SYMBOLS))
    desk.say(a_state(), a_reconciled(), a_coverage())
    for symbol in SYMBOLS:
        known = tuple(
            SymbolCorrelation(scope=symbol, other=pair[1], correlation=value)
            for pair, value in zip(PAIRS, correlations, strict=True)
            if pair[0] == symbol and value is not None
        )
        desk.say(a_budget(symbol, correlations=known))
    desk.say(a_snapshot())
    desk.run()
    return desk


wishes = st.builds(
    lambda symbol, side, stop_pips, ratio, value: (symbol, side, stop_pips, ratio, value),
    st.sampled_from(SYMBOLS),
    st.sampled_from(Side),
    st.integers(2, 400),
    st.floats(0.5, 6.0),
    st.floats(-0.5, 3.0),
)
known = st.lists(
    st.one_of(st.none(), st.floats(-1.0, 1.0)), min_size=len(PAIRS), max_size=len(PAIRS)
)


def _intent(place: int, wish: tuple[str, Side, int, float, float]) -> OrderIntent:
    symbol, side, stop_pips, ratio, value = wish
    return an_intent(
        symbol,
        intent_id=f"wish-{place}",
        valid_until_ns=T0_NS + HOUR_NS,
        side=side,
        stop_distance=stop_pips * 0.0001,
        target_distance=stop_pips * 0.0001 * ratio,
        expected_value_r=value,
    )


def _correlation(one: str, two: str, correlations: list[float | None]) -> float | None:
    if one == two:
        return 1.0
    place = PAIRS.index((one, two) if (one, two) in PAIRS else (two, one))
    return correlations[place]


def _heat(approved: list[RiskApproved], correlations: list[float | None]) -> float:
    """Return sqrt(f'Pf) by the definition: half the measure, half its sign beyond one half."""
    total = 0.0
    for one in approved:
        for two in approved:
            measured = _correlation(one.scope, two.scope, correlations)
            signed = 1.0
            if one is not two and measured is not None:
                sign = 1.0 if measured > 0.0 else -1.0
                stressed = (measured + sign) / 2.0 if abs(measured) > 0.5 else measured
                signed = one.side.sign * two.side.sign * stressed
            total += signed * one.risk_frac * two.risk_frac
    return sqrt(max(0.0, total))


def _net(approved: list[RiskApproved], currency: str) -> float:
    base = sum(a.side.sign * a.risk_frac for a in approved if a.scope[:3] == currency)
    return base - sum(a.side.sign * a.risk_frac for a in approved if a.scope[3:] == currency)


@settings(max_examples=80, deadline=None)
@given(st.lists(wishes, min_size=1, max_size=14), known, st.sampled_from(["refuse", "share"]))
def test_caps_hold_for_any_sequence_of_intents(
    wanted: list[tuple[str, Side, int, float, float]],
    correlations: list[float | None],
    mode: str,
) -> None:
    """Whatever is asked for, what is approved together stays within every cap."""
    settings_ = configured(mode)
    limits = settings_.agents.risk
    desk = a_desk(settings_, correlations)
    intents = {f"wish-{place}": _intent(place, wish) for place, wish in enumerate(wanted)}
    desk.say(*intents.values())
    desk.run()

    facts = [entry.fact for entry in desk.entries()]
    approved = [fact for fact in facts if isinstance(fact, RiskApproved)]
    assert len(approved) + sum(isinstance(f, RiskRefused) for f in facts) == len(intents)
    assert sum(a.risk_frac for a in approved) <= limits.heat_max + TINY
    assert _heat(approved, correlations) <= limits.correlated_heat_max + TINY
    for currency in ("EUR", "USD", "GBP", "AUD"):
        assert abs(_net(approved, currency)) <= limits.currency_risk_max + TINY
    assert limits.slip_factor * sum(a.risk_frac for a in approved) <= limits.slipped_heat_max + TINY
    notional = sum(a.lots * 100_000.0 * 1.10005 for a in approved)
    assert notional <= limits.leverage_max * EQUITY + TINY
    assert len(approved) <= limits.entries_per_hour_max
    for one in approved:
        distance = intents[one.intent_id].stop_distance + 0.0001
        loss = one.lots * (distance * 100_000.0 + 2.0 * 3.5)
        # What is lost at the stop, spread and commissions included.
        assert loss <= EQUITY * limits.risk_frac_max + 1e-6
        assert isclose(loss, one.risk_account, rel_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(7_000, 11_000), st.integers(-1_500, 1_500)), max_size=12),
    st.integers(0, 11),
)
def test_breakers_trip_on_equity_and_survive_a_restart(
    path: list[tuple[int, int]], restart: int
) -> None:
    """A drawdown beyond a threshold is posted and refuses, however little of it is realised."""
    settings_ = configured("refuse")
    desk = a_desk(settings_, [None] * len(PAIRS))
    high = EQUITY
    for place, (equity, realised) in enumerate(path):
        # A week apart, so that only the mark remembers.
        desk.now_ns += WEEK_NS
        high = max(high, float(equity))
        snapshot: AnyFact = a_snapshot(equity=float(equity), balance=float(equity + realised))
        desk.say(*(a_quote(symbol) for symbol in SYMBOLS), snapshot)
        desk.run()
        if place == restart:
            assert desk.replace(RiskAgent(settings_)) == []
        desk.say(an_intent(intent_id=f"at-{place}", valid_until_ns=desk.now_ns + MINUTE_NS))
        desk.run()
        verdict = next(
            entry.fact
            for entry in reversed(desk.entries())
            if isinstance(entry.fact, RiskApproved | RiskRefused)
        )
        drawdown = 1.0 - equity / high
        if drawdown >= settings_.agents.risk.drawdown_reducing + TINY:
            assert isinstance(verdict, RiskRefused)
            assert verdict.reason in {"drawdown_reducing", "drawdown_halted"}
            breaches = [e.fact for e in desk.entries() if isinstance(e.fact, LimitBreached)]
            assert any(breach.limit == "drawdown_reducing" for breach in breaches)
