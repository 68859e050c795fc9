"""The terminal process's HTTP side: whoever commands it commands the account, so little is let in.

Every request needs the token and the right `Host`; one path takes calls of an explicit list of
functions. Calls run one after the other on the event loop, on purpose: a terminal has one handle
and one last error, and one that hangs must look hung to the watch, its health included.
"""

import asyncio
import hmac
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from blackboard.errors import TerminalUnavailable
from runtime.terminals.port import Terminal
from runtime.terminals.wire import (
    CONTENT_TYPE,
    CONTROLS,
    FUNCTIONS,
    Call,
    decode_call,
    encode_raised,
    encode_reply,
)

BODY_BYTES_MAX: Final = 65_536
"""A call is a few hundred bytes; nothing larger is read."""
TOKEN_LENGTH_MIN: Final = 16
CONNECTIONS_MAX: Final = 64
KEEP_ALIVE_S: Final = 3600
"""Longer than any client keeps a connection, so that the client closes first: a call that meets a
connection just closed by the server would count as unanswered."""
SHUTDOWN_S: Final = 1
WATCH_S: Final = 1.0
"""Process seconds between two looks at the kill switch."""
LOOK_TURNS: Final = 3
"""Turns of the loop after which the end of a connection has been read, if there is one."""
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Lets a request pass only with the token and one of the expected hosts.

    The host is checked because a page in a browser can reach loopback under a name of its own.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 or 401 in place of the application, or hand the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("authorization", "").encode("utf-8", "surrogateescape")
        answer: ASGIApp
        if headers.get("host", "") not in self._hosts:
            answer = PlainTextResponse("unexpected Host", 421)
        elif not hmac.compare_digest(given, self._expected):
            answer = PlainTextResponse("token required", 401)
        else:
            answer = self._app
        await answer(scope, receive, send)


class TerminalServer:
    """A terminal behind HTTP. The port is taken at once, calls are answered while `run` runs.

    The terminal belongs to the server from here: it is closed when the server stops, on SIGTERM
    and SIGINT too, within two seconds.

    Raises
    ------
    ValueError
        If the token is missing or shorter than 16 characters.
    OSError
        If host and port cannot be taken.
    """

    def __init__(
        self,
        terminal: Terminal,
        host: str,
        port: int,
        token: str,
        *,
        names: tuple[str, ...] = (),
        watch: Callable[[], object] | None = None,
    ) -> None:
        if not re.fullmatch(rf"[!-~]{{{TOKEN_LENGTH_MIN},}}", token):
            raise ValueError(
                f"token must have {TOKEN_LENGTH_MIN} or more printable characters: whoever "
                "reaches the terminal process commands the account"
            )
        self._terminal = terminal
        self._watch = watch
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        # Accepted connections inherit it; with Nagle's algorithm each answer waits 40 ms for the
        # acknowledgement of its own headers.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        own = f"[{host}]" if ":" in host else host
        hosts = frozenset(f"{name}:{self.port}" for name in (own, *LOOPBACK_NAMES, *names))
        app = Starlette(
            routes=[
                Route("/call", self._call, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
            ],
            lifespan=self._closing,
        )
        app.router.redirect_slashes = False  # nothing is told of paths that do not exist
        self._server = uvicorn.Server(
            uvicorn.Config(
                Guard(app, token, hosts),
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )

    def run(self) -> None:
        """Answer calls until `stop`, SIGTERM or SIGINT."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Make `run` return; may be called from another thread."""
        self._server.should_exit = True

    @asynccontextmanager
    async def _closing(self, _: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(self._look()) if self._watch else None
        try:
            yield
        finally:
            if looking is not None:
                looking.cancel()
            self._terminal.close()

    async def _look(self) -> None:
        """Look at the kill switch between the calls, whether or not anybody calls."""
        while self._watch is not None:
            self._watch()
            await asyncio.sleep(WATCH_S)

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def _call(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                return PlainTextResponse(f"a call has at most {BODY_BYTES_MAX} bytes", 413)
        try:
            call = decode_call(bytes(body))
            function = self._function(call)
        except (msgspec.MsgspecError, LookupError) as error:
            return PlainTextResponse(str(error), 400)
        if call.function == "order_send" and await self._is_given_up(request):
            return PlainTextResponse("its sender has given up", 499)
        try:
            answer = self._answer(call, function)
        except (TypeError, ValueError) as error:  # arguments that are none of the function's
            return PlainTextResponse(f"{call.function}: {error}", 400)
        except TerminalUnavailable as error:
            return PlainTextResponse(f"{call.function}: {error}", 503)
        return Response(answer, media_type=CONTENT_TYPE)

    async def _is_given_up(self, request: Request) -> bool:
        """Whether the sender has closed its connection, because its time was over, say.

        While a call blocks the loop requests wait unseen, and an order whose sender counts it as
        unknown must not leave long after. The end of a connection is read a turn of the loop after
        the request itself.
        """
        for _ in range(LOOK_TURNS):
            await asyncio.sleep(0)
        return await request.is_disconnected()

    def _function(self, call: Call) -> Callable[..., Any]:
        is_known = call.function in FUNCTIONS or call.function in CONTROLS
        function = getattr(self._terminal, call.function, None) if is_known else None
        if function is None:
            raise LookupError(f"function must be one of the terminal's, was {call.function!r}")
        found: Callable[..., Any] = function
        return found

    def _answer(self, call: Call, function: Callable[..., Any]) -> bytes:
        steer = getattr(self._terminal, "steer", None)
        if steer is not None:
            steer(call.now_ns)
        kwargs = dict(call.kwargs)
        if call.function == "order_send":
            kwargs |= {"request_id": call.request_id, "epoch": call.epoch}
        try:
            result = function(*call.args, **kwargs)
        except SystemError as error:
            return encode_raised(str(error), self._terminal.last_error())
        return encode_reply(result, self._terminal.last_error())


def serve(
    terminal: Terminal,
    host: str,
    port: int,
    token: str,
    *,
    announce: Callable[[int], None],
    names: tuple[str, ...] = (),
    watch: Callable[[], object] | None = None,
) -> int:
    """Serve a terminal until the process is told to stop, and return the port that was taken.

    `announce` is given the port as soon as connections are accepted into the queue; port 0 takes a
    free one. `names` are further names under which clients on other machines reach this one.
    `watch` is called once a second, between the calls.
    """
    server = TerminalServer(terminal, host, port, token, names=names, watch=watch)
    announce(server.port)
    server.run()
    return server.port
