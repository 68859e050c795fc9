"""The supervisor under faults of broker, account and market: what it asks for, and when it stops.

A test of fault F9 has `f9` in its name.
"""

from typing import Any

import pytest

from agents.rounds.care import UNPROTECTED
from agents.rounds.holdings import HOLDINGS_MAX, INTENTS_MAX, Holdings
from agents.rounds.reductions import REPAIR
from agents.rounds.restrictions import RULES
from blackboard.entry import Draft, Post
from blackboard.errors import StaleEpoch
from blackboard.facts import (
    ACCOUNT,
    AmendIntent,
    AnyFact,
    Decision,
    ExitIntent,
    LimitBreached,
    OperatorCommand,
    OrderIntent,
    Summary,
    TradingStateChanged,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.decision import Action, Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_command,
    a_health,
    a_position,
    a_quote,
    a_reconciled,
    a_spec,
    a_trade,
    an_entry,
    an_intent,
    an_outcome,
)
from tests.chamber import Chamber

PAUSE_NS = 5 * MINUTE_NS
"""Five seconds of process time at sixty times the pace."""
RESUME = OperatorCommand(scope=ACCOUNT, command=Command.RESUME, origin="cli")
DAY_END_NS = T0_NS + 10 * HOUR_NS
"""22:00 UTC, 17:00 New York."""
WITHOUT_LEARNER = Settings.model_validate(
    {"trading": {"atr_multiplier": 1.5}, "agents": {"learner": {"enabled": False}}}
)
"""Settings in which the incumbent stays by choice, so that no verdict has to be waited for."""


def a_breach(limit: str) -> LimitBreached:
    """Return a breach of a limit."""
    return LimitBreached(scope=ACCOUNT, limit=limit, value=0.2, threshold=0.1, consequence="")


def wanting() -> Chamber:
    """Return a chamber that has just asked for an entry at 1.1001."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    assert len(chamber.all(OrderIntent)) == 1
    return chamber


def reject(chamber: Chamber, retcode: int = 10004, **changes: Any) -> None:
    """Let the broker reject the newest entry for a passing cause."""
    fields = {"outcome": Outcome.REJECTED, "may_retry": True, **changes}
    newest = chamber.last(OrderIntent).intent_id
    chamber.say("execution", an_outcome(intent_id=newest, retcode=retcode, **fields))
    chamber.settle()


def requote(chamber: Chamber, points: int = 0) -> None:
    """Let the data agent post a price so many points above the decision's."""
    price = 1.1001 + points * 0.00001
    chamber.say("data", a_quote(bid=price - 0.0001, ask=price))
    chamber.settle()


@pytest.mark.parametrize("retcode", [10004, 10020, 10021])
def test_f9_a_burst_of_requotes_is_three_intents_at_three_prices(retcode: int) -> None:
    """Each try is a new intent of the same decision at a younger quote, and no fourth comes."""
    chamber = wanting()
    for minute in range(1, 5):
        chamber.now_ns = T0_NS + minute * MINUTE_NS
        reject(chamber, retcode)
        requote(chamber, minute)

    intents = chamber.all(OrderIntent)
    assert [intent.attempt for intent in intents] == [1, 2, 3]
    assert len({intent.intent_id for intent in intents}) == 3
    assert [each.reference_price for each in intents] == pytest.approx([1.1001, 1.10011, 1.10012])
    assert {entry.ts_event_ns for entry in chamber.entries(OrderIntent)} == {T0_NS}
    assert {intent.valid_until_ns for intent in intents} == {T0_NS + M15_NS}


def test_f9_nothing_is_tried_again_at_the_price_that_was_refused() -> None:
    """Without a younger quote the decision waits, and is abandoned when it expires."""
    chamber = wanting()
    reject(chamber)
    assert len(chamber.all(OrderIntent)) == 1

    chamber.now_ns = T0_NS + M15_NS
    requote(chamber)
    assert len(chamber.all(OrderIntent)) == 1


@pytest.mark.parametrize(("points", "tries"), [(20, 2), (21, 1), (-50, 2)])
def test_f9_a_price_that_ran_away_is_not_followed(points: int, tries: int) -> None:
    """Twenty points are the deviation that an order may have; a better price is welcome."""
    chamber = wanting()
    reject(chamber)
    requote(chamber, points)

    assert len(chamber.all(OrderIntent)) == tries


