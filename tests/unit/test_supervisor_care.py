"""Open positions: stops that trail or are missing, exits, retries; whatever leaves only reduces."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.rounds.reductions import is_last_chance
from blackboard.facts import (
    ACCOUNT,
    AmendIntent,
    ExitIntent,
    OperatorCommand,
    OrderIntent,
    RiskRefused,
    Summary,
    TradingStateChanged,
)
from blackboard.facts.control import Command, TradingState
from blackboard.facts.decision import Action, Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from tests.builders import M15_NS, T0_NS, a_position, a_quote, a_reconciled, an_outcome
from tests.chamber import Chamber

FLATTEN = OperatorCommand(scope=ACCOUNT, command=Command.FLATTEN, origin="cli")
PAUSE = OperatorCommand(scope=ACCOUNT, command=Command.PAUSE, origin="cli")
RESUME = OperatorCommand(scope=ACCOUNT, command=Command.RESUME, origin="cli")


def at_ns(text: str) -> int:
    """Return an instant given in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


FRIDAY_1530_NS = at_ns("2025-03-07T20:30")
"""15:30 New York of the Friday, which is 20:30 UTC in winter."""


def holding(**position: Any) -> Chamber:
    """Return a chamber with one position, opened 15 minutes ago."""
    chamber = Chamber()
    chamber.say("execution", a_position(**position), ts_ns=T0_NS - M15_NS)
    chamber.settle()
    return chamber


def close(chamber: Chamber, now_ns: int | None = None, **opinions: Any) -> list[Any]:
    """Let a close come, and return the intents that it led to."""
    chamber.now_ns = chamber.now_ns if now_ns is None else now_ns
    chamber.hear_close(**{"trend": 0.5, "reversion": 0.5, **opinions})
    posted = chamber.settle()
    return [fact for fact in posted if isinstance(fact, AmendIntent | ExitIntent | OrderIntent)]


def test_a_stop_trails_the_chandelier() -> None:
    """The level ten pips tighter becomes the stop, and the target is kept."""
    (amend,) = close(holding(), stop={"long_stop_price": 1.099})

    assert isinstance(amend, AmendIntent)
    assert amend.stop_price == pytest.approx(1.099)
    assert (amend.current_stop_price, amend.target_price) == (1.098, 1.106)
    assert amend.reason == "trailing"


def test_a_short_trails_from_above() -> None:
    """The short's level is above the market."""
    chamber = holding(side=Side.SELL, stop_price=1.105, target_price=1.09)
    (amend,) = close(chamber, stop={"short_stop_price": 1.102})

    assert amend.stop_price == pytest.approx(1.102)


@pytest.mark.parametrize("level", [1.097, 1.0981, 1.1])
def test_a_stop_that_is_looser_or_too_near_stays(level: float) -> None:
    """Looser, by less than a tenth of the range, or inside the spread of the bid: no request."""
    assert close(holding(), stop={"long_stop_price": level}) == []


def test_a_position_of_somebody_else_is_never_touched() -> None:
    """An external position without a stop is left as it is, at every close."""
    chamber = holding(origin=Origin.EXTERNAL, stop_price=0.0)

    assert close(chamber, stop={"long_stop_price": 1.099}) == []
    assert chamber.all(AmendIntent) == []


