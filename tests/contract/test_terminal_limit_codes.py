"""Return codes about what an account or a symbol may hold, and in which order it closes."""

from runtime.terminals import constants as mt5
from tests.contract.covers import covers
from tests.contract.order_codes import SELL, SELL_LIMIT, answer, deal, pending
from tests.contract.terminals import Lab, MakeLab, done


@covers("order_send", 10033)
def test_waiting_orders_have_a_limit(make_lab: MakeLab) -> None:
    """With two allowed the third is refused, until one is gone."""
    lab = make_lab(working_orders_max=2)
    first = done(lab.send("a", **pending())).order
    lab.send("b", **pending())

    assert lab.account().limit_orders == 2
    assert answer(lab, "c", pending()) == mt5.TRADE_RETCODE_LIMIT_ORDERS
    lab.send("d", action=8, order=first)
    assert answer(lab, "e", pending()) == mt5.TRADE_RETCODE_PLACED


@covers("order_send", 10034)
def test_a_symbol_has_a_volume_limit_a_side(lab: Lab) -> None:
    """0.10 open and 0.10 waiting leave 0.05 of a limit of 0.25; the other side has its own."""
    lab.behind.conditions.volume_limit_lots = 0.25
    lab.buy("a")
    lab.send("b", **pending())

    assert lab.info().volume_limit == 0.25
    assert answer(lab, "c", deal(volume=0.06)) == mt5.TRADE_RETCODE_LIMIT_VOLUME
    assert answer(lab, "d", deal(volume=0.05)) == mt5.TRADE_RETCODE_DONE
    assert answer(lab, "e", deal(volume=0.25, type=SELL)) == mt5.TRADE_RETCODE_DONE


@covers("order_send", 10036)
@covers("order_send", 10038)
@covers("order_send", 10040)
def test_positions_are_counted_and_measured(make_lab: MakeLab) -> None:
    """One position is the limit here; it closes once, and no more than it holds."""
    lab = make_lab(positions_max=1)
    ticket = lab.buy("open").order
    close = deal(type=SELL, position=ticket)

    assert answer(lab, "a", deal()) == mt5.TRADE_RETCODE_LIMIT_POSITIONS
    assert answer(lab, "b", close | {"volume": 0.11}) == mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    assert answer(lab, "c", close) == mt5.TRADE_RETCODE_DONE
    assert answer(lab, "d", close) == mt5.TRADE_RETCODE_POSITION_CLOSED
    amend = {"action": 6, "symbol": "EURUSD", "position": ticket, "sl": 1.09}
    assert answer(lab, "e", amend) == mt5.TRADE_RETCODE_POSITION_CLOSED


@covers("order_send", 10039)
def test_one_close_at_a_time(lab: Lab) -> None:
    """While an accepted close is on its way, no other one is taken."""
    ticket = lab.buy("open").order
    lab.behind.conditions.fill_delay_ns = 10**9
    close = deal(type=SELL, position=ticket)

    assert answer(lab, "a", close) == mt5.TRADE_RETCODE_PLACED
    assert answer(lab, "b", close) == mt5.TRADE_RETCODE_CLOSE_ORDER_EXIST
    lab.clock.minute(6)
    assert answer(lab, "c", close) == mt5.TRADE_RETCODE_POSITION_CLOSED


@covers("order_send", 10045)
def test_the_oldest_position_goes_first(make_lab: MakeLab) -> None:
    """A FIFO account closes the older position before the younger, symbol by symbol."""
    lab = make_lab(fifo_close=True)
    first, second = (lab.buy(name).order for name in ("a", "b"))

    assert lab.account().fifo_close is True
    younger, older = (deal(type=SELL, position=one) for one in (second, first))
    assert answer(lab, "c", younger) == mt5.TRADE_RETCODE_FIFO_CLOSE
    assert answer(lab, "d", older) == mt5.TRADE_RETCODE_DONE
    assert answer(lab, "e", younger) == mt5.TRADE_RETCODE_DONE


@covers("order_send", 10046)
def test_some_accounts_may_not_hold_both_sides(make_lab: MakeLab) -> None:
    """The opposite side is refused with a number that has no name, another symbol is not."""
    lab = make_lab(hedge_prohibited=True)
    lab.buy("a")

    assert answer(lab, "b", deal(type=SELL)) == 10046
    assert answer(lab, "c", pending(type=SELL_LIMIT, price=1.2)) == 10046
    assert answer(lab, "d", deal()) == mt5.TRADE_RETCODE_DONE
    assert answer(lab, "e", deal(symbol="USDJPY", type=SELL)) == mt5.TRADE_RETCODE_DONE
