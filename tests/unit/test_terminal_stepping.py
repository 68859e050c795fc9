"""What the simulated broker does by itself, minute by minute, with numbers worked by hand."""

from typing import Any

import pytest

from models.market.sessions import DAY_NS, MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult, TradeDeal
from tests.scripted_market import (
    START_NS,
    HandClock,
    Minute,
    ScriptedMarket,
    a_terminal,
    traits,
)

QUIET: Minute = (0, 1.1, 1.1, 1.1, 1.1, 10)


def opened(*minutes: Minute, kind: int = 0, **request: Any) -> tuple[SimulatedTerminal, HandClock]:
    """Return a terminal that opened 1.00 EURUSD at minute 0, with the minutes to come."""
    market = ScriptedMarket(traits("EURUSD")).write("EURUSD", (QUIET, *minutes))
    clock = HandClock()
    terminal = a_terminal(market, clock)
    result = terminal.order_send(
        {"action": 1, "symbol": "EURUSD", "volume": 1.0, "type": kind, "magic": 7, **request},
        request_id="entry",
        epoch=1,
    )
    assert isinstance(result, OrderSendResult)
    assert result.retcode == mt5.TRADE_RETCODE_DONE
    return terminal, clock


def exit_of(terminal: SimulatedTerminal) -> TradeDeal | None:
    """Return the last deal if it is an exit."""
    deals = terminal.history_deals_get(0, 2**31 - 1) or ()
    return deals[-1] if deals[-1].entry == mt5.DEAL_ENTRY_OUT else None


@pytest.mark.parametrize(
    ("minute", "price", "reason"),
    [
        ((1, 1.1, 1.1001, 1.0949, 1.096, 10), 1.095, mt5.DEAL_REASON_SL),
        ((1, 1.1, 1.1101, 1.1, 1.105, 10), 1.11, mt5.DEAL_REASON_TP),
        ((1, 1.1, 1.12, 1.08, 1.1, 10), 1.095, mt5.DEAL_REASON_SL),  # stop before target
        ((1, 1.09, 1.1, 1.089, 1.095, 10), 1.09, mt5.DEAL_REASON_SL),  # gap through the stop
        ((1, 1.12, 1.13, 1.119, 1.12, 10), 1.11, mt5.DEAL_REASON_TP),  # not better than asked
    ],
)
def test_a_long_position_closes_on_bids(minute: Minute, price: float, reason: int) -> None:
    """Stop 1.0950 and target 1.1100 of a buy act on bids, pessimistically."""
    terminal, clock = opened(minute, sl=1.095, tp=1.11)

    clock.minute(1)
    assert exit_of(terminal) is None  # the minute has not closed yet
    clock.minute(2)
    deal = exit_of(terminal)

    assert deal is not None
    assert (deal.price, deal.reason, deal.magic) == (price, reason, 7)
    assert deal.profit == pytest.approx((price - 1.1001) * 100_000, abs=0.005)
    assert deal.comment == ("[sl 1.09500]" if reason == mt5.DEAL_REASON_SL else "[tp 1.11000]")
    assert terminal.positions_get() == ()


@pytest.mark.parametrize(
    ("minute", "price", "reason"),
    [
        ((1, 1.1, 1.1049, 1.1, 1.1, 10), 1.105, mt5.DEAL_REASON_SL),  # ask 1.1049 + 0.0001
        ((1, 1.1, 1.1, 1.0899, 1.095, 10), 1.09, mt5.DEAL_REASON_TP),  # ask 1.0899 + 0.0001
        ((1, 1.106, 1.107, 1.105, 1.106, 10), 1.1061, mt5.DEAL_REASON_SL),  # gap, at the ask
        ((1, 1.1, 1.1, 1.1, 1.1, 500), 1.105, mt5.DEAL_REASON_SL),  # the spread alone
    ],
)
def test_a_short_position_closes_on_asks(minute: Minute, price: float, reason: int) -> None:
    """Stop 1.1050 and target 1.0900 of a sell act on asks: bid plus spread."""
    if minute[5] == 500:
        price = 1.105  # 1.1000 + 0.0050 is exactly the stop, at the open
    terminal, clock = opened(minute, kind=1, sl=1.105, tp=1.09)

    clock.minute(2)
    deal = exit_of(terminal)

    assert deal is not None
    assert (deal.price, deal.reason) == (price, reason)
    assert deal.profit == pytest.approx((1.1 - price) * 100_000, abs=0.005)


