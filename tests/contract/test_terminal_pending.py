"""Waiting orders: what triggers them and where they fill, and how else they end.

The bid is 1.1000 up to minute 5 and the ask a pip above; what minute 6 does, each test writes down.
"""

from pathlib import Path
from typing import Any

import pytest

from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.structures import OrderSendResult, TradeOrder
from tests.contract.covers import covers
from tests.contract.terminals import START_SERVER_S, Lab, MakeLab, done
from tests.scripted_market import (
    START_NS,
    HandClock,
    Minute,
    ScriptedMarket,
    a_terminal,
    traits,
)

BUY, SELL, BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = range(8)
HOUR_S = 3600


def a_market(*after: Minute) -> ScriptedMarket:
    """Return a market that stands at 1.1000 up to minute 5."""
    still = [(m, 1.1, 1.1, 1.1, 1.1, 10) for m in range(6)]
    return ScriptedMarket(traits("EURUSD")).write("EURUSD", [*still, *after])


def place(lab: Lab, request_id: str = "place", /, **changed: Any) -> OrderSendResult:
    """Let an order wait, by default to buy 0.10 at 1.0950."""
    request: dict[str, Any] = {
        "action": mt5.TRADE_ACTION_PENDING,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": BUY_LIMIT,
        "price": 1.095,
        "type_filling": mt5.ORDER_FILLING_RETURN,
    }
    return done(lab.send(request_id, **request | changed))


def past(lab: Lab, ticket: int) -> TradeOrder:
    """Return an order that has ended."""
    assert lab.terminal.orders_get(ticket=ticket) == ()
    (order,) = lab.terminal.history_orders_get(ticket=ticket) or ()
    return order


@covers("orders_get")
@covers("orders_total")
@covers("order_send", 10008)
def test_a_waiting_order_is_seen_everywhere_but_in_the_past(make_lab: MakeLab) -> None:
    """Placed: it works, has a ticket, and is no position and no history."""
    lab = make_lab(a_market())

    result = place(lab, sl=1.09, tp=1.11, magic=7, comment="fxabc")

    assert (result.retcode, result.deal) == (mt5.TRADE_RETCODE_PLACED, 0)
    (order,) = lab.terminal.orders_get() or ()
    assert (order.ticket, order.state, order.type) == (result.order, mt5.ORDER_STATE_PLACED, 2)
    assert (order.price_open, order.sl, order.tp) == (1.095, 1.09, 1.11)
    assert (order.magic, order.comment, order.reason) == (7, "fxabc", mt5.ORDER_REASON_EXPERT)
    assert (order.volume_initial, order.volume_current, order.price_current) == (0.1, 0.1, 1.1001)
    assert (order.time_setup, order.time_done) == (START_SERVER_S + 5 * 60, 0)
    assert lab.terminal.orders_get(symbol="USDJPY") == ()
    assert lab.terminal.orders_total() == 1
    assert lab.terminal.positions_get() == ()
    assert lab.terminal.history_orders_get(ticket=result.order) == ()
    assert lab.terminal.history_orders_get(0, START_SERVER_S + 86_400) == ()


