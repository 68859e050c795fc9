"""One request beside everything that the broker's rules look at."""

from typing import Final

import msgspec

from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.ledger import Order, Position
from runtime.terminals.simulated.order_types import buys
from runtime.terminals.simulated.prices import Quote
from runtime.terminals.simulated.source import SymbolTraits
from runtime.terminals.simulated.valuation import After, Valuation
from runtime.terminals.structures import TradeRequest

WITH_ORDER: Final = frozenset({mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, the state it meets, and what it amounts to."""

    request: TradeRequest
    now_ns: int
    is_check: bool
    """Whether it is only asked about, not sent."""
    is_by_hand: bool
    """Whether a person trades: switches of automatic trading do not concern it."""
    expires_ns: int
    """When its order would end by itself: 0 for never, negative for a moment that has passed."""
    sends_in_second: int
    conditions: Conditions
    account: Account
    valuation: Valuation
    is_hedging: bool
    symbol: str
    """The symbol that it is about, also where only a ticket names it."""
    traits: SymbolTraits | None
    quote: Quote | None
    position: Position | None
    """The open position that it names."""
    position_by: Position | None
    netted: Position | None
    """The position that a deal without a ticket changes on a netting account."""
    order: Order | None
    """The order that it names, working or finished."""

    @property
    def is_deal(self) -> bool:
        """Whether something is bought or sold now."""
        return self.request.action == mt5.TRADE_ACTION_DEAL

    @property
    def is_pending(self) -> bool:
        """Whether an order is to wait for its price."""
        return self.request.action == mt5.TRADE_ACTION_PENDING

    @property
    def is_amendment(self) -> bool:
        """Whether stop and target of a position are set."""
        return self.request.action == mt5.TRADE_ACTION_SLTP

    @property
    def is_modification(self) -> bool:
        """Whether a working order is changed."""
        return self.request.action == mt5.TRADE_ACTION_MODIFY

    @property
    def is_removal(self) -> bool:
        """Whether a working order is taken back."""
        return self.request.action == mt5.TRADE_ACTION_REMOVE

    @property
    def names_order(self) -> bool:
        """Whether it is about a working order."""
        return self.request.action in WITH_ORDER

    @property
    def is_close_by(self) -> bool:
        """Whether a position is closed by the opposite one."""
        return self.request.action == mt5.TRADE_ACTION_CLOSE_BY

    @property
    def is_close(self) -> bool:
        """Whether it names the position that it closes at the market."""
        return self.is_deal and self.request.position != 0

    @property
    def is_entry(self) -> bool:
        """Whether a deal opens, raises or turns round a position."""
        if not self.is_deal or self.is_close:
            return False
        held = self.netted
        return held is None or self.is_buy == is_long(held) or self.request.volume > held.volume

    @property
    def order_type(self) -> int:
        """The type of the order that it is about."""
        if self.names_order and self.order is not None:
            return self.order.type
        return self.request.type

    @property
    def is_buy(self) -> bool:
        """Whether its order buys."""
        return buys(self.order_type)

    def after(self) -> After:
        """Return balance, equity and margin as it would leave them.

        Raises
        ------
        UnknownRate
            If a position could not be valued.
        """
        reduced = self.netted if self.position is None else self.position
        lots, now_ns = self.request.volume, self.now_ns
        if self.is_entry and self.quote is not None:
            if self.netted is None or is_long(self.netted) == self.is_buy:
                return self.valuation.after_entry(
                    self.symbol, self.is_buy, lots, self.quote, now_ns
                )
            return self.valuation.after_reversal(self.netted, lots, self.quote, now_ns)
        if self.is_close_by and self.position is not None and self.position_by is not None:
            return self.valuation.after_close_by(self.position, self.position_by, now_ns)
        if self.is_deal and reduced is not None:
            return self.valuation.after_close(reduced, lots, now_ns)
        return self.valuation.now(now_ns)

    @property
    def terms(self) -> SymbolTraits:
        """The symbol's terms, which every rule after the first about the request may ask for."""
        assert self.traits is not None, f"no rule let {self.symbol!r} pass"
        return self.traits

    @property
    def stops_level_points(self) -> int:
        """Least distance of stops and pending prices."""
        return max(self.terms.stops_level_points, self.conditions.stops_level_points)

    @property
    def freeze_level_points(self) -> int:
        """Distance to its activation within which nothing may be changed any more."""
        return max(self.terms.freeze_level_points, self.conditions.freeze_level_points)
