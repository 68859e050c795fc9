"""Positions that an operator asked to close: one by its ticket, those of a symbol, or all.

Unlike a flatten it changes no trading state and takes back no order that rests. What the argument
means is settled when the command is seen: a position that is opened later is not meant.
"""

from typing import Final

import msgspec

from agents.intents import ATTEMPTS_MAX
from agents.rounds.holdings import OPERATOR_REASON, Holding, Holdings
from agents.rounds.reductions import Slot, leave
from blackboard.entry import Draft, Entry
from blackboard.facts import OperatorCommand
from blackboard.facts.control import Command
from config.settings import Settings

ALL: Final = "all"


class Order(msgspec.Struct, frozen=True):
    """The command that concerns a position."""

    since_ns: int
    seq: int


class Closings:
    """What is to be closed, by ticket."""

    def __init__(self, settings: Settings, holdings: Holdings) -> None:
        self._settings = settings
        self._holdings = holdings
        self._orders: dict[int, Order] = {}

    def see(self, entry: Entry) -> None:
        """Fold one command; what it can close is what is open now, and ours."""
        match entry.fact:
            case OperatorCommand(command=Command.CLOSE, argument=argument):
                order = Order(entry.ts_event_ns, entry.seq)
                kept = self._orders
                self._orders = {}
                for holding in self._holdings.own():
                    ticket = holding.position.fact.ticket
                    if _means(argument, holding):
                        self._orders[ticket] = order
                    elif ticket in kept:
                        self._orders[ticket] = kept[ticket]
            case _:
                pass

    def wants(self, holding: Holding) -> bool:
        """Whether a position is to be closed once more: a close that failed is repeated."""
        is_wanted = holding.position.fact.ticket in self._orders
        return is_wanted and holding.closings < ATTEMPTS_MAX

    def due(self, now_ns: int) -> list[Draft]:
        """Return the first exit of every position that none has concerned since the command."""
        drafts = []
        for holding in self._holdings.own():
            order = self._orders.get(holding.position.fact.ticket)
            if order is None or holding.exited_ns >= order.since_ns or holding.is_leaving(now_ns):
                continue
            slot = Slot(
                ts_event_ns=order.since_ns,
                valid_until_ns=now_ns + self._settings.timeframe.length_ns,
            )
            drafts.append(
                Draft(
                    fact=leave(self._settings, holding, OPERATOR_REASON, slot),
                    ts_event_ns=slot.ts_event_ns,
                    timeframe=self._settings.timeframe.value,
                    ordinal=str(holding.position.fact.ticket),
                    causes=(order.seq, holding.position.seq),
                )
            )
        return drafts

    def unmet(self, order: OperatorCommand) -> tuple[str, str, str] | None:
        """Return event, title and text of what cannot be done, None where all of it can."""
        match order.command:
            case Command.FLATTEN:
                event, title, argument = "flatten", "External positions stay open", ALL
            case Command.CLOSE:
                argument = order.argument
                event, title = "operator", f"Asked to close {argument}"
            case _:
                return None
        external = [each for each in self._holdings.external() if _means(argument, each)]
        if external:
            names = [f"{each.position.fact.scope} {each.position.fact.ticket}" for each in external]
            return event, title, "not ours, left open: " + ", ".join(names)
        has_own = any(_means(argument, each) for each in self._holdings.own())
        if has_own or order.command is Command.FLATTEN:
            return None
        return event, title, "nothing of ours is open under that name"


def _means(argument: str, holding: Holding) -> bool:
    position = holding.position.fact
    return argument in {ALL, position.scope, str(position.ticket)}
