"""What the supervisor has asked for and what it holds: intents by id, open positions by ticket.

A fold over facts. An entry is in flight from its intent until it is refused or settled, or, without
any answer, until the intent expires; an exit likewise. Both freeze what they concern, because what
is not known to have failed may still happen.
"""

from dataclasses import dataclass
from typing import Final

from agents.intents import ATTEMPTS_MAX
from agents.known import Known, known
from blackboard.entry import Entry
from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    ExitIntent,
    OrderIntent,
    OrderOutcome,
    PositionChanged,
    RiskRefused,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome, Purpose

INTENTS_MAX: Final = 512
"""Latest entry intents kept; the older ones have expired and been settled long ago."""

HOLDINGS_MAX: Final = 512
"""Positions known, the closed ones included; the oldest closed one is forgotten first."""

FLATTEN_REASON: Final = "flatten"
"""Reason of an exit that the operator's `flatten` asked for."""

OPERATOR_REASON: Final = "operator"
"""Reason of an exit of a position that the operator asked to close."""


@dataclass(slots=True)
class Wish:
    """One entry intent and what became of it."""

    intent: Known[OrderIntent]
    is_refused: bool = False
    outcome: Known[OrderOutcome] | None = None
    outcome_ns: int = 0
    """Market time at which the outcome was posted."""
    cancel: CancelIntent | None = None
    """Latest wish to take it back."""
    cancel_outcome: OrderOutcome | None = None
    cancel_outcome_ns: int = 0
    cancels: int = 0

    @property
    def order_ticket(self) -> int:
        """Order of it that rests at the broker, 0 where none is known to."""
        if self.outcome is None or self.outcome.fact.outcome is not Outcome.ACCEPTED:
            return 0
        return self.outcome.fact.order_ticket if self.intent.fact.rests else 0

    @property
    def is_over(self) -> bool:
        """Whether it can neither rest, nor open a position, nor be repeated any more."""
        if self.outcome is None:
            return self.is_refused
        return self.outcome.fact.outcome.is_settled and not self.outcome.fact.may_retry

    def is_leaving(self, now_ns: int) -> bool:
        """Whether a cancel may still be carried out."""
        return _may_happen(self.cancel, self.cancel_outcome, now_ns)

    def is_in_flight(self, now_ns: int) -> bool:
        """Whether it may still open a position that is not seen yet."""
        if self.is_refused:
            return False
        if self.outcome is None:
            return now_ns <= self.intent.fact.valid_until_ns
        return not self.outcome.fact.outcome.is_settled

    def may_be_repeated(self, now_ns: int) -> bool:
        """Whether a further attempt is allowed, as far as this one says."""
        return (
            self.outcome is not None
            and self.outcome.fact.may_retry
            and self.outcome.fact.outcome.is_settled
            and self.intent.fact.attempt < ATTEMPTS_MAX
            and now_ns < self.intent.fact.valid_until_ns
        )


@dataclass(slots=True)
class Holding:
    """One position, and what was asked for it."""

    position: Known[PositionChanged]
    entry: OrderIntent | None = None
    """The intent that it came of, with the terms of its exit; None where none is known."""
    naked_ns: int = 0
    """Since when the board has known it without a stop, 0 while it has one."""
    repairs: int = 0
    """Stops that were asked for since then."""
    amended_ns: int = -1
    """Event time of the latest AmendIntent, −1 before the first; likewise of the ExitIntent."""
    amend_intent: AmendIntent | None = None
    amend_outcome: Known[OrderOutcome] | None = None
    amend_outcome_ns: int = 0
    exited_ns: int = -1
    exit_intent: ExitIntent | None = None
    exit_outcome: OrderOutcome | None = None
    flattenings: int = 0
    """Exits that were asked for to flatten."""
    closings: int = 0
    """Exits that were asked for because an operator wants this position closed."""

    @property
    def stop_distance(self) -> float:
        """As its intent planned it; 0 where no intent of ours is known."""
        return 0.0 if self.entry is None else self.entry.stop_distance

    @property
    def is_open(self) -> bool:
        """Whether anything of it is left."""
        return self.position.fact.lots > 0.0

    @property
    def is_own(self) -> bool:
        """Whether we may manage it."""
        return self.position.fact.origin is Origin.OWN

    @property
    def is_naked(self) -> bool:
        """Whether nothing at the broker protects it."""
        return self.is_open and self.position.fact.stop_price == 0.0

    def is_leaving(self, now_ns: int) -> bool:
        """Whether an exit may still be carried out."""
        return _may_happen(self.exit_intent, self.exit_outcome, now_ns)

    def is_amending(self, now_ns: int) -> bool:
        """Whether an amendment may still be carried out."""
        outcome = self.amend_outcome.fact if self.amend_outcome else None
        return _may_happen(self.amend_intent, outcome, now_ns)


