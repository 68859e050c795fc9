"""What every terminal must do: the simulated one, the same over HTTP, and a real demo account.

No test here knows a price, a ticket or a balance. On a real account the least volume is traded, and
whatever is left open is closed after each test.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.structures import RATES_DTYPE
from tests.contract.covers import covers
from tests.contract.terminals import MAGIC, Bench, done

DAY_S = 86_400


def around(bench: Bench) -> tuple[float, float]:
    """Return a day before and a day after the server's now."""
    now_s = bench.info().time
    return float(now_s - DAY_S), float(now_s + DAY_S)


def assert_typed(shown: Any) -> None:
    """Check that each field of a structure has the package's type."""
    for name, kind in type(shown).__annotations__.items():
        if kind in (bool, int, float, str):
            assert type(getattr(shown, name)) is kind, name


@covers("shutdown", -10004)
@covers("initialize", -10004)
@covers("account_info", -10004)
@covers("positions_get", -10004)
def test_without_a_connection_every_call_is_none(bench: Bench) -> None:
    """None and -10004, never an empty answer; `initialize` connects again."""
    assert bench.terminal.shutdown() is True

    assert bench.terminal.account_info() is None
    assert bench.terminal.last_error() == (-10004, "No IPC connection")
    assert bench.terminal.positions_get() is None
    assert bench.terminal.symbols_get("*") is None
    assert bench.terminal.symbol_select(bench.symbol) is False
    assert bench.send("offline", action=1) is None
    assert bench.terminal.last_error()[0] == -10004
    assert bench.terminal.initialize() is True
    assert bench.terminal.last_error() == (1, "Success")
    assert bench.terminal.positions_get() is not None


@covers("login", -6)
def test_a_foreign_login_is_refused(bench: Bench) -> None:
    """False and -6 for an account that is not there."""
    assert bench.terminal.login(42) is False
    assert bench.terminal.last_error()[0] == -6


@covers("account_info")
@covers("terminal_info")
@covers("version")
@covers("symbol_info")
@covers("symbol_info_tick")
def test_structures_have_the_packages_types(bench: Bench) -> None:
    """Each field is an exact bool, int, float or str, and each sequence can be indexed."""
    tick = bench.terminal.symbol_info_tick(bench.symbol)
    terminal, version = bench.terminal.terminal_info(), bench.terminal.version()

    assert tick is not None
    assert terminal is not None
    assert version is not None
    for shown in (bench.account(), bench.info(), tick, terminal):
        assert_typed(shown)
        assert shown[0] == getattr(shown, shown._fields[0])
    assert [type(part) for part in version] == [int, int, str]
    assert version[0] == 500


@covers("symbol_info", -4)
@covers("symbol_info_tick", -4)
@covers("symbol_select", -4)
@covers("copy_rates_from_pos", -1)
def test_an_unknown_symbol_is_an_error(bench: Bench) -> None:
    """-4, for bars -1; none of it is an empty answer."""
    for answer, code in (
        (lambda: bench.terminal.symbol_info("XXXYYY"), -4),
        (lambda: bench.terminal.symbol_info_tick("XXXYYY"), -4),
        (lambda: bench.terminal.copy_rates_from_pos("XXXYYY", mt5.TIMEFRAME_M1, 0, 1), -1),
    ):
        assert answer() is None
        assert bench.terminal.last_error()[0] == code
    assert bench.terminal.symbol_select("XXXYYY") is False


@covers("symbols_get")
@covers("symbols_total")
def test_masks_find_symbols_by_name(bench: Bench) -> None:
    """A whole name finds its symbol, the star everything, a bang takes out."""
    every = bench.terminal.symbols_get("*")
    one = bench.terminal.symbols_get(group=bench.symbol)
    none = bench.terminal.symbols_get("*,!*")

    assert isinstance(every, tuple)
    assert isinstance(one, tuple)
    assert len(every) == bench.terminal.symbols_total()
    assert [found.name for found in one] == [bench.symbol]
    assert none == ()


