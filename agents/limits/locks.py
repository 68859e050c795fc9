"""Locks: times of rest for a symbol after a trade or a bad fill, for the account after losses.

A lock runs out by itself at ``valid_until_ns``; only an operator's resume lifts one early, and only
that of the account.
"""

from agents.limits.account import AccountView
from agents.limits.reasons import Reason
from agents.limits.view import MarketView, Seen
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    Lock,
    LockReleased,
    OperatorCommand,
    OrderIntent,
    OrderOutcome,
    SymbolSpec,
    TradeClosed,
)
from blackboard.facts.control import Command
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from blackboard.facts.permission import LockSide
from config.agents import RiskSection
from models.market.sessions import MINUTE_NS

INTENTS_KEPT = 256
"""Latest intents whose price a fill can be held against; a fill comes within a bar of its own."""

_FILLED = frozenset({Outcome.FILLED, Outcome.PARTIAL})
_STOP_REASONS = frozenset({"stop", "stop_out"})


class LockView:
    """Locks that hold, and those that trades and fills ask for and the board does not have yet.

    Bounded: a lock that has run out leaves with the next one.
    """

    def __init__(self, limits: RiskSection, market: MarketView, account: AccountView) -> None:
        self._limits = limits
        self._market = market
        self._account = account
        """Folded before this view, so that its count of losses holds the trade at hand."""
        self._known: list[Seen[Lock]] = []
        self._due: dict[str, Draft] = {}
        self._intents: dict[str, OrderIntent] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry into the view."""
        match entry.fact:
            case TradeClosed() as closed if closed.origin is Origin.OWN:
                self._rest_after(closed, entry)
            case OrderIntent() as intent:
                self._remember(intent)
            case OrderOutcome(purpose=Purpose.ENTRY) as outcome if outcome.outcome in _FILLED:
                self._rest_after_fill(outcome, entry)
            case Lock() as lock:
                self._due.pop(_slot(entry), None)
                self._known = [one for one in self._known if one.is_valid(entry.now_ns)]
                self._known.append(Seen(lock, entry))
            case LockReleased():
                self._due.pop(_slot(entry), None)
                self._known = [one for one in self._known if one.seq not in entry.causes]
            case OperatorCommand(command=Command.RESUME) as resume:
                self._lift_after(resume, entry)
            case _:
                pass

    def due(self, now_ns: int) -> list[Draft]:
        """Return the locks and releases to post, those left out that have run out meanwhile."""
        return [draft for draft in self._due.values() if now_ns < _until_ns(draft)]

    def holding(self, scope: str, side: Side, now_ns: int) -> Lock | None:
        """Return a lock of a scope that forbids a side now, posted or still to be."""
        due = [draft.fact for draft in self._due.values()]
        for lock in (*(one.fact for one in self._known), *due):
            if isinstance(lock, Lock) and _forbids(lock, scope, side, now_ns):
                return lock
        return None

    def _rest_after(self, closed: TradeClosed, entry: Entry) -> None:
        limits = self._limits
        self._due = {
            slot: draft for slot, draft in self._due.items() if entry.now_ns < _until_ns(draft)
        }
        ticket = str(closed.ticket)
        if closed.reason in _STOP_REASONS:
            side = LockSide(closed.side.value)
            self._ask(closed.scope, Reason.STOP_COOLDOWN, limits.stop_cooldown_min, ticket, entry)
            self._ask(
                closed.scope,
                Reason.STOP_SIDE_COOLDOWN,
                limits.stop_side_cooldown_min,
                f"{ticket} {side}",
                entry,
                side,
            )
        else:
            self._ask(closed.scope, Reason.ENTRY_COOLDOWN, limits.entry_cooldown_min, ticket, entry)
        losses = self._account.tally.consecutive_losses
        if losses >= limits.consecutive_losses_max:
            self._ask(ACCOUNT, Reason.LOSSES_IN_A_ROW, limits.losses_cooldown_min, ticket, entry)

    def _remember(self, intent: OrderIntent) -> None:
        # Under one id there is one intent, the first: a fill is held against what was judged.
        self._intents.setdefault(intent.intent_id, intent)
        if len(self._intents) > INTENTS_KEPT:
            del self._intents[next(iter(self._intents))]

    def _rest_after_fill(self, filled: OrderOutcome, entry: Entry) -> None:
        intent = self._intents.pop(filled.intent_id, None)
        contract = self._market.contract(filled.scope)
        if intent is None or contract is None:
            return
        worse = (filled.price - intent.reference_price) * intent.side.sign
        if in_pips(worse, contract[0]) > self._limits.slippage_pips_max:
            minutes = self._limits.slippage_cooldown_min
            self._ask(filled.scope, Reason.SLIPPAGE, minutes, filled.intent_id, entry)

    def _ask(
        self,
        scope: str,
        reason: Reason,
        minutes: int,
        ordinal: str,
        entry: Entry,
        side: LockSide = LockSide.BOTH,
    ) -> None:
        if minutes == 0:
            return
        until_ns = entry.ts_event_ns + minutes * MINUTE_NS
        lock = Lock(scope=scope, side=side, reason=reason.value, valid_until_ns=until_ns)
        self._add(lock, entry, ordinal, (entry.seq,))

    def _lift_after(self, resume: OperatorCommand, entry: Entry) -> None:
        lifted = [
            one.seq
            for one in self._known
            if one.fact.scope == ACCOUNT and entry.now_ns < one.fact.valid_until_ns
        ]
        if lifted:
            reason = f"resume by {resume.origin}"
            release = LockReleased(scope=ACCOUNT, side=LockSide.BOTH, reason=reason)
            self._add(release, entry, "", (*lifted, entry.seq))

    def _add(
        self, fact: Lock | LockReleased, entry: Entry, ordinal: str, causes: tuple[int, ...]
    ) -> None:
        draft = Draft(fact=fact, ts_event_ns=entry.ts_event_ns, ordinal=ordinal, causes=causes)
        self._due[draft.slot] = draft


def in_pips(distance: float, spec: SymbolSpec) -> float:
    """Return a distance of prices in pips, counted in whole points as spreads are."""
    return round(distance / spec.point) / round(spec.pip / spec.point)


def _forbids(lock: Lock, scope: str, side: Side, now_ns: int) -> bool:
    is_of_side = lock.side in {LockSide.BOTH, LockSide(side.value)}
    return lock.scope == scope and is_of_side and now_ns < lock.valid_until_ns


def _until_ns(draft: Draft) -> int:
    return draft.fact.valid_until_ns


def _slot(entry: Entry) -> str:
    return entry.key.removeprefix(f"{entry.author}/")
