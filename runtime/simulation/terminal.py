"""What an agent's process holds of the terminal: the same surface as over HTTP, with faults on it.

It takes the place of `runtime.terminals.remote.RemoteTerminal` and keeps its contract: a process
that does not answer raises TerminalUnavailable after the timeout, a function that fails raises
CallFailed inside the binding, which answers None and keeps the last error.
"""

from typing import Any, Final

from blackboard.errors import TerminalUnavailable
from config.system import TerminalSection
from runtime.clock import sleep_s
from runtime.simulation.broker import Broker
from runtime.simulation.distortion import Distortion
from runtime.simulation.process import Process
from runtime.simulation.sending import Sending
from runtime.terminals.binding import Binding
from runtime.terminals.structures import TradeRequest

CALL_S: Final = 0.0007
"""How long one call takes."""


class FaultyTerminal(Binding):
    """A line from one process to the terminal; implements `port.Terminal` and its controls."""

    def __init__(
        self,
        broker: Broker,
        process: Process,
        sending: Sending,
        distortion: Distortion,
        settings: TerminalSection,
        *,
        is_emergency: bool = False,
    ) -> None:
        super().__init__()
        self._is_emergency = is_emergency
        self._broker = broker
        self._process = process
        self._sending = sending
        self._distortion = distortion
        self._settings = settings

    def steer(self, now_ns: int | None) -> None:
        """Take no time from here: the terminal has its own clock."""
        assert now_ns is None, "a live world does not steer"

    def advance(self, to_ns: int) -> None:
        """Let the terminal live on its own clock."""

    def next_event_ns(self, now_ns: int, until_ns: int) -> int:
        """Say nothing of the future: a live world is not told it."""
        del now_ns
        return until_ns

    def close(self) -> None:
        """Close the connection; the terminal goes on."""

    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        self._process.require_alive()
        self._require_answering(function)
        sleep_s(CALL_S)
        if function == "order_send":
            request = arguments[0]
            assert isinstance(request, TradeRequest)
            sent = request._asdict(), str(named["request_id"]), int(str(named["epoch"]))
            if self._is_emergency:
                return self._broker.sent(*sent, is_emergency=True)
            return self._sending.send(*sent, self._process)
        plain = [one._asdict() if isinstance(one, TradeRequest) else one for one in arguments]
        return self._distortion.call(function, plain, named)

    def _require_answering(self, function: str) -> None:
        broker = self._broker
        if broker.hangs:
            timeout_s = self._settings.read_timeout_s
            sleep_s(self._settings.send_timeout_s if function == "order_send" else timeout_s)
            raise TerminalUnavailable(f"{function}: ReadTimeout")
        if not broker.is_running:
            raise TerminalUnavailable(f"{function}: ConnectError")
