"""Laws of the simulated broker for any requests, under any conditions, on every kind of account."""

import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.market.sessions import MINUTE_NS, SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.ledger import Ledger, MemoryLedger
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult, TradeDeal
from tests.scripted_market import START_NS, HandClock, ScriptedMarket, a_terminal, traits

MINUTES = 240
LATEST_S = 2**31 - 1
MODES = ("hedging", "netting")
STATES_AT_WORK = (mt5.ORDER_STATE_PLACED, mt5.ORDER_STATE_PARTIAL)

seeds = st.integers(0, 2**32 - 1)


def a_walk(rng: np.random.Generator) -> ScriptedMarket:
    """Return a market that wanders, with a hole here and there."""
    market = ScriptedMarket(traits("EURUSD"), traits("USDJPY", digits=3, swap_long_points=2.0))
    for symbol, start, point in (("EURUSD", 1.1, 1e-5), ("USDJPY", 150.0, 1e-3)):
        price, digits, rows = start, (5 if symbol == "EURUSD" else 3), []
        for minute in range(MINUTES):
            opened, moved = price, price + int(rng.integers(-80, 81)) * point
            most = max(opened, moved) + int(rng.integers(0, 50)) * point
            least = min(opened, moved) - int(rng.integers(0, 50)) * point
            bid, high, low, close = (round(one, digits) for one in (opened, most, least, moved))
            if minute == 0 or rng.random() < 0.97:
                rows.append((minute, bid, high, low, close, int(rng.integers(1, 30))))
            price = moved
        market.write(symbol, rows)
    return market


class Script:
    """Requests and changes of conditions that one seed makes, the same for every terminal."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def _whole(self, least: int, most: int) -> int:
        return int(self._rng.integers(least, most + 1))

    def _one(self, *options: Any) -> Any:
        return options[self._whole(0, len(options) - 1)]

    def unsettle(self, terminal: SimulatedTerminal) -> None:
        """Change what may change."""
        conditions = terminal.conditions
        conditions.liquidity_lots = self._one(None, None, 0.05, 0.3)
        conditions.fill_delay_ns = self._one(0, 0, 7 * SECOND_NS, 3 * MINUTE_NS)
        conditions.fills_never = self._one(False, False, True)
        conditions.slippage_points = float(self._one(0, 0, 3))
        conditions.price_shift_points = float(self._one(0, 0, -4))
        conditions.execution = self._one(0, 1, 2, 2, 3)
        conditions.is_fifo = self._one(False, False, True)
        conditions.forced_retcode = self._one(0, 0, 0, 10012)
        conditions.is_executed_despite = self._one(False, True)
        conditions.is_activation_refused = self._one(False, False, True)
        conditions.freeze_level_points = self._one(0, 0, 15)

    def request(self, terminal: SimulatedTerminal) -> dict[str, Any]:
        """Return the next request: mostly one that makes sense for what is there."""
        symbol = self._one("EURUSD", "EURUSD", "USDJPY")
        tick = terminal.symbol_info_tick(symbol)
        positions, orders = terminal.positions_get(), terminal.orders_get()
        assert tick is not None
        assert positions is not None
        assert orders is not None
        point = 1e-5 if symbol == "EURUSD" else 1e-3
        kind, lots = self._whole(0, 1), self._whole(1, 60) / 100
        near = tick.bid + self._whole(-300, 300) * point
        action = self._one(1, 1, 1, 1, 5, 5, 6, 7, 8, 10)
        request: dict[str, Any] = {
            "action": action, "symbol": symbol, "volume": lots, "type": kind, "price": near,
            "sl": float(self._one(0.0, near - 0.003 * near)), "deviation": self._whole(0, 600),
            "tp": float(self._one(0.0, near + 0.003 * near)), "magic": 7, "comment": "law",
            "type_filling": self._whole(0, 2), "type_time": self._one(0, 0, 1),
        }  # fmt: skip
        if action == mt5.TRADE_ACTION_PENDING:
            request |= {"type": self._whole(2, 7), "stoplimit": near + 20 * point}
            request |= {"type_filling": mt5.ORDER_FILLING_RETURN}
        if positions and action in (1, 6, 10) and self._whole(0, 2):
            one, other = self._one(*positions), self._one(*positions)
            request |= {"position": one.ticket, "position_by": other.ticket, "symbol": one.symbol}
            request |= {"type": 1 - one.type, "volume": self._one(one.volume, 0.01)}
        if orders and action in (7, 8):
            request |= {"order": self._one(*orders).ticket}
        return request

    def wait_ns(self) -> int:
        """Return how long nothing is asked."""
        wait_ns: int = self._one(0, 0, SECOND_NS, MINUTE_NS, 7 * MINUTE_NS)
        return wait_ns


def play(seed: int, mode: str, ledger_path: Path | None) -> tuple[SimulatedTerminal, list[Any]]:
    """Play a seed's script and return the terminal and every answer; a file is reopened often."""

    def ledger() -> Ledger:
        return kept if ledger_path is None else SqliteLedger(ledger_path)

    kept = MemoryLedger()
    market, script = a_walk(np.random.default_rng(seed)), Script(seed)
    clock, answers = HandClock(), list[Any]()
    terminal = a_terminal(market, clock, ledger=ledger(), margin_mode=mode, leverage=200)
    for number in range(40):
        clock.now_ns = min(clock.now_ns + script.wait_ns(), START_NS + MINUTES * MINUTE_NS)
        if ledger_path is not None and number % 7 == 6:
            conditions = terminal.conditions
            terminal.close()
            terminal = a_terminal(market, clock, ledger=ledger(), margin_mode=mode, leverage=200)
            for name in conditions.__struct_fields__:
                setattr(terminal.conditions, name, getattr(conditions, name))
        if number % 5 == 0:
            script.unsettle(terminal)
        request = script.request(terminal)
        answer = terminal.order_send(request, request_id=str(number), epoch=1)
        assert isinstance(answer, OrderSendResult), terminal.last_error()
        answers.append(answer._replace(request_id=0))
        assert terminal.order_send(request, request_id=str(number), epoch=1) == answer
        assert_the_books_hold(terminal)
    return terminal, answers


