"""A feed of the network on this machine: recorded shapes, replayed with faults.

`FeedServer` answers GET requests by path. A path has a row of `Reply`s: they are given in turn, the
last one again and again; or a function of what was asked, for feeds whose answer depends on it.
What was asked is kept, so that a test can hold it against what a feed documents.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

FIXTURES = Path(__file__).parent / "feed_fixtures"
LONG_S = 30.0
"""Longest that a slow reply keeps its request; the server's end ends it earlier."""


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""


@dataclass(frozen=True)
class Reply:
    """One answer, and what goes wrong with it."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None
    """Bytes after which the connection breaks, though more were promised."""
    is_silent: bool = False
    """Whether nothing at all is answered."""
    drips_after: int | None = None
    """Bytes after which nothing more comes, though the connection stays."""
    repeats: int = 1
    """How often the body is sent, for a huge one."""

    @property
    def is_slow(self) -> bool:
        """Whether its end never comes, so that a client must lose patience."""
        return self.is_silent or self.drips_after is not None


Answering = Callable[[Asked], Reply]


@dataclass
class FeedServer:
    """Recorded feeds behind one port of loopback; a context manager."""

    asked: list[Asked] = field(default_factory=list)
    _rows: dict[str, list[Reply]] = field(default_factory=dict)
    _functions: dict[str, Answering] = field(default_factory=dict)
    _ending: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _requests_of(self))
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str = "/") -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def serve(self, path: str, *replies: Reply | Answering) -> str:
        """Answer a path by these replies in turn, or by one function; returns its address."""
        self._rows.pop(path, None)
        self._functions.pop(path, None)
        if len(replies) == 1 and not isinstance(replies[0], Reply):
            self._functions[path] = replies[0]
        else:
            self._rows[path] = [each for each in replies if isinstance(each, Reply)]
        return self.url(path)

    def reply(self, asked: Asked) -> Reply:
        """Return the next reply to a request."""
        self.asked.append(asked)
        if asked.path in self._functions:
            return self._functions[asked.path](asked)
        row = self._rows.get(asked.path, [])
        if not row:
            return Reply(status=404, body=b'{"message": "no such path"}')
        return row.pop(0) if len(row) > 1 else row[0]

    def wait(self) -> None:
        """Keep a request waiting, until the server ends at the latest."""
        self._ending.wait(LONG_S)


def recorded(name: str, content_type: str = "") -> Reply:
    """Return a fixture's text as a feed sends it; the type follows from its ending."""
    kinds = {".json": "application/json; charset=utf-8", ".rss": "application/rss+xml"}
    kinds[".atom"] = "application/atom+xml; charset=utf-8"
    path = FIXTURES / name
    return Reply(body=path.read_bytes(), content_type=content_type or kinds[path.suffix])


# Faults, for any feed. Each is what was seen of real ones: statuses with and without JSON, pages of
# proxies and shields in the place of data, answers that stop.

PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>403</body></html>"


def failing(status: int, message: str = "refused") -> Reply:
    """Return a refusal with a body in JSON."""
    return Reply(status=status, body=b'{"Error Message": "%s"}' % message.encode())


def too_many(retry_after: str | None = "1") -> Reply:
    """Return 429, with seconds or a date after which to come again, or without."""
    headers = () if retry_after is None else (("Retry-After", retry_after),)
    return replace(failing(429, "Limit Reach"), headers=headers)


def until_date(at_ns: int) -> str:
    """Return an instant as Retry-After takes it."""
    return formatdate(at_ns / 1e9, usegmt=True)


def page(status: int = 200) -> Reply:
    """Return a web page in the place of data, and called one."""
    return Reply(status=status, body=PAGE, content_type="text/html; charset=UTF-8")


def page_called_json() -> Reply:
    """Return a web page that is called JSON."""
    return Reply(body=PAGE)


def silent() -> Reply:
    """Return no answer at all."""
    return Reply(is_silent=True)


def cut(reply: Reply) -> Reply:
    """Break the connection in the middle of a body."""
    return replace(reply, cut_after=len(reply.body) // 2)


def stuck(reply: Reply) -> Reply:
    """Stop in the middle of a body, and keep the connection."""
    return replace(reply, drips_after=len(reply.body) // 2)


def called(reply: Reply, content_type: str) -> Reply:
    """Give a body another type."""
    return replace(reply, content_type=content_type)


def empty() -> Reply:
    """Return a body without a byte."""
    return Reply()


def huge(bytes_min: int) -> Reply:
    """Return a body of at least so many bytes, its length not told beforehand."""
    line = b"[" + b"1," * 32_767
    return Reply(body=line, repeats=-(-bytes_min // len(line)))


def redirected(target: str, status: int = 302) -> Reply:
    """Send the client to another address."""
    return Reply(status=status, headers=(("Location", target),))


def _requests_of(server: FeedServer) -> type[BaseHTTPRequestHandler]:
    class Requests(_Requests):
        """Answers one connection of this server."""

        feeds = server

    return Requests


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that has left."""


class _Requests(BaseHTTPRequestHandler):
    feeds: FeedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        query = {name: texts[-1] for name, texts in parse_qs(parts.query).items()}
        headers = {name.lower(): text for name, text in self.headers.items()}
        reply = self.feeds.reply(Asked(parts.path, query, headers))
        if reply.is_silent:
            self.close_connection = True
            self.feeds.wait()
            return
        self._begin(reply)
        try:
            self._send(reply)
        except ConnectionError:
            self.close_connection = True  # the client has had enough

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""

    def _begin(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        for name, text in reply.headers:
            self.send_header(name, text)
        if reply.repeats > 1:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()

    def _send(self, reply: Reply) -> None:
        stops_after = reply.cut_after if reply.drips_after is None else reply.drips_after
        for _ in range(reply.repeats):
            self.wfile.write(reply.body[:stops_after])
        self.wfile.flush()
        if stops_after is not None:
            self.close_connection = True
        if reply.drips_after is not None:
            self.feeds.wait()
