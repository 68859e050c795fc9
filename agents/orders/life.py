"""The life of every intent as the board tells it: wanted, permitted, submitting, settled.

A fold over facts, entry by entry: nothing here depends on how entries were batched, and nothing is
remembered that the board does not say. What to do about an order is decided elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agents.retries import RETCODE_TOO_MANY_REQUESTS
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    ExitIntent,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    Quote,
    Reconciled,
    RiskApproved,
    SymbolSpec,
)
from blackboard.facts.execution import Outcome, Purpose
from models.market.sessions import MINUTE_NS

ORDERS_KEPT_MAX: Final = 4096
"""Orders remembered; beyond it the oldest that need nothing more are forgotten."""

CLOCK_SKEW_NS: Final = 5 * MINUTE_NS
"""How much earlier than the send the broker's clock may date what came of it.

A book that starts anew counts its magic numbers from one again. Without this bound it would take
the deals of a forgotten book for its own.
"""

SEQUENCE_BITS: Final = 32
SEQUENCE_MAX: Final = (1 << SEQUENCE_BITS) - 1
"""A magic number is the strategy's number above so many bits of sequence."""

Intent = OrderIntent | ExitIntent | AmendIntent | CancelIntent

_PURPOSES: Final[dict[type[Intent], Purpose]] = {
    OrderIntent: Purpose.ENTRY,
    ExitIntent: Purpose.EXIT,
    AmendIntent: Purpose.AMEND,
    CancelIntent: Purpose.CANCEL,
}