def assert_the_books_hold(terminal: SimulatedTerminal) -> None:
    """Check money, volumes and states against each other."""
    account, deals = terminal.account_info(), terminal.history_deals_get(0, LATEST_S)
    positions, orders = terminal.positions_get(), terminal.orders_get()
    past = terminal.history_orders_get(0, LATEST_S)
    assert account is not None
    assert deals is not None
    assert positions is not None
    assert orders is not None
    assert past is not None
    booked = sum(
        Decimal(str(part))
        for deal in deals
        for part in (deal.profit, deal.swap, deal.commission, deal.fee)
    )
    assert Decimal(str(account.balance)) == booked
    floating = sum(one.profit + one.swap for one in positions)
    assert abs(account.equity - account.balance - floating) < 0.005
    assert (account.margin == 0.0) == (not positions)
    assert volumes(deals) == {
        one.identifier: round(one.volume * 100) * (1 - 2 * one.type) for one in positions
    }
    assert all(order.state in STATES_AT_WORK and order.time_done == 0 for order in orders)
    assert all(order.state not in (0, 1) and order.time_done for order in past)
    assert not {order.ticket for order in orders} & {order.ticket for order in past}
    tickets = [deal.ticket for deal in deals]
    assert len(set(tickets)) == len(tickets)
    assert {deal.order for deal in deals if deal.order} <= {
        order.ticket for order in (*orders, *past)
    }


def volumes(deals: tuple[TradeDeal, ...]) -> dict[int, int]:
    """Return the hundredths of a lot that the deals leave open, by position, shorts negative."""
    left: dict[int, int] = defaultdict(int)
    for deal in deals:
        if deal.position_id:
            left[deal.position_id] += round(deal.volume * 100) * (1 - 2 * deal.type)
    return {identifier: hundredths for identifier, hundredths in left.items() if hundredths}


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=25)
@given(seed=seeds)
def test_books_hold_and_no_restart_changes_them(mode: str, seed: int) -> None:
    """After every request the deals explain balance and positions; a file says what memory does."""
    in_memory, answers = play(seed, mode, None)
    with tempfile.TemporaryDirectory() as folder:
        on_disk, answers_on_disk = play(seed, mode, Path(folder) / "ledger.sqlite")

        assert answers_on_disk == answers
        for terminal in (in_memory, on_disk):
            assert_the_books_hold(terminal)
        assert on_disk.history_deals_get(0, LATEST_S) == in_memory.history_deals_get(0, LATEST_S)
        assert on_disk.history_orders_get(0, LATEST_S) == in_memory.history_orders_get(0, LATEST_S)
        assert on_disk.orders_get() == in_memory.orders_get()
        on_disk.close()