@covers("copy_rates_from_pos")
@covers("copy_rates_from")
@covers("copy_rates_range")
def test_three_ways_to_read_the_same_bars(bench: Bench) -> None:
    """From a position, from a date and by range: packed rows, oldest first."""
    read = bench.terminal
    bars = read.copy_rates_from_pos(bench.symbol, mt5.TIMEFRAME_M1, 1, 5)
    assert bars is not None
    first_s, last_s = float(bars["time"][0]), float(bars["time"][-1])
    dated = read.copy_rates_from(
        bench.symbol, mt5.TIMEFRAME_M1, datetime.fromtimestamp(last_s, UTC), 5
    )
    ranged = read.copy_rates_range(bench.symbol, mt5.TIMEFRAME_M1, first_s, last_s)

    assert bars.dtype == RATES_DTYPE
    assert bars.dtype.itemsize == 60
    assert (np.diff(bars["time"]) > 0).all()
    assert (bars["high"] >= bars["low"]).all()
    for other in (dated, ranged):
        assert other is not None
        assert np.array_equal(other["time"], bars["time"])
        assert np.array_equal(other["close"], bars["close"])


@covers("copy_rates_from_pos", -2)
def test_pitfall_a_large_count_is_an_error_and_not_an_empty_history(bench: Bench) -> None:
    """-2 says that the arguments are wrong; it says nothing of history."""
    read = bench.terminal.copy_rates_from_pos

    assert read(bench.symbol, mt5.TIMEFRAME_M1, 0, 2**31 - 1) is None
    assert bench.terminal.last_error()[0] == -2
    assert read(bench.symbol, 7, 0, 1) is None  # no such timeframe
    assert bench.terminal.last_error()[0] == -2
    assert read(bench.symbol, mt5.TIMEFRAME_M1, 0, 1) is not None


@covers("copy_rates_range")
def test_a_quiet_range_is_empty_and_success(bench: Bench) -> None:
    """Nothing found is an empty array of the right type."""
    bars = bench.terminal.copy_rates_range(bench.symbol, mt5.TIMEFRAME_M1, 1_000_000, 1_000_060)

    assert bars is not None
    assert bench.terminal.last_error() == (1, "Success")
    assert (len(bars), bars.dtype) == (0, RATES_DTYPE)


@covers("copy_rates_range")
def test_pitfall_a_naive_datetime_is_of_the_local_zone(bench: Bench) -> None:
    """It means what its own `timestamp()` says, which depends on the machine."""
    naive = datetime.fromtimestamp(bench.info().time - 7_200)  # noqa: DTZ006 - what is tested
    until = naive + timedelta(hours=1)

    by_naive = bench.terminal.copy_rates_range(bench.symbol, mt5.TIMEFRAME_M1, naive, until)
    by_epoch = bench.terminal.copy_rates_range(
        bench.symbol, mt5.TIMEFRAME_M1, naive.timestamp(), until.timestamp()
    )

    assert by_naive is not None
    assert by_epoch is not None
    assert np.array_equal(by_naive, by_epoch)


@covers("positions_get")
@covers("orders_get")
@covers("history_orders_get")
@covers("history_deals_get")
def test_nothing_found_is_an_empty_tuple(bench: Bench) -> None:
    """An unknown ticket or symbol is no error: `()` and success, where failure would be None."""
    read = bench.terminal
    found = (
        read.positions_get(ticket=2**40),
        read.orders_get(ticket=2**40),
        read.orders_get(symbol="XXXYYY"),
        read.history_orders_get(ticket=2**40),
        read.history_deals_get(ticket=2**40),
        read.history_deals_get(position=2**40),
        read.history_orders_get(1.0, 2.0),
    )

    assert found == ((),) * len(found)
    assert read.last_error() == (1, "Success")


