"""Which requests the simulated broker takes: one predicate after the other, in a fixed order.

The documentation fixes the meaning of each return code and hardly ever its trigger or the order of
the checks; both are assumptions that the terminal's contract lists. The first rule that fails
decides. `order_check` and `order_send` ask the same rules.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from models.market.sessions import SECOND_NS, is_open
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.ledger import Position
from runtime.terminals.simulated.prices import Prices, Quote, UnknownRate
from runtime.terminals.simulated.source import SymbolTraits
from runtime.terminals.structures import TradeRequest

FILLING_MASK: Final = mt5.SYMBOL_FILLING_FOK_BIT | mt5.SYMBOL_FILLING_IOC_BIT
ORDER_MODE_MARKET: Final = 1
ORDER_MODE_STOP_LOSS: Final = 16
ORDER_MODE_TAKE_PROFIT: Final = 32
ORDER_MODE: Final = ORDER_MODE_MARKET | ORDER_MODE_STOP_LOSS | ORDER_MODE_TAKE_PROFIT
"""What the symbols allow: market orders with stop and target; no pending orders, no close-by."""

_MARKET_TYPES: Final = (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)
_ALLOWED_FILLINGS: Final = (mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC)
_KNOWN_ACTIONS: Final = frozenset(
    {
        mt5.TRADE_ACTION_DEAL,
        mt5.TRADE_ACTION_PENDING,
        mt5.TRADE_ACTION_SLTP,
        mt5.TRADE_ACTION_MODIFY,
        mt5.TRADE_ACTION_REMOVE,
        mt5.TRADE_ACTION_CLOSE_BY,
    }
)
_STEP_TOLERANCE: Final = 1e-6
"""How far a volume may be off the step in steps: float noise, no real fraction."""

COMMENTS: Final = {
    0: "Done",
    mt5.TRADE_RETCODE_DONE: "Request executed",
    mt5.TRADE_RETCODE_INVALID: "Invalid request",
    mt5.TRADE_RETCODE_INVALID_VOLUME: "Invalid volume",
    mt5.TRADE_RETCODE_INVALID_PRICE: "Invalid price",
    mt5.TRADE_RETCODE_INVALID_STOPS: "Invalid stops",
    mt5.TRADE_RETCODE_TRADE_DISABLED: "Trade disabled",
    mt5.TRADE_RETCODE_MARKET_CLOSED: "Market closed",
    mt5.TRADE_RETCODE_NO_MONEY: "No money",
    mt5.TRADE_RETCODE_PRICE_OFF: "No prices",
    mt5.TRADE_RETCODE_INVALID_EXPIRATION: "Invalid expiration",
    mt5.TRADE_RETCODE_TOO_MANY_REQUESTS: "Too many requests",
    mt5.TRADE_RETCODE_NO_CHANGES: "No changes",
    mt5.TRADE_RETCODE_SERVER_DISABLES_AT: "AutoTrading disabled by server",
    mt5.TRADE_RETCODE_CLIENT_DISABLES_AT: "AutoTrading disabled by client",
    mt5.TRADE_RETCODE_FROZEN: "Order or position frozen",
    mt5.TRADE_RETCODE_INVALID_FILL: "Unsupported filling mode",
    mt5.TRADE_RETCODE_CONNECTION: "No connection",
    mt5.TRADE_RETCODE_INVALID_ORDER: "Invalid order",
    mt5.TRADE_RETCODE_POSITION_CLOSED: "Position already closed",
    mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME: "Invalid close volume",
    mt5.TRADE_RETCODE_LIMIT_POSITIONS: "Position limit reached",
    mt5.TRADE_RETCODE_LONG_ONLY: "Only long positions allowed",
    mt5.TRADE_RETCODE_SHORT_ONLY: "Only short positions allowed",
    mt5.TRADE_RETCODE_CLOSE_ONLY: "Only position closing allowed",
}
"""The comment that goes with each code; callers decide by the code, never by the text."""


class Conditions(msgspec.Struct, kw_only=True):
    """What may change about terminal, account and symbols while they run."""

    is_api_disabled: bool = False
    is_connected: bool = True
    is_terminal_trade_allowed: bool = True
    is_expert_allowed: bool = True
    is_account_trade_allowed: bool = True
    requests_per_s_max: int = 1000
    positions_max: int = 200
    trade_modes: dict[str, int] = msgspec.field(default_factory=dict)
    """Trade mode of those symbols that are not fully tradable."""

    def trade_mode(self, symbol: str) -> int:
        """Return a symbol's trade mode."""
        return self.trade_modes.get(symbol, mt5.SYMBOL_TRADE_MODE_FULL)


