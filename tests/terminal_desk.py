"""The ExecutionAgent before the simulated terminal, through the world that every run uses."""

from typing import Any, Final

from agents.requests import Request, SendOrder, Wake
from models.market.sessions import MINUTE_NS
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult
from tests.builders import T0_NS, a_quote, a_spec, a_state
from tests.execution_desk import ExecutionDesk, live_settings
from tests.order_builders import enter, lots_now
from tests.scripted_market import START_NS, HandClock, ScriptedMarket, a_terminal, traits

FIRST_MINUTE: Final = (T0_NS - START_NS) // MINUTE_NS
"""Minute of the scripted market at which the desk opens."""


class TerminalDesk(ExecutionDesk):
    """A still market at 1.10000 to 1.10010, an account in USD, and the agent's settings."""

    def __init__(self, *, falls_to: float = 0.0, is_fifo: bool = False, **terminal: Any) -> None:
        """Take the terminal's settings; with `falls_to` the bid drops in the tenth minute."""
        market = ScriptedMarket(traits("EURUSD"))
        rows = [
            (FIRST_MINUTE + m, 1.1, 1.1, 1.1, 1.1, 10) for m in range(-60, 10 if falls_to else 240)
        ]
        if falls_to:
            rows.append((FIRST_MINUTE + 10, 1.1, 1.1, falls_to, falls_to, 10))
        market.write("EURUSD", rows)
        self.clock = HandClock()
        self.terminal: SimulatedTerminal = a_terminal(market, self.clock, **terminal)
        self.terminal.conditions.is_fifo = is_fifo
        settings = live_settings()
        self.world = TerminalWorld(
            self.terminal,
            settings,
            is_virtual=True,
            calendar=open_calendar(settings),
            headlines=open_headlines(settings),
            is_direct=True,
        )
        self.sends: list[SendOrder] = []
        super().__init__(settings, says_hello=False)
        self.say(a_spec(), a_quote(), a_state())
        self.settle()

    @property
    def conditions(self) -> Conditions:
        """What may change about the broker."""
        return self.terminal.conditions

    def take(self, request: Request) -> None:
        """Hand a request to the world as the host of a run does."""
        if isinstance(request, Wake):
            self.wake_ns = request.at_ns
            return
        if isinstance(request, SendOrder):
            self.sends.append(request)
        due = self.world.perform(request, now_ns=self.now_ns, epoch=self.epoch)
        if due.at_ns <= self.now_ns:
            self.replies.append(due.reply)

    def by_hand(self, **request: Any) -> OrderSendResult:
        """Let somebody else trade on the account, and the agent hear of it."""
        result = self.terminal.trade_by_hand(request)
        self.notice()
        return result


def a_terminal_with_position() -> tuple[TerminalDesk, int]:
    """Return the real terminal with 0.2 lots long from 1.1001, stop 1.0981, target 1.1061."""
    desk = TerminalDesk()
    enter(desk)
    (ticket,) = lots_now(desk)
    return desk, ticket
