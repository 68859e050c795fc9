"""Taking back what rests: the entries whose reason to wait has gone.

An order that rests is a position to be, so whatever forbids an entry takes it back: a state that
permits none, news at once, an event ahead or the opposite decision at a close. Taking back only
reduces risk and is sent like everything else, once; where it was refused while the order rests on,
it is asked for anew. A fill may come first: then there is a position, which is cared for.
"""

from typing import Final

from agents.intents import intent_id
from agents.rounds.arbiter import ENTRY_STATES, Arbiter, Verdict
from agents.rounds.holdings import Holdings, Wish
from agents.rounds.round import Round
from blackboard.entry import Draft
from blackboard.facts import FOREVER_NS, CancelIntent
from blackboard.facts.control import TradingState
from config.settings import Settings
from models.decision.arbitration import GATES, POSITION
from models.market.sessions import MINUTE_NS

EXPIRY_GRACE_NS: Final = MINUTE_NS
"""After its expiry an order is taken back by us: a broker that keeps time itself needs less."""

REPEAT_NS: Final = MINUTE_NS
"""Time between the answer to a cancel that took nothing back and the next one."""

STATE: Final = "trading_state"
NEWS: Final = "blackout"
EXPIRED: Final = "expired"
REVERSAL: Final = "reversal"


class Withdrawals:
    """What of the resting entries is to be taken back."""

    def __init__(self, settings: Settings, arbiter: Arbiter, holdings: Holdings) -> None:
        self._settings = settings
        self._arbiter = arbiter
        self._holdings = holdings

    def due(self, state: TradingState, now_ns: int) -> list[Draft]:
        """Return the cancels of what may not rest any longer, at whatever instant."""
        drafts = []
        for wish in self._asked_for(now_ns):
            reason, causes = self._reason(wish, state, now_ns)
            if reason:
                drafts.append(self._cancel(wish, reason, causes, now_ns))
        return drafts

    def tend(
        self, place: Round, verdict: Verdict, decision_slot: str, state: TradingState, now_ns: int
    ) -> list[Draft]:
        """Return the cancels that only the close of a decided symbol brings."""
        symbol = verdict.decision.scope
        event = self._arbiter.event_ahead(place, symbol)
        drafts = []
        for wish in self._asked_for(now_ns):
            intent = wish.intent.fact
            is_younger = wish.intent.ts_event_ns >= place.close_ns
            if intent.scope != symbol or is_younger or self._reason(wish, state, now_ns)[0]:
                continue
            is_opposite = verdict.side is intent.side.opposite
            if event is not None:
                causes: tuple[int | str, ...] = (decision_slot, event.seq)
                drafts.append(self._cancel(wish, NEWS, causes, now_ns))
            elif is_opposite and verdict.decision.blocked_by == GATES[POSITION]:
                drafts.append(self._cancel(wish, REVERSAL, (decision_slot,), now_ns))
        return drafts

    def next_ns(self, now_ns: int) -> int:
        """Return when something is to be taken back, if nothing happens before."""
        instants = [
            at_ns
            for wish in self._holdings.resting()
            for at_ns in (
                wish.intent.fact.expires_ns + EXPIRY_GRACE_NS,
                wish.cancel_outcome_ns + REPEAT_NS,
            )
        ]
        return min((at_ns for at_ns in instants if at_ns > now_ns), default=FOREVER_NS)

    def _asked_for(self, now_ns: int) -> list[Wish]:
        """Return what rests and is not being taken back."""
        return [
            wish
            for wish in self._holdings.resting()
            if not wish.is_leaving(now_ns)
            and (not wish.cancels or now_ns >= wish.cancel_outcome_ns + REPEAT_NS)
        ]

    def _reason(self, wish: Wish, state: TradingState, now_ns: int) -> tuple[str, tuple[int, ...]]:
        intent = wish.intent.fact
        if state not in ENTRY_STATES:
            return STATE, ()
        if now_ns >= intent.expires_ns + EXPIRY_GRACE_NS:
            return EXPIRED, ()
        news, causes = self._arbiter.news(intent.scope, now_ns)
        return (NEWS, causes) if news else ("", ())

    def _cancel(self, wish: Wish, reason: str, causes: tuple[int | str, ...], now_ns: int) -> Draft:
        intent, close_ns, settings = wish.intent.fact, wish.intent.ts_event_ns, self._settings
        ticket, count = wish.order_ticket, wish.cancels + 1
        outcome_seq = wish.outcome.seq if wish.outcome else 0
        name = intent_id(
            settings.book, intent.scope, settings.timeframe, close_ns, f"cancel:{ticket}", count
        )
        cancel = CancelIntent(
            scope=intent.scope,
            valid_until_ns=now_ns + settings.timeframe.length_ns,
            intent_id=name,
            entry_intent_id=intent.intent_id,
            order_ticket=ticket,
            side=intent.side,
            reason=reason,
        )
        return Draft(
            fact=cancel,
            ts_event_ns=close_ns,
            timeframe=settings.timeframe.value,
            ordinal=f"{ticket}.{count}",
            causes=(wish.intent.seq, outcome_seq, *causes),
        )
