"""The fold of intents and their fates: bounded, and true to what the board says."""

import pytest

from agents.orders import life as orders_module
from agents.orders.life import CLOCK_SKEW_NS, Order, Orders
from agents.orders.positions import Positions
from agents.orders.settlement import Patience, settle
from agents.requests import BrokerDeal, BrokerOrder, BrokerRead, ReadBroker
from blackboard.facts import AnyFact, RiskApproved
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from models.market.sessions import SECOND_NS
from tests.builders import T0_NS, a_position, a_submission, a_trade, an_entry, an_intent, an_outcome
from tests.execution_desk import PlainBroker
from tests.order_builders import an_exit

PATIENCE = Patience(20 * SECOND_NS, 3)


def a_submitted_order(lots: float = 0.2) -> tuple[Orders, Order]:
    """Return the fold of an order that was announced, magic 1 and comment q1."""
    orders = Orders()
    approval = RiskApproved(
        scope="EURUSD",
        intent_id="EURUSD-1",
        side=Side.BUY,
        lots=lots,
        risk_frac=0.005,
        risk_account=50.0,
    )
    facts: tuple[AnyFact, ...] = (an_intent(), approval, a_submission(lots=lots))
    for seq, fact in enumerate(facts, 1):
        orders.see(an_entry(fact, seq=seq))
    order = orders.get("EURUSD-1")
    assert order is not None
    return orders, order


def a_reading(*deals: BrokerDeal, orders: tuple[BrokerOrder, ...] = ()) -> BrokerRead:
    """Return a reading with deals and orders."""
    return BrokerRead(
        request=ReadBroker(since_ns=0),
        read_ns=T0_NS,
        account=PlainBroker().account,
        deposits=0.0,
        positions=(),
        orders=orders,
        deals=deals,
    )


def a_deal(ticket: int, lots: float, price: float, **marks: object) -> BrokerDeal:
    """Return a deal that bought."""
    fields: dict[str, object] = {"magic": 1, "comment": "q1", "made_ns": T0_NS, **marks}
    return BrokerDeal(
        ticket=ticket,
        order_ticket=9,
        position_ticket=9,
        symbol="EURUSD",
        side=Side.BUY,
        is_entry=True,
        is_balance=False,
        lots=lots,
        price=price,
        profit=0.0,
        commission=0.0,
        swap=0.0,
        fee=0.0,
        reason="expert",
        **fields,  # type: ignore[arg-type]
    )


def a_working_order() -> BrokerOrder:
    """Return the order at work."""
    return BrokerOrder(
        ticket=9, symbol="EURUSD", magic=1, comment="q1", is_working=True, placed_ns=T0_NS
    )


def test_the_memory_of_settled_orders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest that need nothing more are forgotten, never one that is open."""
    monkeypatch.setattr(orders_module, "ORDERS_KEPT_MAX", 3)
    orders, order = a_submitted_order()
    for number in range(2, 10):
        orders.see(an_entry(an_intent(intent_id=f"EURUSD-{number}"), seq=2 * number))

    assert orders.get("EURUSD-1") is order
    assert orders.get("EURUSD-7") is None
    assert orders.get("EURUSD-9") is not None

    orders.see(an_entry(an_outcome(), seq=30))
    orders.see(an_entry(an_intent(intent_id="EURUSD-10"), seq=31))
    assert orders.get("EURUSD-1") is None
    assert orders.behind(1, "q1", T0_NS) is None
    assert orders.sequence == 1


def test_no_order_that_is_open_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound gives way before an order does."""
    orders, order = a_submitted_order()
    monkeypatch.setattr(orders_module, "ORDERS_KEPT_MAX", 0)

    orders.see(an_entry(an_exit(9), seq=9))

    assert orders.get("EURUSD-1") is order
    assert len(orders.open) == 2


def test_facts_about_forgotten_intents_change_nothing() -> None:
    """An outcome, a permission or a send of an unknown intent is no order of ours to manage."""
    orders = Orders()

    orders.see(an_entry(an_outcome()))
    orders.see(an_entry(a_submission(magic=4711 * 2**32 + 8), seq=2))

    assert orders.open == {}
    assert orders.sequence == 8


