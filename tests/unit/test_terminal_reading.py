"""One consistent answer of the broker, in our terms and in UTC."""

from typing import Any

import msgspec
import pytest

from agents.requests import BrokerRead, ReadBroker, SendOrder
from blackboard.errors import TerminalUnavailable
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from models.market.sessions import DAY_NS, MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.reading import READINGS_MAX, BrokerReader, deal_of, send_answered
from runtime.terminals.requests import order_request
from runtime.terminals.server_time import MARKET_ZONE, ServerClock
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult, TradeDeal
from runtime.terminals.symbols import SymbolNames
from tests.scripted_market import (
    START_NS,
    HandClock,
    ScriptedMarket,
    a_terminal,
    settings_of,
    traits,
)

SERVER = ServerClock(MARKET_ZONE)
SINCE = ReadBroker(since_ns=START_NS - DAY_NS)
ENTRY = SendOrder(
    intent_id="one",
    purpose=Purpose.ENTRY,
    symbol="EURUSD",
    side=Side.BUY,
    lots=0.2,
    stop_price=1.098,
    target_price=1.106,
    position_ticket=0,
    magic=4711 * 2**32 + 1,
    comment="fxabcdefghij",
    deviation_points=20,
)


class Bench:
    """A still market at 1.10000, spread one pip, which falls through 1.098 in minute 20."""

    def __init__(self) -> None:
        market = ScriptedMarket(traits("EURUSD"))
        still = [(m, 1.1, 1.1, 1.1, 1.1, 10) for m in range(-60, 20)]
        market.write("EURUSD", [*still, (20, 1.1, 1.1, 1.097, 1.097, 10)])
        self.clock = HandClock()
        self.terminal: SimulatedTerminal = a_terminal(market, self.clock, commission_per_lot=3.5)
        self.clock.minute(5)
        self.reader = BrokerReader(SymbolNames(settings_of()))

    def send(self, order: SendOrder) -> OrderSendResult:
        """Build the request and run it."""
        info = self.terminal.symbol_info(order.symbol)
        assert info is not None
        request = order_request(order, info)
        answer = self.terminal.order_send(request, request_id=order.intent_id, epoch=1)
        assert isinstance(answer, OrderSendResult)
        return answer

    def read(self, request: ReadBroker = SINCE) -> BrokerRead:
        """Read everything."""
        return self.reader.read(self.terminal, SERVER, request, self.clock.now_ns)


def a_deal(**changes: Any) -> TradeDeal:
    """Return a deal of the terminal."""
    blank: dict[str, Any] = {
        name: {int: 0, float: 0.0, str: ""}[kind]
        for name, kind in TradeDeal.__annotations__.items()
    }
    return TradeDeal(**{**blank, **changes})


def test_a_new_account_has_its_deposit_and_nothing_else() -> None:
    """The deposit is a balance deal, never a trade."""
    read = Bench().read()

    assert (read.positions, read.orders, read.deposits) == ((), (), 10_000.0)
    assert all(deal.is_balance for deal in read.deals)
    assert (read.account.balance, read.account.trade_mode, read.account.margin_mode) == (
        10_000.0,
        mt5.ACCOUNT_TRADE_MODE_DEMO,
        mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING,
    )


def test_an_order_of_ours_comes_back_as_position_deal_and_order() -> None:
    """With its marks, its levels and its time in UTC, not in that of the server."""
    bench = Bench()

    result = bench.send(ENTRY)
    read = bench.read()

    assert result.retcode == mt5.TRADE_RETCODE_DONE
    (held,) = read.positions
    assert (held.side, held.lots, held.stop_price, held.target_price) == ("BUY", 0.2, 1.098, 1.106)
    assert (held.magic, held.comment) == (ENTRY.magic, ENTRY.comment)
    assert held.opened_ns == START_NS + 5 * MINUTE_NS
    (deal,) = [deal for deal in read.deals if not deal.is_balance]
    assert (deal.is_entry, deal.reason, deal.position_ticket) == (True, "expert", held.ticket)
    assert deal.made_ns == START_NS + 5 * MINUTE_NS
    assert deal.commission == -0.7  # 0.2 lots * 3.5
    (order,) = read.orders
    assert (order.magic, order.is_working, order.placed_ns) == (ENTRY.magic, False, held.opened_ns)


def test_amendment_and_exit_reach_the_position() -> None:
    """Both requests of the one constructor do what they say."""
    bench = Bench()
    bench.send(ENTRY)
    (held,) = bench.read().positions
    amend = msgspec.structs.replace(
        ENTRY,
        intent_id="two",
        purpose=Purpose.AMEND,
        position_ticket=held.ticket,
        stop_price=1.099,
    )

    assert bench.send(amend).retcode == mt5.TRADE_RETCODE_DONE
    assert bench.read().positions[0].stop_price == 1.099

    leave = msgspec.structs.replace(
        amend, intent_id="three", purpose=Purpose.EXIT, side=Side.SELL, lots=0.2
    )
    assert bench.send(leave).retcode == mt5.TRADE_RETCODE_DONE
    read = bench.read()
    assert read.positions == ()
    assert [deal.is_entry for deal in read.deals if not deal.is_balance] == [True, False]


def test_a_stop_hit_says_so() -> None:
    """The deal of the server's close carries its reason and the P&L to the cent."""
    bench = Bench()
    bench.send(ENTRY)

    bench.clock.minute(21)
    read = bench.read()

    assert read.positions == ()
    out = read.deals[-1]
    assert (out.is_entry, out.reason, out.side) == (False, "stop", "SELL")
    assert out.price == 1.098
    assert out.profit == -42.0  # 21 pips (ask 1.1001 to 1.0980) * 10 a pip and lot * 0.2 lots


