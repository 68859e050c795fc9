"""The ExecutionAgent: exactly-once orders, the broker's book as facts, and their reconciliation.

It alone talks to the broker. An order leaves at most once: it is announced (`OrderSubmitting`), and
the send runs only if this post created the announcement. What became of it is read, never sent
again. Everything it posts follows from facts it has seen and from what the broker answered.

Drafts of one step stand in this order: outcomes of answered, found and lost sends; fills by deal
ticket, positions by ticket, closed trades by ticket; the account; the reconciliation; then what is
refused or about to be sent, exits first, then cancels, amendments, and entries last.
"""

from typing import ClassVar, Final

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.orders.account import Account
from agents.orders.clearance import Clearance
from agents.orders.comparison import compare
from agents.orders.dialogue import Dialogue, SendReply
from agents.orders.life import Order, Orders
from agents.orders.outcomes import classify
from agents.orders.positions import Positions
from agents.orders.reasons import REASON_LENGTH_MAX, told
from agents.orders.settlement import Patience, no_reply, settle
from agents.orders.submission import (
    Unsendable,
    highest_sequence,
    magic_of,
    not_sent,
    send_of,
    submitting,
)
from agents.requests import AwaitBroker, BrokerRead, ReadBroker, Reply, SendAnswered, Wake
from blackboard.access import Recent
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    AgentHealth,
    AmendIntent,
    CancelIntent,
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
from blackboard.facts.control import Command
from blackboard.facts.execution import Purpose
from config.agent import Mode
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, next_bar_close_ns

