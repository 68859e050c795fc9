"""Which requests the simulated broker takes: one predicate after the other, in a fixed order.

The documentation fixes the meaning of each return code and hardly ever its trigger or the order of
the checks; both are assumptions that the terminal's contract lists. The first rule that fails
decides. `order_check` and `order_send` ask the same rules, and so does a pending order whose price
is reached, as far as they concern it.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from models.market.sessions import SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated import price_rules, request_rules, state_rules
from runtime.terminals.simulated.account import Account
from runtime.terminals.simulated.asked import WITH_ORDER, Asked
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.expirations import Expirations
from runtime.terminals.simulated.prices import Prices, Quote
from runtime.terminals.simulated.slippage import shifted
from runtime.terminals.simulated.trades import Trades
from runtime.terminals.simulated.valuation import Valuation
from runtime.terminals.structures import TradeRequest

Rule = Callable[[Asked], int]
"""Returns 0 where the request passes, else the return code."""

RULES: Final[tuple[Rule, ...]] = (
    request_rules.client_switch,  # 10027
    request_rules.expert_switch,  # 10026
    request_rules.account_switch,  # 10017
    request_rules.connection,  # 10031
    request_rules.frequency,  # 10024
    request_rules.known,  # 10013
    request_rules.symbol_mode,  # 10017, 10042, 10043, 10044
    request_rules.session,  # 10018
    request_rules.volume,  # 10014
    request_rules.order_type,  # 10035
    request_rules.filling,  # 10030
    request_rules.expiration,  # 10022
    price_rules.quoted,  # 10021
    price_rules.price,  # 10015
    price_rules.requote,  # 10004
    state_rules.position_open,  # 10036, 10013
    state_rules.order_working,  # 10023, 10013
    state_rules.close_volume,  # 10038
    state_rules.one_close,  # 10039
    state_rules.oldest_first,  # 10045
    state_rules.one_side,  # 10046
    state_rules.change,  # 10025
    price_rules.stops,  # 10016
    price_rules.freeze,  # 10029
    state_rules.order_count,  # 10033
    state_rules.symbol_volume,  # 10034
    state_rules.position_count,  # 10040
    state_rules.margin,  # 10019
)
"""The order of the checks, with the codes that each one gives."""

ON_ACTIVATION: Final[tuple[Rule, ...]] = (
    request_rules.account_switch,
    request_rules.symbol_mode,
    price_rules.quoted,
    state_rules.one_side,
    state_rules.position_count,
    state_rules.margin,
)
"""What is asked again when an order that was taken meets its price or its deal."""


class Rules:
    """The broker's rules over one account."""

    def __init__(
        self,
        conditions: Conditions,
        account: Account,
        prices: Prices,
        valuation: Valuation,
        trades: Trades,
        expirations: Expirations,
    ) -> None:
        self.conditions = conditions
        self._account = account
        self._prices = prices
        self._valuation = valuation
        self._trades = trades
        self._expirations = expirations
        self._request_times_ns: deque[int] = deque()

    def retcode(self, asked: Asked) -> int:
        """Return 0 if the request would be executed now, else the code of the first failed rule."""
        first = self.conditions.rules_first
        order = sorted(RULES, key=lambda rule: _place(rule, first)) if first else RULES
        return next((code for rule in order if (code := rule(asked))), 0)

    def activation_retcode(self, request: TradeRequest, now_ns: int) -> int:
        """Return 0 if an order that was taken may be executed, else why not."""
        asked = self.asked(request, now_ns)
        return next((code for rule in ON_ACTIVATION if (code := rule(asked))), 0)

    def count(self, now_ns: int) -> None:
        """Count a send against the requests that one second allows."""
        self._request_times_ns.append(now_ns)

    def quote(self, symbol: str, now_ns: int, *, is_check: bool) -> Quote | None:
        """Return the quote that a request meets: a send may find it moved."""
        if symbol not in self._prices.traits or not self.conditions.has_quotes:
            return None
        quote = self._prices.quote(symbol, now_ns)
        if quote is None or is_check or not self.conditions.price_shift_points:
            return quote
        return shifted(quote, self.conditions.price_shift_points, self._prices.traits[symbol])

    def asked(
        self,
        request: TradeRequest,
        now_ns: int,
        *,
        is_check: bool = False,
        is_by_hand: bool = False,
    ) -> Asked:
        """Return a request beside what it meets."""
        account = self._account
        order = account.order(request.order) if request.action in WITH_ORDER else None
        position = account.positions.get(request.position)
        symbol = request.symbol
        if order is not None:
            symbol = order.symbol
        elif not symbol and position is not None:
            symbol = position.symbol
        return Asked(
            request=request,
            now_ns=now_ns,
            is_check=is_check,
            is_by_hand=is_by_hand,
            expires_ns=self._expires_ns(request, now_ns),
            sends_in_second=self._sends_in_second(now_ns),
            conditions=self.conditions,
            account=account,
            valuation=self._valuation,
            is_hedging=self._trades.is_hedging,
            symbol=symbol,
            traits=self._prices.traits.get(symbol),
            quote=self.quote(symbol, now_ns, is_check=is_check),
            position=position,
            position_by=account.positions.get(request.position_by),
            netted=None if request.position else self._trades.met_by(symbol, 0),
            order=order,
        )

    def _expires_ns(self, request: TradeRequest, now_ns: int) -> int:
        waits = request.action in (mt5.TRADE_ACTION_PENDING, mt5.TRADE_ACTION_MODIFY)
        return self._expirations.of(request, now_ns) if waits else 0

    def _sends_in_second(self, now_ns: int) -> int:
        times_ns = self._request_times_ns
        while times_ns and times_ns[0] <= now_ns - SECOND_NS:
            times_ns.popleft()
        return len(times_ns)


def _place(rule: Rule, first: tuple[str, ...]) -> int:
    name = rule.__name__
    return first.index(name) if name in first else len(first)