@pytest.mark.parametrize(
    ("kind", "price", "minute", "fill"),
    [
        # Buys meet the ask, a pip above what is written here.
        (BUY_LIMIT, 1.095, (6, 1.1, 1.1, 1.09489, 1.1, 10), 1.095),  # a point through it
        (BUY_LIMIT, 1.095, (6, 1.1, 1.1, 1.0949, 1.1, 10), None),  # touched
        (BUY_LIMIT, 1.095, (6, 1.094, 1.096, 1.093, 1.095, 10), 1.095),  # no better for a gap
        (BUY_STOP, 1.105, (6, 1.1, 1.1049, 1.1, 1.1, 10), 1.105),
        (BUY_STOP, 1.105, (6, 1.1, 1.10489, 1.1, 1.1, 10), None),
        (BUY_STOP, 1.105, (6, 1.107, 1.108, 1.106, 1.107, 10), 1.1071),  # a worse open
        # Sells meet the bid.
        (SELL_LIMIT, 1.105, (6, 1.1, 1.10501, 1.1, 1.1, 10), 1.105),
        (SELL_LIMIT, 1.105, (6, 1.1, 1.105, 1.1, 1.1, 10), None),
        (SELL_LIMIT, 1.105, (6, 1.106, 1.107, 1.105, 1.106, 10), 1.105),
        (SELL_STOP, 1.095, (6, 1.1, 1.1, 1.095, 1.1, 10), 1.095),
        (SELL_STOP, 1.095, (6, 1.1, 1.1, 1.09501, 1.1, 10), None),
        (SELL_STOP, 1.095, (6, 1.093, 1.094, 1.092, 1.093, 10), 1.093),
    ],
)
def test_a_price_that_is_reached_fills(
    make_lab: MakeLab, kind: int, price: float, minute: Minute, fill: float | None
) -> None:
    """At the close of its minute: a limit at its price, gone through; a stop at a gap's open."""
    lab = make_lab(a_market(minute))
    ticket = place(lab, type=kind, price=price, sl=0.0, magic=7).order

    lab.clock.minute(7)

    positions = lab.terminal.positions_get() or ()
    assert [one.price_open for one in positions] == ([] if fill is None else [fill])
    if fill is not None:
        order = past(lab, ticket)
        assert (order.state, order.price_open, order.price_current) == (4, price, fill)
        assert (positions[0].ticket, positions[0].magic) == (ticket, 7)
        (deal,) = lab.terminal.history_deals_get(position=ticket) or ()
        assert (deal.entry, deal.order, deal.time) == (0, ticket, START_SERVER_S + 7 * 60)


@pytest.mark.parametrize(
    ("minute", "closed"),
    [
        ((6, 1.1, 1.1, 1.08, 1.085, 10), 1.09),  # on to the stop
        ((6, 1.088, 1.1, 1.08, 1.085, 10), 1.088),  # begun beyond it
        ((6, 1.1, 1.12, 1.0948, 1.1, 10), None),  # the target may have come first
    ],
)
def test_a_limit_meets_its_stop_in_the_same_minute_and_its_target_later(
    make_lab: MakeLab, minute: Minute, closed: float | None
) -> None:
    """Nobody knows in which order a minute went: the stop is taken for reached, the target not."""
    lab = make_lab(a_market(minute))
    ticket = place(lab, sl=1.09, tp=1.11).order

    lab.clock.minute(7)

    deals = lab.terminal.history_deals_get(position=ticket) or ()
    assert [deal.price for deal in deals] == [1.095] + ([] if closed is None else [closed])
    assert lab.terminal.positions_total() == (1 if closed is None else 0)
    assert closed is None or deals[-1].reason == mt5.DEAL_REASON_SL


def test_an_order_meets_no_minute_that_began_before_it(make_lab: MakeLab) -> None:
    """Placed half a minute into minute 6, it does not see what that minute did before."""
    lab = make_lab(a_market((6, 1.1, 1.1, 1.08, 1.1, 10), (7, 1.1, 1.1, 1.1, 1.1, 10)))
    lab.clock.now_ns = START_NS + 6 * MINUTE_NS + MINUTE_NS // 2
    place(lab)

    lab.clock.minute(8)

    assert lab.terminal.orders_total() == 1


