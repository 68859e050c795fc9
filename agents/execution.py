"""The ExecutionAgent: exactly-once orders, the broker's book as facts, and their reconciliation.

It alone talks to the broker. An order leaves at most once: it is announced (`OrderSubmitting`), and
the send runs only if this post created the announcement. What became of it is read, never sent
again. Everything it posts follows from facts it has seen and from what the broker answered.

Drafts of one step stand in this order: outcomes of answered, found and lost sends; fills by deal
ticket, positions by ticket, closed trades by ticket; the account; the reconciliation; then what is
refused or about to be sent, exits before amendments before entries.
"""

from typing import Final

from agents.agent import Agent, Outbox
from agents.orders.account import Account
from agents.orders.comparison import Comparison, compare
from agents.orders.dialogue import Dialogue, SendReply
from agents.orders.life import Order, Orders
from agents.orders.outcomes import classify
from agents.orders.positions import Positions
from agents.orders.settlement import Patience, no_reply, settle
from agents.orders.submission import FLATTEN, Unsendable, magic_of, not_sent, send_of, submitting
from agents.requests import AwaitBroker, BrokerRead, ReadBroker, Reply, SendAnswered, Wake
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    AmendIntent,
    ExitIntent,
    Fill,
    OperatorCommand,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Quote,
    Reconciled,
    RiskApproved,
    SymbolSpec,
    TradeClosed,
    TradingStateChanged,
)
from blackboard.facts.control import Command, TradingState
from blackboard.facts.execution import Outcome, Purpose
from config.agents import Mode
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, next_bar_close_ns

READ_RETRY_S: Final = 5.0
"""Process time between two attempts to read a broker that does not answer."""

REASON_LENGTH_MAX: Final = 160


