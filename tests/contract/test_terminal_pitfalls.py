"""Mistakes that others have made with this terminal: each shown, so that nobody makes it again.

Those that need no market of their own stand beside the function that they are about.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.simulated.source import SymbolTraits
from tests.contract.covers import covers
from tests.contract.terminals import MAGIC, START_SERVER_S, Bench, Lab, MakeLab
from tests.scripted_market import ScriptedMarket


@covers("order_send", -2)
@pytest.mark.parametrize(
    ("field", "value"), [("volume", 1), ("sl", None), ("comment", "c" * 30), ("tp", np.float32(1))]
)
def test_pitfall_a_type_that_looks_right(bench: Bench, field: str, value: object) -> None:
    """An int volume, a None for "no stop", a character too many: None, and nothing was sent."""
    assert bench.send("typed", **bench.entry(**{field: value})) is None
    assert bench.terminal.last_error() == (-2, f'Invalid "{field}" argument')


@covers("order_send")
def test_pitfall_a_negative_magic_raises(bench: Bench) -> None:
    """It is unsigned on the way out, and a signed long at the server."""
    with pytest.raises(SystemError):
        bench.send("negative", **bench.entry(magic=-1))
    assert bench.own_positions() == []


@covers("order_send", 10015)
def test_pitfall_price_0_is_no_market_price_on_instant(lab: Lab) -> None:
    """MARKET ignores the price, INSTANT needs it."""
    assert lab.buy("market", price=0.0).retcode == mt5.TRADE_RETCODE_DONE

    lab.behind.conditions.execution = mt5.SYMBOL_TRADE_EXECUTION_INSTANT

    assert lab.buy("instant", price=0.0).retcode == mt5.TRADE_RETCODE_INVALID_PRICE
    assert lab.buy("priced", price=1.1001).retcode == mt5.TRADE_RETCODE_DONE


@covers("history_deals_get")
@covers("history_deals_total")
def test_pitfall_now_is_not_the_end_of_the_servers_history(lab: Lab) -> None:
    """The server is ahead of UTC, so a range that ends now lacks the deal just made."""
    deal = lab.buy().deal
    utc_s = float(lab.clock.now_ns // 10**9)

    until_now = lab.terminal.history_deals_get(utc_s - 86_400.0, utc_s)
    until_tomorrow = lab.terminal.history_deals_get(utc_s - 86_400.0, utc_s + 86_400.0)

    assert deal not in [one.ticket for one in until_now or ()]
    assert deal in [one.ticket for one in until_tomorrow or ()]


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a machine whose local zone is New York's."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of a Windows process cannot be changed")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@covers("copy_rates_range")
@pytest.mark.usefixtures("new_york")
def test_pitfall_a_naive_datetime_moves_with_the_machine(lab: Lab) -> None:
    """14:00 means 19:00 where the clock stands at UTC-5; with a zone it means what it says."""
    opens = datetime(2025, 3, 4, 14, 0)  # noqa: DTZ001 - what is tested
    zoned = opens.replace(tzinfo=UTC)

    moved = lab.terminal.copy_rates_range("EURUSD", mt5.TIMEFRAME_M1, opens, opens)
    meant = lab.terminal.copy_rates_range("EURUSD", mt5.TIMEFRAME_M1, zoned, zoned)

    assert moved is not None
    assert len(moved) == 0
    assert meant is not None
    assert meant["time"].tolist() == [START_SERVER_S]


@covers("symbol_info", -4)
@covers("symbols_get")
def test_pitfall_brokers_put_a_suffix_on_symbols(make_lab: MakeLab) -> None:
    """EURUSD may not exist where EURUSD.m does; only a mask finds it."""
    suffixed = SymbolTraits(
        name="EURUSD.m",
        digits=5,
        currency_base="EUR",
        currency_profit="USD",
        swap_long_points=0.0,
        swap_short_points=0.0,
    )
    lab = make_lab(ScriptedMarket(suffixed).still("EURUSD.m", 1.1, range(10)))

    found = lab.terminal.symbols_get("*EURUSD*")

    assert lab.terminal.symbol_info("EURUSD") is None
    assert lab.terminal.last_error()[0] == -4
    assert isinstance(found, tuple)
    assert [(one.name, one.currency_base, one.currency_profit) for one in found] == [
        ("EURUSD.m", "EUR", "USD")
    ]


@covers("positions_get")
def test_pitfall_a_magic_filter_overlooks_what_a_person_did(lab: Lab) -> None:
    """A position opened by hand has magic 0 and counts on the account like any other."""
    lab.enter()
    lab.behind.trade_by_hand({"action": 1, "symbol": "EURUSD", "volume": 0.5, "type": 1})

    positions = lab.terminal.positions_get() or ()

    assert [one.volume for one in positions if one.magic == MAGIC] == [0.01]
    assert [one.volume for one in positions] == [0.01, 0.5]
    assert [one.reason for one in positions] == [
        mt5.POSITION_REASON_EXPERT, mt5.POSITION_REASON_CLIENT,
    ]  # fmt: skip


@covers("history_deals_get")
def test_pitfall_a_ticket_finds_one_deal_of_an_order_that_has_several(lab: Lab) -> None:
    """The rest is found by position or by range."""
    lab.behind.conditions.execution = mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE
    lab.behind.conditions.liquidity_lots = 0.06
    order = lab.buy(type_filling=mt5.ORDER_FILLING_RETURN).order
    lab.clock.minute(9)

    by_ticket = lab.terminal.history_deals_get(ticket=order) or ()
    by_range = lab.terminal.history_deals_get(START_SERVER_S, START_SERVER_S + 86_400) or ()

    assert [deal.volume for deal in by_ticket] == [0.06]
    assert [deal.volume for deal in by_range if deal.order == order] == [0.06, 0.04]
