"""What every terminal must do, whether it is called directly or through its process."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blackboard.errors import TerminalUnavailable
from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.port import Refusal, SendAnswer, TerminalRefused
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.server import TerminalServer
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import RATES_DTYPE, OrderSendResult
from tests.scripted_market import (
    START_NS,
    HandClock,
    ScriptedMarket,
    a_terminal,
    settings_of,
    traits,
)

TOKEN = "a-token-of-the-test"
START_SERVER_S = START_NS // 10**9 + 2 * 3600  # UTC+2: New York is at UTC-5 in early March


@dataclass
class Bench:
    """A terminal under test, with what moves it."""

    terminal: SimulatedTerminal | RemoteTerminal
    behind: SimulatedTerminal
    clock: HandClock
    stop_file: Path

    def send(self, request_id: str = "one", *, epoch: int = 1, **request: Any) -> SendAnswer:
        """Send a request under an id."""
        return self.terminal.order_send(request, request_id=request_id, epoch=epoch)

    def buy(self, request_id: str = "buy", **changed: Any) -> OrderSendResult:
        """Buy 0.10 EURUSD and return the result."""
        request: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
        request |= changed
        result = self.send(request_id, **request)
        assert isinstance(result, OrderSendResult)
        return result


def a_market() -> ScriptedMarket:
    """Return a still market: EURUSD 1.10000 with one pip, USDJPY 150.000, one symbol unshown."""
    market = ScriptedMarket(
        traits("EURUSD"), traits("USDJPY", digits=3), traits("AUDNZD", stops_level_points=50)
    )
    market.write(
        "EURUSD",
        [(m, 1.1, 1.101, 1.099, 1.1, 10) for m in range(-120, 120)],
    )
    market.still("USDJPY", 150.0, range(-120, 120))
    return market


@pytest.fixture(params=["direct", "http"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Give a connected terminal, five minutes after the start of the market."""
    clock, stop_file = HandClock(), tmp_path / "STOP"
    behind = a_terminal(a_market(), clock, stop_file=stop_file)
    clock.minute(5)
    if request.param == "direct":
        yield Bench(behind, behind, clock, stop_file)
        return
    server = TerminalServer(behind, "127.0.0.1", 0, TOKEN)
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    remote = RemoteTerminal(url, TOKEN, settings_of().terminal)
    yield Bench(remote, behind, clock, stop_file)
    remote.close()
    server.stop()
    thread.join()


def test_a_call_before_initialize_is_none_and_no_connection(bench: Bench) -> None:
    """Without a connection every call fails with -10004, and nothing is an empty answer."""
    assert bench.terminal.shutdown() is True

    assert bench.terminal.account_info() is None
    assert bench.terminal.last_error() == (-10004, "No IPC connection")
    assert bench.terminal.positions_get() is None
    assert bench.terminal.initialize() is True
    assert bench.terminal.last_error() == (1, "Success")
    assert bench.terminal.positions_get() == ()


def test_a_foreign_login_is_refused(bench: Bench) -> None:
    """Login answers False and -6 for an account that is not there."""
    assert bench.terminal.login(42) is False
    assert bench.terminal.last_error()[0] == -6
    assert bench.terminal.login(1_000_001, server="Quorum-Simulated") is True


def test_the_account_says_who_it_is(bench: Bench) -> None:
    """Identity, mode and money come with the exact Python types of the package."""
    account = bench.terminal.account_info()

    assert account is not None
    assert (account.login, account.server, account.company) == (
        1_000_001, "Quorum-Simulated", "Quorum",
    )  # fmt: skip
    assert account.trade_mode == mt5.ACCOUNT_TRADE_MODE_DEMO
    assert account.margin_mode == mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    assert (account.balance, account.equity, account.margin_level) == (10_000.0, 10_000.0, 0.0)
    types = account.__annotations__
    assert all(type(getattr(account, name)) is kind for name, kind in types.items())


