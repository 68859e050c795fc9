"""What the supervisor looks at among its wishes at every step."""

from itertools import product

from agents.rounds.holdings import Holdings
from blackboard.facts import OrderOutcome, RiskRefused
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from tests.builders import M15_NS, T0_NS, an_entry, an_intent, an_outcome

ID = "EURUSD-1"
REFUSED = RiskRefused(scope="EURUSD", intent_id=ID, reason="heat_max", value=1.0, limit=1.0)
ANSWERS: tuple[OrderOutcome | RiskRefused, ...] = (
    REFUSED,
    *(
        an_outcome(outcome=outcome, may_retry=may_retry)
        for outcome, may_retry in product(Outcome, (False, True))
    ),
)


def test_whatever_became_of_a_wish_it_is_found_as_if_all_were_looked_through() -> None:
    """Looking at the undone ones alone finds what rests, may be repeated or forbids an entry."""
    intents = (an_intent(), an_intent(limit_price=1.09, expires_ns=T0_NS + M15_NS))
    nows = (T0_NS, T0_NS + 2 * M15_NS)

    for intent, answers, now_ns in product(intents, product(ANSWERS, ANSWERS), nows):
        holdings = Holdings()
        holdings.see(an_entry(intent))
        for seq, answer in enumerate(answers, start=2):
            holdings.see(an_entry(answer, seq=seq))
            wish = holdings.wishes[ID]
            is_blocking = bool(holdings.blocker("EURUSD", Side.BUY, now_ns)[0])

            assert holdings.resting() == ([wish] if wish.order_ticket else [])
            assert holdings.repeatable(now_ns) == ([wish] if wish.may_be_repeated(now_ns) else [])
            assert is_blocking == wish.is_in_flight(now_ns)