def test_a_bid_that_only_nears_the_stop_of_a_sell_leaves_it() -> None:
    """A high of 1.10489 is an ask of 1.10499, one point short of the stop."""
    terminal, clock = opened((1, 1.1, 1.10489, 1.1, 1.1, 10), kind=1, sl=1.105)

    clock.minute(2)

    assert exit_of(terminal) is None


def test_an_amended_stop_reaches_no_minute_before_it() -> None:
    """A stop set at minute 2 ignores what minute 1 did, and acts from minute 2 on."""
    low_then_lower = ((1, 1.1, 1.1, 1.09, 1.1, 10), (2, 1.1, 1.1, 1.0951, 1.1, 10))
    terminal, clock = opened(*low_then_lower, (3, 1.1, 1.1, 1.0949, 1.1, 10))
    ticket = (terminal.positions_get() or ())[0].ticket
    clock.minute(2)
    terminal.order_send(
        {"action": 6, "symbol": "EURUSD", "position": ticket, "sl": 1.095, "tp": 0.0},
        request_id="amend",
        epoch=1,
    )

    clock.minute(3)
    assert exit_of(terminal) is None
    clock.minute(4)
    deal = exit_of(terminal)

    assert deal is not None
    assert deal.time_msc == (START_NS + 4 * MINUTE_NS) // 10**6 + 2 * 3_600_000


def test_commission_is_booked_on_both_sides() -> None:
    """3.50 a lot and side: the entry takes it at once, the exit again."""
    market = ScriptedMarket(traits("EURUSD")).still("EURUSD", 1.1, range(9))
    terminal = a_terminal(market, HandClock(), commission_per_lot=3.5)
    entry = {"action": 1, "symbol": "EURUSD", "volume": 0.5, "type": 0}
    result = terminal.order_send(entry, request_id="a", epoch=1)
    assert isinstance(result, OrderSendResult)
    account = terminal.account_info()
    assert account is not None
    assert account.balance == 9_998.25  # 3.50 * 0.5
    assert account.equity == 9_993.25  # and the spread of 0.0001 * 50 000

    terminal.order_send(entry | {"type": 1, "position": result.order}, request_id="b", epoch=1)

    deals = terminal.history_deals_get(position=result.order) or ()
    assert [deal.commission for deal in deals] == [-1.75, -1.75]


def test_swap_is_booked_at_the_servers_midnight_and_thrice_on_wednesday() -> None:
    """From Tuesday to Thursday: one night at Tuesday's end, three at Wednesday's."""
    market = ScriptedMarket(traits("EURUSD", swap_long_points=-6.0, swap_short_points=2.0))
    market.still("EURUSD", 1.1, range(3 * 24 * 60))
    clock = HandClock()
    terminal = a_terminal(market, clock)
    for kind in (0, 1):
        terminal.order_send(
            {"action": 1, "symbol": "EURUSD", "volume": 0.5, "type": kind},
            request_id=f"entry {kind}",
            epoch=1,
        )

    def swaps() -> list[float]:
        return [position.swap for position in terminal.positions_get() or ()]

    midnight = 10 * 60  # 22:00 UTC is 24:00 on the server
    clock.minute(midnight - 1)
    assert swaps() == [0.0, 0.0]
    clock.minute(midnight)
    assert swaps() == [-3.0, 1.0]  # -6 points * 0.00001 * 100 000 * 0.5
    clock.minute(midnight + 24 * 60)
    assert swaps() == [-12.0, 4.0]  # four nights