@pytest.mark.parametrize(
    ("kind", "stop", "limit", "minutes", "fill"),
    [
        (BUY_STOP_LIMIT, 1.105, 1.102, [(6, 1.1, 1.106, 1.1, 1.105, 10)], None),
        (
            BUY_STOP_LIMIT, 1.105, 1.102,
            [(6, 1.1, 1.106, 1.1, 1.105, 10), (7, 1.105, 1.105, 1.10189, 1.103, 10)], 1.102,
        ),
        (
            SELL_STOP_LIMIT, 1.095, 1.098,
            [(6, 1.1, 1.1, 1.094, 1.095, 10), (7, 1.095, 1.09801, 1.095, 1.096, 10)], 1.098,
        ),
    ],
)  # fmt: skip
def test_a_stop_limit_order_waits_twice(
    make_lab: MakeLab,
    kind: int,
    stop: float,
    limit: float,
    minutes: list[Minute],
    fill: float | None,
) -> None:
    """At its stop it turns into a limit order, which fills like any other from then on."""
    lab = make_lab(a_market(*minutes))
    ticket = place(lab, type=kind, price=stop, stoplimit=limit).order
    (waiting,) = lab.terminal.orders_get(ticket=ticket) or ()
    assert (waiting.price_open, waiting.price_stoplimit) == (stop, limit)

    lab.clock.minute(7)
    (turned,) = lab.terminal.orders_get(ticket=ticket) or ()
    assert (turned.type, turned.price_open) == (kind - 4, limit)
    lab.clock.minute(8)

    positions = lab.terminal.positions_get() or ()
    assert [one.price_open for one in positions] == ([] if fill is None else [fill])


@covers("order_send", 10009)
def test_a_waiting_order_is_changed_and_taken_back(make_lab: MakeLab) -> None:
    """MODIFY sets price, levels and lifetime; REMOVE ends it as cancelled."""
    lab = make_lab(a_market())
    ticket = place(lab, sl=1.09).order
    until_s = START_SERVER_S + HOUR_S

    changed = done(
        lab.send(
            "m", action=7, order=ticket, price=1.096, sl=1.091, tp=1.12, type_time=2,
            expiration=until_s,
        )
    )  # fmt: skip
    (order,) = lab.terminal.orders_get() or ()
    removed = done(lab.send("r", action=8, order=ticket))

    assert [one.retcode for one in (changed, removed)] == [10009, 10009]
    assert (changed.order, changed.deal) == (ticket, 0)
    assert (order.price_open, order.sl, order.tp) == (1.096, 1.091, 1.12)
    assert (order.type_time, order.time_expiration) == (mt5.ORDER_TIME_SPECIFIED, until_s)
    ended = past(lab, ticket)
    assert (ended.state, ended.time_done) == (mt5.ORDER_STATE_CANCELED, START_SERVER_S + 300)
    assert ended.position_id == 0


@pytest.mark.parametrize(
    ("lifetime", "ends_after_s"),
    [
        ({"type_time": mt5.ORDER_TIME_SPECIFIED, "expiration": START_SERVER_S + 390}, 390),
        # It is 14:05 on the server, so the day ends after ten hours less five minutes.
        ({"type_time": mt5.ORDER_TIME_DAY}, 10 * HOUR_S),
        (
            {"type_time": mt5.ORDER_TIME_SPECIFIED_DAY, "expiration": START_SERVER_S + 86_400},
            34 * HOUR_S,
        ),
        ({"type_time": mt5.ORDER_TIME_GTC}, None),
    ],
)
def test_orders_end_when_their_time_is_over(
    make_lab: MakeLab, lifetime: dict[str, int], ends_after_s: int | None
) -> None:
    """A moment, the server's midnight, the midnight of a day, or never."""
    lab = make_lab(a_market())
    ticket = place(lab, **lifetime).order
    after_s = 3 * 86_400 if ends_after_s is None else ends_after_s

    lab.clock.now_ns = START_NS + after_s * 10**9 - 1
    assert lab.terminal.orders_total() == 1
    lab.clock.now_ns += 1

    if ends_after_s is None:
        assert lab.terminal.orders_total() == 1
    else:
        order = past(lab, ticket)
        assert order.state == mt5.ORDER_STATE_EXPIRED
        assert order.time_done == START_SERVER_S + ends_after_s