@covers("positions_total")
@covers("orders_total")
@covers("history_orders_total")
@covers("history_deals_total")
def test_totals_are_the_lengths_of_the_lists(bench: Bench) -> None:
    """Each total counts what its list holds."""
    read, dates = bench.terminal, around(bench)

    assert read.positions_total() == len(read.positions_get() or ())
    assert read.orders_total() == len(read.orders_get() or ())
    assert read.history_orders_total(*dates) == len(read.history_orders_get(*dates) or ())
    assert read.history_deals_total(*dates) == len(read.history_deals_get(*dates) or ())


@covers("order_calc_margin", -4)
@covers("order_calc_profit")
def test_calculations_are_in_account_currency(bench: Bench) -> None:
    """Margin is positive, profit is symmetrical, and what cannot be calculated is None."""
    info, calc = bench.info(), bench.terminal
    prices = info.ask, info.ask + 100 * info.point
    margin = calc.order_calc_margin(mt5.ORDER_TYPE_BUY, bench.symbol, 1, info.ask)
    profit = calc.order_calc_profit(mt5.ORDER_TYPE_BUY, bench.symbol, 1.0, *prices)
    loss = calc.order_calc_profit(mt5.ORDER_TYPE_SELL, bench.symbol, 1.0, *prices)

    assert margin is not None
    assert margin > 0.0
    assert profit is not None
    assert loss is not None
    assert profit == pytest.approx(-loss)
    assert profit > 0.0
    assert calc.order_calc_margin(mt5.ORDER_TYPE_BUY, "XXXYYY", 1.0, 1.0) is None


@covers("order_check", 0)
def test_pitfall_a_check_that_passes_has_retcode_0(bench: Bench) -> None:
    """Not 10009; it tells the account after the trade and does nothing."""
    before = bench.terminal.positions_total()

    check = bench.terminal.order_check(bench.entry())

    assert check is not None
    assert (check.retcode, check.comment) == (0, "Done")
    assert_typed(check)
    assert check.margin > 0.0
    assert check.equity <= check.balance + bench.account().profit
    assert bench.terminal.positions_total() == before


@covers("order_send", 10014)
@covers("order_check", 10014)
def test_pitfall_a_result_is_true_whatever_it_says(bench: Bench) -> None:
    """Only its retcode tells; a rejected one carries no ticket and no volume."""
    request = bench.entry(volume=0.0)

    check, result = bench.terminal.order_check(request), done(bench.send("empty", **request))

    assert result
    assert result[0]
    assert result.retcode == mt5.TRADE_RETCODE_INVALID_VOLUME
    assert (result.deal, result.order, result.volume) == (0, 0, 0.0)
    assert check is not None
    assert check.retcode == result.retcode
    assert_typed(result)
    assert result.request.magic == MAGIC


@covers("order_send", 10016)
def test_a_stop_on_the_wrong_side_is_refused(bench: Bench) -> None:
    """A stop of a buy above the market opens nothing."""
    info = bench.info()

    result = bench.enter("stop", sl=info.ask + 1_000 * info.point)

    assert result.retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert bench.own_positions() == []


@covers("order_send", 10030)
def test_pitfall_a_filling_that_the_symbol_does_not_have(bench: Bench) -> None:
    """The mask of the symbol decides; a hard-coded filling is refused by the next broker."""
    info = bench.info()
    if info.trade_exemode != mt5.SYMBOL_TRADE_EXECUTION_MARKET:
        pytest.skip("the symbol's execution allows every filling")

    result = bench.enter("return", type_filling=mt5.ORDER_FILLING_RETURN)

    assert result.retcode == mt5.TRADE_RETCODE_INVALID_FILL


