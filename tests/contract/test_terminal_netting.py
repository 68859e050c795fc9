"""Netting accounts: one position a symbol, its average price, its reversal, worked by hand.

The bid is 1.1000 at minute 5, 1.1040 at minute 6 and 1.1020 at minute 7; the ask is a pip above.
"""

from typing import Any

import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.structures import TradeDeal, TradePosition
from tests.contract.covers import covers
from tests.contract.terminals import Lab, MakeLab
from tests.scripted_market import ScriptedMarket, traits

SELL = mt5.ORDER_TYPE_SELL


@pytest.fixture
def netting(make_lab: MakeLab) -> Lab:
    """Give a netting account over the three prices."""
    bids = dict.fromkeys(range(6), 1.1) | {6: 1.104} | dict.fromkeys(range(7, 60), 1.102)
    market = ScriptedMarket(traits("EURUSD"), traits("USDJPY", digits=3))
    market.write("EURUSD", [(m, bid, bid, bid, bid, 10) for m, bid in bids.items()])
    market.still("USDJPY", 150.0, range(60))
    return make_lab(market, margin_mode="netting")


def held(lab: Lab) -> TradePosition:
    """Return the one position there is."""
    positions = lab.terminal.positions_get()
    assert positions is not None
    (position,) = positions
    return position


def deals(lab: Lab, identifier: int) -> tuple[TradeDeal, ...]:
    """Return the deals of a position."""
    found = lab.terminal.history_deals_get(position=identifier)
    assert found is not None
    return found


@covers("account_info")
@pytest.mark.parametrize(("mode", "number"), [("netting", 0), ("exchange", 1), ("hedging", 2)])
def test_the_account_tells_its_margin_mode(make_lab: MakeLab, mode: str, number: int) -> None:
    """The setting decides, and only a hedging account opens a second position."""
    lab = make_lab(margin_mode=mode)
    lab.buy("a")
    lab.buy("b")

    assert lab.account().margin_mode == number
    assert lab.terminal.positions_total() == (2 if mode == "hedging" else 1)


@covers("order_send", 10009)
def test_the_same_side_averages_the_price(netting: Lab) -> None:
    """0.10 at 1.1001 and 0.30 at 1.1041 are 0.40 at 1.1031; ticket and identifier stay."""
    first = netting.buy("a", volume=0.1, sl=1.09, tp=1.12).order
    netting.clock.minute(6)
    second = netting.buy("b", volume=0.3, tp=1.13)

    position = held(netting)
    assert (position.ticket, position.identifier, position.volume) == (first, first, 0.4)
    assert position.price_open == pytest.approx(1.1031)  # (0.1 * 1.1001 + 0.3 * 1.1041) / 0.4
    assert (position.sl, position.tp) == (1.09, 1.13)  # a level that the order lacks deletes none
    assert position.profit == 36.0  # (1.1040 - 1.1031) * 100 000 * 0.4
    entries = [(deal.order, deal.entry, deal.position_id) for deal in deals(netting, first)]
    assert entries == [(first, 0, first), (second.order, 0, first)]
    # 0.1 * 100 000 / 30 * 1.1000 = 366.67 and 0.3 * 100 000 / 30 * 1.1040 = 1 104.00
    assert netting.account().margin == 1_470.67


@covers("order_send", 10009)
def test_the_opposite_side_reduces(netting: Lab) -> None:
    """A bare sell of a part closes it at the bid; the open price and the stop stay."""
    ticket = netting.buy("a", volume=0.4, sl=1.09).order
    netting.clock.minute(7)
    netting.buy("b", volume=0.1, type=SELL)

    position = held(netting)
    assert (position.volume, position.price_open, position.sl) == (0.3, 1.1001, 1.09)
    exit_ = deals(netting, ticket)[-1]
    assert (exit_.entry, exit_.volume, exit_.price) == (mt5.DEAL_ENTRY_OUT, 0.1, 1.102)
    assert exit_.profit == 19.0  # (1.1020 - 1.1001) * 100 000 * 0.1
    assert netting.account().balance == 10_019.0
    assert netting.account().margin == 1_100.0  # three quarters of 1 466.67


@covers("order_send", 10009)
def test_as_much_closes(netting: Lab) -> None:
    """The opposite volume closes the position, whether it is named or not."""
    netting.buy("a")
    netting.buy("b", type=SELL)
    assert netting.terminal.positions_get() == ()
    ticket = netting.buy("c").order

    netting.buy("d", type=SELL, position=ticket)

    assert netting.terminal.positions_get() == ()
    assert netting.account().margin == 0.0


