"""What is counted alike of a day, a session and a week."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from blackboard.facts import Decision, Fact, OrderOutcome, RiskRefused, TradeClosed
from blackboard.facts.decision import Action
from blackboard.facts.execution import Outcome, Purpose

_FILLED: Final = frozenset({Outcome.FILLED, Outcome.PARTIAL})


@dataclass(slots=True)
class Counts:
    """Decisions, entries and trades, and what held or refused the others."""

    decisions: int = 0
    entries: int = 0
    trades: int = 0
    wins: int = 0
    holds: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    def count(self, fact: Fact) -> None:
        """Count one fact; other kinds pass."""
        match fact:
            case Decision() as decision:
                self.decisions += 1
                if decision.action is Action.HOLD:
                    self.holds[decision.blocked_by] += 1
            case RiskRefused(reason=reason):
                self.refusals[reason] += 1
            case OrderOutcome() as outcome:
                self.entries += is_entry(outcome)
            case TradeClosed(pnl=pnl):
                self.trades += 1
                self.wins += pnl > 0.0
            case _:
                pass


def is_entry(order: OrderOutcome) -> bool:
    """Whether an order opened a position, wholly or in part."""
    return order.purpose is Purpose.ENTRY and order.outcome in _FILLED


def ranked(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """Return the most frequent with their numbers; of equals the first by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