class Asked(msgspec.Struct, frozen=True):
    """One request beside everything the rules look at."""

    request: TradeRequest
    now_ns: int
    traits: SymbolTraits | None
    quote: Quote | None
    position: Position | None

    @property
    def is_deal(self) -> bool:
        """Whether something is bought or sold."""
        return self.request.action == mt5.TRADE_ACTION_DEAL

    @property
    def is_amendment(self) -> bool:
        """Whether a stop or target is set."""
        return self.request.action == mt5.TRADE_ACTION_SLTP

    @property
    def is_close(self) -> bool:
        """Whether it names the position that it closes."""
        return self.is_deal and self.request.position != 0

    @property
    def is_entry(self) -> bool:
        """Whether it opens a position."""
        return self.is_deal and self.request.position == 0


Rule = Callable[[Asked], int]
"""Returns 0 where the request passes, else the return code."""


class Rules:
    """The broker's rules over one account."""

    def __init__(self, conditions: Conditions, account: Account, prices: Prices) -> None:
        self.conditions = conditions
        self._account = account
        self._prices = prices
        self._request_times_ns: deque[int] = deque()
        self._order: tuple[Rule, ...] = (
            self._permission,
            self._frequency,
            _known,
            self._symbol_mode,
            _session,
            _volume,
            _order_type,
            _filling,
            _expiration,
            _prices_there,
            _position_matches,
            _changes_something,
            _stops,
            _frozen,
            self._limits,
            self._money,
        )

    def retcode(self, request: TradeRequest, now_ns: int) -> int:
        """Return 0 if the request would be executed now, else the code of the first failed rule."""
        traits = self._prices.traits.get(request.symbol)
        asked = Asked(
            request,
            now_ns,
            traits,
            None if traits is None else self._prices.quote(request.symbol, now_ns),
            self._account.positions.get(request.position),
        )
        return next((code for rule in self._order if (code := rule(asked))), 0)

    def count(self, now_ns: int) -> None:
        """Count a send against the requests that one second allows."""
        self._request_times_ns.append(now_ns)

    def _permission(self, asked: Asked) -> int:
        conditions = self.conditions
        if not conditions.is_terminal_trade_allowed:
            return mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
        if not conditions.is_expert_allowed:
            return mt5.TRADE_RETCODE_SERVER_DISABLES_AT
        if not conditions.is_account_trade_allowed:
            return mt5.TRADE_RETCODE_TRADE_DISABLED
        return 0 if conditions.is_connected else mt5.TRADE_RETCODE_CONNECTION

    def _frequency(self, asked: Asked) -> int:
        times_ns = self._request_times_ns
        while times_ns and times_ns[0] <= asked.now_ns - SECOND_NS:
            times_ns.popleft()
        is_full = len(times_ns) >= self.conditions.requests_per_s_max
        return mt5.TRADE_RETCODE_TOO_MANY_REQUESTS if is_full else 0

    def _symbol_mode(self, asked: Asked) -> int:
        mode = self.conditions.trade_mode(asked.request.symbol)
        if mode == mt5.SYMBOL_TRADE_MODE_DISABLED:
            return mt5.TRADE_RETCODE_TRADE_DISABLED
        if not asked.is_entry:
            return 0
        is_buy = asked.request.type == mt5.ORDER_TYPE_BUY
        if mode == mt5.SYMBOL_TRADE_MODE_LONGONLY and not is_buy:
            return mt5.TRADE_RETCODE_LONG_ONLY
        if mode == mt5.SYMBOL_TRADE_MODE_SHORTONLY and is_buy:
            return mt5.TRADE_RETCODE_SHORT_ONLY
        return mt5.TRADE_RETCODE_CLOSE_ONLY if mode == mt5.SYMBOL_TRADE_MODE_CLOSEONLY else 0

    def _limits(self, asked: Asked) -> int:
        is_full = len(self._account.positions) >= self.conditions.positions_max
        return mt5.TRADE_RETCODE_LIMIT_POSITIONS if asked.is_entry and is_full else 0

    def _money(self, asked: Asked) -> int:
        if not asked.is_entry or asked.quote is None:
            return 0
        try:
            _, equity, margin = self._account.after_entry(asked.request, asked.quote, asked.now_ns)
        except UnknownRate:
            return mt5.TRADE_RETCODE_PRICE_OFF
        return mt5.TRADE_RETCODE_NO_MONEY if equity - margin < 0.0 else 0


def _known(asked: Asked) -> int:
    request = asked.request
    is_known = request.action in _KNOWN_ACTIONS and (
        asked.traits is not None or request.action in _WITHOUT_SYMBOL
    )
    if not is_known:
        return mt5.TRADE_RETCODE_INVALID
    if asked.is_deal and request.type not in _MARKET_TYPES:
        return mt5.TRADE_RETCODE_INVALID
    if asked.is_amendment and request.position == 0:
        return mt5.TRADE_RETCODE_INVALID
    # There are no working orders, so none can be changed or removed.
    if request.action in (mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE):
        return mt5.TRADE_RETCODE_INVALID
    return 0


