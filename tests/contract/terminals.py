"""A terminal under test and what a test does with it, whichever terminal it is.

A test that asks for `bench` holds for every terminal: the simulated one, the same over HTTP, and a
real demo terminal. It may use nothing but the port and the bench, and no price, ticket or balance
of its own invention. A test that asks for `lab` (or `make_lab`, for a market or terms of its own)
also turns the market's clock and the broker's conditions, which only a simulation allows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.port import SendAnswer, Terminal
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import AccountInfo, OrderSendResult, SymbolInfo, TradePosition
from tests.scripted_market import START_NS, HandClock, ScriptedMarket, traits

TOKEN = "a-token-of-the-test"
START_SERVER_S = START_NS // 10**9 + 2 * 3600  # UTC+2: New York is at UTC-5 in early March
MAGIC = 4_242
"""By which a test's own trades on a shared account are told apart."""

MakeLab = Callable[..., "Lab"]
"""`make_lab(market=None, **terminal_settings)`: give a lab over a market, `a_market()` if None.

Over HTTP all labs share one server, so only the latest one of a test is answered.
"""


@dataclass(kw_only=True)
class Bench:
    """A connected terminal, one symbol to trade, and requests of the least volume."""

    terminal: Terminal
    symbol: str
    epoch: int = 2
    prefix: str = ""
    """Of request ids, so that a run on a lasting account repeats none of an earlier one."""

    def send(self, request_id: str = "one", *, epoch: int = 0, **request: Any) -> SendAnswer:
        """Send a request under an id."""
        return self.terminal.order_send(
            request, request_id=self.prefix + request_id, epoch=epoch or self.epoch
        )

    def entry(self, **changed: Any) -> dict[str, Any]:
        """Return a request to buy the least volume at the market, some fields changed."""
        info = self.info()
        fills_whole = info.filling_mode & mt5.SYMBOL_FILLING_FOK_BIT
        request: dict[str, Any] = {
            "action": mt5.TRADE_ACTION_DEAL,
            "symbol": self.symbol,
            "volume": info.volume_min,
            "type": mt5.ORDER_TYPE_BUY,
            "type_filling": mt5.ORDER_FILLING_FOK if fills_whole else mt5.ORDER_FILLING_IOC,
            "price": info.ask,
            "deviation": 100,
            "magic": MAGIC,
        }
        return request | changed

    def enter(self, request_id: str = "enter", **changed: Any) -> OrderSendResult:
        """Buy the least volume and return the result; skip the test if the market is closed."""
        result = done(self.send(request_id, **self.entry(**changed)))
        if result.retcode == mt5.TRADE_RETCODE_MARKET_CLOSED:
            pytest.skip("the market is closed")
        return result

    def exit(self, ticket: int, request_id: str = "exit", **changed: Any) -> OrderSendResult:
        """Sell the least volume out of a position and return the result."""
        price = self.info().bid
        exits = self.entry(type=mt5.ORDER_TYPE_SELL, price=price, position=ticket)
        return done(self.send(request_id, **exits | changed))

    def info(self) -> SymbolInfo:
        """Return the symbol as it is now."""
        info = self.terminal.symbol_info(self.symbol)
        assert info is not None
        return info

    def account(self) -> AccountInfo:
        """Return the account as it is now."""
        account = self.terminal.account_info()
        assert account is not None
        return account

    def own_positions(self) -> list[TradePosition]:
        """Return the positions that tests have opened."""
        positions = self.terminal.positions_get()
        assert positions is not None
        return [one for one in positions if one.magic == MAGIC]


@dataclass(kw_only=True)
class Lab(Bench):
    """A simulated terminal under test, with what moves it from behind."""

    terminal: SimulatedTerminal | RemoteTerminal
    behind: SimulatedTerminal
    """The terminal itself, whose `conditions` a test may change at any time."""
    clock: HandClock
    stop_file: Path

    def buy(self, request_id: str = "buy", **changed: Any) -> OrderSendResult:
        """Buy 0.10 EURUSD and return the result."""
        request: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
        return done(self.send(request_id, **request | changed))


def done(answer: SendAnswer) -> OrderSendResult:
    """Return the result that a send must have given."""
    assert isinstance(answer, OrderSendResult), answer
    return answer


def a_market() -> ScriptedMarket:
    """Return a still market: EURUSD 1.10000 with one pip, USDJPY 150.000, one symbol unshown."""
    market = ScriptedMarket(
        traits("EURUSD"), traits("USDJPY", digits=3), traits("AUDNZD", stops_level_points=50)
    )
    market.write("EURUSD", [(m, 1.1, 1.101, 1.099, 1.1, 10) for m in range(-120, 120)])
    market.still("USDJPY", 150.0, range(-120, 120))
    return market
