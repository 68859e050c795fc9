"""However facts, replies, deaths and lies are mixed: one order an intent, one book at the end."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboard.facts import (
    AmendIntent,
    ExitIntent,
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Reconciled,
    RiskApproved,
    TradeClosed,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from models.market.sessions import MINUTE_NS, SECOND_NS
from tests.builders import M15_NS, a_quote, an_intent
from tests.execution_desk import LOST, LOST_DONE, PLACED, ExecutionDesk

TONGUES = (10_009, 10_009, LOST, LOST_DONE, PLACED, 10_004, 10_016, 10_031, -2, -10_004)


class Mess:
    """A desk on which anything may happen next."""

    def __init__(self) -> None:
        self.desk = ExecutionDesk()
        self.count = 0

    def want(self, tongue: int) -> None:
        """Approve an entry, and let the broker treat some send strangely."""
        self.count += 1
        name = f"entry-{self.count}"
        valid_until_ns = self.desk.now_ns + M15_NS
        self.desk.broker.tongue.append(TONGUES[tongue % len(TONGUES)])
        self.desk.say(
            a_quote(),
            an_intent(intent_id=name, valid_until_ns=valid_until_ns),
            RiskApproved(
                scope="EURUSD",
                intent_id=name,
                side=Side.BUY,
                lots=0.2,
                risk_frac=0.005,
                risk_account=50.0,
                valid_until_ns=valid_until_ns,
            ),
        )

    def leave(self, pick: int) -> None:
        """Want the exit of some open position."""
        held = self._pick(pick)
        if held is not None:
            self.count += 1
            self.desk.say(
                ExitIntent(
                    scope="EURUSD",
                    intent_id=f"exit-{self.count}",
                    position_ticket=held.ticket,
                    position_side=held.side,
                    position_lots=held.lots,
                    side=held.side.opposite,
                    lots=held.lots,
                    reason="time",
                )
            )

    def tighten(self, pick: int) -> None:
        """Want a tighter stop of some open position."""
        held = self._pick(pick)
        if held is not None:
            self.count += 1
            self.desk.say(
                AmendIntent(
                    scope="EURUSD",
                    intent_id=f"amend-{self.count}",
                    position_ticket=held.ticket,
                    position_side=held.side,
                    stop_price=round(held.stop_price + 0.0001, 5) if held.stop_price else 1.09,
                    current_stop_price=held.stop_price,
                    target_price=held.target_price,
                    reason="chandelier",
                )
            )

    def step(self, limit: int) -> None:
        """Let the agent take one step with some of what is new."""
        self.desk.step(limit=limit % 5 or None)

    def half_step(self, limit: int) -> None:
        """Kill it after its post, before its requests are handed on."""
        self.desk.step(limit=limit % 5 or None, hands_on=False)
        self.desk.restart()

    def die(self, _: int) -> None:
        """Kill it with all replies under way."""
        self.desk.restart()

    def mix(self, pick: int) -> None:
        """Let replies arrive in another order, one of them twice."""
        replies = self.desk.replies
        if replies:
            replies.append(replies[pick % len(replies)])
            replies.reverse()

    def pass_time(self, seconds: int) -> None:
        """Let market time pass, without a stop at the wakes in between."""
        self.desk.now_ns += seconds * SECOND_NS

    def hit_stop(self, pick: int) -> None:
        """Let the broker close some position at its stop."""
        broker = self.desk.broker
        tickets = sorted(broker.positions)
        if tickets:
            broker.close(tickets[pick % len(tickets)], 1.0981, self.desk.now_ns, "stop")

    def meddle(self, _: int) -> None:
        """Let somebody trade by hand."""
        self.desk.broker.open(Side.SELL, 0.1, self.desk.now_ns)

    def reduce(self, pick: int) -> None:
        """Let somebody close a part of some position by hand."""
        broker = self.desk.broker
        tickets = sorted(ticket for ticket, held in broker.positions.items() if held.lots > 0.05)
        if tickets:
            ticket = tickets[pick % len(tickets)]
            broker.close(ticket, 1.1, self.desk.now_ns, "client", lots=0.05)

    def serve_order(self, pick: int) -> None:
        """Let a waiting order be filled, or end without a deal."""
        broker = self.desk.broker
        for place, order in enumerate(broker.orders):
            if order.is_working:
                if pick % 2:
                    sent = next(one for one in broker.sends if one.magic == order.magic)
                    broker.execute(sent, self.desk.now_ns)
                broker.orders[place] = msgspec.structs.replace(
                    order, is_working=False, is_dead=not pick % 2
                )
                return

    def go_deaf(self, times: int) -> None:
        """Let some readings fail."""
        self.desk.broker.deaf = times % 3

    def go_blind(self, times: int) -> None:
        """Let one reading show nothing."""
        self.desk.broker.blind = times % 2

    def heal(self) -> None:
        """Stop all faults, and let enough time pass."""
        broker = self.desk.broker
        broker.tongue.clear()
        broker.orders.clear()
        broker.deaf = broker.blind = 0
        self.desk.advance_to(self.desk.now_ns + 4 * M15_NS + MINUTE_NS)

    def _pick(self, pick: int) -> PositionChanged | None:
        latest = {fact.ticket: fact for fact in self._facts(PositionChanged) if fact.lots > 0.0}
        gone = {fact.ticket for fact in self._facts(PositionChanged) if fact.lots == 0.0}
        tickets = sorted(latest.keys() - gone)
        return latest[tickets[pick % len(tickets)]] if tickets else None

    def _facts(self, kind: type[PositionChanged]) -> list[PositionChanged]:
        return [fact for fact in self.desk.facts(kind) if isinstance(fact, kind)]


MOVES: tuple[Callable[[Mess, int], None], ...] = (
    Mess.want,
    Mess.step,
    Mess.step,
    Mess.step,
    Mess.half_step,
    Mess.die,
    Mess.mix,
    Mess.leave,
    Mess.tighten,
    Mess.pass_time,
    Mess.hit_stop,
    Mess.meddle,
    Mess.reduce,
    Mess.serve_order,
    Mess.go_deaf,
    Mess.go_blind,
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 60)), max_size=40))
def test_p1_p3_one_order_an_intent_and_one_book_at_the_end(
    moves: list[tuple[Callable[[Mess, int], None], int]],
) -> None:
    """P1 and P3, with the same number never used twice and every deal told once."""
    mess = Mess()
    desk, broker = mess.desk, mess.desk.broker

    for move, number in moves:
        move(mess, number)
    mess.heal()

    sent = [order.intent_id for order in broker.sends]
    magics = [order.magic for order in broker.sends]
    assert len(sent) == len(set(sent))
    assert len(magics) == len(set(magics))
    announced = [fact.intent_id for fact in desk.facts(OrderSubmitting)]  # type: ignore[union-attr]
    assert set(sent) <= set(announced)
    assert len(announced) == len(set(announced))

    latest = {fact.ticket: fact for fact in desk.facts(PositionChanged)}  # type: ignore[union-attr]
    known = {ticket: fact.lots for ticket, fact in latest.items() if fact.lots > 0.0}  # type: ignore[union-attr]
    held_lots = {held.ticket: held.lots for held in broker.positions.values()}
    assert known == pytest.approx(held_lots)
    told = [fact.deal_ticket for fact in desk.facts(Fill)]  # type: ignore[union-attr]
    known_positions = set(latest)
    made = [deal.ticket for deal in broker.deals if deal.position_ticket in known_positions]
    assert sorted(told) == made
    closed = [fact.ticket for fact in desk.facts(TradeClosed)]  # type: ignore[union-attr]
    assert sorted(closed) == sorted(known_positions - set(broker.positions))
    outcomes = {fact.intent_id: fact.outcome for fact in desk.facts(OrderOutcome)}  # type: ignore[union-attr]
    assert all(outcomes[name].is_settled for name in announced)
    assert Outcome.UNKNOWN not in outcomes.values()
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]