def test_f9_steps_do_not_add_up_beyond_the_deviation() -> None:
    """The distance counts from the decision's price, not from the last attempt's."""
    chamber = wanting()
    for points in (15, 30):
        reject(chamber)
        requote(chamber, points)

    assert len(chamber.all(OrderIntent)) == 2


def test_f9_too_many_requests_are_answered_by_a_pause() -> None:
    """After 10024 nothing is asked for within the pause, whatever is quoted; then once."""
    chamber = wanting()
    reject(chamber, 10024)
    for now_ns in (T0_NS + 1, T0_NS + PAUSE_NS - 1):
        chamber.now_ns = now_ns
        requote(chamber)
        assert len(chamber.all(OrderIntent)) == 1

    chamber.now_ns = T0_NS + PAUSE_NS
    requote(chamber)
    assert [intent.attempt for intent in chamber.all(OrderIntent)] == [1, 2]


def naked(chamber: Chamber, **changes: Any) -> None:
    """Let a position of ours be found without a stop."""
    chamber.say("execution", a_position(stop_price=0.0, **changes))
    chamber.settle()


def a_chamber_with_prices() -> Chamber:
    """Return a chamber in which a stop can be placed: a quote, and ranges of 20 pips."""
    chamber = Chamber()
    chamber.say("data", a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.5, 0.5)[2:])
    chamber.settle()
    return chamber


def refuse_repair(chamber: Chamber, retcode: int = 10016, **changes: Any) -> None:
    """Let the broker refuse the newest stop."""
    fields = {"outcome": Outcome.REJECTED, "purpose": Purpose.AMEND, **changes}
    newest = chamber.last(AmendIntent).intent_id
    chamber.say("execution", an_outcome(intent_id=newest, retcode=retcode, **fields))
    chamber.settle()


def alarms(chamber: Chamber) -> list[str]:
    """Return the titles of the texts about positions without a stop."""
    return [text.title for text in chamber.all(Summary) if text.event == "unprotected"]


def test_f12_a_missing_stop_is_an_alarm_once() -> None:
    """A person is told when a position is found naked, and not again while it stays so."""
    chamber = a_chamber_with_prices()
    naked(chamber)
    naked(chamber, lots=0.05)
    assert alarms(chamber) == ["EURUSD 1 has no stop at the broker"]

    chamber.say("execution", a_position())
    naked(chamber)
    assert len(alarms(chamber)) == 2


@pytest.mark.parametrize("retcode", [10016, 10029])
def test_f15_a_refused_stop_is_recomputed_at_a_younger_price(retcode: int) -> None:
    """Nothing is repeated at the price that was refused; at the next the gap is kept anew."""
    chamber = a_chamber_with_prices()
    naked(chamber)
    assert chamber.last(AmendIntent).stop_price == pytest.approx(1.097)  # 1.5 × 20 pips below 1.1
    refuse_repair(chamber, retcode)
    assert chamber.settle() == []
    assert len(chamber.all(AmendIntent)) == 1

    chamber.say("data", a_spec(stops_level_points=50), a_quote(bid=1.097, ask=1.0971))
    chamber.settle()
    again = chamber.last(AmendIntent)
    # The bid of 1.0970 less a pip of spread and 50 points of stops level.
    assert again.stop_price == pytest.approx(1.0964)
    assert again.reason == REPAIR
    assert len({fact.intent_id for fact in chamber.all(AmendIntent)}) == 2


def test_f12_after_three_refusals_the_position_is_closed_instead() -> None:
    """A stop that cannot be set is replaced by an exit, told as an alarm, and no fourth try."""
    chamber = a_chamber_with_prices()
    naked(chamber)
    for minute in range(1, 4):
        chamber.now_ns = T0_NS + minute * MINUTE_NS
        refuse_repair(chamber)
        chamber.say("data", a_quote())
        chamber.settle()

    assert len(chamber.all(AmendIntent)) == 3
    (leaving,) = chamber.all(ExitIntent)
    assert (leaving.reason, leaving.lots) == (UNPROTECTED, 0.1)
    assert alarms(chamber)[-1] == "EURUSD 1 is closed: no stop could be set"


