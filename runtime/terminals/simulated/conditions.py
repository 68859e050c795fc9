"""What may change about the simulated terminal, its account and its symbols while they run.

Tests and fault plans write here between two calls; the next call sees it. It is plain data, lives
as long as the process and is not in the ledger. The defaults are the assumptions that the
terminal's contract lists, and the ordinary day of a retail broker.
"""

from typing import Final, Literal

import msgspec

from models.decision.fills import LIMIT_THROUGH_POINTS
from runtime.terminals import constants as mt5

RETCODE_HEDGE_PROHIBITED: Final = 10046
"""Servers know this code, the package has no name for it."""

SYMBOL_FILLING_BOC_BIT: Final = 4
FILLING_MASK: Final = mt5.SYMBOL_FILLING_FOK_BIT | mt5.SYMBOL_FILLING_IOC_BIT
EXPIRATION_MASK: Final = 15
"""Good till cancelled, day, until a moment, until the end of a day: one bit each."""
ORDER_MODE_MARKET: Final = 1
ORDER_MODE_LIMIT: Final = 2
ORDER_MODE_STOP: Final = 4
ORDER_MODE_STOP_LIMIT: Final = 8
ORDER_MODE_STOP_LOSS: Final = 16
ORDER_MODE_TAKE_PROFIT: Final = 32
ORDER_MODE_CLOSE_BY: Final = 64
ORDER_MASK: Final = 127
NEVER_OFFERED: Final = 1 << 30
"""Stands for an order type that no mask has."""


class Conditions(msgspec.Struct, kw_only=True):
    """The state of the world behind the terminal; symbols' own values go before the general one."""

    is_api_disabled: bool = False
    is_connected: bool = True
    is_terminal_trade_allowed: bool = True
    is_expert_allowed: bool = True
    is_account_trade_allowed: bool = True

    requests_per_s_max: int = 1000
    positions_max: int = 200
    limit_orders: int = 200
    """Working orders that the account may have, 0 without a limit."""
    volume_limit_lots: float = 0.0
    """Lots of one symbol and side, open and waiting together; 0 without a limit."""
    margin_call_percent: float = 50.0
    """Margin level at which the broker warns; shown only."""
    stop_out_percent: float = 30.0
    """Margin level below which the broker closes positions."""
    is_fifo: bool = False
    """Whether the oldest position of a symbol must be closed first."""
    is_hedge_prohibited: bool = False
    """Whether a hedging account may not hold both sides of a symbol."""

    trade_modes: dict[str, int] = msgspec.field(default_factory=dict)
    """Trade mode of those symbols that are not fully tradable."""
    execution: int = mt5.SYMBOL_TRADE_EXECUTION_MARKET
    executions: dict[str, int] = msgspec.field(default_factory=dict)
    """Execution of those symbols that differ from `execution`."""
    filling_modes: dict[str, int] = msgspec.field(default_factory=dict)
    order_modes: dict[str, int] = msgspec.field(default_factory=dict)
    expiration_modes: dict[str, int] = msgspec.field(default_factory=dict)
    stops_level_points: int = 0
    """Least distance of stops, where a symbol's own terms ask for less."""
    freeze_level_points: int = 0
    is_session_open: bool = True
    """False closes the market within its week."""
    has_quotes: bool = True

    forced_retcode: int = 0
    """Answers every send that passes the last gate, instead of running it."""
    is_executed_despite: bool = False
    """Whether what is answered with `forced_retcode` is executed all the same."""
    liquidity_lots: float | None = None
    """Lots that one fill can have, None without end."""
    fill_delay_ns: int = 0
    """Above 0 market orders are accepted (10008), and the deal is made this much later."""
    fills_never: bool = False
    """Accepted market orders end after `fill_delay_ns` without a deal."""
    is_activation_refused: bool = False
    """Whether pending orders are rejected when their price is reached (10041)."""
    limit_through_points: int = LIMIT_THROUGH_POINTS
    """How far a price must go through a limit before it fills. A touch fills whoever stood first in
    the queue; at 0 that is always us."""
    ignores_stops: bool = False
    """Whether the server drops stop and target of an entry."""
    slippage_points: float = 0.0
    """How much worse than its quote a market order fills."""
    price_shift_points: float = 0.0
    """How far bid and ask have moved up between a check and a send."""

    comment_chars_max: int = 29
    """Characters of a comment that the broker keeps."""
    comment_replaced_by: str | None = None
    stop_comment: str = "[sl {price}]"
    target_comment: str = "[tp {price}]"
    stop_out_comment: str = "so {level:.2f}%"
    server_magic: int | None = None
    """Magic of what the server closes, None for the position's."""
    is_oldest_stopped_out_first: bool = False
    """Whether a stop-out takes the oldest position instead of the largest loser."""

    tick_of_unselected: Literal["none", "stale", "zero"] = "none"
    """What a symbol that is not selected has for a tick: nothing, yesterday's, or zeros."""
    syncing_reads: int = 0
    """Reads of history yet to meet one that is still being downloaded: each gives `None`, the last
    of them, if it is one of bars or ticks, a part of what there is."""
    unknown_symbol_retcode: int = mt5.TRADE_RETCODE_INVALID
    unknown_action_retcode: int = mt5.TRADE_RETCODE_INVALID
    rules_first: tuple[str, ...] = ()
    """Names of rules that are asked before all others, in this order."""
    check_ignores_switches: bool = False
    """Whether `order_check` passes while automatic trading is switched off."""
    shows_last_deal: bool = False
    """Whether a deal asked for by its order is the last of several, not the first."""

    def trade_mode(self, symbol: str) -> int:
        """Return a symbol's trade mode."""
        return self.trade_modes.get(symbol, mt5.SYMBOL_TRADE_MODE_FULL)

    def execution_of(self, symbol: str) -> int:
        """Return how a symbol's orders are executed."""
        return self.executions.get(symbol, self.execution)

    def filling_mode(self, symbol: str) -> int:
        """Return the mask of a symbol's fillings."""
        return self.filling_modes.get(symbol, FILLING_MASK)

    def order_mode(self, symbol: str) -> int:
        """Return the mask of a symbol's order types."""
        return self.order_modes.get(symbol, ORDER_MASK)

    def expiration_mode(self, symbol: str) -> int:
        """Return the mask of a symbol's lifetimes of orders."""
        return self.expiration_modes.get(symbol, EXPIRATION_MASK)

    def kept(self, comment: str) -> str:
        """Return what the broker keeps of a client's comment."""
        text = comment if self.comment_replaced_by is None else self.comment_replaced_by
        return text[: self.comment_chars_max]