def test_each_symbol_has_its_own_day_of_three_nights() -> None:
    """The one books three nights on Tuesday, the other on Wednesday; a weekend books none."""
    market = ScriptedMarket(
        traits("EURUSD", swap_long_points=-6.0, swap_triple_day=mt5.DAY_OF_WEEK_TUESDAY),
        traits("GBPUSD", swap_long_points=-6.0),
    )
    for symbol in ("EURUSD", "GBPUSD"):
        market.still(symbol, 1.1, range(7 * 24 * 60))
    clock = HandClock()
    terminal = a_terminal(market, clock)
    for symbol in ("EURUSD", "GBPUSD"):
        request = {"action": 1, "symbol": symbol, "volume": 0.5, "type": 0}
        terminal.order_send(request, request_id=symbol, epoch=1)

    def swaps_after(nights: int) -> list[float]:
        clock.minute(10 * 60 + (nights - 1) * 24 * 60)
        return [position.swap for position in terminal.positions_get() or ()]

    # A night is -6 points * 0.00001 * 100 000 * 0.5 = -3. The start is a Tuesday.
    assert swaps_after(1) == [-9.0, -3.0]
    assert swaps_after(2) == [-12.0, -12.0]
    assert swaps_after(4) == [-18.0, -18.0]  # Friday's night
    assert swaps_after(6) == [-18.0, -18.0]  # Saturday and Sunday have none
    assert swaps_after(7) == [-21.0, -21.0]
    info = terminal.symbol_info("EURUSD")
    assert info is not None
    assert info.swap_rollover3days == mt5.DAY_OF_WEEK_TUESDAY


def test_a_midnight_is_an_event_ahead() -> None:
    """With a position open, the next rollover is foretold to the nanosecond."""
    terminal, _ = opened()

    event_ns = terminal.next_event_ns(START_NS, START_NS + 2 * DAY_NS)

    assert event_ns == START_NS + 10 * 60 * MINUTE_NS


def test_the_largest_loser_is_stopped_out_first() -> None:
    """At the worst price of the minute the level falls below 30 percent, and one closing heals it.

    Margins: 2.00 lots 7 333.33 and 0.50 lots 1 833.33, together 9 166.66. At 1.0700 the losses are
    6 020 and 1 505, so equity is 2 475 and the level 27 percent. Without the larger position
    equity is the same, and the level is 2 475 / 1 833.33 = 135 percent.
    """
    crash = [(1, 1.1, 1.1, 1.07, 1.08, 10), (2, 1.08, 1.08, 1.08, 1.08, 10)]
    market = ScriptedMarket(traits("EURUSD")).write("EURUSD", (QUIET, *crash))
    clock = HandClock()
    terminal = a_terminal(market, clock)
    for volume in (0.5, 2.0):
        terminal.order_send(
            {"action": 1, "symbol": "EURUSD", "volume": volume, "type": 0},
            request_id=f"entry {volume}",
            epoch=1,
        )
    assert terminal.next_event_ns(START_NS, START_NS + 60 * MINUTE_NS) == START_NS + 2 * MINUTE_NS

    clock.minute(2)

    assert [position.volume for position in terminal.positions_get() or ()] == [0.5]
    deal = exit_of(terminal)
    assert deal is not None
    assert (deal.reason, deal.price, deal.profit) == (mt5.DEAL_REASON_SO, 1.07, -6_020.0)
    assert deal.comment == "so 27.00%"


def test_levels_of_call_and_stop_out_are_settings() -> None:
    """Margin 3 666.67 against equity 5 990 at 1.0600 is 163 percent: above 100, below 200."""
    market = ScriptedMarket(traits("EURUSD"))
    market.write("EURUSD", [QUIET, (1, 1.1, 1.1, 1.06, 1.08, 10)])
    for level, is_open in ((100.0, True), (200.0, False)):
        clock = HandClock()
        terminal = a_terminal(market, clock, stop_out_percent=level, margin_call_percent=250.0)
        request = {"action": 1, "symbol": "EURUSD", "volume": 1.0, "type": 0}
        terminal.order_send(request, request_id="entry", epoch=1)

        clock.minute(2)

        assert bool(terminal.positions_total()) is is_open
        account = terminal.account_info()
        assert account is not None
        assert (account.margin_so_call, account.margin_so_so) == (250.0, level)


def test_a_stop_out_level_that_rises_is_felt_at_once() -> None:
    """What was found quiet under the old level is judged anew under the new one."""
    terminal, _ = opened((1, 1.1, 1.1, 1.06, 1.08, 10))
    until_ns = START_NS + 10 * MINUTE_NS
    assert terminal.next_event_ns(START_NS, until_ns) == until_ns

    terminal.conditions.stop_out_percent = 200.0

    assert terminal.next_event_ns(START_NS, until_ns) == START_NS + 2 * MINUTE_NS