def test_symbol_properties_have_exact_types(bench: Bench) -> None:
    """All 96 fields have the package's type, and the filling mask allows FOK and IOC."""
    info = bench.terminal.symbol_info("EURUSD")

    assert info is not None
    assert len(info) == 96
    types = info.__annotations__
    assert all(type(getattr(info, name)) is kind for name, kind in types.items())
    assert (info.bid, info.ask, info.spread) == (1.1, 1.1001, 10)
    assert info.filling_mode == 3
    assert info.trade_tick_value == pytest.approx(1.0)  # 0.00001 * 100 000 USD


def test_unknown_and_unshown_symbols_have_no_tick(bench: Bench) -> None:
    """A symbol that is unknown, or has no price, gives None and -4, never a zero price."""
    assert bench.terminal.symbol_info("XXXYYY") is None
    assert bench.terminal.last_error() == (-4, "Terminal: Not found")
    assert bench.terminal.symbol_info_tick("AUDNZD") is None
    assert bench.terminal.symbol_select("EURUSD", False) is True
    assert bench.terminal.symbol_info_tick("EURUSD") is None
    assert bench.terminal.symbol_select("EURUSD") is True
    assert bench.terminal.symbol_info_tick("EURUSD") is not None


def test_a_tick_carries_server_time(bench: Bench) -> None:
    """The running minute's open is the tick, in server time dressed as UTC."""
    tick = bench.terminal.symbol_info_tick("EURUSD")

    assert tick is not None
    assert (tick.bid, tick.ask, tick.last) == (1.1, 1.1001, 0.0)
    assert tick.time == START_SERVER_S + 5 * 60
    assert tick.time_msc == tick.time * 1000


def test_masks_select_symbols_in_their_order(bench: Bench) -> None:
    """Masks apply one after the other, a bang takes out; wrong arguments give False."""

    def names(group: str) -> list[str]:
        found = bench.terminal.symbols_get(group)
        assert isinstance(found, tuple)
        return [one.name for one in found]

    assert names("*") == ["EURUSD", "USDJPY", "AUDNZD"]
    assert names("*USD*,!EUR*") == ["USDJPY"]
    assert bench.terminal.symbols_get(7) is False  # type: ignore[arg-type] # what is tested
    assert bench.terminal.last_error() == (-2, "Invalid arguments")
    assert bench.terminal.symbols_total() == 3


def test_rates_are_packed_and_the_forming_bar_shows_its_open_only(bench: Bench) -> None:
    """Position 0 is the forming bar; of its running minute nothing but the open is known."""
    bars = bench.terminal.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 2)

    assert bars is not None
    assert bars.dtype == RATES_DTYPE
    assert bars.dtype.itemsize == 60
    assert bars["time"].tolist() == [START_SERVER_S + 240, START_SERVER_S + 300]
    assert bars["high"].tolist() == [1.101, 1.1]
    assert bars["low"].tolist() == [1.099, 1.1]
    assert bars["tick_volume"].tolist() == [10, 1]


def test_bars_gather_their_minutes(bench: Bench) -> None:
    """A closed M15 bar holds fifteen minutes; ranges include both ends by the bar's open."""
    range_ = (START_SERVER_S - 900, START_SERVER_S - 1)
    bars = bench.terminal.copy_rates_range("EURUSD", mt5.TIMEFRAME_M15, *range_)

    assert bars is not None
    assert bars["time"].tolist() == [START_SERVER_S - 900]
    assert bars["tick_volume"].tolist() == [150]
    assert (bars["high"][0], bars["low"][0], bars["spread"][0]) == (1.101, 1.099, 10)
    from_date = bench.terminal.copy_rates_from(
        "EURUSD", mt5.TIMEFRAME_M15, datetime.fromtimestamp(START_SERVER_S - 1, UTC), 1
    )
    assert from_date is not None
    assert np.array_equal(from_date, bars)


