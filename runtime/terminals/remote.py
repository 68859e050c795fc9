"""The client of the terminal process: the terminal's own surface, over HTTP.

It never repeats a call by itself. A call without an answer raises, and for a send that means that
nobody knows whether it ran; the ledger behind the process can tell by its request id.
"""

from typing import Any, Final

import httpx
import msgspec

from blackboard.errors import TerminalUnavailable
from config.system import TerminalSection
from runtime.terminals.arguments import CallFailed
from runtime.terminals.binding import Binding
from runtime.terminals.calling import SUCCESS
from runtime.terminals.structures import TradeRequest
from runtime.terminals.wire import CONTENT_TYPE, Call, decode_reply, decode_result, encode_call

KEEP_ALIVE_S: Final = 60.0
CONNECTIONS_MAX: Final = 4
TEXT_SHOWN_MAX: Final = 200
"""Characters of a foreign answer that an error message repeats at most."""


class RemoteTerminal(Binding):
    """A terminal in another process; implements `port.Terminal` and `port.SimulatedControls`.

    Any function but `last_error` and `steer` raises `TerminalUnavailable` where the process did not
    answer, or answered something that is no answer. One thread at a time: the last error belongs to
    the latest call.
    """

    def __init__(self, url: str, token: str, settings: TerminalSection) -> None:
        super().__init__()
        self._now_ns: int | None = None
        self._send_timeout_s = settings.send_timeout_s
        # The environment's proxies are for the world outside; the token must not go there.
        self._client = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {token}", "content-type": CONTENT_TYPE},
            timeout=settings.read_timeout_s,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX, keepalive_expiry=KEEP_ALIVE_S),
            trust_env=False,
        )

    def steer(self, now_ns: int | None) -> None:
        """Give the market time with every call from here; see `port.SimulatedControls`."""
        self._now_ns = now_ns

    def advance(self, to_ns: int) -> None:
        """Make the terminal live through the minutes up to a moment."""
        self._ask(Call(function="advance", args=(to_ns,), now_ns=to_ns))

    def next_event_ns(self, now_ns: int, until_ns: int) -> int:
        """Return the broker's next own change; see `port.SimulatedControls`."""
        call = Call(function="next_event_ns", args=(now_ns, until_ns), now_ns=now_ns)
        moment_ns: int = self._ask(call)
        return moment_ns

    def is_healthy(self) -> bool:
        """Whether the process answers; a hung terminal does not, whatever it was asked before."""
        try:
            return self._client.get("/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        """Close the connections; the terminal goes on."""
        self._client.close()

    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        plain = tuple(one._asdict() if isinstance(one, TradeRequest) else one for one in arguments)
        if function != "order_send":
            return self._ask(Call(function=function, args=plain, kwargs=named, now_ns=self._now_ns))
        call = Call(
            function=function,
            args=plain,
            request_id=str(named["request_id"]),
            epoch=int(str(named["epoch"])),
            now_ns=self._now_ns,
        )
        return self._ask(call, self._send_timeout_s)

    def _ask(self, call: Call, timeout_s: float | None = None) -> Any:
        body = encode_call(call)
        timeout = self._client.timeout if timeout_s is None else httpx.Timeout(timeout_s)
        try:
            response = self._client.post("/call", content=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise TerminalUnavailable(f"{call.function}: {error!r}") from error
        if response.status_code != httpx.codes.OK:
            text = response.text[:TEXT_SHOWN_MAX]
            raise TerminalUnavailable(f"{call.function}: {response.status_code} {text}")
        try:
            reply = decode_reply(response.content)
            result = decode_result(call.function, reply)
        except msgspec.MsgspecError as error:
            raise TerminalUnavailable(f"{call.function}: no answer of a terminal") from error
        if reply.raised:
            raise SystemError(reply.raised)
        if reply.refused is not None:
            return reply.refused
        if reply.last_error != SUCCESS and call.function not in ("advance", "next_event_ns"):
            raise CallFailed(*reply.last_error)
        return result
