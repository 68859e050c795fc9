"""Rules about a request by itself: who may ask, for what, when, how much, and in which form."""

from typing import Final

from models.market.sessions import is_open
from runtime.terminals import constants as mt5
from runtime.terminals.simulated import conditions as modes
from runtime.terminals.simulated.asked import Asked
from runtime.terminals.simulated.expirations import PASSED
from runtime.terminals.simulated.order_types import (
    LIMIT_TYPES,
    MARKET_TYPES,
    PENDING_TYPES,
    STOP_TYPES,
)

_WITH_SYMBOL: Final = frozenset(
    {mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING, mt5.TRADE_ACTION_SLTP}
)
_KNOWN_ACTIONS: Final = _WITH_SYMBOL | {
    mt5.TRADE_ACTION_MODIFY,
    mt5.TRADE_ACTION_REMOVE,
    mt5.TRADE_ACTION_CLOSE_BY,
}
_TYPES_OF: Final = {
    mt5.TRADE_ACTION_DEAL: MARKET_TYPES,
    mt5.TRADE_ACTION_PENDING: PENDING_TYPES,
}
_STEP_TOLERANCE: Final = 1e-6
"""How far a volume may be off the step in steps: float noise, no real fraction."""
_ON_DEMAND: Final = frozenset(
    {mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT}
)


def client_switch(asked: Asked) -> int:
    """10027 while automatic trading is off in the terminal."""
    is_on = asked.conditions.is_terminal_trade_allowed or _is_spared(asked)
    return 0 if is_on else mt5.TRADE_RETCODE_CLIENT_DISABLES_AT


def expert_switch(asked: Asked) -> int:
    """10026 while the server forbids automatic trading."""
    is_on = asked.conditions.is_expert_allowed or _is_spared(asked)
    return 0 if is_on else mt5.TRADE_RETCODE_SERVER_DISABLES_AT


def _is_spared(asked: Asked) -> bool:
    return asked.is_by_hand or (asked.is_check and asked.conditions.check_ignores_switches)


def account_switch(asked: Asked) -> int:
    """10017 while the account may not trade."""
    is_on = asked.conditions.is_account_trade_allowed
    return 0 if is_on else mt5.TRADE_RETCODE_TRADE_DISABLED


def connection(asked: Asked) -> int:
    """10031 without a line to the server."""
    return 0 if asked.conditions.is_connected else mt5.TRADE_RETCODE_CONNECTION


def frequency(asked: Asked) -> int:
    """10024 beyond the requests that one second allows."""
    is_full = asked.sends_in_second >= asked.conditions.requests_per_s_max
    return mt5.TRADE_RETCODE_TOO_MANY_REQUESTS if is_full else 0


def known(asked: Asked) -> int:
    """10013 where action, symbol, type or ticket name nothing."""
    request = asked.request
    if request.action not in _KNOWN_ACTIONS:
        return asked.conditions.unknown_action_retcode
    if request.action in _WITH_SYMBOL and asked.traits is None:
        return asked.conditions.unknown_symbol_retcode
    is_known = request.type in _TYPES_OF.get(request.action, {request.type})
    if asked.is_amendment:
        is_known = request.position != 0
    elif asked.names_order:
        is_known = asked.order is not None
    elif asked.is_close_by:
        is_known = bool(request.position and request.position_by)
    return 0 if is_known else mt5.TRADE_RETCODE_INVALID


def symbol_mode(asked: Asked) -> int:
    """10017, 10042, 10043 or 10044 where the symbol's mode forbids the trade."""
    mode = asked.conditions.trade_mode(asked.symbol)
    if mode == mt5.SYMBOL_TRADE_MODE_DISABLED:
        return mt5.TRADE_RETCODE_TRADE_DISABLED
    if not (asked.is_entry or asked.is_pending):
        return 0
    if mode == mt5.SYMBOL_TRADE_MODE_LONGONLY and not asked.is_buy:
        return mt5.TRADE_RETCODE_LONG_ONLY
    if mode == mt5.SYMBOL_TRADE_MODE_SHORTONLY and asked.is_buy:
        return mt5.TRADE_RETCODE_SHORT_ONLY
    return mt5.TRADE_RETCODE_CLOSE_ONLY if mode == mt5.SYMBOL_TRADE_MODE_CLOSEONLY else 0


