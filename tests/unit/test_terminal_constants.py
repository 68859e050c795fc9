"""Constants, structures and server time against the tables of the package."""

from datetime import UTC, datetime

import numpy as np
import pytest

from blackboard.errors import ConfigError
from models.market.sessions import HOUR_NS
from runtime.terminals import constants as mt5
from runtime.terminals import structures
from runtime.terminals.server_time import ServerClock

TABLE = {
    "TIMEFRAME_": {"M1": 1, "M2": 2, "M3": 3, "M4": 4, "M5": 5, "M6": 6, "M10": 10, "M12": 12,
        "M15": 15, "M20": 20, "M30": 30, "H1": 16385, "H2": 16386, "H4": 16388, "H3": 16387,
        "H6": 16390, "H8": 16392, "H12": 16396, "D1": 16408, "W1": 32769, "MN1": 49153},
    "COPY_TICKS_": {"ALL": -1, "INFO": 1, "TRADE": 2},
    "TICK_FLAG_": {"BID": 2, "ASK": 4, "LAST": 8, "VOLUME": 16, "BUY": 32, "SELL": 64},
    "TRADE_ACTION_": {"DEAL": 1, "PENDING": 5, "SLTP": 6, "MODIFY": 7, "REMOVE": 8, "CLOSE_BY": 10},
    "ORDER_TYPE_": {"BUY": 0, "SELL": 1, "BUY_LIMIT": 2, "SELL_LIMIT": 3, "BUY_STOP": 4,
        "SELL_STOP": 5, "BUY_STOP_LIMIT": 6, "SELL_STOP_LIMIT": 7, "CLOSE_BY": 8},
    "POSITION_TYPE_": {"BUY": 0, "SELL": 1},
    "ORDER_STATE_": {"STARTED": 0, "PLACED": 1, "CANCELED": 2, "PARTIAL": 3, "FILLED": 4,
        "REJECTED": 5, "EXPIRED": 6, "REQUEST_ADD": 7, "REQUEST_MODIFY": 8, "REQUEST_CANCEL": 9},
    "ORDER_FILLING_": {"FOK": 0, "IOC": 1, "RETURN": 2, "BOC": 3},
    "ORDER_TIME_": {"GTC": 0, "DAY": 1, "SPECIFIED": 2, "SPECIFIED_DAY": 3},
    "ORDER_REASON_": {"CLIENT": 0, "MOBILE": 1, "WEB": 2, "EXPERT": 3, "SL": 4, "TP": 5, "SO": 6},
    "DEAL_REASON_": {"CLIENT": 0, "MOBILE": 1, "WEB": 2, "EXPERT": 3, "SL": 4, "TP": 5, "SO": 6,
        "ROLLOVER": 7, "VMARGIN": 8, "SPLIT": 9},
    "POSITION_REASON_": {"CLIENT": 0, "MOBILE": 1, "WEB": 2, "EXPERT": 3},
    "DEAL_TYPE_": {"BUY": 0, "SELL": 1, "BALANCE": 2, "CREDIT": 3, "CHARGE": 4, "CORRECTION": 5,
        "BONUS": 6, "COMMISSION": 7, "COMMISSION_DAILY": 8, "COMMISSION_MONTHLY": 9,
        "COMMISSION_AGENT_DAILY": 10, "COMMISSION_AGENT_MONTHLY": 11, "INTEREST": 12,
        "BUY_CANCELED": 13, "SELL_CANCELED": 14},
    "DEAL_ENTRY_": {"IN": 0, "OUT": 1, "INOUT": 2, "OUT_BY": 3},
    "SYMBOL_TRADE_MODE_": {"DISABLED": 0, "LONGONLY": 1, "SHORTONLY": 2, "CLOSEONLY": 3, "FULL": 4},
    "SYMBOL_TRADE_EXECUTION_": {"REQUEST": 0, "INSTANT": 1, "MARKET": 2, "EXCHANGE": 3},
    "SYMBOL_SWAP_MODE_": {"DISABLED": 0, "POINTS": 1, "CURRENCY_SYMBOL": 2, "CURRENCY_MARGIN": 3,
        "CURRENCY_DEPOSIT": 4, "INTEREST_CURRENT": 5, "INTEREST_OPEN": 6, "REOPEN_CURRENT": 7,
        "REOPEN_BID": 8},
    "SYMBOL_CALC_MODE_": {"FOREX": 0, "FOREX_NO_LEVERAGE": 5},
    "SYMBOL_CHART_MODE_": {"BID": 0, "LAST": 1},
    "SYMBOL_ORDERS_": {"GTC": 0, "DAILY": 1, "DAILY_NO_STOPS": 2},
    "DAY_OF_WEEK_": {"SUNDAY": 0, "MONDAY": 1, "TUESDAY": 2, "WEDNESDAY": 3, "THURSDAY": 4,
        "FRIDAY": 5, "SATURDAY": 6},
    "ACCOUNT_TRADE_MODE_": {"DEMO": 0, "CONTEST": 1, "REAL": 2},
    "ACCOUNT_STOPOUT_MODE_": {"PERCENT": 0, "MONEY": 1},
    "ACCOUNT_MARGIN_MODE_": {"RETAIL_NETTING": 0, "EXCHANGE": 1, "RETAIL_HEDGING": 2},
    "RES_": {"S_OK": 1, "E_FAIL": -1, "E_INVALID_PARAMS": -2, "E_NO_MEMORY": -3, "E_NOT_FOUND": -4,
        "E_INVALID_VERSION": -5, "E_AUTH_FAILED": -6, "E_UNSUPPORTED": -7,
        "E_AUTO_TRADING_DISABLED": -8, "E_INTERNAL_FAIL": -10000, "E_INTERNAL_FAIL_SEND": -10001,
        "E_INTERNAL_FAIL_RECEIVE": -10002, "E_INTERNAL_FAIL_INIT": -10003,
        "E_INTERNAL_FAIL_CONNECT": -10004, "E_INTERNAL_FAIL_TIMEOUT": -10005},
    "TRADE_RETCODE_": {"REQUOTE": 10004, "REJECT": 10006, "CANCEL": 10007, "PLACED": 10008,
        "DONE": 10009, "DONE_PARTIAL": 10010, "ERROR": 10011, "TIMEOUT": 10012, "INVALID": 10013,
        "INVALID_VOLUME": 10014, "INVALID_PRICE": 10015, "INVALID_STOPS": 10016,
        "TRADE_DISABLED": 10017, "MARKET_CLOSED": 10018, "NO_MONEY": 10019, "PRICE_CHANGED": 10020,
        "PRICE_OFF": 10021, "INVALID_EXPIRATION": 10022, "ORDER_CHANGED": 10023,
        "TOO_MANY_REQUESTS": 10024, "NO_CHANGES": 10025, "SERVER_DISABLES_AT": 10026,
        "CLIENT_DISABLES_AT": 10027, "LOCKED": 10028, "FROZEN": 10029, "INVALID_FILL": 10030,
        "CONNECTION": 10031, "ONLY_REAL": 10032, "LIMIT_ORDERS": 10033, "LIMIT_VOLUME": 10034,
        "INVALID_ORDER": 10035, "POSITION_CLOSED": 10036, "INVALID_CLOSE_VOLUME": 10038,
        "CLOSE_ORDER_EXIST": 10039, "LIMIT_POSITIONS": 10040, "REJECT_CANCEL": 10041,
        "LONG_ONLY": 10042, "SHORT_ONLY": 10043, "CLOSE_ONLY": 10044, "FIFO_CLOSE": 10045},
}  # fmt: skip
"""Every name of ours that the package has; `test_terminal_package.py` asks the package itself."""


