"""Entries that rest at a limit: when the supervisor wants one, and when it takes one back."""

from typing import Any

import pytest

from blackboard.facts import (
    ACCOUNT,
    CancelIntent,
    LimitBreached,
    OrderIntent,
    OrderOutcome,
    Quote,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome, Purpose
from config.settings import Settings
from models.market.sessions import MINUTE_NS, week_close_ns
from tests.builders import M15_NS, T0_NS, a_blackout, a_quote, an_outcome
from tests.chamber import Chamber

TICKET = 77


def a_chamber(**entries: Any) -> Chamber:
    """Return a chamber whose entries rest where it is calm, a quarter of a range away."""
    terms = {"style": "adaptive", "calm_vol_ratio_max": 0.8, **entries}
    patient = {"supervisor": {"decision_deadline_ms": 3000}}
    values = {"trading": {"atr_multiplier": 1.5, "entries": terms}, "agents": patient}
    return Chamber(Settings.model_validate(values))


def with_resting(**entries: Any) -> Chamber:
    """Return a chamber whose entry of the first close rests at the broker."""
    chamber = a_chamber(**entries)
    chamber.hear_close(forecast={"vol_ratio": 0.7})
    chamber.settle()
    intent_id = chamber.last(OrderIntent).intent_id
    chamber.say(
        "execution", an_outcome(outcome=Outcome.ACCEPTED, intent_id=intent_id, order_ticket=TICKET)
    )
    chamber.settle()
    return chamber


def cancels(chamber: Chamber) -> list[tuple[int, str]]:
    """Return ticket and reason of every cancel so far."""
    return [(one.order_ticket, one.reason) for one in chamber.all(CancelIntent)]


def test_a_calm_entry_rests_below_the_market() -> None:
    """The ask is 1.1001 and the range 20 pips: 5 pips below, for four closes."""
    chamber = a_chamber()
    chamber.hear_close(forecast={"vol_ratio": 0.8})
    chamber.settle()

    intent = chamber.last(OrderIntent)
    assert intent.limit_price == 1.0996  # 1.1001 - 0.25 * 0.0020
    assert intent.expires_ns == T0_NS + 4 * M15_NS
    assert intent.reference_price == intent.limit_price
    assert intent.stop_distance == pytest.approx(0.003)


def test_a_calm_sell_rests_above_the_market() -> None:
    """The bid is 1.1000: 5 pips above."""
    chamber = a_chamber()
    chamber.hear_close(trend=0.4, reversion=0.45, forecast={"vol_ratio": 0.7})
    chamber.settle()

    intent = chamber.last(OrderIntent)
    assert (intent.side, intent.limit_price) == (Side.SELL, 1.1005)


@pytest.mark.parametrize(
    "forecast",
    [
        pytest.param({"vol_ratio": 0.81}, id="high"),
        pytest.param({"vol_ratio": 0.5, "abstains": True}, id="silent"),
    ],
)
def test_no_entry_rests_where_nobody_says_that_it_is_calm(forecast: dict[str, Any]) -> None:
    """A high forecast, and none, enter at the market."""
    chamber = a_chamber()
    chamber.hear_close(forecast=forecast)
    chamber.settle()

    intent = chamber.last(OrderIntent)
    assert (intent.limit_price, intent.expires_ns) == (0.0, 0)
    assert intent.reference_price == 1.1001


def test_nothing_rests_into_an_event() -> None:
    """A blackout that begins before the next close: what is entered is entered now."""
    chamber = a_chamber()
    chamber.say(
        "sentiment",
        a_blackout("EURUSD", T0_NS + 10 * MINUTE_NS, T0_NS + 50 * MINUTE_NS),
        ts_ns=T0_NS - 1,
    )
    chamber.hear_close(forecast={"vol_ratio": 0.7})
    chamber.settle()

    assert chamber.last(OrderIntent).limit_price == 0.0


def test_nothing_rests_into_the_weekend() -> None:
    """However many bars it may wait, the flat time before the weekend comes first."""
    chamber = a_chamber(limit_bars=96)
    end_ns = week_close_ns(T0_NS) - 60 * MINUTE_NS
    chamber.now_ns = end_ns - 2 * M15_NS
    chamber.hear_close(forecast={"vol_ratio": 0.7})
    chamber.settle()

    resting = [one for one in chamber.all(OrderIntent) if one.limit_price]
    assert [one.expires_ns for one in resting] == [end_ns]


def test_a_resting_entry_blocks_its_symbol() -> None:
    """It is a position to be: the next close wants nothing more."""
    chamber = with_resting()
    chamber.now_ns = T0_NS + M15_NS
    chamber.hear_close(forecast={"vol_ratio": 0.7})
    chamber.settle()

    assert chamber.decision().blocked_by == "position"
    assert len(chamber.all(OrderIntent)) == 1
    assert cancels(chamber) == []


def test_the_opposite_decision_takes_it_back() -> None:
    """Everything but the position speaks for the other side."""
    chamber = with_resting()
    chamber.now_ns = T0_NS + M15_NS
    chamber.hear_close(trend=0.4, reversion=0.45, forecast={"vol_ratio": 0.7})
    chamber.settle()

    assert cancels(chamber) == [(TICKET, "reversal")]
    cancel = chamber.last(CancelIntent)
    assert cancel.entry_intent_id == chamber.all(OrderIntent)[0].intent_id


def test_an_event_ahead_takes_it_back_at_the_close_before() -> None:
    """The blackout begins within the bar that follows."""
    chamber = with_resting()
    chamber.say("sentiment", a_blackout("EURUSD", T0_NS + 20 * MINUTE_NS, T0_NS + 50 * MINUTE_NS))
    assert cancels(chamber) == []
    chamber.now_ns = T0_NS + M15_NS
    chamber.hear_close(forecast={"vol_ratio": 0.7})
    chamber.settle()

    assert cancels(chamber) == [(TICKET, "blackout")]


def test_news_that_nobody_foresaw_take_it_back_at_once() -> None:
    """Between two closes too."""
    chamber = with_resting()
    chamber.now_ns = T0_NS + 5 * MINUTE_NS
    chamber.say("sentiment", a_blackout("EURUSD", T0_NS + 5 * MINUTE_NS, T0_NS + 50 * MINUTE_NS))
    chamber.settle()

    assert cancels(chamber) == [(TICKET, "blackout")]


def test_a_state_that_permits_no_entries_takes_it_back_at_once() -> None:
    """A breach of the daily loss, five minutes after the close."""
    chamber = with_resting()
    chamber.now_ns = T0_NS + 5 * MINUTE_NS
    breach = LimitBreached(
        scope=ACCOUNT, limit="daily_loss_max", value=0.02, threshold=0.02, consequence="REDUCING"
    )
    chamber.say("risk", breach)
    chamber.settle()

    assert cancels(chamber) == [(TICKET, "trading_state")]
    chamber.settle()
    assert len(cancels(chamber)) == 1


def test_a_broker_that_keeps_no_time_is_told_a_minute_after_the_expiry() -> None:
    """One that keeps it has ended the order by then."""
    chamber = with_resting()

    assert chamber.at(T0_NS + 4 * M15_NS + MINUTE_NS - 1) == []
    chamber.at(T0_NS + 4 * M15_NS + MINUTE_NS)

    assert cancels(chamber) == [(TICKET, "expired")]


def test_what_has_ended_is_not_taken_back() -> None:
    """Filled or gone: there is nothing to cancel."""
    chamber = with_resting()
    intent_id = chamber.last(OrderIntent).intent_id
    chamber.say("execution", an_outcome(outcome=Outcome.NOT_EXECUTED, intent_id=intent_id))
    chamber.at(T0_NS + 6 * M15_NS)

    assert cancels(chamber) == []


def test_a_refused_cancel_is_asked_again_after_a_minute() -> None:
    """While the order rests on; under a name of its own."""
    chamber = with_resting()
    expired_ns = T0_NS + 4 * M15_NS + MINUTE_NS
    chamber.at(expired_ns)
    first = chamber.last(CancelIntent)
    refused = OrderOutcome(
        scope="EURUSD",
        intent_id=first.intent_id,
        purpose=Purpose.CANCEL,
        outcome=Outcome.REJECTED,
        retcode=10_029,
        reason="frozen",
        lots=0.0,
        price=0.0,
        order_ticket=TICKET,
        deal_ticket=0,
    )
    chamber.say("execution", refused)
    chamber.at(expired_ns + MINUTE_NS - 1)
    assert len(cancels(chamber)) == 1
    chamber.at(expired_ns + MINUTE_NS)

    assert len(cancels(chamber)) == 2
    assert chamber.last(CancelIntent).intent_id != first.intent_id


def rejected_and_requoted(quote: Quote) -> tuple[Chamber, OrderIntent]:
    """Return what follows a limit that was rejected for a passing cause, and the first intent."""
    chamber = a_chamber()
    chamber.hear_close(forecast={"vol_ratio": 0.7})
    chamber.settle()
    first = chamber.last(OrderIntent)
    rejected = an_outcome(
        outcome=Outcome.REJECTED, intent_id=first.intent_id, retcode=10_021, may_retry=True
    )
    chamber.say("execution", rejected)
    chamber.now_ns = T0_NS + MINUTE_NS
    chamber.say("data", quote)
    chamber.settle()
    return chamber, first


def test_a_repeated_attempt_keeps_price_and_end() -> None:
    """Rejected for a passing cause, asked for again at a younger quote: the same bet."""
    chamber, first = rejected_and_requoted(a_quote(bid=1.1030, ask=1.1031))

    again = chamber.last(OrderIntent)
    assert again.attempt == 2
    assert (again.limit_price, again.expires_ns) == (first.limit_price, first.expires_ns)


def test_a_limit_that_the_market_has_come_to_is_not_asked_for_again() -> None:
    """Nothing could rest there any more."""
    chamber, _ = rejected_and_requoted(a_quote(bid=1.0990, ask=1.0991))

    assert len(chamber.all(OrderIntent)) == 1