class ExecutionAgent(Agent):
    """Sends what was permitted, and states what the broker made of it."""

    name = "execution"
    posts = (
        OrderSubmitting,
        OrderOutcome,
        Fill,
        PositionChanged,
        TradeClosed,
        AccountSnapshot,
        Reconciled,
    )
    reads = (
        SymbolSpec,
        Quote,
        OrderIntent,
        ExitIntent,
        AmendIntent,
        RiskApproved,
        TradingStateChanged,
        OperatorCommand,
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        section = settings.agents.execution
        market_ns_per_s = settings.speed * SECOND_NS  # of process time
        self._section = section
        self._history_ns = section.history_hours * HOUR_NS
        self._patience = Patience(
            int(settings.terminal.send_timeout_s * market_ns_per_s), section.absence_polls
        )
        self._orders = Orders()
        self._positions = Positions(self._orders)
        self._account = Account(
            section.snapshot_timeframe,
            grace_ns=int(settings.terminal.read_timeout_s * market_ns_per_s),
            reconcile_ns=section.reconcile_minutes * MINUTE_NS,
        )
        self._state = TradingState.ACTIVE
        self._is_flattening = False
        self._resumed_seq = 0
        self._dialogue = Dialogue(
            self._orders, self._patience, max(1, int(READ_RETRY_S * market_ns_per_s))
        )

    def see(self, entry: Entry) -> None:
        """Fold one entry into the orders, the positions and the account."""
        if isinstance(entry.fact, AccountSnapshot):
            # Before the account moves on: the last reading asked back from the snapshot before this
            # one, which may lie beyond a weekend, and is still compared with what is kept.
            self._positions.forget(self._since_ns(entry.ts_event_ns) - DAY_NS)
        self._orders.see(entry)
        self._positions.see(entry)
        self._account.see(entry)
        match entry.fact:
            case TradingStateChanged() as fact:
                self._state = fact.state
            case OperatorCommand(command=Command.FLATTEN):
                self._is_flattening = True
            case OperatorCommand(command=Command.RESUME):
                self._is_flattening, self._resumed_seq = False, entry.seq
            case _:
                pass

    def hear(self, reply: Reply) -> None:
        """Take an answer of the broker."""
        self._dialogue.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """State what is known of the broker, send what is permitted, ask for what is due."""
        self._dialogue.begin(now_ns)
        self._state_answers(outbox)
        if self._dialogue.reading is not None:
            self._state_reading(self._dialogue.reading, outbox)
        self._state_losses(now_ns, outbox)
        self._repeat_sends(now_ns, outbox)
        self._serve(now_ns, outbox)
        self._ask(now_ns, outbox)
        self._dialogue.is_new = False

    def _state_answers(self, outbox: Outbox) -> None:
        for order, reply in self._dialogue.answers():
            fact = _outcome_of(order, reply)
            if order.outcome is None or order.outcome.outcome is not fact.outcome:
                outbox.drafts.append(self._outcome_draft(order, fact))
            else:
                self._dialogue.drop_answer(order)

    def _state_reading(self, reading: BrokerRead, outbox: Outbox) -> None:
        foreign = self._foreign_reason(reading)
        if foreign:
            # Not even an exit may leave now, before the board knows of it.
            self._dialogue.has_read = self._dialogue.is_clean = False
            self._conclude(reading, [], _verdict(reading, foreign), reading.read_ns, outbox)
            return
        found = compare(
            reading, self._positions, self._orders, self._account.begins_ns(reading.read_ns)
        )
        if not self._dialogue.trusts(found.suspects):
            return
        outcomes = self._search(reading)
        open_ids = [
            order.intent_id
            for order in self._orders.submitted()
            if (order.is_unanswered or order.is_unknown) and _is_open(outcomes.get(order.intent_id))
        ]
        self._dialogue.has_read = True
        self._dialogue.is_clean = not found.suspects and not open_ids
        snapshot = self._account.snapshot_draft(reading, has_news=bool(found.drafts))
        drafts = [
            *(self._outcome_draft(self._orders.open[key], fact) for key, fact in outcomes.items()),
            *found.drafts,
            *([snapshot] if snapshot else []),
        ]
        settled = sum(fact.outcome.is_settled for fact in outcomes.values())
        verdict = _verdict(reading, _open_questions(found, open_ids), found.adopted, settled)
        at_ns = snapshot.ts_event_ns if snapshot else reading.read_ns
        self._conclude(reading, drafts, verdict, at_ns, outbox)

    def _conclude(
        self,
        reading: BrokerRead,
        drafts: list[Draft],
        verdict: Reconciled,
        at_ns: int,
        outbox: Outbox,
    ) -> None:
        statement = self._account.reconciled_draft(verdict, at_ns)
        drafts = drafts + ([statement] if statement else [])
        outbox.drafts += drafts
        if not drafts:
            self._dialogue.reading = None  # the board says all that it shows

    def _foreign_reason(self, reading: BrokerRead) -> str:
        # Once foreign, an account is traded again only after an operator's resume.
        mismatch = self._account.mismatch(reading.account, self.settings.profile)
        if mismatch or self._resumed_seq > self._account.reconciled_seq:
            return mismatch
        return self._account.foreign_reason

    def _search(self, reading: BrokerRead) -> dict[str, OrderOutcome]:
        found = {}
        for order in self._orders.submitted():
            if not self._dialogue.has_answer(order):
                outcome = settle(order, reading, self._patience)
                if outcome is not None:
                    found[order.intent_id] = outcome
        return found

    def _state_losses(self, now_ns: int, outbox: Outbox) -> None:
        stated = {
            draft.fact.intent_id for draft in outbox.drafts if isinstance(draft.fact, OrderOutcome)
        }
        for order in self._orders.submitted():
            is_late = order.is_unanswered and now_ns > self._patience.deadline_ns(order)
            if is_late and order.intent_id not in stated:
                fact = no_reply(order, "no reply within the deadline")
                outbox.drafts.append(self._outcome_draft(order, fact))

    def _repeat_sends(self, now_ns: int, outbox: Outbox) -> None:
        """Ask for what a predecessor announced and may not have handed on; the host decides."""
        for order in self._orders.submitted():
            if order.submitting is not None and self._dialogue.needs_send(order, now_ns):
                slot = self._announcement(order, order.submitting).slot
                self._ask_send(order.submitting, slot, outbox)

    def _serve(self, now_ns: int, outbox: Outbox) -> None:
        busy = {order.position_ticket for order in self._orders.submitted()}
        sequence = self._dialogue.sequence
        for order in self._orders.waiting():
            is_free = not order.position_ticket or order.position_ticket not in busy
            refusal = self._refusal(order, now_ns)
            if not refusal and is_free and self._may_leave(order, now_ns):
                sequence += 1
                refusal = self._announce(order, sequence, outbox)
                busy.add(order.position_ticket)
            if refusal:
                outbox.drafts.append(self._outcome_draft(order, not_sent(order, refusal)))

    def _refusal(self, order: Order, now_ns: int) -> str:
        """Return why an order must never leave, empty if it may or may later."""
        if order.intent_id in self._dialogue.drafted:
            return ""
        if now_ns > order.valid_until_ns:
            return "expired"
        if self.settings.mode(self.name) is not Mode.ENABLED:
            return "shadow"
        if self._account.foreign_reason:
            return self._account.foreign_reason
        return "" if self._is_allowed(order) else "trading_state"

    def _is_allowed(self, order: Order) -> bool:
        if order.purpose is Purpose.ENTRY:
            return self._state in {TradingState.ACTIVE, TradingState.SAFE}
        if self._state is not TradingState.HALTED:
            return True
        if isinstance(order.intent, ExitIntent):
            return self._is_flattening or order.intent.reason == FLATTEN
        position = self._positions.open_state(order.position_ticket)
        return position is not None and position.stop_price == 0.0

    def _may_leave(self, order: Order, now_ns: int) -> bool:
        """Whether the book is known well enough, by this instance's own reading."""
        dialogue = self._dialogue
        if now_ns > order.valid_until_ns or not (dialogue.has_read or dialogue.is_new):
            return False
        if order.purpose is not Purpose.ENTRY:
            return True
        if any(other.is_unknown for other in self._orders.submitted()):
            return False
        return self._account.is_reconciled and (dialogue.is_clean or dialogue.is_new)

    def _announce(self, order: Order, sequence: int, outbox: Outbox) -> str:
        """Draft the announcement and ask for the send that needs it; return why it cannot leave.

        Before its first reading an instance asks for the send without announcing it. No host then
        carries it out, except for a predecessor that had announced the same and died over it.
        """
        dialogue = self._dialogue
        try:
            fact = dialogue.drafted.get(order.intent_id) or submitting(
                order,
                self._orders.specs.get(order.symbol),
                self._positions.open_state(order.position_ticket),
                magic_of(self._section.strategy_magic, sequence),
            )
        except Unsendable as refusal:
            return str(refusal) if dialogue.has_read else ""
        announcement = self._announcement(order, fact)
        if dialogue.has_read:
            outbox.drafts.append(announcement)
            dialogue.drafted[order.intent_id] = fact
        self._ask_send(fact, announcement.slot, outbox)
        return ""

    def _announcement(self, order: Order, fact: OrderSubmitting) -> Draft:
        seqs = (order.intent_seq, order.approval_seq, order.quote_seq)
        return Draft(
            fact=fact,
            ts_event_ns=order.close_ns,
            timeframe=self.settings.timeframe,
            ordinal=order.intent_id,
            causes=tuple(seq for seq in seqs if seq),
        )

    def _ask_send(self, fact: OrderSubmitting, slot: str, outbox: Outbox) -> None:
        outbox.requests.append(send_of(fact, slot, self._section.deviation_points))
        self._dialogue.send(fact.intent_id)

    def _ask(self, now_ns: int, outbox: Outbox) -> None:
        polls_ns = [
            self._patience.next_poll_ns(order)
            for order in self._orders.submitted()
            if order.is_unanswered or order.is_unknown
        ]
        due_ns = max((at_ns for at_ns in polls_ns if at_ns <= now_ns), default=-1)
        if self._dialogue.wants_read(max(due_ns, self._account.due_ns(now_ns)), now_ns):
            outbox.requests.append(ReadBroker(since_ns=self._since_ns(now_ns)))
            self._dialogue.read(now_ns)
        instants = (
            next_bar_close_ns(now_ns, self._section.snapshot_timeframe.length_ns),
            self._dialogue.retry_ns,
            *((self._account.change_due_ns,) if self._account.has_changed else ()),
            *(order.valid_until_ns + 1 for order in self._orders.waiting()),
            *polls_ns,
        )
        wake_ns = min(at_ns for at_ns in instants if at_ns > now_ns)
        outbox.requests += [Wake(at_ns=wake_ns), AwaitBroker(until_ns=wake_ns)]

    def _since_ns(self, now_ns: int) -> int:
        """Deals are read back to before the last reading and the oldest open question."""
        starts = [order.sent_ns for order in self._orders.submitted()]
        if self._account.snapshot_ns:
            starts.append(self._account.snapshot_ns)
        return max(0, min([now_ns, *starts]) - self._history_ns)

    def _outcome_draft(self, order: Order, fact: OrderOutcome) -> Draft:
        return order.outcome_draft(fact, self.settings.timeframe)


def _outcome_of(order: Order, reply: SendReply) -> OrderOutcome:
    if not isinstance(reply, SendAnswered):
        return no_reply(order, reply.reason)
    verdict = classify(reply)
    text = f"{verdict.reason}: {reply.comment}" if reply.comment else verdict.reason
    return OrderOutcome(
        scope=order.symbol,
        intent_id=order.intent_id,
        purpose=order.purpose,
        outcome=verdict.outcome,
        retcode=reply.code,
        reason=text[:REASON_LENGTH_MAX],
        lots=reply.lots,
        price=reply.price,
        order_ticket=reply.order_ticket,
        deal_ticket=reply.deal_ticket,
        may_retry=verdict.may_retry,
    )


def _is_open(found: OrderOutcome | None) -> bool:
    return found is None or found.outcome is Outcome.UNKNOWN


def _open_questions(found: Comparison, open_ids: list[str]) -> str:
    gone = [
        f"position {ticket} is gone without a closing deal" for ticket in sorted(found.suspects)
    ]
    return "; ".join(gone + [f"outcome of {intent_id} is unknown" for intent_id in open_ids])


def _verdict(reading: BrokerRead, reason: str, adopted: int = 0, settled: int = 0) -> Reconciled:
    return Reconciled(
        scope=ACCOUNT,
        positions=len(reading.positions),
        adopted=adopted,
        settled=settled,
        is_clean=not reason,
        reason=reason,
    )
