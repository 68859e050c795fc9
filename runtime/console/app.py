"""The console's web application: pages, their data, the stream, the controls and the metrics.

Pages and scripts are the same for everybody and hold nothing; whatever tells of the system or
steers it asks `Access` first. Nothing is fetched from elsewhere: the policy forbids it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from runtime.console.access import COOKIE, Access
from runtime.console.metrics import CONTENT_TYPE, Metrics
from runtime.console.present import Present
from runtime.console.questions import Questions
from runtime.console.steering import BODY_BYTES_MAX, Refused, obey
from runtime.console.stream import STREAMS_MAX, events
from runtime.console.views.council import council
from runtime.console.views.limits import limits
from runtime.console.views.overview import overview
from runtime.console.views.symbol import symbol_page
from runtime.instants import instant_ns
from runtime.run_plan import RunPlan

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""plotly writes inline styles; scripts come from us alone."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser hides the Origin of its own posts, which is asked for here.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PALETTE: Final = "palette.css"
STATIC: Final = {
    "console.css": "text/css",
    PALETTE: "text/css",
    "console.js": "text/javascript",
    "pages.js": "text/javascript",
    "charts.js": "text/javascript",
    "dom.js": "text/javascript",
}
OPEN_PATHS: Final = frozenset({"/", "/plotly.js", "/session", *(f"/{name}" for name in STATIC)})
_FRESH: Final = {"Cache-Control": "no-cache"}
_JSON: Final = "application/json"
Handler = Callable[[Request], Awaitable[Response]]


class Site:
    """One console's routes."""

    def __init__(
        self,
        plan: RunPlan,
        present: Present,
        access: Access,
        metrics: Metrics,
        is_over: Callable[[], bool],
    ) -> None:
        self._book = plan.book
        self._controls = present.settings.console.controls
        self._present = present
        self._access = access
        self._metrics = metrics
        self._is_over = is_over
        self._questions = Questions(plan, present)
        self._streams = 0

    def application(self) -> FastAPI:
        """Return the application; it has no pages of its own making (no docs, no schema)."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.router.redirect_slashes = False
        app.middleware("http")(self._guard)
        for name in STATIC:
            app.add_api_route(f"/{name}", self._static, response_model=None)
        routes: dict[str, Handler] = {
            "/": self._static,
            "/plotly.js": self._plotly,
            "/session": self._session,
            "/metrics": self._metrics_text,
            "/events": self._events,
            "/api/overview": self._view(overview),
            "/api/council": self._view(council),
            "/api/limits": self._view(limits),
            "/api/symbols": self._view(lambda present: sorted(present.symbols)),
            "/api/symbol": self._symbol,
            "/api/trail": self._trail,
            "/api/entry": self._entry,
            "/api/journal": self._journal,
            "/api/instant": self._instant,
            "/api/why-not": self._why_not,
            "/api/learning": self._learning,
        }
        for path, handler in routes.items():
            app.add_api_route(path, handler, response_model=None)
        app.add_api_route("/session", self._open_session, methods=["POST"], response_model=None)
        app.add_api_route("/session", self._close_session, methods=["DELETE"], response_model=None)
        app.add_api_route("/api/command", self._command, methods=["POST"], response_model=None)
        return app

    async def _guard(
        self, request: Request, follow: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if not self._access.has_known_host(request):
            return _with_headers(PlainTextResponse("unexpected Host", 421))
        if request.url.path not in OPEN_PATHS and not self._access.may_read(request):
            return _with_headers(PlainTextResponse("token required", 401))
        return _with_headers(await follow(request))

    async def _static(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/") or "console.html"
        return Response(_resource(name), media_type=STATIC.get(name, "text/html"), headers=_FRESH)

    async def _plotly(self, _: Request) -> Response:
        script = await run_in_threadpool(_plotly_js)
        return Response(
            script,
            media_type="text/javascript",
            headers={"Cache-Control": "private, max-age=86400"},
        )

    async def _session(self, request: Request) -> Response:
        session = self._access.session_of(request)
        if session is None:
            return _json({"open": False})
        return _json(
            {
                "open": True,
                "csrf": session.csrf,
                "controls": self._controls,
            }
        )

    async def _open_session(self, request: Request) -> Response:
        if not self._access.has_own_origin(request):
            return PlainTextResponse("unexpected Origin", 403)
        body = await _body(request)
        session = self._access.open_session((body or b"").decode("utf-8", "replace").strip())
        if session is None:
            return PlainTextResponse("that is not the token of this console", 401)
        response = _json({"open": True, "csrf": session.csrf})
        response.set_cookie(
            COOKIE,
            session.name,
            max_age=int(self._access.session_s),
            httponly=True,
            samesite="strict",
        )
        return response

    async def _close_session(self, request: Request) -> Response:
        session = self._access.session_of(request)
        if session is None or not self._access.may_steer(request):
            return PlainTextResponse("no session", 401)
        self._access.close_session(session)
        response = _json({"open": False})
        response.delete_cookie(COOKIE)
        return response

    async def _metrics_text(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _events(self, request: Request) -> Response:
        if self._streams >= STREAMS_MAX:
            return PlainTextResponse(f"{STREAMS_MAX} pages are open already", 503)
        return StreamingResponse(
            self._counted(_whole_number(request.headers.get("last-event-id", "0")) or 0),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _counted(self, after: int) -> AsyncIterator[bytes]:
        self._streams += 1
        try:
            async for event in events(self._present, after, self._is_over):
                yield event
        finally:
            self._streams -= 1

    def _view(self, view: Callable[[Present], Any]) -> Handler:
        async def answer(_: Request) -> Response:
            with self._present.held():
                return _json(view(self._present))

        return answer

    async def _symbol(self, request: Request) -> Response:
        with self._present.held():
            found = symbol_page(self._present, request.query_params.get("name", ""))
        return _json(found) if found else _unknown("symbol", "name", request)

    async def _trail(self, request: Request) -> Response:
        for name, ask in (("ticket", self._questions.ticket), ("seq", self._questions.trail)):
            if name in request.query_params:
                number = _whole_number(request.query_params[name])
                found = await run_in_threadpool(ask, number) if number else None
                return _json(found) if found else _unknown(name, name, request)
        return PlainTextResponse("ask for a ticket or a seq", 400)

    async def _entry(self, request: Request) -> Response:
        number = _whole_number(request.query_params.get("seq", ""))
        found = await run_in_threadpool(self._questions.entry, number) if number else None
        return _json(found) if found else _unknown("entry", "seq", request)

    async def _journal(self, request: Request) -> Response:
        asked = request.query_params
        before = _whole_number(asked.get("before", "0"))
        if before is None:
            return PlainTextResponse("before must be a whole number", 400)
        filters = (asked.get("kind", ""), asked.get("scope", ""), asked.get("author", ""))
        return _json(await run_in_threadpool(self._questions.page, before, *filters))

    async def _instant(self, request: Request) -> Response:
        asked = request.query_params
        try:
            time_ns = instant_ns(asked.get("time", ""))
        except ValueError as error:
            return PlainTextResponse(f"time {error}", 400)
        filters = (asked.get("kind", ""), asked.get("scope", ""))
        return _json(await run_in_threadpool(self._questions.instant, time_ns, *filters))

    async def _why_not(self, request: Request) -> Response:
        asked = request.query_params
        try:
            time_ns = instant_ns(asked.get("time", ""))
        except ValueError as error:
            return PlainTextResponse(f"time {error}", 400)
        return _json(
            await run_in_threadpool(self._questions.why_not, asked.get("symbol", ""), time_ns)
        )

    async def _learning(self, _: Request) -> Response:
        return _json(await run_in_threadpool(self._questions.learning))

    async def _command(self, request: Request) -> Response:
        if not self._controls:
            return PlainTextResponse("controls are off: console.controls", 403)
        if not self._access.may_steer(request):
            return PlainTextResponse("only a page of this console may steer", 403)
        body = await _body(request)
        if body is None:
            return PlainTextResponse(f"an order has at most {BODY_BYTES_MAX} bytes", 413)
        try:
            answer = await run_in_threadpool(obey, body, self._book)
        except Refused as refused:
            return PlainTextResponse(str(refused), 400)
        return _json({"answer": answer})


def _json(data: Any) -> Response:
    # msgspec writes what is not a number as null, where the standard library writes invalid JSON.
    return Response(
        msgspec.json.encode(data), media_type=_JSON, headers={"Cache-Control": "no-store"}
    )


def _unknown(what: str, name: str, request: Request) -> Response:
    return PlainTextResponse(f"no such {what}: {request.query_params.get(name, '')[:40]}", 404)


def _with_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


async def _body(request: Request) -> bytes | None:
    """Return the body, None where it is longer than anything that is asked for here."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


@cache
def _resource(name: str) -> bytes:
    if name == PALETTE:  # the tear sheet's, so that both look alike
        return files("runtime.reports").joinpath(name).read_bytes()
    return files("runtime.console").joinpath("static", name).read_bytes()


@cache
def _plotly_js() -> bytes:
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        return b""  # the page stands without its charts
    script: str = get_plotlyjs()
    return script.encode()