def test_the_next_event_of_a_waiting_order_is_foretold(make_lab: MakeLab) -> None:
    """Its trigger, or its end, whichever comes first."""
    lab = make_lab(a_market((6, 1.1, 1.1, 1.1, 1.1, 10), (7, 1.1, 1.1, 1.09, 1.1, 10)))
    now_ns, until_ns = START_NS + 5 * MINUTE_NS, START_NS + 60 * MINUTE_NS
    place(lab, type_time=mt5.ORDER_TIME_SPECIFIED, expiration=START_SERVER_S + 400)

    assert lab.terminal.next_event_ns(now_ns, until_ns) == START_NS + 400 * 10**9
    lab.send("r", action=8, order=(lab.terminal.orders_get() or ())[0].ticket)
    place(lab, "again")

    assert lab.terminal.next_event_ns(now_ns, until_ns) == START_NS + 8 * MINUTE_NS


@pytest.mark.parametrize(
    ("changed", "volume"),
    [
        ({"is_activation_refused": True}, 0.1),
        ({"positions_max": 0}, 0.1),
        ({"trade_modes": {"EURUSD": mt5.SYMBOL_TRADE_MODE_CLOSEONLY}}, 0.1),
        ({"has_quotes": False}, 0.1),
        ({}, 5.0),  # 5 * 100 000 / 30 * 1.0950 = 18 250 of 10 000
    ],
)
def test_10041_an_activation_may_be_refused(
    make_lab: MakeLab, changed: dict[str, Any], volume: float
) -> None:
    """What the rules would refuse then ends rejected, without a deal and without a position."""
    lab = make_lab(a_market((6, 1.1, 1.1, 1.09, 1.095, 10)))
    ticket = place(lab, volume=volume).order
    for name, value in changed.items():
        setattr(lab.behind.conditions, name, value)

    lab.clock.minute(7)

    assert past(lab, ticket).state == mt5.ORDER_STATE_REJECTED
    assert lab.terminal.positions_get() == ()
    assert lab.terminal.history_deals_get(position=ticket) == ()


def test_how_time_is_cut_into_calls_changes_nothing() -> None:
    """Stops, waiting orders and ends come out alike, in one jump or minute by minute."""
    minutes = [(m, 1.1, 1.1 + m * 1e-5, 1.1 - m * 1e-5, 1.1, 10) for m in range(6, 400)]
    books = []
    for stride in (1, 7, 400):
        clock = HandClock()
        terminal = a_terminal(a_market(*minutes), clock)
        for number, (kind, price) in enumerate(
            ((BUY_LIMIT, 1.0985), (SELL_LIMIT, 1.1021), (BUY_STOP, 1.1031), (SELL_STOP, 1.09))
        ):
            terminal.order_send(
                {
                    "action": 5, "symbol": "EURUSD", "volume": 0.1, "type": kind, "price": price,
                    "type_filling": 2, "sl": price - (0.001 if kind % 2 == 0 else -0.001),
                },
                request_id=str(number),
                epoch=1,
            )  # fmt: skip
        for after in range(stride, 401, stride):
            clock.minute(after)
            terminal.orders_total()
        clock.minute(400)
        books.append(
            (
                terminal.history_deals_get(0, 2**31 - 1),
                terminal.history_orders_get(0, 2**31 - 1),
                terminal.orders_get(),
            )
        )

    assert books[0] == books[1] == books[2]
    assert len(books[0][0] or ()) == 7  # the deposit, three entries, their three stops
    assert len(books[0][2] or ()) == 1


def test_waiting_orders_outlive_the_process(tmp_path: Path) -> None:
    """A terminal opened again on the same file has the order, and fills it."""
    path, clock = tmp_path / "ledger.sqlite", HandClock()
    market = a_market((6, 1.1, 1.1, 1.09, 1.1, 10))
    first = a_terminal(market, clock, ledger=SqliteLedger(path))
    first.order_send(
        {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.095, "sl": 1.08,
         "type_filling": 2, "magic": 7, "comment": "fxabc"},
        request_id="a",
        epoch=1,
    )  # fmt: skip
    waiting = first.orders_get()
    first.close()

    second = a_terminal(market, clock, ledger=SqliteLedger(path))

    assert second.orders_get() == waiting
    clock.minute(7)
    (position,) = second.positions_get() or ()
    assert (position.price_open, position.sl, position.magic) == (1.095, 1.08, 7)
    assert second.orders_get() == ()
    second.close()