@dataclass(slots=True)
class Order:
    """One intent and everything that became of it; seqs are 0 where there is no entry yet."""

    intent: Intent
    intent_seq: int
    close_ns: int
    """Close of the round it belongs to: the event time of all its facts."""
    quote: Quote | None = None
    """Latest quote when the permission was given, or the intent where none is needed."""
    quote_seq: int = 0
    spec: SymbolSpec | None = None
    """The symbol's terms at the same moment."""
    approval: RiskApproved | None = None
    approval_seq: int = 0
    submitting: OrderSubmitting | None = None
    submitting_seq: int = 0
    sent_ns: int = 0
    """Market time at which the send was decided."""
    outcome: OrderOutcome | None = None
    outcome_seq: int = 0
    outcome_ns: int = 0
    """Market time at which the latest outcome was posted."""
    outcome_count: int = 0

    @property
    def intent_id(self) -> str:
        """Name of the intent."""
        return self.intent.intent_id

    @property
    def symbol(self) -> str:
        """What it trades."""
        return self.intent.scope

    @property
    def purpose(self) -> Purpose:
        """What it is for."""
        return _PURPOSES[type(self.intent)]

    @property
    def position_ticket(self) -> int:
        """Position that it closes or amends, 0 for an entry and for a cancel."""
        if isinstance(self.intent, OrderIntent | CancelIntent):
            return 0
        return self.intent.position_ticket

    @property
    def order_ticket(self) -> int:
        """Resting order that it takes back, 0 for everything else."""
        return self.intent.order_ticket if isinstance(self.intent, CancelIntent) else 0

    @property
    def place(self) -> int | str:
        """What it is about, of which one request at a time leaves: a position, an order, a symbol.

        The next is judged by what became of it. An order that rests does not hold its symbol.
        """
        if self.order_ticket:
            return f"order {self.order_ticket}"
        return self.position_ticket or self.symbol

    @property
    def is_uncertain(self) -> bool:
        """Whether the broker may have done it, or may still do it, and nobody can say."""
        return self.is_unanswered or self.is_unknown

    @property
    def valid_until_ns(self) -> int:
        """Market time after which it must not leave."""
        if self.approval is None:
            return self.intent.valid_until_ns
        return min(self.intent.valid_until_ns, self.approval.valid_until_ns)

    @property
    def is_permitted(self) -> bool:
        """Whether nobody else has to agree any more."""
        return self.approval is not None or not isinstance(self.intent, OrderIntent)

    @property
    def is_settled(self) -> bool:
        """Whether no further outcome can follow."""
        return self.outcome is not None and self.outcome.outcome.is_settled

    @property
    def is_waiting(self) -> bool:
        """Whether it may leave and has not been submitted."""
        return self.is_permitted and self.submitting is None and self.outcome is None

    @property
    def is_unanswered(self) -> bool:
        """Whether it was submitted and nothing is known of the reply."""
        return self.submitting is not None and self.outcome is None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody can say what the broker made of it."""
        return self.outcome is not None and self.outcome.outcome is Outcome.UNKNOWN

    def owns(self, magic: int, comment: str, made_ns: int) -> bool:
        """Whether something at the broker came of this order, by its marks and its time."""
        if self.submitting is None or made_ns < self.sent_ns - CLOCK_SKEW_NS:
            return False
        return magic == self.submitting.magic or comment == self.submitting.comment

    def outcome_draft(self, fact: OrderOutcome, timeframe: str) -> Draft:
        """Return the draft of the next outcome of this order."""
        count = self.outcome_count
        parents = (self.submitting_seq or self.approval_seq or self.intent_seq, self.outcome_seq)
        return Draft(
            fact=fact,
            ts_event_ns=self.close_ns,
            timeframe=timeframe,
            ordinal=f"{self.intent_id}.{count}" if count else self.intent_id,
            causes=tuple(seq for seq in parents if seq),
        )


class Orders:
    """All orders of the book that still matter, with the prices and symbols they are made with."""

    def __init__(self) -> None:
        self.open: dict[str, Order] = {}
        """Permitted orders without a settled outcome, in the order of their permission."""
        self.sequence = 0
        """Highest sequence that any order's magic number has used."""
        self.throttled_ns = -1
        """Market time at which the broker last wanted a pause, −1 if it never did."""
        self._specs: dict[str, SymbolSpec] = {}
        self._quotes: dict[str, tuple[Quote, int]] = {}
        self._by_id: dict[str, Order] = {}
        self._by_magic: dict[int, Order] = {}
        self._by_comment: dict[str, Order] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry; kinds that say nothing of orders pass."""
        match entry.fact:
            case Quote() as quote:
                self._quotes[quote.scope] = (quote, entry.seq)
            case SymbolSpec() as spec:
                self._specs[spec.scope] = spec
            case OrderIntent() | ExitIntent() | AmendIntent() | CancelIntent() as intent:
                self._want(intent, entry)
            case RiskApproved() as approval:
                self._permit(approval, entry)
            case OrderSubmitting() as submitting:
                self._submit(submitting, entry)
            case OrderOutcome() as outcome:
                self._settle(outcome, entry)
            case Reconciled() as verdict:
                self.sequence = max(self.sequence, verdict.sequence_floor)
            case _:
                pass

    def get(self, intent_id: str) -> Order | None:
        """Return the order of an intent, None if it is not remembered."""
        return self._by_id.get(intent_id)

    def waiting(self) -> list[Order]:
        """Return what may leave: exits, cancels, amendments, then entries, each as permitted."""
        rank = {Purpose.EXIT: 0, Purpose.CANCEL: 1, Purpose.AMEND: 2, Purpose.ENTRY: 3}
        found = [order for order in self.open.values() if order.is_waiting]
        return sorted(found, key=lambda order: rank[order.purpose])

    def submitted(self) -> Iterator[Order]:
        """Yield what was submitted and is not settled."""
        return (order for order in self.open.values() if order.submitting is not None)

    def frozen(self, found: Mapping[str, OrderOutcome] | None = None) -> tuple[str, ...]:
        """Return the symbols in which the fate of an order is open, sorted.

        `found` holds outcomes by intent id that the board does not know yet.
        """
        known = found or {}
        uncertain = {
            order.symbol
            for order in self.submitted()
            if order.is_uncertain
            and (order.intent_id not in known or known[order.intent_id].outcome is Outcome.UNKNOWN)
        }
        return tuple(sorted(uncertain))

    def first_attempt_of(self, order: Order) -> OrderIntent | None:
        """Return the intent that an entry repeats, None if it is the first or not remembered."""
        if not isinstance(order.intent, OrderIntent) or order.intent.attempt == 1:
            return None
        for other in self._by_id.values():
            if (
                isinstance(other.intent, OrderIntent)
                and other.intent.attempt == 1
                and (other.symbol, other.close_ns) == (order.symbol, order.close_ns)
            ):
                return other.intent
        return None

    def behind(self, magic: int, comment: str, made_ns: int) -> Order | None:
        """Return the order that something at the broker came of: by magic, then by comment."""
        for order in (self._by_magic.get(magic), self._by_comment.get(comment)):
            if order is not None and order.owns(magic, comment, made_ns):
                return order
        return None

    def _want(self, intent: Intent, entry: Entry) -> None:
        if intent.intent_id in self._by_id:
            return
        order = Order(intent, entry.seq, entry.ts_event_ns)
        self._by_id[intent.intent_id] = order
        if order.is_permitted:
            self._open(order)
        self._forget()

    def _permit(self, approval: RiskApproved, entry: Entry) -> None:
        order = self._by_id.get(approval.intent_id)
        if order is None or order.is_permitted or order.outcome is not None:
            return
        order.approval, order.approval_seq = approval, entry.seq
        self._open(order)

    def _open(self, order: Order) -> None:
        # Quote and terms as of this entry, not as of the step: batches must not change the prices.
        order.quote, order.quote_seq = self._quotes.get(order.symbol, (None, 0))
        order.spec = self._specs.get(order.symbol)
        self.open[order.intent_id] = order

    def _submit(self, submitting: OrderSubmitting, entry: Entry) -> None:
        self.sequence = max(self.sequence, submitting.magic & SEQUENCE_MAX)
        order = self._by_id.get(submitting.intent_id)
        if order is None:
            return
        order.submitting, order.submitting_seq = submitting, entry.seq
        order.sent_ns = entry.now_ns
        # A send outweighs an earlier statement that there was none.
        order.outcome = None
        self.open[order.intent_id] = order
        self._by_magic[submitting.magic] = order
        self._by_comment[submitting.comment] = order

    def _settle(self, outcome: OrderOutcome, entry: Entry) -> None:
        order = self._by_id.get(outcome.intent_id)
        if order is None:
            return
        order.outcome, order.outcome_seq, order.outcome_ns = outcome, entry.seq, entry.now_ns
        order.outcome_count += 1
        if outcome.retcode == RETCODE_TOO_MANY_REQUESTS:
            self.throttled_ns = max(self.throttled_ns, entry.now_ns)
        if order.is_settled:
            self.open.pop(order.intent_id, None)

    def _forget(self) -> None:
        if len(self._by_id) <= ORDERS_KEPT_MAX:
            return
        oldest = next((o for o in self._by_id.values() if o.intent_id not in self.open), None)
        if oldest is None:
            return
        del self._by_id[oldest.intent_id]
        if oldest.submitting is not None:
            self._by_magic.pop(oldest.submitting.magic, None)
            self._by_comment.pop(oldest.submitting.comment, None)