def _may_happen(
    intent: ExitIntent | AmendIntent | CancelIntent | None,
    outcome: OrderOutcome | None,
    now_ns: int,
) -> bool:
    if intent is None:
        return False
    if outcome is None:
        return now_ns <= intent.valid_until_ns
    return not outcome.outcome.is_settled


class Holdings:
    """The latest state of all wishes and positions."""

    def __init__(self) -> None:
        self.wishes: dict[str, Wish] = {}
        self._undone: dict[str, Wish] = {}
        """Those that are not over, in the order of asking: they are looked at at every step."""
        self._holdings: dict[int, Holding] = {}
        self._asked: dict[str, Holding] = {}
        """By intent: the position whose latest amendment or exit it is."""
        self._open: list[Holding] = []
        """The open ones, by symbol and ticket."""

    def see(self, entry: Entry) -> None:
        """Fold one entry; kinds that say nothing of orders and positions pass by."""
        match entry.fact:
            case OrderIntent() as intent:
                self._wish(known(intent, entry))
            case RiskRefused(intent_id=intent_id) if intent_id in self.wishes:
                self.wishes[intent_id].is_refused = True
                self._look_at(intent_id)
            case OrderOutcome() as outcome:
                self._settle(known(outcome, entry), entry.now_ns)
            case PositionChanged() as position:
                self._change(known(position, entry), entry.now_ns)
            case CancelIntent(entry_intent_id=entry_id) as cancel if entry_id in self.wishes:
                wish = self.wishes[entry_id]
                wish.cancel, wish.cancel_outcome = cancel, None
                wish.cancels += 1
            case AmendIntent() as amend if amend.position_ticket in self._holdings:
                self._amend(amend, entry.ts_event_ns)
            case ExitIntent() as exit_intent if exit_intent.position_ticket in self._holdings:
                self._leave(exit_intent, entry.ts_event_ns)
            case _:
                pass

    def own(self, symbol: str | None = None) -> list[Holding]:
        """Return our open positions, of one symbol or of all, by symbol and ticket."""
        return [
            holding
            for holding in self._open
            if holding.is_own and symbol in {None, holding.position.fact.scope}
        ]

    def external(self, symbol: str | None = None) -> list[Holding]:
        """Return the open positions that are not ours, which nobody here touches."""
        return [
            holding
            for holding in self._open
            if not holding.is_own and symbol in {None, holding.position.fact.scope}
        ]

    def resting(self) -> list[Wish]:
        """Return the entries that rest at the broker, in the order of asking."""
        return [wish for wish in self._undone.values() if wish.order_ticket]

    def repeatable(self, now_ns: int) -> list[Wish]:
        """Return the wishes whose rejection allows a further attempt, in the order of asking."""
        return [wish for wish in self._undone.values() if wish.may_be_repeated(now_ns)]

    def blocker(self, symbol: str, side: Side, now_ns: int) -> tuple[str, int]:
        """Return what forbids an entry, with its seq; empty text and 0 if nothing does.

        That is any position or entry in flight of ours, and somebody else's on the other side,
        which on a netting account we would reduce.
        """
        for holding in self.own(symbol):
            return f"own {holding.position.fact.side} position", holding.position.seq
        for wish in self._undone.values():
            if wish.intent.fact.scope == symbol and wish.is_in_flight(now_ns):
                return "entry in flight", wish.intent.seq
        for holding in self.external(symbol):
            if holding.position.fact.side is side.opposite:
                return f"external {side.opposite} position", holding.position.seq
        return "", 0

    def _wish(self, intent: Known[OrderIntent]) -> None:
        intent_id = intent.fact.intent_id
        self.wishes[intent_id] = self._undone[intent_id] = Wish(intent)
        if len(self.wishes) > INTENTS_MAX:
            oldest = next(iter(self.wishes))
            del self.wishes[oldest]
            self._undone.pop(oldest, None)

    def _look_at(self, intent_id: str) -> None:
        if self.wishes[intent_id].is_over:
            self._undone.pop(intent_id, None)
        elif intent_id not in self._undone:  # it was over, and is not any more
            self._undone = {key: wish for key, wish in self.wishes.items() if not wish.is_over}

    def _settle(self, outcome: Known[OrderOutcome], now_ns: int) -> None:
        intent_id = outcome.fact.intent_id
        if outcome.fact.purpose is Purpose.ENTRY and intent_id in self.wishes:
            wish = self.wishes[intent_id]
            wish.outcome, wish.outcome_ns = outcome, now_ns
            self._look_at(intent_id)
        if outcome.fact.purpose is Purpose.CANCEL:
            self._answer_cancel(outcome.fact, now_ns)
        holding = self._asked.get(intent_id)
        if holding is None:
            return
        if holding.amend_intent is not None and holding.amend_intent.intent_id == intent_id:
            holding.amend_outcome, holding.amend_outcome_ns = outcome, now_ns
        if holding.exit_intent is not None and holding.exit_intent.intent_id == intent_id:
            holding.exit_outcome = outcome.fact

    def _answer_cancel(self, outcome: OrderOutcome, now_ns: int) -> None:
        for wish in self.wishes.values():
            if wish.cancel is not None and wish.cancel.intent_id == outcome.intent_id:
                wish.cancel_outcome, wish.cancel_outcome_ns = outcome, now_ns

    def _change(self, position: Known[PositionChanged], now_ns: int) -> None:
        # A closed position stays known: should the broker show it again, what was asked for it
        # before is not asked again in the same slot.
        holding = self._holdings.get(position.fact.ticket) or self._hold(position)
        holding.position = position
        if not holding.is_naked:
            holding.naked_ns = holding.repairs = 0
        elif holding.naked_ns == 0:
            holding.naked_ns = now_ns
        others = [each for each in self._open if each is not holding]
        self._open = sorted(
            [*others, holding] if holding.is_open else others,
            key=lambda each: (each.position.fact.scope, each.position.fact.ticket),
        )

    def _hold(self, position: Known[PositionChanged]) -> Holding:
        wish = self.wishes.get(position.fact.intent_id)
        holding = Holding(position, None if wish is None else wish.intent.fact)
        self._holdings[position.fact.ticket] = holding
        if len(self._holdings) > HOLDINGS_MAX:
            self._forget_a_closed_one()
        return holding

    def _forget_a_closed_one(self) -> None:
        closed = (ticket for ticket, each in self._holdings.items() if not each.is_open)
        oldest = next(closed, None)
        if oldest is not None:
            forgotten = self._holdings.pop(oldest)
            self._ask_instead(forgotten, forgotten.amend_intent)
            self._ask_instead(forgotten, forgotten.exit_intent)

    def _ask_instead(
        self,
        holding: Holding,
        before: AmendIntent | ExitIntent | None,
        intent: AmendIntent | ExitIntent | None = None,
    ) -> None:
        if before is not None:
            self._asked.pop(before.intent_id, None)
        if intent is not None:
            self._asked[intent.intent_id] = holding

    def _amend(self, amend: AmendIntent, ts_event_ns: int) -> None:
        holding = self._holdings[amend.position_ticket]
        holding.amended_ns = ts_event_ns
        self._ask_instead(holding, holding.amend_intent, amend)
        holding.amend_intent, holding.amend_outcome = amend, None
        holding.repairs += holding.is_naked

    def _leave(self, exit_intent: ExitIntent, ts_event_ns: int) -> None:
        holding = self._holdings[exit_intent.position_ticket]
        holding.exited_ns = ts_event_ns
        self._ask_instead(holding, holding.exit_intent, exit_intent)
        holding.exit_intent = exit_intent
        holding.exit_outcome = None
        holding.flattenings += exit_intent.reason == FLATTEN_REASON
        holding.closings += exit_intent.reason == OPERATOR_REASON
