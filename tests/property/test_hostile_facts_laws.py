"""Promises P8 and P12 for risk and supervisor, whatever the other agents say.

Every agent but the one under test may lie: its facts hold the extremes that their constructors let
through. No lie raises risk above the hard limits, none stops the agent, and whatever is refused,
held or breached says why in a word of a closed vocabulary.
"""

from math import isfinite
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import Inbox
from agents.limits.reasons import WATCHED, Reason
from agents.risk import RiskAgent
from blackboard.facts import (
    FOREVER_NS,
    AnyFact,
    Decision,
    Exposure,
    LimitBreached,
    OrderIntent,
    RiskApproved,
    RiskRefused,
    SymbolSpec,
    Vote,
)
from blackboard.facts.control import Health, TradingState
from blackboard.facts.decision import Action, Side
from blackboard.facts.execution import Origin, Outcome
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from blackboard.facts.opinion import PROBABILITY_MAX, PROBABILITY_MIN, SymbolCorrelation
from config.settings import Settings
from models.decision import sizing
from models.decision.arbitration import GATES
from models.market.sessions import MINUTE_NS
from tests.builders import (
    T0_NS,
    a_blackout,
    a_budget,
    a_coverage,
    a_feed,
    a_health,
    a_position,
    a_quote,
    a_reconciled,
    a_snapshot,
    a_spec,
    a_state,
    a_submission,
    a_trade,
    an_intent,
    an_outcome,
    some_parameters,
)
from tests.chamber import Chamber, a_forecast, a_stop, a_vote
from tests.desk import Desk

SYMBOLS: Final = ("EURUSD", "GBPUSD", "AUDUSD")
SETTINGS: Final = Settings.model_validate({"symbols": SYMBOLS})
LIMITS: Final = SETTINGS.agents.risk

TINY, HUGE = 5e-324, 1.7e308
"""Smallest and largest floats: the constructors bound signs and, where it matters, sizes."""

symbols = st.sampled_from(SYMBOLS)
numbers = st.integers(1, 6)
positive = st.sampled_from([TINY, 1e-300, 1e-9, 1e-4, 0.002, 0.1, 1.0, 1e6, 1e300, HUGE])
any_float = st.sampled_from([0.0, 0.2, 3.0, -1.0, HUGE, -HUGE, float("inf"), float("nan")])
amounts = st.sampled_from([-1e12, -1.0, 0.0, 0.01, 7_000.0, 10_000.0, 1e12])
validity = st.sampled_from([0, T0_NS, T0_NS + 15 * MINUTE_NS, FOREVER_NS])


def _tried(kind: Any, *args: Any, **fields: Any) -> AnyFact | None:
    """Return a fact, or None where its constructor refuses: such a fact never gets posted."""
    try:
        made: AnyFact = kind(*args, **fields)
    except ValueError:
        return None
    return made


def _built(kind: Any, **fields: Any) -> st.SearchStrategy[AnyFact | None]:
    return st.builds(lambda **drawn: _tried(kind, **drawn), **fields)


