"""What can happen to one send between our process and the broker, and what it is told of it.

The request that reaches the broker and the answer that reaches the sender are two things here. The
broker's side is written down as it really was.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from blackboard.errors import TerminalUnavailable
from config.system import TerminalSection
from runtime.clock import sleep_s
from runtime.simulation.broker import Broker
from runtime.simulation.faults import Faults
from runtime.simulation.hand import Hand
from runtime.simulation.process import Process
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.port import TerminalRefused
from runtime.terminals.structures import OrderSendResult

Request = dict[str, Any]
Answer = OrderSendResult | TerminalRefused

LATE_S: Final = 4.0
"""After how long a hanging terminal sends what it was given, if nobody has ended it before."""
HANGS_ONLY_BEFORE: Final = 0.0
HANGS_AFTER: Final = 1.0
"""Values of ``send_hangs``: nothing leaves, it has left before, and (2) it leaves later."""
_FORCED: Final = ("requoted", "stop_refused", "no_money", "session_refused", "too_many")
"""Kinds in which the broker refuses with a code and does nothing."""


class Sending:
    """The way of every order of ours to the broker."""

    def __init__(
        self,
        broker: Broker,
        faults: Faults,
        hand: Hand,
        settings: TerminalSection,
        terminal_hangs: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._faults = faults
        self._hand = hand
        self._settings = settings
        self._terminal_hangs = terminal_hangs

    def send(self, request: Request, request_id: str, epoch: int, process: Process) -> Answer:
        """Send an order; CallFailed where the terminal answers None."""
        strike = self._faults.strike
        if strike("send_invalid"):
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        if fault := strike("trading_off"):
            if fault.value < 0.0:
                raise CallFailed(int(fault.value))
            return self._forced(request, request_id, epoch, int(fault.value))
        if fault := strike("reply_unclear"):
            raise CallFailed(int(fault.value))
        if strike("reply_lost_before"):
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL_RECEIVE)
        for kind in ("reply_lost_after", "reply_unclear_after"):
            if fault := strike(kind):
                self._broker.send(request, request_id, epoch, was_delivered=False)
                code = int(fault.value) or mt5.RES_E_INTERNAL_FAIL_RECEIVE
                raise CallFailed(code)
        if fault := strike("send_hangs"):
            self._hang(request, request_id, epoch, fault.value)
        if strike("killed_in_flight"):
            self._broker.send(request, request_id, epoch, was_delivered=False)
            process.kill()
            raise TerminalUnavailable("order_send: the caller is dead")
        return self._taken(request, request_id, epoch)

    def _taken(self, request: Request, request_id: str, epoch: int) -> Answer:
        strike = self._faults.strike
        is_deal = request.get("action") == mt5.TRADE_ACTION_DEAL
        if fault := strike("code_unclear"):
            return self._forced(request, request_id, epoch, int(fault.value))
        if fault := strike("code_unclear_after"):
            code = int(fault.value) or mt5.TRADE_RETCODE_ERROR
            with self._mood(forced_retcode=code, is_executed_despite=True):
                return self._broker.sent(request, request_id, epoch)
        for kind in _FORCED:
            if fault := strike(kind):
                return self._forced(request, request_id, epoch, int(fault.value))
        if request.get("position") and is_deal and strike("closed_before"):
            self._hand.close(int(request["position"]))
        if is_deal and (fault := strike("filled_partly")):
            lots = max(0.01, round(float(request["volume"]) * fault.value, 2))
            with self._mood(liquidity_lots=lots):
                return self._broker.sent(request, request_id, epoch)
        if is_deal and (fault := strike("placed_later")):
            with self._mood(fill_delay_ns=int(fault.value * 1e9)):
                return self._broker.sent(request, request_id, epoch)
        if is_deal and (fault := strike("placed_never")):
            with self._mood(fill_delay_ns=int(fault.value * 1e9), fills_never=True):
                return self._broker.sent(request, request_id, epoch)
        if is_deal and not request.get("position") and strike("stops_ignored"):
            with self._mood(ignores_stops=True):
                return self._broker.sent(request, request_id, epoch)
        return self._broker.sent(request, request_id, epoch)

    def _forced(self, request: Request, request_id: str, epoch: int, code: int) -> Answer:
        with self._mood(forced_retcode=code or mt5.TRADE_RETCODE_ERROR):
            answer = self._broker.sent(request, request_id, epoch)
        if isinstance(answer, OrderSendResult) and not code:
            # To the simulated broker 0 means to force nothing, so it is written in afterwards.
            return answer._replace(retcode=0)
        return answer

    def _hang(self, request: Request, request_id: str, epoch: int, value: float) -> None:
        broker = self._broker
        if value == HANGS_AFTER:
            broker.send(request, request_id, epoch, was_delivered=False)
        elif value != HANGS_ONLY_BEFORE:
            instance = broker.instance

            def send_late() -> None:
                if broker.instance == instance and broker.is_running:
                    broker.send(request, request_id, epoch, was_delivered=False)

            asyncio.get_running_loop().call_later(LATE_S, send_late)
        self._terminal_hangs()
        sleep_s(self._settings.send_timeout_s)
        raise TerminalUnavailable("order_send: ReadTimeout")

    @contextmanager
    def _mood(self, **conditions: object) -> Iterator[None]:
        """Change the broker's conditions for one call."""
        held = self._broker.terminal.conditions
        before = {name: getattr(held, name) for name in conditions}
        for name, value in conditions.items():
            setattr(held, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(held, name, value)