def test_f12_a_failed_exit_of_a_naked_position_is_repeated_at_each_close_only() -> None:
    """Neither given up nor a storm: one exit a close."""
    chamber = a_chamber_with_prices()
    naked(chamber)
    for _ in range(3):
        refuse_repair(chamber)
        chamber.say("data", a_quote())
        chamber.settle()
    for bars in (1, 2):
        failed = an_outcome(
            intent_id=chamber.last(ExitIntent).intent_id,
            purpose=Purpose.EXIT,
            outcome=Outcome.REJECTED,
            retcode=10018,
        )
        chamber.say("execution", failed)
        chamber.settle()
        assert len(chamber.all(ExitIntent)) == bars
        chamber.now_ns = T0_NS + bars * M15_NS
        chamber.hear_close(trend=0.5, reversion=0.5)
        chamber.settle()

    assert [fact.reason for fact in chamber.all(ExitIntent)] == [UNPROTECTED] * 3


def test_f12_a_stop_that_nobody_can_compute_is_an_exit_after_a_bar() -> None:
    """Without a price or a range no stop can be asked for; a bar later the position is closed."""
    chamber = Chamber()
    naked(chamber)
    assert chamber.all(AmendIntent) == []
    assert chamber.wake_ns == T0_NS + M15_NS

    chamber.at(T0_NS + M15_NS - 1)
    assert chamber.all(ExitIntent) == []
    chamber.at(T0_NS + M15_NS)
    assert [fact.reason for fact in chamber.all(ExitIntent)] == [UNPROTECTED]


def test_f12_a_distance_beyond_every_price_is_no_stop_but_an_exit() -> None:
    """A range of 1.5 below a price of 1.1 lies nowhere: the position is closed after a bar."""
    chamber = Chamber()
    chamber.say("data", a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.5, 0.5, {"atr": 1.0})[2:])
    naked(chamber)
    assert chamber.all(AmendIntent) == []

    chamber.at(T0_NS + M15_NS)
    assert [fact.reason for fact in chamber.all(ExitIntent)] == [UNPROTECTED]


def test_f12_in_halted_the_stop_is_asked_for_once_a_close_and_nothing_is_closed() -> None:
    """HALTED permits the repair and no exit; it neither ends after three tries nor storms."""
    chamber = a_chamber_with_prices()
    chamber.say("execution", an_outcome(outcome=Outcome.REJECTED, retcode=10027))
    naked(chamber)
    for bars in range(1, 6):
        refuse_repair(chamber, 10027)
        assert chamber.settle() == []
        chamber.now_ns = T0_NS + bars * M15_NS
        chamber.hear_close(trend=0.5, reversion=0.5)
        chamber.settle()

    assert len(chamber.all(AmendIntent)) == 6
    assert chamber.all(ExitIntent) == []


def test_f12_a_repair_whose_fate_is_unknown_is_not_repeated() -> None:
    """UNKNOWN is settled by reading; until then nothing else is asked for the position."""
    chamber = a_chamber_with_prices()
    naked(chamber)
    refuse_repair(chamber, 10012, outcome=Outcome.UNKNOWN)
    for bars in (1, 2):
        chamber.now_ns = T0_NS + bars * M15_NS
        chamber.hear_close(trend=0.5, reversion=0.5)
        chamber.settle()

    assert len(chamber.all(AmendIntent)) == 1
    assert chamber.all(ExitIntent) == []


def test_f15_a_refused_trailing_stop_waits_for_the_next_close() -> None:
    """The old stop protects meanwhile: one wish a close, whatever the broker answers."""
    chamber = a_chamber_with_prices()
    chamber.say("execution", a_position(), ts_ns=T0_NS - M15_NS)
    for bars in range(1, 4):
        chamber.now_ns = T0_NS + bars * M15_NS
        chamber.hear_close(trend=0.5, reversion=0.5, stop={"long_stop_price": 1.099})
        chamber.settle()
        refuse_repair(chamber, 10029)
        chamber.say("data", a_quote(), ts_ns=chamber.now_ns)
        chamber.settle()

        assert len(chamber.all(AmendIntent)) == bars
    assert chamber.all(ExitIntent) == []


@pytest.mark.parametrize(
    "fact",
    [
        an_outcome(outcome=Outcome.REJECTED, retcode=10019, reason="no_money"),
        a_breach("margin_use_max"),
        a_trade(reason="stop_out"),
        a_trade(reason="stop_out", origin=Origin.EXTERNAL),
    ],
)
def test_f16_lack_of_money_takes_entries_off_until_the_next_day(fact: AnyFact) -> None:
    """No money, a collapsed margin level, a stop-out: REDUCING, and nothing is entered."""
    chamber = Chamber()
    chamber.say("risk" if isinstance(fact, LimitBreached) else "execution", fact)
    chamber.settle()
    chamber.hear_close()
    chamber.settle()

    changed = chamber.last(TradingStateChanged)
    assert changed.state is TradingState.REDUCING
    assert changed.restrictions[0].way_out == "the next trading day, or resume"
    assert chamber.all(OrderIntent) == []
    chamber.at(DAY_END_NS)
    assert chamber.last(TradingStateChanged).state is TradingState.ACTIVE


