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
    "TIMEFRAME_": {"M1": 1, "M15": 15, "H1": 16385, "H4": 16388, "D1": 16408, "W1": 32769,
                   "MN1": 49153},
    "TRADE_ACTION_": {"DEAL": 1, "PENDING": 5, "SLTP": 6, "MODIFY": 7, "REMOVE": 8, "CLOSE_BY": 10},
    "ORDER_TYPE_": {"BUY": 0, "SELL": 1, "BUY_STOP_LIMIT": 6, "CLOSE_BY": 8},
    "ORDER_STATE_": {"FILLED": 4, "REQUEST_CANCEL": 9},
    "ORDER_FILLING_": {"FOK": 0, "IOC": 1, "RETURN": 2, "BOC": 3},
    "DEAL_REASON_": {"EXPERT": 3, "SL": 4, "TP": 5, "SO": 6, "SPLIT": 9},
    "DEAL_TYPE_": {"BALANCE": 2, "INTEREST": 12, "SELL_CANCELED": 14},
    "DEAL_ENTRY_": {"IN": 0, "OUT": 1, "INOUT": 2, "OUT_BY": 3},
    "ACCOUNT_MARGIN_MODE_": {"RETAIL_NETTING": 0, "EXCHANGE": 1, "RETAIL_HEDGING": 2},
    "TRADE_RETCODE_": {"REQUOTE": 10004, "DONE": 10009, "MARKET_CLOSED": 10018, "NO_MONEY": 10019,
                       "INVALID_FILL": 10030, "INVALID_CLOSE_VOLUME": 10038, "FIFO_CLOSE": 10045},
}  # fmt: skip


def test_constants_have_the_packages_values() -> None:
    """Each group has the values of the package; the hedge-prohibited code has no name there."""
    for prefix, values in TABLE.items():
        for name, value in values.items():
            assert getattr(mt5, prefix + name) == value
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
