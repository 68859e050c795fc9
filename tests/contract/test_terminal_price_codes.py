"""Return codes about prices, stops and their distances, and what makes the broker give them."""

from typing import Any

import pytest

from runtime.terminals import constants as mt5
from tests.contract.covers import covers
from tests.contract.order_codes import (
    BUY_LIMIT,
    BUY_STOP,
    BUY_STOP_LIMIT,
    INSTANT,
    MARKET,
    SELL,
    SELL_LIMIT,
    SELL_STOP,
    SELL_STOP_LIMIT,
    answer,
    deal,
    pending,
)
from tests.contract.terminals import Lab, MakeLab, done
from tests.scripted_market import ScriptedMarket, traits


@covers("order_send", 10004)
def test_a_price_that_moves_too_far_is_quoted_anew(lab: Lab) -> None:
    """INSTANT: six points away is beyond a deviation of five, within one of six."""
    lab.behind.conditions.executions["EURUSD"] = INSTANT
    lab.behind.conditions.price_shift_points = 6.0
    request = deal(price=1.1001, deviation=5)

    check = lab.terminal.order_check(request)
    result = done(lab.send("a", **request))
    wider = done(lab.send("b", **request | {"deviation": 6}))

    assert check is not None
    assert check.retcode == 0  # the price moves between the two
    assert (result.retcode, result.bid, result.ask) == (10004, 1.10006, 1.10016)
    assert (result.order, result.price) == (0, 0.0)
    assert (wider.retcode, wider.price) == (10009, 1.10016)


@covers("order_send", 10015)
@pytest.mark.parametrize("price", [0.0, -1.1, float("nan"), float("inf")])
@pytest.mark.parametrize("execution", [0, INSTANT])
def test_instant_execution_needs_a_price(lab: Lab, price: float, execution: int) -> None:
    """REQUEST and INSTANT take no order without a price; MARKET asks for none."""
    lab.behind.conditions.executions["EURUSD"] = execution

    assert answer(lab, "a", deal(price=price)) == mt5.TRADE_RETCODE_INVALID_PRICE
    lab.behind.conditions.executions["EURUSD"] = MARKET
    assert answer(lab, "b", deal(price=price)) == mt5.TRADE_RETCODE_DONE


@covers("order_send", 10015, 10008)
@pytest.mark.parametrize(
    ("kind", "nearest", "too_near"),
    [
        # Bid 1.10000, ask 1.10010, stops level 30 points.
        (BUY_LIMIT, 1.0998, 1.09981),
        (SELL_LIMIT, 1.1003, 1.10029),
        (BUY_STOP, 1.1004, 1.10039),
        (SELL_STOP, 1.0997, 1.09971),
    ],
)
def test_an_order_waits_on_its_side_of_the_price(
    lab: Lab, kind: int, nearest: float, too_near: float
) -> None:
    """A limit waits on the better side, a stop on the worse, the stops level away at least."""
    lab.behind.conditions.stops_level_points = 30

    refused = answer(lab, "near", pending(type=kind, price=too_near))
    taken = answer(lab, "far", pending(type=kind, price=nearest))

    assert refused == mt5.TRADE_RETCODE_INVALID_PRICE
    assert taken == mt5.TRADE_RETCODE_PLACED


@covers("order_send", 10015)
@pytest.mark.parametrize(
    ("kind", "price", "limit", "code"),
    [
        (BUY_STOP_LIMIT, 1.101, 1.1005, 10008),
        (BUY_STOP_LIMIT, 1.101, 1.1015, 10015),  # the limit of a buy lies below its stop
        (SELL_STOP_LIMIT, 1.099, 1.0995, 10008),
        (SELL_STOP_LIMIT, 1.099, 1.0985, 10015),
        (SELL_STOP_LIMIT, 1.099, 0.0, 10015),
    ],
)
def test_a_stop_limit_order_has_both_prices(
    lab: Lab, kind: int, price: float, limit: float, code: int
) -> None:
    """Its limit lies on the better side of its stop."""
    assert answer(lab, "a", pending(type=kind, price=price, stoplimit=limit)) == code