@pytest.mark.parametrize("retcode", [10027, 10026, 10017, -8])
def test_f18_nothing_is_tried_again_once_trading_is_switched_off(retcode: int) -> None:
    """Rejections of several orders are one alarm and one state, with the code as its reason."""
    chamber = wanting()
    for _ in range(4):
        reject(chamber, retcode, may_retry=False)
        requote(chamber)

    changed = chamber.last(TradingStateChanged)
    assert changed.state is TradingState.HALTED
    assert f"retcode {retcode}" in changed.restrictions[0].evidence
    assert [text.event for text in chamber.all(Summary)].count("state") == 1
    assert len(chamber.all(OrderIntent)) == 1


def test_f20_an_external_position_is_never_touched_whatever_happens() -> None:
    """No stop, no trailing, no exit: neither naked, nor at a reversal, nor before the weekend."""
    chamber = a_chamber_with_prices()
    naked(chamber, origin=Origin.EXTERNAL, intent_id="", side=Side.SELL)
    for bars in range(1, 4):
        chamber.now_ns = T0_NS + bars * M15_NS
        chamber.hear_close(trend=0.7, reversion=0.7)
        chamber.settle()

    assert chamber.all(AmendIntent) == []
    assert chamber.all(ExitIntent) == []
    assert chamber.all(OrderIntent) == []  # a buy would reduce somebody else's short
    assert alarms(chamber) == []


def test_f22_after_an_identity_mismatch_neither_stop_nor_exit_nor_retry_leaves() -> None:
    """Whose account an order would reach is not known, so nothing at all is asked for."""
    chamber = wanting()
    chamber.say("technical", *chamber.technical("GBPUSD", 0.5, 0.5)[2:])
    mismatch = a_reconciled(is_clean=False, reason="identity: server must be A, was B")
    chamber.say("execution", mismatch)
    reject(chamber)
    naked(chamber, scope="GBPUSD", ticket=9)
    requote(chamber)
    chamber.at(T0_NS + M15_NS)

    assert chamber.last(TradingStateChanged).state is TradingState.HALTED
    assert chamber.all(AmendIntent) == []
    assert chamber.all(ExitIntent) == []
    assert len(chamber.all(OrderIntent)) == 1


def test_f31_contradictory_votes_hold_by_a_named_gate() -> None:
    """Opposite voters of one strength cancel out, and the decision says which gate stopped it."""
    chamber = Chamber()
    chamber.hear_close(trend=0.98, reversion=0.02)
    chamber.settle()

    decision = chamber.decision()
    assert decision.action is Action.HOLD
    assert decision.blocked_by == "min_confidence"
    assert decision.probability_up == pytest.approx(0.5)


def test_f32_the_word_of_an_older_supervisor_is_refused() -> None:
    """Of two supervisors only the youngest is heard; the other's whole post is refused."""
    chamber = wanting()
    older = chamber.epochs["supervisor"]
    chamber.board.join("supervisor")
    intent = chamber.last(OrderIntent)
    post = Post(
        author="supervisor",
        epoch=older,
        drafts=(Draft(fact=intent, ts_event_ns=T0_NS, ordinal="zombie"),),
        read_to=0,
        now_ns=T0_NS,
    )

    with pytest.raises(StaleEpoch):
        chamber.board.post(post, T0_NS)