hostile_intents = st.builds(
    lambda symbol, number, **fields: _tried(
        an_intent, symbol, intent_id=f"{symbol}-{number}", **fields
    ),
    symbols,
    numbers,
    side=st.sampled_from(Side),
    stop_distance=positive,
    target_distance=positive,
    reference_price=positive,
    expected_value_r=any_float,
    confidence=st.sampled_from([0.5, 0.6, 1.0]),
    valid_until_ns=validity,
)
plausible_intents = st.builds(
    lambda symbol, number, pips: an_intent(
        symbol,
        intent_id=f"{symbol}-{number}",
        stop_distance=pips * 1e-4,
        target_distance=pips * 3e-4,
        valid_until_ns=FOREVER_NS,
    ),
    symbols,
    numbers,
    st.integers(3, 60),
)
advice = st.one_of(
    _built(
        a_budget,
        scope=symbols,
        multiplier=st.sampled_from([0.5, 1.0, 1.5]),
        effective_from_ns=st.sampled_from([0, T0_NS]),
        correlations=st.lists(
            st.builds(
                SymbolCorrelation,
                scope=symbols,
                other=symbols,
                correlation=st.sampled_from([-1.0, 0.0, 1.0]),
            ),
            max_size=2,
        ).map(tuple),
    ),
    _built(
        some_parameters,
        risk_frac=st.sampled_from([0.002, 0.01]),
        min_rr_ratio=positive,
        atr_multiplier=positive,
        effective_from_ns=st.sampled_from([0, T0_NS]),
    ),
    _built(a_coverage, state=st.sampled_from(Coverage), valid_until_ns=validity),
    _built(a_blackout, scope=symbols),
)
orders = st.one_of(
    st.builds(lambda s, n: a_submission(s, intent_id=f"{s}-{n}"), symbols, numbers),
    st.builds(
        lambda s, n, o: an_outcome(s, o, intent_id=f"{s}-{n}"),
        symbols,
        numbers,
        st.sampled_from(Outcome),
    ),
    st.builds(
        lambda s, n, **fields: _tried(a_position, s, ticket=n, intent_id=f"{s}-{n}", **fields),
        symbols,
        numbers,
        lots=st.sampled_from([0.0, 0.1, 1e9]),
        open_price=positive,
        stop_price=st.sampled_from([0.0, 1.098, 1e12, float("nan"), -1.0]),
        side=st.sampled_from(Side),
        origin=st.sampled_from(Origin),
    ),
    st.builds(
        lambda s, n, pnl: a_trade(s, pnl, ticket=n, intent_id=f"{s}-{n}"),
        symbols,
        numbers,
        amounts,
    ),
)
account = st.one_of(
    _built(
        a_snapshot,
        equity=amounts,
        margin=amounts,
        margin_free=amounts,
        deposits=amounts,
        leverage=st.sampled_from([-5, 0, 1, 30, 10_000]),
    ),
    st.just(a_snapshot()),
)
control = st.one_of(
    st.builds(a_state, st.sampled_from(TradingState)),
    st.just(a_state()),
    st.builds(a_health, st.sampled_from(["supervisor", "execution"]), st.sampled_from(Health)),
    st.builds(a_reconciled, is_clean=st.booleans()),
    st.builds(a_feed, symbols, st.sampled_from(FeedState)),
)
prices = _built(
    a_quote,
    scope=symbols,
    bid=positive,
    ask=positive,
    account_per_quote=positive,
    valid_until_ns=validity,
)
hostile = st.one_of(
    hostile_intents, hostile_intents, plausible_intents, advice, orders, account, control, prices
)


def _sound_start() -> Desk:
    desk = Desk(RiskAgent(SETTINGS))
    for symbol in SYMBOLS:
        desk.say(a_spec(symbol), a_quote(symbol), a_feed(symbol))
    desk.say(a_state(), a_reconciled(), a_coverage(), a_snapshot())
    desk.run()
    return desk


def _told(desk: Desk, facts: list[AnyFact | None]) -> None:
    for fact in facts:
        if fact is not None:
            # Intents belong to the first close, whose account was read: what follows is the lie.
            desk.say(fact, ts_ns=T0_NS if isinstance(fact, OrderIntent) else None)
            desk.run(desk.now_ns + 1)


def _loss_at_stop(approved: RiskApproved, intent: OrderIntent, desk: Desk) -> float:
    """Return what an approval loses at its stop, by the prices known when it was given."""
    views = desk.agent._views  # type: ignore[attr-defined]
    spec, quote = views.market.contract(approved.scope)
    per_lot = sizing.loss_per_lot(
        intent.stop_distance,
        quote.ask - quote.bid,
        spec.contract_size,
        quote.account_per_quote,
        SETTINGS.terminal.commission_per_lot,
    )
    return float(approved.lots * per_lot)


@settings(max_examples=150)
@given(st.lists(hostile, min_size=4, max_size=30))
def test_p8_no_lie_gets_more_than_the_hard_limits(facts: list[AnyFact | None]) -> None:
    """Lots, heat and leverage stay within their limits at every approval, by the prices known."""
    desk = _sound_start()
    for fact in facts:
        head = desk.board.head
        _told(desk, [fact])
        for entry in desk.entries(after=head):
            if isinstance(entry.fact, RiskApproved):
                _check_approval(entry.fact, desk)


def _check_approval(approved: RiskApproved, desk: Desk) -> None:
    intents = [e.fact for e in desk.entries() if isinstance(e.fact, OrderIntent)]
    intent = next(i for i in intents if i.intent_id == approved.intent_id)
    views = desk.agent._views  # type: ignore[attr-defined]
    equity = views.account.mark.fact.equity
    held = views.orders.commitments(desk.now_ns, views.market, equity)

    assert approved.risk_frac <= LIMITS.risk_frac_max
    assert _loss_at_stop(approved, intent, desk) <= equity * LIMITS.risk_frac_max * (1 + 1e-9)
    assert sum(one.risk_frac for one in held) <= LIMITS.heat_max * (1 + 1e-9)
    assert sum(one.notional for one in held) <= equity * LIMITS.leverage_max * (1 + 1e-9)
    assert len(held) <= LIMITS.positions_max
    assert approved.valid_until_ns <= desk.now_ns + 15 * MINUTE_NS


