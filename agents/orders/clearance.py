"""Why an order must never leave, or not yet; the last check before it is announced.

Everything here follows from facts and from the time. What it says becomes the reason of an outcome,
so every name stands for one predicate.
"""

from typing import Final

from agents.orders.account import Account
from agents.orders.life import Order, Orders
from agents.orders.positions import Positions
from agents.orders.reasons import Why, told
from agents.orders.submission import FLATTEN, OPERATOR
from blackboard.entry import Entry
from blackboard.facts import (
    AgentHealth,
    CancelIntent,
    ExitIntent,
    OperatorCommand,
    OrderIntent,
    TradingStateChanged,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from config.agents import ExecutionSection

_ENTERING: Final = frozenset({TradingState.ACTIVE, TradingState.SAFE})

GUARDIANS: Final = frozenset({"supervisor", "risk"})
"""Agents whose permission an entry rests on: while one is gone, nobody could take it back."""

_UNFIT: Final = frozenset({Health.DOWN, Health.QUARANTINED})


class Clearance:
    """Judges orders by the trading state, the account, and what is open or uncertain.

    Parameters
    ----------
    section : ExecutionSection
        The limits.
    orders, positions, account
        What the board says of them.
    pause_ns : int
        Market time for which only exits and missing stops leave after the broker has wanted a
        pause.
    is_shadow : bool
        Whether nothing leaves at all.
    """

    def __init__(
        self,
        section: ExecutionSection,
        orders: Orders,
        positions: Positions,
        account: Account,
        *,
        pause_ns: int,
        is_shadow: bool,
    ) -> None:
        self._section = section
        self._orders = orders
        self._positions = positions
        self._account = account
        self._pause_ns = pause_ns
        self._is_shadow = is_shadow
        self._state = TradingState.ACTIVE
        self._is_flattening = False
        self._unfit: set[str] = set()

    def see(self, entry: Entry) -> None:
        """Fold the trading state, the operator's flatten, and the health of who permits."""
        match entry.fact:
            case TradingStateChanged() as fact:
                self._state = fact.state
            case AgentHealth(scope=agent, health=health) if agent in GUARDIANS:
                (self._unfit.add if health in _UNFIT else self._unfit.discard)(agent)
            case OperatorCommand(command=Command.FLATTEN):
                self._is_flattening = True
            case OperatorCommand(command=Command.RESUME):
                self._is_flattening = False
            case _:
                pass

    @property
    def pause_ends_ns(self) -> int:
        """Market time up to which the broker wants to be left alone, 0 if it never did."""
        throttled_ns = self._orders.throttled_ns
        return throttled_ns + self._pause_ns if throttled_ns >= 0 else 0

    def refusal(self, order: Order, now_ns: int) -> str:
        """Return why an order must never leave, empty if it may or may later."""
        if now_ns > order.valid_until_ns:
            held_by = self.hold(order, now_ns)
            return told(Why.EXPIRED, held_by)
        if self._is_shadow:
            return Why.SHADOW
        if self._account.foreign_reason:
            return self._account.foreign_reason
        if not self._is_allowed(order):
            return Why.TRADING_STATE
        if isinstance(order.intent, CancelIntent):
            return self._gone(order.intent)
        if not isinstance(order.intent, OrderIntent):
            return ""
        if self._unfit:
            return told(Why.AGENT_UNHEALTHY, ", ".join(sorted(self._unfit)))
        return self._collision(order.symbol, order.intent.side) or self._deviation(order)

    def hold(self, order: Order, now_ns: int) -> str:
        """Return why an order has to wait, empty if it need not."""
        if order.purpose is Purpose.CANCEL:
            return ""
        if order.purpose is Purpose.EXIT:
            is_fifo = self._account.is_fifo
            has_elder = is_fifo and self._positions.elder_of(order.position_ticket)
            return Why.FIFO_CLOSE if has_elder else ""
        if now_ns < self.pause_ends_ns and not self._is_repair(order):
            return Why.TOO_MANY_REQUESTS
        if order.purpose is Purpose.ENTRY:
            if order.symbol in self._orders.frozen():
                return Why.SYMBOL_FROZEN
            if not self._account.is_reconciled:
                return Why.NOT_RECONCILED
        return ""

    def _is_allowed(self, order: Order) -> bool:
        if order.purpose is Purpose.ENTRY:
            return self._state in _ENTERING
        if self._state is not TradingState.HALTED or order.purpose is Purpose.CANCEL:
            return True
        if isinstance(order.intent, ExitIntent):
            return self._is_flattening or order.intent.reason in {FLATTEN, OPERATOR}
        return self._is_repair(order)

    def _gone(self, cancel: CancelIntent) -> str:
        """Return why there is nothing to take back: the entry has come to its end."""
        entry = self._orders.get(cancel.entry_intent_id)
        return Why.ORDER_GONE if entry is None or entry.is_settled else ""

    def _is_repair(self, order: Order) -> bool:
        """Whether it sets a stop where there is none."""
        position = self._positions.open_state(order.position_ticket)
        return position is not None and position.stop_price == 0.0

    def _collision(self, symbol: str, side: Side) -> str:
        """Return why an entry cannot stand beside what is open in its symbol."""
        held = self._positions.open_in(symbol)
        if held and self._account.is_netting:
            # It would become part of a position that is there, ours or somebody else's.
            return Why.NETTING_POSITION
        bars_hedging = self._account.is_fifo or not self._section.hedging_allowed
        if bars_hedging and any(position.side is side.opposite for position in held):
            return Why.HEDGE_PROHIBITED
        return ""

    def _deviation(self, order: Order) -> str:
        """Return why a further attempt is abandoned: the price has left the first one's limit.

        Every attempt brings a reference price of its own; without this bound a burst of requotes
        would walk the price away in steps, each of them within the limit. What rests at a limit
        keeps its price.
        """
        first = self._orders.first_attempt_of(order)
        if first is None or first.rests or order.spec is None or order.quote is None:
            return ""
        price = order.quote.ask if first.side is Side.BUY else order.quote.bid
        away_points = abs(price - first.reference_price) / order.spec.point
        return Why.DEVIATION if round(away_points, 3) > self._section.deviation_points else ""