def test_a_send_outweighs_an_earlier_statement_that_there_was_none() -> None:
    """Whatever was said before, an announced order is searched for."""
    orders = Orders()
    orders.see(an_entry(an_intent()))
    orders.see(an_entry(an_outcome(outcome=Outcome.NOT_SENT), seq=2))
    orders.see(an_entry(a_submission(), seq=3))

    assert [order.is_unanswered for order in orders.submitted()] == [True]


@pytest.mark.parametrize(
    ("magic", "comment", "age_ns", "is_ours"),
    [
        (1, "", 0, True),
        (2, "q1", 0, True),
        (2, "", 0, False),
        (0, "", 0, False),
        (1, "", CLOCK_SKEW_NS, True),
        (1, "", CLOCK_SKEW_NS + 1, False),
    ],
)
def test_marks_and_time_tell_whose_it_is(
    magic: int, comment: str, age_ns: int, is_ours: bool
) -> None:
    """By magic, then by comment, and never from before the send."""
    orders, order = a_submitted_order()

    found = orders.behind(magic, comment, T0_NS - age_ns)

    assert (found is order) == is_ours


def test_an_order_still_at_work_with_a_part_filled_goes_on() -> None:
    """The rest may follow, so it stays accepted."""
    _, order = a_submitted_order()

    found = settle(order, a_reading(a_deal(1, 0.1, 1.1), orders=(a_working_order(),)), PATIENCE)

    assert found is not None
    assert (found.outcome, found.lots) == (Outcome.ACCEPTED, 0.1)


def test_an_order_at_work_without_a_deal_is_accepted() -> None:
    """It was lost to us, not to the broker."""
    _, order = a_submitted_order()

    found = settle(order, a_reading(orders=(a_working_order(),)), PATIENCE)

    assert found is not None
    assert (found.outcome, found.order_ticket) == (Outcome.ACCEPTED, 9)


def test_several_deals_of_one_order_make_one_outcome() -> None:
    """Lots add up, the price is their mean by lots."""
    _, order = a_submitted_order()

    found = settle(order, a_reading(a_deal(1, 0.1, 1.1), a_deal(2, 0.1, 1.2)), PATIENCE)

    assert found is not None
    assert (found.outcome, found.lots, found.deal_ticket) == (Outcome.FILLED, 0.2, 2)
    assert found.price == pytest.approx(1.15)  # (0.1 * 1.1 + 0.1 * 1.2) / 0.2


def test_a_part_without_an_order_at_work_is_all_there_will_be() -> None:
    """The remainder is dropped (F10)."""
    _, order = a_submitted_order()

    found = settle(order, a_reading(a_deal(1, 0.1, 1.1)), PATIENCE)

    assert found is not None
    assert found.outcome is Outcome.PARTIAL


def test_a_closed_ticket_is_open_again_only_with_lots() -> None:
    """A netting position that turned round keeps its ticket; a late word of the end opens none."""
    positions = Positions(Orders())
    positions.see(an_entry(a_position(ticket=9)))
    positions.see(an_entry(a_trade(ticket=9), seq=2))

    positions.see(an_entry(a_position(ticket=9, lots=0.0), seq=3))
    assert positions.is_closed(9)
    assert positions.by_ticket == {}

    positions.see(an_entry(a_position(ticket=9, side=Side.SELL), seq=4))
    assert not positions.is_closed(9)
    assert positions.by_ticket[9].turns == 1


def test_what_the_broker_is_not_asked_about_any_more_is_forgotten() -> None:
    """The memory of closed trades ends with the period that is read."""
    positions = Positions(Orders())
    positions.see(an_entry(a_position(ticket=9)))
    positions.see(an_entry(a_trade(ticket=9), seq=2))

    positions.forget(T0_NS)
    assert positions.is_closed(9)
    positions.forget(T0_NS + 1)

    assert not positions.is_closed(9)