READ_RETRY_S: Final = 5.0
"""Process time between two attempts to read a broker that does not answer."""


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
        CancelIntent,
        RiskApproved,
        TradingStateChanged,
        OperatorCommand,
        AgentHealth,
    )
    recent: ClassVar = {
        **dict.fromkeys((Quote, AgentHealth, Reconciled), FORTNIGHT),
        # The first one names the account, and says since when the book is kept.
        AccountSnapshot: Recent(FORTNIGHT.span_ns, with_first=True),
    }
    unhurried = (Quote, OrderIntent)

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
        self._clearance = Clearance(
            section,
            self._orders,
            self._positions,
            self._account,
            pause_ns=int(settings.agents.supervisor.retry_pause_s * market_ns_per_s),
            is_shadow=settings.mode(self.name) is not Mode.ENABLED,
        )
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
        self._clearance.see(entry)
        match entry.fact:
            case OrderSubmitting(intent_id=intent_id):
                self._dialogue.announced(intent_id, entry.now_ns)
            case OperatorCommand(command=Command.RESUME):
                self._resumed_seq = entry.seq
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
            verdict = Reconciled(
                scope=ACCOUNT,
                positions=len(reading.positions),
                adopted=0,
                settled=0,
                is_clean=False,
                reason=foreign,
                frozen=self._orders.frozen(),
            )
            self._conclude(reading, [], verdict, reading.read_ns, outbox)
            return
        found = compare(
            reading, self._positions, self._orders, self._account.begins_ns(reading.read_ns)
        )
        if not self._dialogue.trusts(frozenset(found.questions)):
            return
        outcomes = self._search(reading)
        self._dialogue.has_read = True
        self._dialogue.is_clean = not found.questions
        snapshot = self._account.snapshot_draft(reading, has_news=bool(found.drafts))
        drafts = [
            *(self._outcome_draft(self._orders.open[key], fact) for key, fact in outcomes.items()),
            *found.drafts,
            *([snapshot] if snapshot else []),
        ]
        settled = sum(fact.outcome.is_settled for fact in outcomes.values())
        verdict = Reconciled(
            scope=ACCOUNT,
            positions=len(reading.positions),
            adopted=found.adopted,
            settled=settled,
            is_clean=not found.questions,
            reason="; ".join(found.questions.values()),
            frozen=self._orders.frozen(outcomes),
            sequence_floor=self._sequence_floor(reading),
        )
        at_ns = snapshot.ts_event_ns if snapshot else reading.read_ns
        self._conclude(reading, drafts, verdict, at_ns, outbox)

    def _sequence_floor(self, reading: BrokerRead) -> int:
        magics = [
            *(one.magic for one in reading.positions),
            *(one.magic for one in reading.orders),
            *(one.magic for one in reading.deals),
        ]
        highest = highest_sequence(self._section.strategy_magic, magics)
        if highest <= self._dialogue.sequence:
            return 0
        self._dialogue.sequence_floor = highest  # in this very step already
        return highest

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
                fact = no_reply(order, "not within the deadline")
                outbox.drafts.append(self._outcome_draft(order, fact))

    def _serve(self, now_ns: int, outbox: Outbox) -> None:
        busy = {o.place for o in self._orders.submitted() if o.purpose is not Purpose.ENTRY}
        sequence = self._dialogue.sequence
        for order in self._orders.waiting():
            is_coming = order.intent_id in self._dialogue.drafted
            refusal = "" if is_coming else self._clearance.refusal(order, now_ns)
            if not refusal and order.place not in busy and self._may_leave(order, now_ns):
                sequence += 1
                refusal = self._announce(order, sequence, now_ns, outbox)
                busy.add(order.place)
            if refusal:
                outbox.drafts.append(self._outcome_draft(order, not_sent(order, refusal)))

    def _may_leave(self, order: Order, now_ns: int) -> bool:
        """Whether the book is known well enough, by this instance's own reading."""
        dialogue = self._dialogue
        if now_ns > order.valid_until_ns or not (dialogue.has_read or dialogue.is_new):
            return False
        if order.purpose is Purpose.ENTRY and not (dialogue.is_clean or dialogue.is_new):
            return False
        return not self._clearance.hold(order, now_ns)

    def _announce(self, order: Order, sequence: int, now_ns: int, outbox: Outbox) -> str:
        """Draft the announcement and ask for the send that needs it; return why it cannot leave.

        Before its first reading an instance asks for the send without announcing it. No host then
        carries it out, except for a predecessor that had announced the same and died over it.
        """
        dialogue = self._dialogue
        try:
            fact = dialogue.drafted.get(order.intent_id) or submitting(
                order,
                order.spec,
                self._positions.confirmed_state(order.position_ticket),
                magic_of(self._section.strategy_magic, sequence),
            )
        except Unsendable as refusal:
            return str(refusal) if dialogue.has_read else ""
        announcement = self._announcement(order, fact)
        if dialogue.has_read:
            outbox.drafts.append(announcement)
            dialogue.drafted[order.intent_id] = fact
        ticket = self._positions.request_ticket(fact.position_ticket)
        deviation_points = self._section.deviation_points
        request = send_of(fact, announcement.slot, ticket, order.spec, deviation_points)
        outbox.requests.append(request)
        dialogue.send(order.intent_id, now_ns)
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

    def _ask(self, now_ns: int, outbox: Outbox) -> None:
        polls_ns = [
            self._patience.next_poll_ns(order)
            for order in self._orders.submitted()
            if order.is_uncertain
        ]
        due_ns = max((at_ns for at_ns in polls_ns if at_ns <= now_ns), default=-1)
        if self._dialogue.wants_read(max(due_ns, self._account.due_ns(now_ns)), now_ns):
            outbox.requests.append(ReadBroker(since_ns=self._since_ns(now_ns)))
            self._dialogue.read(now_ns)
        instants = (
            next_bar_close_ns(now_ns, self._section.snapshot_timeframe.length_ns),
            self._dialogue.retry_ns,
            self._account.next_comparison_ns(now_ns),
            self._clearance.pause_ends_ns,
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
    # Where the terminal process refused, the comment is the reason already.
    reason = verdict.reason
    if not reason.endswith(reply.comment):
        reason = told(reason, reply.comment)
    return OrderOutcome(
        scope=order.symbol,
        intent_id=order.intent_id,
        purpose=order.purpose,
        outcome=verdict.outcome,
        retcode=reply.code,
        reason=reason[:REASON_LENGTH_MAX],
        lots=reply.lots,
        price=reply.price,
        order_ticket=reply.order_ticket,
        deal_ticket=reply.deal_ticket,
        may_retry=verdict.may_retry,
    )