def test_rates_fail_as_measured(bench: Bench) -> None:
    """Unknown symbol and start beyond history -1, unknown timeframe and a large count -2."""
    rates = bench.terminal.copy_rates_from_pos
    assert rates("XXXYYY", 1, 0, 1) is None
    assert bench.terminal.last_error()[0] == -1
    assert rates("EURUSD", 1, 5_000, 1) is None
    assert bench.terminal.last_error()[0] == -1
    assert rates("EURUSD", 7, 0, 1) is None
    assert bench.terminal.last_error()[0] == -2
    assert rates("EURUSD", 1, 0, 100_000) is None
    assert bench.terminal.last_error() == (-2, "Terminal: Invalid params")


def test_a_quiet_range_is_empty_not_none(bench: Bench) -> None:
    """Nothing found is an empty array and success."""
    bars = bench.terminal.copy_rates_range("EURUSD", 1, 1_000_000, 1_000_060)

    assert bars is not None
    assert len(bars) == 0
    assert bench.terminal.last_error() == (1, "Success")


def test_wrong_positional_types_raise(bench: Bench) -> None:
    """A positional argument of the wrong type raises SystemError, as derived from the package."""
    with pytest.raises(SystemError):
        bench.terminal.copy_rates_from_pos("EURUSD", "M1", 0, 1)  # type: ignore[arg-type] # tested
    with pytest.raises(SystemError):
        bench.terminal.order_check({"magic": -1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("volume", 1),
        ("volume", np.float32(0.1)),
        ("price", None),
        ("magic", 1.0),
        ("magic", np.int64(1)),
        ("symbol", "X" * 30),
        ("comment", "c" * 30),
        ("expiration", datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_strict_types_name_the_field(bench: Bench, field: str, value: Any) -> None:
    """A field of the wrong type gives None and -2 with the field's name; nothing is sent."""
    assert bench.send(**{"action": 1, "symbol": "EURUSD", field: value}) is None
    assert bench.terminal.last_error() == (-2, f'Invalid "{field}" argument')


def test_unnamed_arguments_are_not_allowed(bench: Bench) -> None:
    """Keyword-only functions refuse positional arguments with -2."""
    assert bench.terminal.positions_get("EURUSD") is None
    assert bench.terminal.last_error() == (-2, "Unnamed arguments not allowed")


def test_an_entry_fills_at_the_ask_and_can_be_read_everywhere(bench: Bench) -> None:
    """A buy fills at ask; result, position, order and deal tell the same story."""
    result = bench.buy(sl=1.09, tp=1.12, magic=77, comment="fxabc")

    assert result.retcode == mt5.TRADE_RETCODE_DONE
    assert (result.volume, result.price, result.comment) == (0.1, 1.1001, "Request executed")
    assert result.request.magic == 77
    (position,) = bench.terminal.positions_get(symbol="EURUSD") or ()
    assert position.ticket == position.identifier == result.order
    assert (position.price_open, position.sl, position.tp) == (1.1001, 1.09, 1.12)
    assert position.profit == -1.0  # (1.1000 - 1.1001) * 100 000 * 0.1
    (deal,) = bench.terminal.history_deals_get(position=position.ticket) or ()
    assert (deal.ticket, deal.order, deal.entry, deal.reason) == (result.deal, result.order, 0, 3)
    (order,) = bench.terminal.history_orders_get(ticket=result.order) or ()
    assert (order.state, order.magic, order.comment) == (mt5.ORDER_STATE_FILLED, 77, "fxabc")
    assert bench.terminal.orders_get() == ()
    assert bench.terminal.positions_total() == 1


def test_a_close_leaves_an_exit_deal_with_the_profit(bench: Bench) -> None:
    """A close needs the position's ticket, fills at bid, and books the profit."""
    ticket = bench.buy().order

    result = bench.buy("exit", type=1, position=ticket)

    assert (result.retcode, result.price) == (mt5.TRADE_RETCODE_DONE, 1.1)
    assert bench.terminal.positions_get() == ()
    deals = bench.terminal.history_deals_get(START_SERVER_S - 1, START_SERVER_S + 86_400) or ()
    assert [deal.profit for deal in deals] == [10_000.0, 0.0, -1.0]
    assert [deal.entry for deal in deals] == [0, 0, 1]
    account = bench.terminal.account_info()
    assert account is not None
    assert account.balance == 9_999.0


def test_a_close_without_its_ticket_opens_the_opposite(bench: Bench) -> None:
    """On a hedging account a bare sell is a new position."""
    bench.buy()

    bench.buy("sell", type=1)

    assert bench.terminal.positions_total() == 2


def test_both_stops_are_set_and_zero_deletes(bench: Bench) -> None:
    """SLTP sets both; a missing one is 0 and deletes; the result carries no deal."""
    ticket = bench.buy(sl=1.09, tp=1.12).order

    result = bench.send("amend", action=6, symbol="EURUSD", position=ticket, sl=1.095)

    assert isinstance(result, OrderSendResult)
    assert (result.retcode, result.deal, result.order, result.volume) == (10009, 0, 0, 0.0)
    (position,) = bench.terminal.positions_get(ticket=ticket) or ()
    assert (position.sl, position.tp) == (1.095, 0.0)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        (mt5.TRADE_RETCODE_INVALID, {"action": 99}),
        (mt5.TRADE_RETCODE_INVALID, {"symbol": "XXXYYY"}),
        (mt5.TRADE_RETCODE_INVALID, {"type": 2}),
        (mt5.TRADE_RETCODE_INVALID, {"action": mt5.TRADE_ACTION_SLTP}),
        (mt5.TRADE_RETCODE_INVALID, {"action": mt5.TRADE_ACTION_REMOVE, "order": 5}),
        (mt5.TRADE_RETCODE_INVALID_ORDER, {"action": mt5.TRADE_ACTION_PENDING, "type": 2}),
        (mt5.TRADE_RETCODE_INVALID_ORDER, {"action": mt5.TRADE_ACTION_CLOSE_BY}),
        (mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": float("nan")}),
        (mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": 0.0}),
        (mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": 0.015}),
        (mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": 100.01}),
        (mt5.TRADE_RETCODE_INVALID_FILL, {"type_filling": mt5.ORDER_FILLING_RETURN}),
        (mt5.TRADE_RETCODE_INVALID_EXPIRATION, {"type_time": 4}),
        (mt5.TRADE_RETCODE_PRICE_OFF, {"symbol": "AUDNZD"}),
        (mt5.TRADE_RETCODE_POSITION_CLOSED, {"position": 5}),
        (mt5.TRADE_RETCODE_INVALID_STOPS, {"sl": 1.1001}),
        (mt5.TRADE_RETCODE_INVALID_STOPS, {"tp": 1.0999}),
        (mt5.TRADE_RETCODE_INVALID_STOPS, {"sl": float("nan")}),
        (mt5.TRADE_RETCODE_NO_MONEY, {"volume": 2.73}),  # 2.73 * 100 000 / 30 * 1.1 = 10 010
    ],
)
def test_each_refusal_has_its_code(bench: Bench, code: int, changed: dict[str, Any]) -> None:
    """Check and send answer the same code; a rejected result carries no ticket and no volume."""
    request: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    request |= changed

    check = bench.terminal.order_check(request)
    result = bench.send(**request)

    assert check is not None
    assert check.retcode == code
    assert isinstance(result, OrderSendResult)
    assert result.retcode == code
    assert (result.deal, result.order, result.volume) == (0, 0, 0.0)
    assert bench.terminal.positions_get() == ()


def test_refusals_about_a_position(bench: Bench) -> None:
    """Too much volume, the same side, another symbol and an equal amendment have their codes."""
    ticket = bench.buy(sl=1.09).order
    close: dict[str, Any] = {"type": 1, "position": ticket}
    same: dict[str, Any] = {"action": 6, "symbol": "EURUSD", "position": ticket, "sl": 1.09}

    assert bench.buy("a", **close, volume=0.2).retcode == mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    assert bench.buy("b", position=ticket).retcode == mt5.TRADE_RETCODE_INVALID
    assert bench.buy("c", **close, symbol="USDJPY").retcode == mt5.TRADE_RETCODE_INVALID
    unchanged = bench.send("d", **same)
    assert isinstance(unchanged, OrderSendResult)
    assert unchanged.retcode == mt5.TRADE_RETCODE_NO_CHANGES


def test_switched_off_trading_has_its_codes(bench: Bench) -> None:
    """API off is None and -8; the other switches are return codes, in the documented order."""
    conditions = bench.behind.conditions
    conditions.is_account_trade_allowed = False
    assert bench.buy("a").retcode == mt5.TRADE_RETCODE_TRADE_DISABLED
    conditions.is_expert_allowed = False
    assert bench.buy("b").retcode == mt5.TRADE_RETCODE_SERVER_DISABLES_AT
    conditions.is_terminal_trade_allowed = False
    assert bench.buy("c").retcode == mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
    conditions.is_api_disabled = True
    assert bench.send("d", action=1, symbol="EURUSD", volume=0.1) is None
    assert bench.terminal.last_error()[0] == -8


def test_too_many_requests_in_a_second(bench: Bench) -> None:
    """The setting's count of sends passes, the next one is told to wait."""
    bench.behind.conditions.requests_per_s_max = 2

    codes = [bench.buy(request_id).retcode for request_id in ("a", "b", "c")]

    assert codes == [10009, 10009, mt5.TRADE_RETCODE_TOO_MANY_REQUESTS]


def test_the_market_is_closed_at_the_weekend(bench: Bench) -> None:
    """Outside the session 10018; the last tick is Friday's and time still shows it."""
    bench.clock.minute(4 * 24 * 60)  # Saturday

    assert bench.buy().retcode == mt5.TRADE_RETCODE_MARKET_CLOSED
    tick = bench.terminal.symbol_info_tick("EURUSD")
    assert tick is not None
    assert tick.time == START_SERVER_S + 119 * 60 + 59  # the last minute's last second


def test_order_check_promises_the_account_after_the_trade(bench: Bench) -> None:
    """Success is retcode 0 and Done, with margin and equity as they would be."""
    check = bench.terminal.order_check({"action": 1, "symbol": "EURUSD", "volume": 0.3, "type": 0})

    assert check is not None
    assert (check.retcode, check.comment) == (0, "Done")
    assert check.margin == 1_100.0  # 0.3 * 100 000 / 30 * 1.1
    assert check.equity == 9_997.0  # 10 000 less the spread of 3 USD
    assert bench.terminal.positions_get() == ()


def test_calculations_convert_to_the_account(bench: Bench) -> None:
    """Margin of USDJPY is in dollars already; its profit in yen is divided by the bid."""
    margin = bench.terminal.order_calc_margin(0, "USDJPY", 1, 150)
    profit = bench.terminal.order_calc_profit(0, "USDJPY", 1.0, 150.0, 150.3)

    assert margin == 3_333.33  # 100 000 / 30
    assert profit == 200.0  # 0.3 * 100 000 / 150
    assert bench.terminal.order_calc_profit(1, "USDJPY", 1.0, 150.0, 150.3) == -200.0
    assert bench.terminal.order_calc_profit(0, "AUDNZD", 1.0, 1.0, 1.1) is None


def test_a_repeated_id_is_answered_from_the_record(bench: Bench) -> None:
    """The same request under the same id gives the same answer and runs once."""
    first = bench.buy("once")

    again = bench.buy("once")

    assert again == first
    assert bench.terminal.positions_total() == 1


def test_an_id_of_another_request_is_refused(bench: Bench) -> None:
    """An id names one request; another one under it does not leave."""
    bench.buy("once")

    refused = bench.send("once", action=1, symbol="EURUSD", volume=0.2)

    assert isinstance(refused, TerminalRefused)
    assert refused.refusal is Refusal.REUSED_ID


def test_f8_a_stale_epoch_is_refused(bench: Bench) -> None:
    """Once a younger sender has been here, an older one is refused, closes included."""
    ticket = bench.buy(epoch=3).order

    refused = bench.send(
        "late", epoch=2, action=1, symbol="EURUSD", volume=0.1, type=1, position=ticket
    )

    assert isinstance(refused, TerminalRefused)
    assert refused.refusal is Refusal.STALE_EPOCH
    assert bench.terminal.epoch_seen() == 3
    assert bench.terminal.positions_total() == 1


def test_f40_the_stop_file_lets_only_reductions_pass(bench: Bench) -> None:
    """With the file there, entries and looser stops are refused; tighter stops and closes pass."""
    ticket = bench.buy(sl=1.09).order
    bench.stop_file.touch()
    amend: dict[str, Any] = {"action": 6, "symbol": "EURUSD", "position": ticket}

    forbidden: dict[str, dict[str, Any]] = {
        "entry": {"action": 1, "symbol": "EURUSD", "volume": 0.1},
        "looser": amend | {"sl": 1.08},
        "none": amend | {"sl": 0.0, "tp": 1.2},
    }
    for request_id, request in forbidden.items():
        refused = bench.send(request_id, **request)
        assert isinstance(refused, TerminalRefused)
        assert refused.refusal is Refusal.STOP_FILE
    tighter = bench.send("tighter", **amend, sl=1.095)
    assert isinstance(tighter, OrderSendResult)
    assert tighter.retcode == mt5.TRADE_RETCODE_DONE
    assert bench.buy("exit", type=1, position=ticket).retcode == mt5.TRADE_RETCODE_DONE


def test_f40_a_recorded_answer_is_told_while_the_stop_file_exists(bench: Bench) -> None:
    """A refusal would claim that nothing was sent, so the record goes before the gate."""
    first = bench.buy("once")
    bench.stop_file.touch()

    assert bench.buy("once") == first


def test_a_steered_terminal_goes_where_it_is_told_and_never_back(bench: Bench) -> None:
    """Virtual time comes with the calls; an earlier moment changes nothing."""
    bench.terminal.steer(START_NS + 9 * MINUTE_NS)
    later = bench.terminal.symbol_info_tick("EURUSD")
    bench.terminal.steer(START_NS + 7 * MINUTE_NS)
    earlier = bench.terminal.symbol_info_tick("EURUSD")

    assert later is not None
    assert later.time == START_SERVER_S + 9 * 60
    assert earlier == later


def test_the_next_event_is_foretold_and_then_happens(bench: Bench) -> None:
    """The first minute that touches the stop ends at the moment that was foretold."""
    now_ns = START_NS + 5 * MINUTE_NS
    until_ns = now_ns + 15 * MINUTE_NS
    assert bench.terminal.next_event_ns(now_ns, until_ns) == until_ns
    bench.buy(sl=1.0995)  # every minute's low is 1.099

    assert bench.terminal.next_event_ns(now_ns, until_ns) == now_ns + MINUTE_NS
    assert bench.terminal.positions_total() == 1
    bench.terminal.advance(now_ns + MINUTE_NS)
    assert bench.terminal.positions_total() == 0


def test_f5_a_server_that_is_gone_is_unavailable() -> None:
    """No answer raises; nothing is tried again."""
    remote = RemoteTerminal("http://127.0.0.1:9", TOKEN, settings_of().terminal)

    with pytest.raises(TerminalUnavailable):
        remote.order_send({"action": 1}, request_id="x", epoch=1)
    assert not remote.is_healthy()
    remote.close()
