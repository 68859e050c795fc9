"""Laws of the RiskAgent that hold whatever the world says, in whatever order."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import Inbox
from agents.risk import RiskAgent
from blackboard.facts import (
    AnyFact,
    EquityMark,
    Exposure,
    OrderIntent,
    RiskApproved,
    RiskRefused,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS
from tests.builders import (
    T0_NS,
    a_coverage,
    a_feed,
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
)
from tests.desk import Desk

SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD")
SETTINGS = Settings.model_validate({"symbols": SYMBOLS})

symbols = st.sampled_from(SYMBOLS)
numbers = st.integers(1, 6)


def _intent(symbol: str, number: int, side: Side, stop_pips: int) -> OrderIntent:
    return an_intent(
        symbol,
        valid_until_ns=T0_NS + HOUR_NS,
        intent_id=f"{symbol}-{number}",
        side=side,
        stop_distance=stop_pips * 0.0001,
        target_distance=stop_pips * 0.0003,
    )


intents = st.builds(_intent, symbols, numbers, st.sampled_from(Side), st.integers(3, 200))
world = st.one_of(
    intents,
    intents,
    st.builds(
        lambda equity, paid: a_snapshot(equity=float(equity + paid), deposits=10_000.0 + paid),
        st.integers(7_000, 12_000),
        st.sampled_from([0, 2_000]),
    ),
    st.builds(a_state, st.sampled_from([TradingState.ACTIVE, TradingState.SAFE, *TradingState])),
    st.builds(lambda s, n: a_submission(s, intent_id=f"{s}-{n}", lots=0.1), symbols, numbers),
    st.builds(
        lambda s, o, n: an_outcome(s, o, intent_id=f"{s}-{n}"),
        symbols,
        st.sampled_from(Outcome),
        numbers,
    ),
    st.builds(
        lambda s, n, lots: a_position(s, intent_id=f"{s}-{n}", ticket=n, lots=lots),
        symbols,
        numbers,
        st.sampled_from([0.0, 0.1]),
    ),
    st.builds(
        lambda s, n, pnl: a_trade(s, float(pnl), intent_id=f"{s}-{n}", ticket=n),
        symbols,
        numbers,
        st.sampled_from([-20, 30]),
    ),
)


def _played(facts: list[AnyFact]) -> Desk:
    """Return the board after a story, told a minute apart; an intent is asked for once."""
    desk = Desk(RiskAgent(SETTINGS))
    for symbol in SYMBOLS:
        desk.say(a_spec(symbol), a_quote(symbol), a_feed(symbol))
    desk.say(a_state(), a_reconciled(), a_coverage(), a_snapshot())
    desk.run()
    asked: set[str] = set()
    for fact in facts:
        if isinstance(fact, OrderIntent):
            if fact.intent_id in asked:
                continue
            asked.add(fact.intent_id)
            desk.say(a_snapshot())
        desk.say(fact)
        desk.run(desk.now_ns + MINUTE_NS)
    return desk


@settings(max_examples=60)
@given(st.lists(world, min_size=8, max_size=25))
def test_rebuilt_agent_wants_what_the_one_that_died_wanted(facts: list[AnyFact]) -> None:
    """The whole board in one inbox, or entry by entry: nothing is left to post."""
    desk = _played(facts)
    single = RiskAgent(SETTINGS)
    drafts = []
    for entry in desk.entries():
        drafts = single.step(desk.now_ns, Inbox((entry,))).drafts

    assert desk.replace(RiskAgent(SETTINGS)) == drafts == []


@settings(max_examples=60)
@given(st.lists(world, min_size=8, max_size=25))
def test_no_intent_has_two_verdicts_and_no_approval_exceeds_a_limit(facts: list[AnyFact]) -> None:
    """One verdict each; every approval fits its budget; the mark never falls without a payment."""
    entries = _played(facts).entries()
    verdicts = [e.fact for e in entries if isinstance(e.fact, RiskApproved | RiskRefused)]
    approved = [fact for fact in verdicts if isinstance(fact, RiskApproved)]
    marks = [e.fact for e in entries if isinstance(e.fact, EquityMark)]

    assert len({fact.intent_id for fact in verdicts}) == len(verdicts)
    assert all(fact.risk_frac <= SETTINGS.agents.risk.risk_frac_max for fact in approved)
    assert all(
        after.high_water_mark - after.deposits >= before.high_water_mark - before.deposits
        for before, after in pairwise(marks)
    )


@settings(max_examples=60)
@given(st.lists(st.builds(_intent, symbols, numbers, st.just(Side.BUY), st.integers(3, 200))))
def test_approvals_together_stay_within_the_heat(facts: list[AnyFact]) -> None:
    """Whatever is asked for at once, what is reserved never exceeds the heat."""
    desk = _played([])
    desk.say(*facts)
    desk.run()
    desk.now_ns += MINUTE_NS
    desk.say(a_snapshot())
    desk.run()

    exposure = desk.latest(Exposure)

    assert isinstance(exposure, Exposure)
    assert exposure.heat_frac <= SETTINGS.agents.risk.heat_max