@covers("order_send", 10009)
def test_more_turns_the_position_round(netting: Lab) -> None:
    """Selling 0.50 against 0.30 leaves 0.20 short: one deal INOUT, the identifier for life."""
    ticket = netting.buy("a", volume=0.3, sl=1.09, magic=1).order
    netting.clock.minute(7)

    turn = netting.buy("b", volume=0.5, type=SELL, sl=1.11, magic=2, comment="turn")

    position = held(netting)
    assert (position.type, position.volume, position.price_open) == (1, 0.2, 1.102)
    assert (position.identifier, position.ticket) == (ticket, turn.order)
    assert (position.sl, position.magic, position.comment) == (1.11, 2, "turn")
    deal = deals(netting, ticket)[-1]
    assert (deal.entry, deal.volume, deal.order) == (mt5.DEAL_ENTRY_INOUT, 0.5, turn.order)
    assert deal.profit == 57.0  # (1.1020 - 1.1001) * 100 000 * 0.3
    assert netting.account().margin == 734.67  # 0.2 * 100 000 / 30 * 1.1020
    netting.buy("c", volume=0.2, position=position.ticket)
    assert netting.terminal.positions_get() == ()
    assert [deal.position_id for deal in deals(netting, ticket)] == [ticket] * 3


@covers("order_check", 0)
def test_a_check_knows_what_a_reversal_leaves(netting: Lab) -> None:
    """The margin is that of the rest, and so is the spread that is lost."""
    netting.buy("a", volume=0.3)

    check = netting.terminal.order_check(
        {"action": 1, "symbol": "EURUSD", "volume": 0.5, "type": SELL}
    )

    assert check is not None
    assert check.margin == 733.33  # 0.2 * 100 000 / 30 * 1.1000
    assert check.balance == 9_997.0  # a pip of 0.30
    assert check.equity == 9_995.0  # and one of the 0.20 that are short then
    netting.buy("b", volume=0.5, type=SELL)
    account = netting.account()
    assert (account.balance, account.equity, account.margin) == (9_997.0, 9_995.0, 733.33)


@covers("order_send", 10019)
def test_only_the_rest_of_a_reversal_needs_money(netting: Lab) -> None:
    """2.70 lots need 9 900 of 10 000; turning them round needs no more, three more lots do."""
    netting.buy("a", volume=2.7)

    assert netting.buy("b", volume=5.8, type=SELL).retcode == mt5.TRADE_RETCODE_NO_MONEY
    assert netting.buy("c", volume=5.3, type=SELL).retcode == mt5.TRADE_RETCODE_DONE


@covers("order_send", 10035, 10038, 10044)
def test_other_rules_know_the_netted_position(netting: Lab) -> None:
    """Nothing is closed by an opposite one, a named close has its volume, reductions stay free."""
    ticket = netting.buy("a", volume=0.3).order
    by = netting.send("b", action=10, position=ticket, position_by=ticket)
    more = netting.buy("c", volume=0.4, type=SELL, position=ticket)
    netting.behind.conditions.trade_modes["EURUSD"] = mt5.SYMBOL_TRADE_MODE_CLOSEONLY
    reverse = netting.buy("d", volume=0.4, type=SELL)
    reduce = netting.buy("e", volume=0.1, type=SELL)

    assert by is not None
    codes = [one.retcode for one in (more, reverse, reduce)]
    assert getattr(by, "retcode", 0) == mt5.TRADE_RETCODE_INVALID_ORDER
    assert codes == [mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME, mt5.TRADE_RETCODE_CLOSE_ONLY, 10009]


@covers("order_send", 10040)
def test_a_netted_position_is_counted_once(make_lab: MakeLab) -> None:
    """At the limit of positions the one that is there may still grow."""
    lab = make_lab(margin_mode="netting", positions_max=1)
    lab.buy("a")

    assert lab.buy("b").retcode == mt5.TRADE_RETCODE_DONE
    assert lab.buy("c", symbol="USDJPY").retcode == mt5.TRADE_RETCODE_LIMIT_POSITIONS


def test_symbols_are_netted_apart(netting: Lab) -> None:
    """Each symbol has a position of its own."""
    netting.buy("a")
    netting.buy("b", symbol="USDJPY", type=SELL)

    sides: dict[str, Any] = {one.symbol: one.type for one in netting.terminal.positions_get() or ()}
    assert sides == {"EURUSD": 0, "USDJPY": 1}


def test_a_waiting_order_is_netted_too(netting: Lab) -> None:
    """A sell limit of 0.30 at 1.1035 meets minute 6, beyond it, and turns 0.10 round."""
    ticket = netting.buy("a", volume=0.1).order
    netting.send("b", action=5, symbol="EURUSD", type=3, volume=0.3, price=1.1035, type_filling=2)

    netting.clock.minute(7)

    position = held(netting)
    assert (position.identifier, position.type, position.volume) == (ticket, 1, 0.2)
    assert position.price_open == 1.1035
    assert deals(netting, ticket)[-1].profit == 34.0  # (1.1035 - 1.1001) * 100 000 * 0.1


def test_f40_a_close_that_could_open_is_refused_under_the_stop_file(netting: Lab) -> None:
    """With the kill switch on, only a close of a position that is there leaves."""
    ticket = netting.buy("a").order
    netting.stop_file.touch()
    bare: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": SELL}

    refused = [
        netting.send("b", **bare),
        netting.send("c", **bare, position=ticket + 99),
        netting.send("d", **bare | {"volume": 0.2}, position=ticket),
    ]

    assert [getattr(one, "refusal", None) for one in refused] == ["stop_file"] * 3
    assert netting.buy("e", type=SELL, position=ticket).retcode == mt5.TRADE_RETCODE_DONE
