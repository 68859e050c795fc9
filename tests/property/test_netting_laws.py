"""Whatever hands do to a netting position, and whenever it is looked at: one book in the end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboard.facts import Fill, PositionChanged, Reconciled, TradeClosed
from models.market.sessions import SECOND_NS
from runtime.terminals import constants as mt5
from tests.builders import T0_NS
from tests.order_builders import enter, lots_now
from tests.terminal_desk import TerminalDesk

BY_HAND = {"action": 1, "symbol": "EURUSD", "type_filling": mt5.ORDER_FILLING_IOC}


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL]),
            st.integers(1, 4),  # tenths of a lot
            st.sampled_from(["reads", "waits", "dies"]),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_p3_a_netting_account_is_known_however_it_was_traded(
    hands: list[tuple[int, int, str]], ours_first: bool
) -> None:
    """P3: grown, reduced, turned round or closed: lots, side and money are the terminal's.

    The volume that was opened less the volume that was closed is what is open.
    """
    desk = TerminalDesk(margin_mode="netting", commission_per_lot=3.5)
    if ours_first:
        enter(desk)

    for order_type, tenths, then in hands:
        desk.terminal.steer(desk.now_ns)
        desk.terminal.trade_by_hand(BY_HAND | {"type": order_type, "volume": tenths / 10})
        desk.now_ns += SECOND_NS
        if then == "dies":
            desk.restart()
        if then != "waits":
            desk.notice()
    desk.notice()

    held = desk.terminal.positions_get()
    account = desk.terminal.account_info()
    assert held is not None
    assert account is not None
    assert lots_now(desk) == pytest.approx({one.identifier: one.volume for one in held})
    latest = {fact.ticket: fact for fact in desk.facts(PositionChanged)}  # type: ignore[union-attr]
    for one in held:
        known = latest[one.identifier]
        assert isinstance(known, PositionChanged)
        assert (known.side.sign > 0) == (one.type == mt5.POSITION_TYPE_BUY)
        assert (known.broker_ticket or known.ticket) == one.ticket

    fills = [fact for fact in desk.facts(Fill) if isinstance(fact, Fill)]
    booked = sum(fill.profit + fill.commission + fill.swap + fill.fee for fill in fills)
    assert account.balance == pytest.approx(10_000.0 + booked)
    signed = sum(fill.side.sign * fill.lots for fill in fills)
    assert signed == pytest.approx(sum(one.volume * (1 - 2 * one.type) for one in held))
    trades = [fact for fact in desk.facts(TradeClosed) if isinstance(fact, TradeClosed)]
    open_money = account.balance - 10_000.0 - sum(trade.pnl for trade in trades)
    if not held:
        assert open_money == pytest.approx(0.0, abs=1e-6)
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]
    assert desk.now_ns >= T0_NS