def test_how_the_server_closes_is_an_assumption() -> None:
    """Order, comment and magic of a stop-out can be others than the defaults."""
    market = ScriptedMarket(traits("EURUSD"))
    market.write("EURUSD", [QUIET, (1, 1.1, 1.1, 1.07, 1.08, 10)])
    clock = HandClock()
    terminal = a_terminal(market, clock)
    terminal.conditions.is_oldest_stopped_out_first = True
    terminal.conditions.stop_out_comment = "stop out"
    terminal.conditions.server_magic = 0
    for volume in (0.5, 2.0):
        request = {"action": 1, "symbol": "EURUSD", "volume": volume, "type": 0, "magic": 7}
        terminal.order_send(request, request_id=f"entry {volume}", epoch=1)

    clock.minute(2)

    # Without the older 0.50 the level is 2 475 / 7 333.33 = 34 percent, which is enough.
    assert [position.volume for position in terminal.positions_get() or ()] == [2.0]
    deal = exit_of(terminal)
    assert deal is not None
    assert (deal.volume, deal.comment, deal.magic) == (0.5, "stop out", 0)


def test_a_credit_keeps_the_margin_up() -> None:
    """Equity 990 over margin 3 666.67 is 27 percent; with a credit of 500 it is 41."""
    for credit, is_open in ((0.0, False), (500.0, True)):
        terminal, clock = opened((1, 1.1, 1.1, 1.01, 1.05, 10))
        if credit:
            terminal.transfer(credit, mt5.DEAL_TYPE_CREDIT)

        clock.minute(2)

        assert bool(terminal.positions_total()) is is_open


def test_profit_in_yen_is_converted_where_the_minute_closed() -> None:
    """A stop in USDJPY is booked at the rate of the minute's close."""
    market = ScriptedMarket(traits("USDJPY", digits=3))
    market.write("USDJPY", [(0, 150.0, 150.0, 150.0, 150.0, 0), (1, 150.0, 150.0, 148.0, 148.5, 0)])
    clock = HandClock()
    terminal = a_terminal(market, clock)
    terminal.order_send(
        {"action": 1, "symbol": "USDJPY", "volume": 1.0, "type": 0, "sl": 149.0},
        request_id="a",
        epoch=1,
    )

    clock.minute(2)
    deal = exit_of(terminal)

    assert deal is not None
    assert deal.profit == -673.4  # -1.000 * 100 000 / 148.5


def test_one_jump_ends_where_many_small_ones_do() -> None:
    """How time is cut into calls changes nothing."""
    minutes = [(m, 1.1, 1.1 + m * 1e-5, 1.1 - m * 1e-5, 1.1, 10) for m in range(1, 400)]
    books = []
    for stride in (1, 7, 399):
        terminal, clock = opened(*minutes, sl=1.0972, tp=1.2)
        for after in range(stride, 400, stride):
            clock.minute(after)
            terminal.positions_total()
        clock.minute(400)
        books.append(terminal.history_deals_get(0, 2**31 - 1))

    assert books[0] == books[1] == books[2]
    assert books[0] is not None
    assert books[0][-1].reason == mt5.DEAL_REASON_SL


def test_f28_a_ledger_that_fails_leaves_the_account_as_it_was() -> None:
    """A send that cannot be booked is None with -10000, and its position does not show."""
    from runtime.terminals.simulated.ledger import Change, LedgerUnavailable
    from runtime.terminals.simulated.ledger import MemoryLedger as Kept

    class Failing(Kept):
        is_full = False

        def commit(self, change: Change) -> None:
            if self.is_full:
                raise LedgerUnavailable("disk full")
            super().commit(change)

    ledger = Failing()
    market = ScriptedMarket(traits("EURUSD")).still("EURUSD", 1.1, range(9))
    terminal = a_terminal(market, HandClock(), ledger=ledger)
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.5, "type": 0}
    ledger.is_full = True

    assert terminal.order_send(request, request_id="a", epoch=1) is None
    assert terminal.last_error() == (-10000, "IPC call failed")
    assert terminal.positions_get() == ()
    ledger.is_full = False
    assert isinstance(terminal.order_send(request, request_id="a", epoch=1), OrderSendResult)
    assert terminal.positions_total() == 1
