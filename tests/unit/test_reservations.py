"""How long an approval counts as exposure, and when a symbol takes no further entry."""

import pytest

from agents.limits.reservations import OrderView
from agents.limits.view import MarketView
from blackboard.facts import AnyFact, RiskApproved
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome
from config.settings import Settings
from tests.builders import T0_NS, a_position, a_snapshot, a_submission, an_entry, an_outcome

HEDGING, NETTING = 2, 0
APPROVED = RiskApproved(
    scope="EURUSD",
    intent_id="EURUSD-1",
    side=Side.BUY,
    lots=0.1,
    risk_frac=0.005,
    risk_account=50.0,
)
EXTERNAL = a_position(ticket=7, origin=Origin.EXTERNAL, intent_id="", lots=0.3)
MERGED = a_position(ticket=7, origin=Origin.EXTERNAL, intent_id="", lots=0.4)


def a_view(*facts: AnyFact) -> OrderView:
    """Return the view of what was said."""
    view = OrderView()
    for seq, fact in enumerate(facts, 1):
        view.see(an_entry(fact, seq=seq))
    return view


def reserved_frac(view: OrderView) -> float:
    """Return the heat of approvals without a position."""
    held = view.commitments(T0_NS, MarketView(Settings()), 10_000.0)
    return sum(one.risk_frac for one in held if one.is_reserved)


@pytest.mark.parametrize(
    ("margin_mode", "state", "reserved"),
    [
        (NETTING, MERGED, 0.0),  # a symbol has one position: ours is in it
        (HEDGING, MERGED, 0.005),  # somebody else's position has grown: ours is still to come
        (HEDGING, a_position(), 0.0),
        (NETTING, a_position("GBPUSD", intent_id=""), 0.005),  # another symbol's
    ],
)
def test_f20_what_was_filled_into_a_foreign_position_is_reserved_no_longer(
    margin_mode: int, state: AnyFact, reserved: float
) -> None:
    """F20: on a netting account a fill may become part of an EXTERNAL position, and of its risk."""
    before = (a_snapshot(margin_mode=margin_mode), APPROVED, a_submission())

    view = a_view(*before, EXTERNAL, an_outcome())
    assert reserved_frac(view) == 0.005

    assert reserved_frac(a_view(*before, EXTERNAL, an_outcome(), state)) == reserved


def test_p3_f11_an_accepted_order_is_not_released_by_its_neighbour() -> None:
    """What is still to be filled counts, whatever happens to the position that it will join."""
    accepted = an_outcome(outcome=Outcome.ACCEPTED, lots=0.0)
    view = a_view(a_snapshot(margin_mode=NETTING), APPROVED, a_submission(), accepted, EXTERNAL)

    assert reserved_frac(view) == 0.005


def test_f2_f11_an_accepted_order_of_which_nothing_is_known_freezes_its_symbol_again() -> None:
    """F2: accepted, then UNKNOWN: nothing enters beside it until that is settled."""
    unknown = an_outcome(outcome=Outcome.UNKNOWN, lots=0.0)
    facts: list[AnyFact] = [APPROVED, a_submission()]
    facts.append(an_outcome(outcome=Outcome.ACCEPTED, lots=0.0))
    assert a_view(*facts).unsettled_intent("EURUSD") == ""

    facts.append(unknown)
    assert a_view(*facts).unsettled_intent("EURUSD") == "EURUSD-1"

    facts.append(an_outcome(outcome=Outcome.NOT_EXECUTED, lots=0.0))
    assert a_view(*facts).unsettled_intent("EURUSD") == ""