def test_deposits_are_summed_once_over_the_whole_past() -> None:
    """A later reading with a short period still knows the first deposit."""
    bench = Bench()
    first = bench.read()

    later = bench.read(ReadBroker(since_ns=START_NS + MINUTE_NS))

    assert (first.deposits, later.deposits) == (10_000.0, 10_000.0)
    assert later.deals == ()
    assert bench.read().deposits == 10_000.0


def test_f21_no_deal_at_all_beside_a_balance_means_cannot_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A history that is answered as empty must not make the deposits look withdrawn."""
    bench = Bench()
    monkeypatch.setattr(bench.terminal, "history_deals_get", lambda *_: ())

    with pytest.raises(TerminalUnavailable, match="deals"):
        bench.read()


def test_f21_deals_that_are_missing_once_are_summed_by_the_next_reading() -> None:
    """An empty history neither moves the deposits nor is what lies in its period passed over."""
    bench = Bench()
    bench.read(SINCE)
    bench.terminal.transfer(-4_000.0)
    before = bench.read(SINCE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.terminal, "history_deals_get", lambda *_: ())
        # The period begins after the payment: what is earlier would be kept as it is now.
        short = ReadBroker(since_ns=START_NS + 10 * MINUTE_NS)
        empty = bench.read(short)
    after = bench.read(short)

    assert (before.deposits, before.is_explained) == (6_000.0, True)
    assert (empty.deposits, empty.is_explained, empty.deals) == (6_000.0, False, ())
    assert (after.deposits, after.is_explained) == (6_000.0, True)


class PaysWhileRead:
    """A terminal whose account is paid something after each reading of it, some times."""

    def __init__(self, terminal: SimulatedTerminal, times: int) -> None:
        self._terminal = terminal
        self._left = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)

    def account_info(self) -> Any:
        """Return the account as it is, then have it paid 50."""
        account = self._terminal.account_info()
        if self._left:
            self._left -= 1
            self._terminal.transfer(50.0)
        return account


@pytest.mark.parametrize("times", range(READINGS_MAX))
def test_f21_a_deal_made_during_a_reading_stands_beside_a_balance_with_it(times: int) -> None:
    """Account and deals of one answer are of one moment, however often they moved meanwhile."""
    bench = Bench()
    paying = PaysWhileRead(bench.terminal, times)

    read = bench.reader.read(paying, SERVER, SINCE, bench.clock.now_ns)

    assert read.is_explained
    assert sum(deal.profit for deal in read.deals) == read.account.balance == 10_000 + 50 * times


def test_f21_an_account_that_moves_during_every_reading_cannot_be_told() -> None:
    """The number of readings is bounded; without one that adds up there is no answer."""
    bench = Bench()
    paying = PaysWhileRead(bench.terminal, READINGS_MAX)

    with pytest.raises(TerminalUnavailable, match="moved during each of 4 readings"):
        bench.reader.read(paying, SERVER, SINCE, bench.clock.now_ns)


@pytest.mark.parametrize(
    "function",
    ["account_info", "positions_get", "orders_get", "history_orders_get", "history_deals_get"],
)
def test_f21_none_of_any_part_means_cannot_tell(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: no reading is better than a reading with a hole in it."""
    bench = Bench()
    monkeypatch.setattr(bench.terminal, function, lambda *_, **__: None)

    with pytest.raises(TerminalUnavailable):
        bench.read()


@pytest.mark.parametrize(
    ("reason", "comment", "expected"),
    [
        (mt5.DEAL_REASON_CLIENT, "", "client"),
        (mt5.DEAL_REASON_WEB, "", "client"),
        (mt5.DEAL_REASON_EXPERT, "fx", "expert"),
        (mt5.DEAL_REASON_EXPERT, "flatten", "flatten"),
        (mt5.DEAL_REASON_SL, "[sl 1.098]", "stop"),
        (mt5.DEAL_REASON_TP, "", "target"),
        (mt5.DEAL_REASON_SO, "", "stop_out"),
        (mt5.DEAL_REASON_ROLLOVER, "", "other"),
    ],
)
def test_deals_say_what_made_them(reason: int, comment: str, expected: str) -> None:
    """The terminal's reasons become ours; the emergency close is told by its comment."""
    assert deal_of(a_deal(reason=reason, comment=comment), SERVER).reason == expected


@pytest.mark.parametrize(
    ("kind", "is_balance"),
    [
        (mt5.DEAL_TYPE_BUY, False),
        (mt5.DEAL_TYPE_SELL, False),
        (mt5.DEAL_TYPE_BALANCE, True),
        (mt5.DEAL_TYPE_CREDIT, True),
        (mt5.DEAL_TYPE_COMMISSION, True),
    ],
)
def test_only_purchases_and_sales_are_trades(kind: int, is_balance: bool) -> None:
    """F34: deposits, credits and fees are no fills."""
    assert deal_of(a_deal(type=kind), SERVER).is_balance == is_balance


def test_a_result_a_refusal_and_silence_stay_apart() -> None:
    """What is classified later keeps where it came from."""
    bench = Bench()
    result = bench.send(ENTRY)
    refused = TerminalRefused(Refusal.STOP_FILE, "var/STOP exists")

    done = send_answered(ENTRY, result, (1, "Success"))
    stopped = send_answered(ENTRY, refused, (1, "Success"))
    silent = send_answered(ENTRY, None, (-10002, "IPC recv failed"))

    assert (done.has_result, done.code, done.lots, done.price) == (True, 10009, 0.2, 1.1001)
    assert stopped.was_refused_before_send
    assert stopped.comment == "stop_file: var/STOP exists"
    assert (silent.has_result, silent.code) == (False, -10002)
    assert not silent.was_refused_before_send