_WITHOUT_SYMBOL: Final = frozenset(
    {mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE, mt5.TRADE_ACTION_CLOSE_BY}
)


def _session(asked: Asked) -> int:
    return 0 if is_open(asked.now_ns) else mt5.TRADE_RETCODE_MARKET_CLOSED


def _volume(asked: Asked) -> int:
    if asked.request.action not in (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING):
        return 0
    volume, traits = asked.request.volume, _traits(asked)
    if not traits.volume_min_lots <= volume <= traits.volume_max_lots:  # NaN fails too
        # What is left of a position may be smaller than the least that can be opened.
        if asked.position is None or volume != asked.position.volume:
            return mt5.TRADE_RETCODE_INVALID_VOLUME
        return 0
    steps = volume / traits.volume_step_lots
    is_off_step = abs(steps - round(steps)) > _STEP_TOLERANCE
    return mt5.TRADE_RETCODE_INVALID_VOLUME if is_off_step else 0


def _order_type(asked: Asked) -> int:
    is_offered = asked.is_deal or asked.is_amendment
    return 0 if is_offered else mt5.TRADE_RETCODE_INVALID_ORDER


def _filling(asked: Asked) -> int:
    is_allowed = not asked.is_deal or asked.request.type_filling in _ALLOWED_FILLINGS
    return 0 if is_allowed else mt5.TRADE_RETCODE_INVALID_FILL


def _expiration(asked: Asked) -> int:
    is_known = asked.request.type_time <= mt5.ORDER_TIME_SPECIFIED_DAY
    return 0 if is_known else mt5.TRADE_RETCODE_INVALID_EXPIRATION


def _prices_there(asked: Asked) -> int:
    return mt5.TRADE_RETCODE_PRICE_OFF if asked.quote is None else 0


def _position_matches(asked: Asked) -> int:
    request, position = asked.request, asked.position
    if not (asked.is_close or asked.is_amendment):
        return 0
    if position is None:
        return mt5.TRADE_RETCODE_POSITION_CLOSED
    if position.symbol != request.symbol:
        return mt5.TRADE_RETCODE_INVALID
    if not asked.is_close:
        return 0
    if (request.type == mt5.ORDER_TYPE_BUY) == is_long(position):
        return mt5.TRADE_RETCODE_INVALID
    is_too_much = request.volume > position.volume
    return mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME if is_too_much else 0


def _changes_something(asked: Asked) -> int:
    if not asked.is_amendment or asked.position is None:
        return 0
    digits = _traits(asked).digits
    wanted = (asked.request.sl, asked.request.tp)
    if not all(map(math.isfinite, wanted)):
        return 0  # no change that could be compared; the rule for stops refuses it
    same = all(
        round(new * 10**digits) == round(old * 10**digits)
        for new, old in zip(wanted, (asked.position.sl, asked.position.tp), strict=True)
    )
    return mt5.TRADE_RETCODE_NO_CHANGES if same else 0


def _stops(asked: Asked) -> int:
    if asked.is_close or asked.quote is None:
        return 0
    request, traits = asked.request, _traits(asked)
    if asked.position is not None:
        is_buy = is_long(asked.position)
    else:
        is_buy = request.type == mt5.ORDER_TYPE_BUY
    sign, price = (1, asked.quote.bid) if is_buy else (-1, asked.quote.ask)
    are_valid = _is_beyond(price, request.sl, sign, traits) and _is_beyond(
        price, request.tp, -sign, traits
    )
    return 0 if are_valid else mt5.TRADE_RETCODE_INVALID_STOPS


def _is_beyond(price: float, level: float, sign: int, traits: SymbolTraits) -> bool:
    if level == 0.0:
        return True
    if not (math.isfinite(level) and level > 0.0):
        return False
    distance_points = round(sign * (price - level) / traits.point)
    return distance_points >= traits.stops_level_points


def _frozen(asked: Asked) -> int:
    position, traits = asked.position, _traits(asked)
    if position is None or asked.quote is None or not traits.freeze_level_points:
        return 0
    price = asked.quote.bid if is_long(position) else asked.quote.ask
    nearest = min(abs(price - level) for level in (position.sl, position.tp, math.inf) if level)
    is_near = round(min(nearest, price) / traits.point) <= traits.freeze_level_points
    return mt5.TRADE_RETCODE_FROZEN if is_near else 0


def _traits(asked: Asked) -> SymbolTraits:
    # Every rule after `_known` sees a symbol; those actions that name none end before they ask.
    assert asked.traits is not None
    return asked.traits