@covers("order_send", 10009)
@covers("positions_get")
@covers("history_orders_get")
@covers("history_deals_get")
def test_an_entry_and_its_exit_can_be_read_everywhere(bench: Bench) -> None:
    """Result, position, order and deals tell the same story, fresh deals a day ahead included."""
    entered = bench.enter(comment="contract")
    assert entered.retcode == mt5.TRADE_RETCODE_DONE
    (position,) = bench.terminal.positions_get(ticket=entered.order) or ()
    left = bench.exit(position.ticket)
    deals = bench.terminal.history_deals_get(position=position.identifier) or ()
    (order,) = bench.terminal.history_orders_get(ticket=entered.order) or ()
    recent = bench.terminal.history_deals_get(*around(bench)) or ()

    assert left.retcode == mt5.TRADE_RETCODE_DONE
    assert (position.magic, position.symbol, position.type) == (MAGIC, bench.symbol, 0)
    assert position.volume == entered.volume == bench.info().volume_min
    for shown in (position, order, *deals):
        assert_typed(shown)
    assert [deal.entry for deal in deals] == [mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_OUT]
    assert {deal.reason for deal in deals} == {mt5.DEAL_REASON_EXPERT}
    assert deals[0].order == order.ticket == entered.order
    assert order.state == mt5.ORDER_STATE_FILLED
    assert {entered.deal, left.deal} <= {deal.ticket for deal in recent}
    assert bench.own_positions() == []


@covers("order_send", 10009, 10025)
def test_pitfall_a_change_of_one_stop_deletes_the_other(bench: Bench) -> None:
    """What is left out is 0, and 0 deletes; the result has neither deal nor order."""
    info = bench.info()
    room = max(info.trade_stops_level, 1_000) * 2 * info.point
    ticket = bench.enter(sl=info.bid - room, tp=info.ask + room).order
    stop = round(info.bid - 2 * room, info.digits)
    amend: dict[str, Any] = {"action": mt5.TRADE_ACTION_SLTP, "symbol": bench.symbol, "sl": stop}

    amended = done(bench.send("amend", **amend, position=ticket))
    again = done(bench.send("again", **amend, position=ticket))

    assert (amended.retcode, amended.deal, amended.order) == (mt5.TRADE_RETCODE_DONE, 0, 0)
    assert again.retcode == mt5.TRADE_RETCODE_NO_CHANGES
    (position,) = bench.terminal.positions_get(ticket=ticket) or ()
    assert (position.sl, position.tp) == (stop, 0.0)


@covers("order_send", 10009)
def test_pitfall_a_close_without_its_position_opens_the_opposite(bench: Bench) -> None:
    """On a hedging account a bare sell is a new position."""
    if bench.account().margin_mode != mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING:
        pytest.skip("the account is not a hedging one")
    bench.enter()

    bench.enter("sell", type=mt5.ORDER_TYPE_SELL, price=bench.info().bid)

    assert [one.type for one in bench.own_positions()] == [0, 1]


@covers("symbol_select", -1)
def test_a_symbol_with_a_position_cannot_be_hidden(bench: Bench) -> None:
    """False, and it stays where it is."""
    bench.enter()

    assert bench.terminal.symbol_select(bench.symbol, False) is False
    assert bench.terminal.last_error()[0] < 0
    assert bench.info().select is True


@covers("order_send")
@covers("epoch_seen")
def test_an_id_runs_once_and_an_old_epoch_never(bench: Bench) -> None:
    """Beyond the package: a repetition gets the recorded answer, an old sender a refusal."""
    first = bench.enter("once")
    request = first.request._asdict()
    again = bench.send("once", **request)
    other = bench.send("once", **{**request, "magic": MAGIC + 1})
    old = bench.send("late", epoch=bench.epoch - 1, **request) if bench.epoch > 1 else None

    assert again == first
    assert isinstance(other, TerminalRefused)
    assert other.refusal is Refusal.REUSED_ID
    if bench.epoch > 1:
        assert isinstance(old, TerminalRefused)
        assert old.refusal is Refusal.STALE_EPOCH
    assert bench.terminal.epoch_seen() == bench.epoch
    assert len(bench.own_positions()) == 1
