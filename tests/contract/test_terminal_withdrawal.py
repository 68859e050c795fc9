"""What rests is taken back without the council: by a flatten, and while the kill switch is set."""

from typing import Any

from agents.orders.life import SEQUENCE_BITS
from runtime.emergency import close_all
from runtime.terminals import constants as mt5
from runtime.terminals.withdrawal import WithdrawalWatch
from tests.contract.terminals import Lab, done

STRATEGY = 4711
OURS = STRATEGY << SEQUENCE_BITS | 1


def rest(lab: Lab, request_id: str, **changed: Any) -> int:
    """Let a buy of 0.10 wait far below the market; return its ticket."""
    request: dict[str, Any] = {
        "action": mt5.TRADE_ACTION_PENDING,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": mt5.ORDER_TYPE_BUY_LIMIT,
        "price": 1.0,
        "type_filling": mt5.ORDER_FILLING_RETURN,
        "magic": OURS,
    }
    return done(lab.send(request_id, **request | changed)).order


def test_flatten_takes_back_what_rests_and_closes_what_is_open(lab: Lab) -> None:
    """Whoever it belongs to: nothing works and nothing is held afterwards."""
    lab.buy(magic=OURS)
    rest(lab, "ours")
    rest(lab, "other", magic=0)

    assert close_all(lab.terminal) == 1

    assert lab.terminal.positions_total() == 0
    assert lab.terminal.orders_total() == 0


def test_flatten_works_while_the_kill_switch_is_set(lab: Lab) -> None:
    """Taking back only reduces risk."""
    rest(lab, "ours")
    lab.stop_file.write_text("halt")

    close_all(lab.terminal)

    assert lab.terminal.orders_total() == 0


def test_the_kill_switch_takes_back_what_rests_of_ours(lab: Lab) -> None:
    """At the next look, and only of our strategy; without the switch nothing is touched."""
    ours, other = rest(lab, "ours"), rest(lab, "other", magic=0)
    watch = WithdrawalWatch(lab.terminal, lab.stop_file, STRATEGY)

    assert watch.look() == []
    assert lab.terminal.orders_total() == 2
    lab.stop_file.write_text("halt")
    assert watch.look() == []

    assert [order.ticket for order in lab.terminal.orders_get() or ()] == [other]
    (ended,) = lab.terminal.history_orders_get(ticket=ours) or ()
    assert ended.state == mt5.ORDER_STATE_CANCELED
    assert watch.look() == []


def test_a_terminal_that_cannot_tell_is_looked_at_again(lab: Lab) -> None:
    """A look that fails says why, and takes nothing for gone."""
    rest(lab, "ours")
    lab.stop_file.write_text("halt")
    watch = WithdrawalWatch(lab.terminal, lab.stop_file, STRATEGY)
    lab.terminal.shutdown()

    assert len(watch.look()) == 1
    lab.terminal.initialize()
    watch.look()

    assert lab.terminal.orders_total() == 0