def test_f12_a_missing_stop_is_set_at_once() -> None:
    """Between two closes, with the distance that the intent had planned: 30 pips below 1.1001."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    intent_id = chamber.last(OrderIntent).intent_id
    chamber.now_ns += MINUTE_NS
    naked = a_position(intent_id=intent_id, open_price=1.1001, stop_price=0.0)
    chamber.say("execution", naked)
    chamber.settle()

    (amend,) = chamber.all(AmendIntent)
    assert amend.stop_price == pytest.approx(1.0971)
    assert amend.reason == "missing stop"
    assert amend.valid_until_ns > chamber.now_ns


def test_a_missing_stop_of_an_unknown_intent_takes_the_usual_distance() -> None:
    """Without an intent of ours 1.5 ranges of 20 pips are taken, once the range is known."""
    chamber = holding(stop_price=0.0)
    assert chamber.all(AmendIntent) == []

    (amend,) = close(chamber)
    assert amend.stop_price == pytest.approx(1.097)


def test_a_stop_that_the_market_has_passed_is_set_behind_it() -> None:
    """With the bid at 1.096 the plan of 1.097 is too high: bid less the spread of a pip."""
    chamber = holding(stop_price=0.0)
    chamber.now_ns += 1
    chamber.say("data", a_quote(bid=1.096, ask=1.0961))
    chamber.say("technical", *chamber.technical("EURUSD", 0.5, 0.5)[2:])
    chamber.settle()

    assert chamber.last(AmendIntent).stop_price == pytest.approx(1.0959)


def test_stops_trail_while_reducing() -> None:
    """A pause stops entries, not the care of what is open."""
    chamber = holding()
    chamber.say("driver", PAUSE)

    assert len(close(chamber, stop={"long_stop_price": 1.099})) == 1


@pytest.mark.parametrize(
    ("now_ns", "lean"), [(T0_NS, 0.5), (T0_NS, 0.4), (FRIDAY_1530_NS + 2 * M15_NS, 0.5)]
)
def test_halted_leaves_alone_what_is_protected(now_ns: int, lean: float) -> None:
    """Neither trailing nor a reversal nor the weekend moves anything while HALTED."""
    chamber = holding()
    chamber.say("execution", an_outcome(outcome=Outcome.REJECTED, retcode=10027))
    chamber.settle()

    opinions = {"trend": lean, "reversion": lean, "stop": {"long_stop_price": 1.099}}
    assert close(chamber, now_ns, **opinions) == []


def _failed_exit(chamber: Chamber) -> Any:
    exits = chamber.all(ExitIntent)
    intent_id = exits[-1].intent_id if exits else "none"
    return an_outcome(
        outcome=Outcome.REJECTED, purpose=Purpose.EXIT, intent_id=intent_id, retcode=10018
    )


def test_f12_a_missing_stop_is_set_in_halted_too() -> None:
    """A halt by drawdown does not keep a position naked."""
    chamber = Chamber()
    chamber.say("execution", an_outcome(outcome=Outcome.REJECTED, retcode=10027))
    chamber.settle()
    assert chamber.last(TradingStateChanged).state is TradingState.HALTED

    chamber.say("execution", a_position(stop_price=0.0))
    (amend,) = close(chamber)
    assert amend.reason == "missing stop"


def test_f22_after_an_identity_mismatch_nothing_leaves() -> None:
    """Neither a repair nor an exit, not even of a flatten, until a person resumes."""
    chamber = Chamber()
    mismatch = a_reconciled(is_clean=False, reason="identity: login must be 1, was 2")
    chamber.say("execution", mismatch, a_position(stop_price=0.0))
    chamber.say("driver", FLATTEN)
    assert close(chamber) == []
    assert chamber.all(ExitIntent) == []

    chamber.say("driver", RESUME)
    chamber.settle()
    assert [fact.reason for fact in chamber.all(AmendIntent)] == ["missing stop"]


def test_a_reversal_closes_the_position() -> None:
    """Votes that would sell, but for the long position, close it whole."""
    (leave,) = close(holding(), trend=0.4, reversion=0.4)

    assert isinstance(leave, ExitIntent)
    assert (leave.reason, leave.side, leave.lots) == ("reversal", Side.SELL, 0.1)


def test_agreement_and_doubt_keep_the_position() -> None:
    """Votes for its side, or too weak for the other, close nothing."""
    assert close(holding(), trend=0.6, reversion=0.6) == []
    assert close(holding(), trend=0.495, reversion=0.495) == []


def test_an_exit_comes_before_a_trailing_stop() -> None:
    """One intent a position and close: what is to be closed is not amended."""
    intents = close(holding(), trend=0.4, reversion=0.4, stop={"long_stop_price": 1.099})

    assert [type(each) for each in intents] == [ExitIntent]


def test_a_failed_exit_is_asked_for_again_a_close_later() -> None:
    """While the first is unknown nothing more is asked; once it is refused, the next close asks."""
    chamber = holding()
    (first,) = close(chamber, trend=0.4, reversion=0.4)
    pending = {"purpose": Purpose.EXIT, "intent_id": first.intent_id, "retcode": 0}
    chamber.say("execution", an_outcome(outcome=Outcome.UNKNOWN, **pending))
    assert close(chamber, T0_NS + M15_NS, trend=0.4, reversion=0.4) == []

    chamber.say("execution", an_outcome(outcome=Outcome.NOT_EXECUTED, **pending))
    (second,) = close(chamber, T0_NS + 2 * M15_NS, trend=0.4, reversion=0.4)
    assert second.intent_id != first.intent_id


def test_positions_are_flat_before_the_weekend() -> None:
    """At 16:00 New York, an hour before the end, everything of ours is closed; not at 15:45."""
    chamber = holding()
    assert close(chamber, FRIDAY_1530_NS + M15_NS) == []

    (leave,) = close(chamber, FRIDAY_1530_NS + 2 * M15_NS)
    assert (leave.reason, leave.lots) == ("weekend", 0.1)


def test_an_operator_may_keep_positions_over_the_weekend() -> None:
    """With the setting off nothing is closed."""
    chamber = Chamber(Settings.model_validate({"agents": {"supervisor": {"friday_flat": False}}}))
    chamber.say("execution", a_position())

    assert close(chamber, FRIDAY_1530_NS + 2 * M15_NS) == []


@pytest.mark.parametrize(
    ("minutes", "text", "expected"),
    [
        (60, "2025-03-07T20:45", False),  # 15:45, the next close is at 16:00 exactly
        (60, "2025-03-07T21:00", True),
        (60, "2025-03-07T21:45", True),
        (60, "2025-03-07T22:00", False),  # the market is closed: nothing can leave
        (10, "2025-03-07T21:30", False),
        (10, "2025-03-07T21:45", True),  # the last close before 16:50
        (0, "2025-03-07T21:45", False),
        (60, "2025-03-06T21:45", False),  # a Thursday
        (60, "2025-03-14T20:00", True),  # 16:00 in daylight saving time
    ],
)
def test_the_last_chance_before_the_weekend(minutes: int, text: str, *, expected: bool) -> None:
    """It is the close after which the next would fall into the minutes before the end."""
    settings = Settings.model_validate({"agents": {"risk": {"friday_flat_min": minutes}}})

    assert is_last_chance(settings, at_ns(text)) is expected


def test_f40_flatten_closes_everything_and_halts() -> None:
    """The exits stand before the halt in one post, and external positions are named."""
    chamber = holding()
    chamber.say("execution", a_position("GBPUSD", ticket=2, side=Side.SELL, stop_price=1.2))
    chamber.say("execution", a_position("USDJPY", ticket=3, origin=Origin.EXTERNAL))
    chamber.say("driver", FLATTEN)
    posted = chamber.settle()

    assert [type(fact) for fact in posted[:3]] == [ExitIntent, ExitIntent, TradingStateChanged]
    assert [fact.scope for fact in posted[:2]] == ["EURUSD", "GBPUSD"]
    assert chamber.last(TradingStateChanged).state is TradingState.HALTED
    assert any("USDJPY 3" in fact.text for fact in chamber.all(Summary))


def test_f40_flatten_twice_asks_twice_at_most() -> None:
    """A second command asks again only for what is open and not leaving."""
    chamber = holding()
    chamber.say("driver", FLATTEN)
    chamber.settle()
    chamber.now_ns += MINUTE_NS
    chamber.say("driver", FLATTEN)
    chamber.settle()
    assert len(chamber.all(ExitIntent)) == 1

    chamber.say("execution", _failed_exit(chamber))
    chamber.settle()
    assert len(chamber.all(ExitIntent)) == 2


def test_attempts_to_flatten_are_bounded() -> None:
    """Three tries, each a close apart; then a person must act."""
    chamber = holding()
    chamber.say("driver", FLATTEN)
    chamber.settle()
    for bar in range(1, 8):
        chamber.say("execution", _failed_exit(chamber))
        close(chamber, T0_NS + bar * M15_NS)

    assert len(chamber.all(ExitIntent)) == 3


def test_a_position_that_appears_after_flatten_is_closed() -> None:
    """A fill that was under way when the command came does not stay."""
    chamber = Chamber()
    chamber.say("driver", FLATTEN)
    chamber.settle()
    chamber.now_ns += MINUTE_NS
    chamber.say("execution", a_position())
    chamber.settle()

    assert [fact.reason for fact in chamber.all(ExitIntent)] == ["flatten"]


def rejected(chamber: Chamber, **changes: Any) -> Any:
    """Return a requote for the newest entry intent."""
    fields = {"outcome": Outcome.REJECTED, "retcode": 10004, "may_retry": True, **changes}
    return an_outcome(intent_id=chamber.last(OrderIntent).intent_id, **fields)


@pytest.mark.parametrize("case", ["final", "expired", "paused", "filled meanwhile"])
def test_what_is_not_tried_again(case: str) -> None:
    """A final rejection, an expired decision, a state without entries, and an open position."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    if case == "expired":
        chamber.now_ns = T0_NS + M15_NS
    if case == "paused":
        chamber.say("driver", PAUSE)
    if case == "filled meanwhile":
        chamber.say("execution", a_position())
    chamber.say("execution", rejected(chamber, may_retry=case != "final"))
    chamber.settle()

    assert len(chamber.all(OrderIntent)) == 1


def test_a_refusal_frees_the_symbol() -> None:
    """What risk refused is not in flight, so the next close may decide again."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    refused = RiskRefused(
        scope="EURUSD",
        intent_id=chamber.last(OrderIntent).intent_id,
        reason="heat_max",
        value=0.03,
        limit=0.02,
    )
    chamber.say("risk", refused)
    (intent,) = close(chamber, T0_NS + M15_NS, trend=0.6, reversion=0.6)

    assert isinstance(intent, OrderIntent)
    assert chamber.decision().action is Action.BUY


def test_f21_a_position_that_vanishes_and_comes_back_is_cared_for_once() -> None:
    """What was asked for it before it vanished is not asked again in the same slot."""
    chamber = Chamber()
    chamber.say("technical", *chamber.technical("EURUSD", 0.5, 0.5)[2:])
    chamber.say("data", a_quote())
    for lots in (0.1, 0.0, 0.1):
        chamber.say("execution", a_position(stop_price=0.0, lots=lots))
        chamber.settle()

    assert len(chamber.all(AmendIntent)) == 1
