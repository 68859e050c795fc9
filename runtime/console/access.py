"""Who may see and steer: a token for people and machines, a cookie for the browser that showed it.

A browser's event stream cannot send an Authorization header, so a page shows the token once and
gets a session: a random name in an HttpOnly cookie that no other site's page sends (SameSite). What
changes something also needs the session's own secret in a header, and an Origin of ours. The Host
is checked because a page elsewhere can reach loopback under a name of its own (DNS rebinding).
"""

import hmac
import secrets
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.requests import Request

from runtime.book import write_atomically
from runtime.clock import process_s

TOKEN_BYTES: Final = 32
COOKIE: Final = "quorum_session"
CSRF_HEADER: Final = "x-quorum-csrf"
SESSIONS_MAX: Final = 32
"""Sessions at a time; the oldest ends when a further one begins."""
ATTEMPTS_PER_MIN_MAX: Final = 20
"""Wrong tokens in a minute after which nobody is let in for the rest of it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has shown the token."""

    name: str
    csrf: str
    ends_s: float


@dataclass(slots=True)
class Access:
    """The token of one console, and the sessions that were opened with it."""

    token: str
    hosts: frozenset[str]
    session_s: float
    _sessions: dict[str, Session] = field(default_factory=dict)
    _failures: deque[float] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_PER_MIN_MAX))

    def open_session(self, shown: str) -> Session | None:
        """Return a new session for the right token; None for a wrong one, or after too many."""
        now_s = process_s()
        while self._failures and now_s - self._failures[0] > 60.0:
            self._failures.popleft()
        if len(self._failures) >= ATTEMPTS_PER_MIN_MAX:
            return None
        if not self._is_token(shown):
            self._failures.append(now_s)
            return None
        while len(self._sessions) >= SESSIONS_MAX:
            self._sessions.pop(next(iter(self._sessions)))
        session = Session(
            secrets.token_urlsafe(TOKEN_BYTES),
            secrets.token_urlsafe(TOKEN_BYTES),
            now_s + self.session_s,
        )
        self._sessions[session.name] = session
        return session

    def session_of(self, request: Request) -> Session | None:
        """Return the session whose cookie a request carries, None if there is none any more."""
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        if session is not None and process_s() > session.ends_s:
            del self._sessions[session.name]
            return None
        return session

    def close_session(self, session: Session) -> None:
        """Forget a session."""
        self._sessions.pop(session.name, None)

    def has_known_host(self, request: Request) -> bool:
        """Whether the request was sent to a name of ours."""
        return request.headers.get("host", "") in self.hosts

    def may_read(self, request: Request) -> bool:
        """Whether the request carries a session's cookie, or the token as machines send it."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        is_bearer = scheme.lower() == "bearer" and self._is_token(shown)
        return is_bearer or self.session_of(request) is not None

    def may_steer(self, request: Request) -> bool:
        """Whether the request comes from a page of ours: session, its secret, and our Origin."""
        session = self.session_of(request)
        if session is None or not self.has_own_origin(request):
            return False
        return _is_same(request.headers.get(CSRF_HEADER, ""), session.csrf)

    def has_own_origin(self, request: Request) -> bool:
        """Whether the page that sent it is one of ours."""
        _, _, host = request.headers.get("origin", "").partition("://")
        return host in self.hosts

    def _is_token(self, shown: str) -> bool:
        return _is_same(shown, self.token)


def provide_token(path: Path) -> str:
    """Return the token in a file of its own, made at the first start and readable by us alone."""
    try:
        kept = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_atomically(path, token.encode("ascii"))
    return token


def _is_same(shown: str, expected: str) -> bool:
    return hmac.compare_digest(
        shown.encode("utf-8", "surrogateescape"), expected.encode("utf-8", "surrogateescape")
    )
