"""What one instance of the ExecutionAgent has asked of the broker and heard; it dies with it.

Nothing of it is a fact. It keeps an instance from asking twice, and tells it which answers it may
rely on: a reading is used only if no send was under way while it was taken.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from agents.orders.life import SEQUENCE_MAX, Order, Orders
from agents.orders.outcomes import POSITION_CLOSED, classify
from agents.orders.settlement import Patience
from agents.requests import (
    BrokerChanged,
    BrokerRead,
    ReadBroker,
    Reply,
    SendAnswered,
    SendOrder,
    Unanswered,
)
from blackboard.facts import OrderSubmitting
from blackboard.facts.execution import Outcome, Purpose

SendReply = SendAnswered | Unanswered

_CHANGES_THE_BOOK: Final = frozenset(
    {Outcome.FILLED, Outcome.PARTIAL, Outcome.ACCEPTED, Outcome.UNKNOWN}
)


class Dialogue:
    """Requests under way and replies not yet turned into facts."""

    def __init__(self, orders: Orders, patience: Patience, retry_gap_ns: int) -> None:
        self.reading: BrokerRead | None = None
        """The reading that the board does not reflect in full yet."""
        self.read_ns = -1
        """Market time of the newest usable reading."""
        self.has_read = False
        """Whether this instance has compared its book with the broker's."""
        self.is_clean = False
        """Whether the latest comparison left nothing open."""
        self.is_new = True
        """Whether this instance has not acted yet."""
        self.retry_ns = 0
        """Market time before which a broker that did not answer is left alone."""
        self.sequence_floor = 0
        """Highest sequence of ours that was read at the broker and is not on the board."""
        self.drafted: dict[str, OrderSubmitting] = {}
        """What was announced and has not come back from the board."""
        self._orders = orders
        self._patience = patience
        self._retry_gap_ns = retry_gap_ns
        self._heard: BrokerRead | None = None
        self._answers: dict[str, SendReply] = {}
        self._sends: dict[str, int] = {}
        """When the reply to a send was asked for, market time."""
        self._suspects: frozenset[int] = frozenset()
        self._wants_read = True
        self._has_failed = False
        self._is_asking = False
        self._is_overtaken = False
        self._asked_ns = 0

    @property
    def sequence(self) -> int:
        """Highest sequence that a magic number has used, on the board or on its way there."""
        drafted = (fact.magic & SEQUENCE_MAX for fact in self.drafted.values())
        return max(self._orders.sequence, self.sequence_floor, *drafted)

    def hear(self, reply: Reply) -> None:
        """Take one answer of the world."""
        match reply:
            case SendAnswered(request=request):
                self._take_answer(request.intent_id, reply)
                self._wants_read |= _concerns_the_book(reply)
            case Unanswered(request=SendOrder(intent_id=intent_id)):
                self._take_answer(intent_id, reply)
                self._wants_read = True
            case BrokerRead():
                self._take_reading(reply)
            case Unanswered(request=ReadBroker()):
                self._is_asking = False
                self._wants_read = self._has_failed = True
            case BrokerChanged():
                self._wants_read = True
            case _:
                pass

    def begin(self, now_ns: int) -> None:
        """Bring everything up to a step's time."""
        if self._has_failed:
            # On a grid, so that it does not depend on who asked when.
            self.retry_ns = (now_ns // self._retry_gap_ns + 1) * self._retry_gap_ns
            self._has_failed = False
        if self._heard is not None:
            read_ns = max(self._asked_ns, min(self._heard.read_ns, now_ns))
            self.reading = msgspec.structs.replace(self._heard, read_ns=read_ns)
            self._heard, self.read_ns = None, read_ns
        self._sends = {
            intent_id: asked_ns
            for intent_id, asked_ns in self._sends.items()
            if self._is_coming(intent_id) or now_ns <= self._deadline_ns(intent_id)
        }
        self.drafted = {
            intent_id: fact
            for intent_id, fact in self.drafted.items()
            if self._is_coming(intent_id)
        }

    def answers(self) -> Iterator[tuple[Order, SendReply]]:
        """Yield the answers that the board does not know, in the order of the sends."""
        for intent_id in list(self._answers):
            order = self._orders.get(intent_id)
            if order is None or order.is_settled:
                del self._answers[intent_id]
        known = [(self._orders.get(intent_id), reply) for intent_id, reply in self._answers.items()]
        found = [(order, reply) for order, reply in known if order and order.submitting]
        return iter(sorted(found, key=lambda pair: pair[0].submitting_seq))

    def has_answer(self, order: Order) -> bool:
        """Whether the reply to an order's send was heard."""
        return order.intent_id in self._answers

    def drop_answer(self, order: Order) -> None:
        """Forget an answer that the board knows."""
        del self._answers[order.intent_id]

    def is_sending(self) -> bool:
        """Whether the reply to a send may still come."""
        return any(
            order.is_unanswered and order.intent_id in self._sends and not self.has_answer(order)
            for order in self._orders.submitted()
        )

    def send(self, intent_id: str, now_ns: int) -> None:
        """Note that a send was asked for: what was read before says nothing of it."""
        self._sends[intent_id] = now_ns
        self.reading = None

    def announced(self, intent_id: str, now_ns: int) -> None:
        """Note that an announcement is on the board, made at a market time.

        One that somebody else has made was not created by our post, so no host carries our request
        out and no reply will come. In virtual time a successor asks at its predecessor's time, and
        there the request is carried out.
        """
        if self._sends.get(intent_id, now_ns) != now_ns:
            del self._sends[intent_id]

    def trusts(self, suspects: frozenset[int]) -> bool:
        """Whether a reading may be believed that positions are gone without a trace.

        Not the first time: terminals answer "nothing" once and then the positions again.
        """
        is_believed = suspects <= self._suspects
        self._suspects = suspects
        if not is_believed:
            self.reading, self._wants_read = None, True
        return is_believed

    def wants_read(self, due_ns: int, now_ns: int) -> bool:
        """Whether the broker should be read now, given the latest time a reading was due for."""
        if self._is_asking or now_ns < self.retry_ns:
            return False
        if self.is_sending():
            return False
        return self._wants_read or due_ns > self.read_ns

    def read(self, now_ns: int) -> None:
        """Note that a reading was asked for."""
        self._is_asking, self._asked_ns = True, now_ns
        self._wants_read = self._is_overtaken = False

    def _take_answer(self, intent_id: str, reply: SendReply) -> None:
        self._answers[intent_id] = reply
        self._is_overtaken = True

    def _take_reading(self, reading: BrokerRead) -> None:
        self._is_asking = False
        if self._is_overtaken or self.is_sending():
            self._wants_read = True
        else:
            self._heard = reading

    def _deadline_ns(self, intent_id: str) -> int:
        order = self._orders.get(intent_id)
        return self._patience.deadline_ns(order) if order and order.is_unanswered else -1

    def _is_coming(self, intent_id: str) -> bool:
        order = self._orders.get(intent_id)
        return order is not None and order.is_waiting


def _concerns_the_book(reply: SendAnswered) -> bool:
    if reply.request.purpose is Purpose.CANCEL:
        return True  # refused or not: what was to be taken back may have been filled
    return classify(reply).outcome in _CHANGES_THE_BOOK or reply.code == POSITION_CLOSED