def test_constants_have_the_packages_values() -> None:
    """Each name has the value of the package; the hedge-prohibited code has no name there."""
    table = {
        prefix + name: value for prefix, group in TABLE.items() for name, value in group.items()
    }
    table |= {"DEAL_DIVIDEND": 15, "DEAL_DIVIDEND_FRANKED": 16, "DEAL_TAX": 17}

    ours = {name: value for name, value in vars(mt5).items() if name.isupper()}
    assert {name: value for name, value in ours.items() if not name.endswith("_BIT")} == table
    retcodes = [getattr(mt5, name) for name in dir(mt5) if name.startswith("TRADE_RETCODE_")]
    assert 10046 not in retcodes
    assert len(set(retcodes)) == len(retcodes) == 40


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("AccountInfo", 28), ("TerminalInfo", 22), ("SymbolInfo", 96), ("Tick", 8),
        ("TradePosition", 19), ("TradeOrder", 24), ("TradeDeal", 18), ("TradeRequest", 17),
        ("OrderSendResult", 11), ("OrderCheckResult", 9),
    ],
)  # fmt: skip
def test_structures_have_the_packages_fields(name: str, count: int) -> None:
    """Each structure has as many fields as the package's."""
    assert len(getattr(structures, name)._fields) == count


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("new_york+7", datetime(2025, 1, 15, tzinfo=UTC), 2),
        ("new_york+7", datetime(2025, 3, 20, tzinfo=UTC), 3),  # US daylight, Europe not yet
        ("Europe/Athens", datetime(2025, 3, 20, tzinfo=UTC), 2),
        ("UTC", datetime(2025, 7, 1, tzinfo=UTC), 0),
    ],
)
def test_f26_the_server_offset_follows_its_zone(zone: str, moment: datetime, hours: int) -> None:
    """Offsets switch with their zone's own dates, and both directions agree."""
    clock = ServerClock(zone)
    utc_ns = int(moment.timestamp()) * 10**9

    assert clock.offset_ns(utc_ns) == hours * HOUR_NS
    assert clock.to_utc_ns(clock.to_server_ns(utc_ns)) == utc_ns


def test_many_instants_shift_as_one_does() -> None:
    """The array form equals the scalar one over a daylight switch."""
    clock = ServerClock("new_york+7")
    start_ns = int(datetime(2025, 3, 8, tzinfo=UTC).timestamp()) * 10**9
    instants = np.arange(start_ns, start_ns + 72 * HOUR_NS, HOUR_NS // 2)

    shifted = clock.to_server_array_ns(instants)

    assert shifted.tolist() == [clock.to_server_ns(int(instant)) for instant in instants]


def test_an_unknown_zone_is_refused() -> None:
    """A zone that does not exist stops the start."""
    with pytest.raises(ConfigError, match=r"terminal\.server_zone"):
        ServerClock("Atlantis/Capital")