@settings(max_examples=150)
@given(st.lists(hostile, min_size=4, max_size=30))
def test_p12_every_refusal_and_breach_has_its_word_and_its_figures(
    facts: list[AnyFact | None],
) -> None:
    """The reason is one of `Reason`, value and limit are numbers, and each intent has a verdict."""
    desk = _sound_start()
    _told(desk, facts)
    desk.run(desk.now_ns + 20 * MINUTE_NS)

    said = [entry.fact for entry in desk.entries()]
    refused = [fact for fact in said if isinstance(fact, RiskRefused)]
    assert {fact.reason for fact in refused} <= {reason.value for reason in Reason}
    assert all(isfinite(fact.value) and isfinite(fact.limit) for fact in refused)
    assert {f.limit for f in said if isinstance(f, LimitBreached)} <= {w.value for w in WATCHED}
    assert all(isfinite(f.heat_frac) for f in said if isinstance(f, Exposure))
    asked = {fact.intent_id for fact in said if isinstance(fact, OrderIntent)}
    answered = [fact.intent_id for fact in said if isinstance(fact, RiskApproved | RiskRefused)]
    assert sorted(answered) == sorted(asked)


@settings(max_examples=60)
@given(st.lists(hostile, min_size=4, max_size=25))
def test_p8_a_rebuilt_gate_lies_no_other_way(facts: list[AnyFact | None]) -> None:
    """After whatever was said, a successor wants what the one that died wanted: nothing."""
    desk = _sound_start()
    _told(desk, facts)
    single = RiskAgent(SETTINGS)
    drafts = []
    for entry in desk.entries():
        drafts = single.step(desk.now_ns, Inbox((entry,))).drafts

    assert desk.replace(RiskAgent(SETTINGS)) == drafts == []


specs = st.builds(
    lambda **fields: _tried(SymbolSpec, **_spec_fields(fields)),
    point=positive,
    pip=positive,
    contract_size=positive,
    volume_min_lots=positive,
    volume_step_lots=positive,
    volume_max_lots=positive,
)


def _spec_fields(changes: dict[str, Any]) -> dict[str, Any]:
    sound = a_spec()
    return {name: getattr(sound, name) for name in sound.__struct_fields__} | changes


@settings(max_examples=150)
@given(specs, prices, hostile_intents)
def test_p8_no_contract_and_no_price_stops_the_gate(
    spec: AnyFact | None, quote: AnyFact | None, intent: AnyFact | None
) -> None:
    """Whatever terms and prices are posted, every intent still gets its verdict."""
    desk = _sound_start()
    _told(desk, [spec, quote, intent])

    asked = 0 if intent is None else 1
    desk.run(desk.now_ns + 20 * MINUTE_NS)
    assert desk.count(RiskApproved) + desk.count(RiskRefused) == asked


probabilities = st.sampled_from([PROBABILITY_MIN, 0.4, 0.5, 0.6, PROBABILITY_MAX])
opinions = st.one_of(
    _built(
        a_vote,
        voter=st.sampled_from(["technical.trend", "technical.reversion", "sentiment", "liar"]),
        p=probabilities,
        abstains=st.booleans(),
        reference_price=positive,
        barrier_distance=positive,
        valid_until_ns=validity,
    ),
    _built(
        a_forecast,
        bars=st.sampled_from([4, 16]),
        vol_ratio=positive,
        vol_ratio_limit=positive,
        vetoes_reversal=st.booleans(),
        atr_scale=st.sampled_from([0.7, 1.0, 1.6]),
        abstains=st.booleans(),
    ),
    _built(a_stop, long_stop_price=positive, short_stop_price=positive, atr=positive),
)


@settings(max_examples=120)
@given(st.lists(st.one_of(opinions, opinions, prices, advice, control, orders), max_size=15))
def test_p12_every_hold_names_its_gate_whatever_is_said(facts: list[AnyFact | None]) -> None:
    """A hold is blocked by a known gate, an entry by none; no intent without its decision."""
    chamber = Chamber()
    # The first word in a slot counts: lies come before what the others have to say.
    for fact in facts:
        if fact is not None:
            chamber.say("technical" if isinstance(fact, Vote) else "data", fact)
    chamber.hear_close(trend=0.65, reversion=0.65)
    chamber.settle()
    chamber.at(T0_NS + 5 * MINUTE_NS)

    assert chamber.all(Decision)
    for decision in chamber.all(Decision):
        is_hold = decision.action is Action.HOLD
        assert (decision.blocked_by in GATES) if is_hold else decision.blocked_by == ""
        assert [gate.passed for gate in decision.gates[:-1]] == [True] * (len(decision.gates) - 1)
        assert decision.gates[-1].passed is not is_hold
    entered = [d.scope for d in chamber.all(Decision) if d.action is not Action.HOLD]
    assert {intent.scope for intent in chamber.all(OrderIntent)} <= set(entered)