@covers("order_send", 10016)
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        # A buy is closed at the bid, 1.10000; a sell at the ask, 1.10010. The level is 30 points.
        ({"sl": 1.0997}, 10009),
        ({"sl": 1.09971}, 10016),
        ({"tp": 1.1003}, 10009),
        ({"tp": 1.10029}, 10016),
        ({"type": SELL, "sl": 1.1004}, 10009),
        ({"type": SELL, "sl": 1.10039}, 10016),
        ({"type": SELL, "tp": 1.0998}, 10009),
        ({"type": SELL, "tp": 1.09981}, 10016),
        ({"sl": float("inf")}, 10016),
        ({"sl": -1.0}, 10016),
    ],
)
def test_stops_keep_their_distance(lab: Lab, changed: dict[str, Any], code: int) -> None:
    """A stop exactly at the stops level is taken, one point closer is not."""
    lab.behind.conditions.stops_level_points = 30

    assert answer(lab, "a", deal(**changed)) == code
    assert lab.info().trade_stops_level == 30


@covers("order_send", 10016)
def test_stops_of_a_waiting_order_are_measured_from_its_price(lab: Lab) -> None:
    """At 1.0950 a stop of 1.0960 is on the wrong side, whatever the market is."""
    assert answer(lab, "a", pending(sl=1.096)) == mt5.TRADE_RETCODE_INVALID_STOPS
    assert answer(lab, "b", pending(tp=1.094)) == mt5.TRADE_RETCODE_INVALID_STOPS
    assert answer(lab, "c", pending(sl=1.094, tp=1.096)) == mt5.TRADE_RETCODE_PLACED


@covers("order_send", 10029)
def test_nothing_changes_within_the_freeze_level(lab: Lab) -> None:
    """A stop 20 points from the bid freezes amendment and close, a waiting order its change."""
    ticket = lab.buy("a", sl=1.0998).order
    order = done(lab.send("b", **pending(price=1.0999))).order
    lab.behind.conditions.freeze_level_points = 20
    amend = {"action": 6, "symbol": "EURUSD", "position": ticket, "sl": 1.09}
    close = deal(type=SELL, position=ticket)
    modify = {"action": 7, "order": order, "price": 1.09}
    remove = {"action": 8, "order": order}

    frozen = [answer(lab, f"f{n}", one) for n, one in enumerate((amend, close, modify, remove))]
    lab.behind.conditions.freeze_level_points = 19
    freed = [answer(lab, f"g{n}", one) for n, one in enumerate((amend, close, modify, remove))]

    assert frozen == [10029] * 4
    assert freed[:2] == [10009] * 2  # 20 points from the stop is outside 19
    assert freed[2:] == [10009] * 2  # the ask, 1.1001, is 20 points from 1.0999


def test_a_symbols_own_level_counts_where_it_is_larger(make_lab: MakeLab) -> None:
    """The terms of a symbol are not weakened by the general level."""
    market = ScriptedMarket(traits("EURUSD", stops_level_points=50))
    lab = make_lab(market.still("EURUSD", 1.1, range(9)), stops_level_points=30)

    assert lab.info().trade_stops_level == 50
    assert lab.buy("b", sl=1.09951).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert lab.buy("c", sl=1.0995).retcode == mt5.TRADE_RETCODE_DONE


@covers("order_send", 10021)
def test_without_quotes_every_field_is_zero(lab: Lab) -> None:
    """No price, no deal: the result has nothing but its code; only taking back needs none."""
    order = done(lab.send("place", **pending())).order
    lab.behind.conditions.has_quotes = False

    assert answer(lab, "a", deal()) == mt5.TRADE_RETCODE_PRICE_OFF
    assert answer(lab, "remove", {"action": 8, "order": order}) == mt5.TRADE_RETCODE_DONE
    result = lab.buy("b")
    assert (result.comment, result.price, result.bid, result.ask) == ("No prices", 0.0, 0.0, 0.0)