def test_f32_a_supervisor_that_comes_back_late_wants_nothing_of_old_rounds() -> None:
    """What was not decided in its time is held; an intent that would be late is not made."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.at(T0_NS + M15_NS)

    assert [decision.action for decision in chamber.all(Decision)] != []
    assert chamber.all(OrderIntent) == []


WAYS_OUT: list[tuple[str, AnyFact, AnyFact | int]] = [
    # cause, what opens it, and the fact or the time that lifts it
    ("identity", a_reconciled(is_clean=False, reason="identity: login"), RESUME),
    ("drawdown_halted", a_breach("drawdown_halted"), RESUME),
    ("high_water_mark", a_breach("high_water_mark"), RESUME),
    ("terminal", an_outcome(outcome=Outcome.REJECTED, retcode=10027), RESUME),
    ("flatten", a_command(Command.FLATTEN), RESUME),
    ("pause", a_command(Command.PAUSE), RESUME),
    ("no_money", an_outcome(outcome=Outcome.REJECTED, retcode=10019), DAY_END_NS),
    ("no_money", an_outcome(outcome=Outcome.REJECTED, retcode=10019), RESUME),
    ("margin_use_max", a_breach("margin_use_max"), DAY_END_NS),
    ("margin_use_max", a_breach("margin_use_max"), RESUME),
    ("stop_out", a_trade(reason="stop_out"), DAY_END_NS),
    ("stop_out", a_trade(reason="stop_out", ticket=2), RESUME),
    ("daily_loss_max", a_breach("daily_loss_max"), DAY_END_NS),
    ("weekly_loss_max", a_breach("weekly_loss_max"), T0_NS + 7 * DAY_NS),
    ("reconciliation", a_reconciled(is_clean=False, reason="suspect"), a_reconciled()),
    ("agent.data", a_health("data"), a_health("data", Health.HEALTHY)),
    ("agent.risk", a_health("risk"), a_health("risk", Health.DEGRADED)),
    ("agent.execution", a_health("execution"), a_health("execution", Health.HEALTHY)),
    ("agent.sentiment", a_health("sentiment"), a_health("sentiment", Health.HEALTHY)),
    ("agent.lstm_vol", a_health("lstm_vol"), a_health("lstm_vol", Health.HEALTHY)),
]


@pytest.mark.parametrize(("cause", "fault", "remedy"), WAYS_OUT)
def test_f44_when_a_fault_stops_its_restriction_has_a_way_out(
    cause: str, fault: AnyFact, remedy: AnyFact | int
) -> None:
    """Restricted by this one cause with its way out written down; ACTIVE again after the remedy."""
    chamber = Chamber(WITHOUT_LEARNER)
    chamber.say("execution", fault)
    chamber.settle()
    opened = {each.scope for each in chamber.last(TradingStateChanged).restrictions}
    assert cause in opened
    assert all(each.way_out for each in chamber.last(TradingStateChanged).restrictions)

    for _ in range(2):  # a deep drawdown leaves its path as well, which time ends
        if isinstance(remedy, int):
            chamber.at(remedy)
        else:
            chamber.say("execution", remedy)
            chamber.settle()
    if cause == "drawdown_halted":
        chamber.at(T0_NS + 96 * HOUR_NS)  # a day of cooldown, three of probation
    changed = chamber.last(TradingStateChanged)
    assert (changed.state, changed.restrictions) == (TradingState.ACTIVE, ())


def test_f44_no_cause_is_without_a_way_out() -> None:
    """The table above has a case for every cause that there is."""
    assert {cause for cause, *_ in WAYS_OUT} == set(RULES)


def test_f44_after_everything_at_once_trading_goes_on() -> None:
    """All restrictions together, then all remedies: ACTIVE, and the next close enters."""
    chamber = Chamber(WITHOUT_LEARNER)
    for cause, fault, _ in WAYS_OUT:
        if cause not in {"drawdown_halted", "weekly_loss_max", "flatten"}:
            chamber.say("execution", fault)
            chamber.settle()
    assert chamber.last(TradingStateChanged).state is TradingState.HALTED

    for _, _, remedy in WAYS_OUT:
        if not isinstance(remedy, int):
            chamber.say("execution", remedy)
            chamber.settle()
    chamber.at(DAY_END_NS)
    assert chamber.last(TradingStateChanged).state is TradingState.ACTIVE
    chamber.now_ns = DAY_END_NS + M15_NS
    chamber.hear_close()
    chamber.settle()
    assert len(chamber.all(OrderIntent)) == 1


def test_f30_a_flood_of_intents_and_positions_is_bounded_and_spares_the_open() -> None:
    """Memory has an end: closed positions and old wishes are forgotten first."""
    holdings = Holdings()
    for ticket in range(1, 2 * HOLDINGS_MAX):
        lots = 0.1 if ticket == 1 else 0.0
        holdings.see(an_entry(a_position(ticket=ticket, lots=lots), seq=ticket))
    for number in range(INTENTS_MAX + 10):
        holdings.see(an_entry(an_intent(intent_id=str(number)), seq=10_000 + number))

    assert [each.position.fact.ticket for each in holdings.own()] == [1]
    assert len(holdings.wishes) == INTENTS_MAX
    assert "0" not in holdings.wishes