def session(asked: Asked) -> int:
    """10018 outside the market's hours."""
    is_trading = asked.conditions.is_session_open and is_open(asked.now_ns)
    return 0 if is_trading else mt5.TRADE_RETCODE_MARKET_CLOSED


def volume(asked: Asked) -> int:
    """10014 for lots that are not positive, out of bounds or off the step."""
    if not (asked.is_deal or asked.is_pending):
        return 0
    lots, terms = asked.request.volume, asked.terms
    if not terms.volume_min_lots <= lots <= terms.volume_max_lots:  # NaN fails too
        # What is left of a position may be smaller than the least that can be opened.
        is_rest = asked.position is not None and lots == asked.position.volume
        return 0 if is_rest else mt5.TRADE_RETCODE_INVALID_VOLUME
    steps = lots / terms.volume_step_lots
    is_off_step = abs(steps - round(steps)) > _STEP_TOLERANCE
    return mt5.TRADE_RETCODE_INVALID_VOLUME if is_off_step else 0


def order_type(asked: Asked) -> int:
    """10035 where the symbol does not offer the type of order, or stops, or targets."""
    offered = asked.conditions.order_mode(asked.symbol)
    return 0 if _modes_needed(asked) & ~offered == 0 else mt5.TRADE_RETCODE_INVALID_ORDER


def _modes_needed(asked: Asked) -> int:
    if asked.names_order:
        return 0
    if asked.is_close_by:
        # Only an account that holds both sides has something to close by.
        return modes.ORDER_MODE_CLOSE_BY if asked.is_hedging else modes.NEVER_OFFERED
    needed = 0
    if asked.is_deal:
        needed = modes.ORDER_MODE_MARKET
    elif asked.is_pending:
        needed = _mode_of(asked.request.type)
    needed |= modes.ORDER_MODE_STOP_LOSS if asked.request.sl else 0
    return needed | (modes.ORDER_MODE_TAKE_PROFIT if asked.request.tp else 0)


def _mode_of(pending_type: int) -> int:
    if pending_type in LIMIT_TYPES:
        return modes.ORDER_MODE_LIMIT
    return modes.ORDER_MODE_STOP if pending_type in STOP_TYPES else modes.ORDER_MODE_STOP_LIMIT


def filling(asked: Asked) -> int:
    """10030 for a filling that the execution of the symbol does not have."""
    if not (asked.is_deal or asked.is_pending):
        return 0
    allowed = _fillings(asked)
    return 0 if asked.request.type_filling in allowed else mt5.TRADE_RETCODE_INVALID_FILL


def _fillings(asked: Asked) -> set[int]:
    mask = asked.conditions.filling_mode(asked.symbol)
    if asked.is_pending:
        # Book-or-cancel is for prices that wait on the better side.
        may_book = mask & modes.SYMBOL_FILLING_BOC_BIT and asked.request.type in LIMIT_TYPES
        return {mt5.ORDER_FILLING_RETURN} | ({mt5.ORDER_FILLING_BOC} if may_book else set())
    execution = asked.conditions.execution_of(asked.symbol)
    if execution in _ON_DEMAND:
        return {mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC, mt5.ORDER_FILLING_RETURN}
    allowed = {
        mt5.ORDER_FILLING_FOK: mask & mt5.SYMBOL_FILLING_FOK_BIT,
        mt5.ORDER_FILLING_IOC: mask & mt5.SYMBOL_FILLING_IOC_BIT,
        mt5.ORDER_FILLING_RETURN: execution == mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE,
    }
    return {one for one, is_allowed in allowed.items() if is_allowed}


def expiration(asked: Asked) -> int:
    """10022 for a lifetime that is not offered or has passed."""
    type_time = asked.request.type_time
    is_valid = type_time <= mt5.ORDER_TIME_SPECIFIED_DAY
    if is_valid and (asked.is_pending or asked.is_modification):
        is_offered = asked.conditions.expiration_mode(asked.symbol) & 1 << type_time
        is_valid = bool(is_offered) and asked.expires_ns != PASSED
    return 0 if is_valid else mt5.TRADE_RETCODE_INVALID_EXPIRATION
