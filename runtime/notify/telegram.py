"""Messages to the operator by Telegram: sending only, beside the trading, never in its way.

The driver posts a text and goes on; a thread of its own takes the texts from a durable `Outbox` and
sends them one by one, in order. Whatever Telegram answers, or does not, stays in that thread: a
message waits, is sent again later, or is counted as lost. The token is part of every address, so no
text of an HTTP error leaves this module as it is.

Source: core.telegram.org/bots/api, "sendMessage", "Making requests", and the bots FAQ on limits.
"""

import html
import threading
from collections.abc import Callable
from enum import Enum
from typing import Final

import httpx
import msgspec
import structlog
from pydantic import SecretStr

from config.secrets import Secrets
from runtime.book import Book
from runtime.log_setup import REDACTED, redact_text
from runtime.notify.outbox import Message, Outbox

BASE_URL: Final = "https://api.telegram.org"
LENGTH_MAX: Final = 4096
"""Longest message, counted as Telegram does: in UTF-16 units."""
INTERVAL_S: Final = 1.0
"""Pause after a message: a chat takes about one a second."""
BACKOFF_MIN_S: Final = 1.0
BACKOFF_MAX_S: Final = 300.0
"""Bounds of the pause after a failure; it doubles from one to the next."""
RETRY_AFTER_MAX_S: Final = 3600.0
"""Longest pause that Telegram can ask for."""
TIMEOUT_S: Final = 10.0
"""Time in which Telegram must connect, and answer."""
CLOSE_WITHIN_S: Final = 1.0
"""Time for what still waits when the system stops; the rest goes at the next start."""

_WRONG_ADDRESS: Final = frozenset({401, 403, 404})
"""Wrong token, bot blocked by the person, or no such bot: no message will ever arrive."""
_TOO_MANY: Final = 429
_ELLIPSIS: Final = "…"

_log = structlog.get_logger()


class Delivery(Enum):
    """What became of one attempt."""

    SENT = "sent"
    LATER = "later"
    """Nobody answered, or asked us to wait; the same message is sent again."""
    REFUSED = "refused"
    """This message can never be sent."""
    CLOSED = "closed"
    """No message can be sent in this run; they wait for the next one."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt, and how long to wait before the next."""

    delivery: Delivery
    wait_s: float
    reason: str = ""


class _Answer(msgspec.Struct):
    """What Telegram says beside the status code."""

    class Parameters(msgspec.Struct):
        """How to do better."""

        retry_after: float = 0.0

    ok: bool = False
    description: str = ""
    parameters: Parameters = msgspec.field(default_factory=Parameters)


class TelegramNotifier:
    """Sends the texts of one book to one chat.

    `post` never blocks for longer than the writing of a small file and never raises. Messages
    arrive in the order of posting and at least once; what waits when the process ends is sent by
    the next one.
    """

    def __init__(
        self,
        token: SecretStr,
        chat_id: SecretStr,
        outbox: Outbox,
        marker: str,
        *,
        base_url: str = BASE_URL,
        client: httpx.Client | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Nothing is sent before `start`.

        Parameters
        ----------
        token, chat_id
            Who sends, and to whom.
        outbox
            Where texts wait.
        marker
            SIM, PAPER or LIVE, the first word of every message.
        base_url, client
            Where Telegram is and how it is reached; the client is closed with the notifier.
        pause
            Waits for some seconds; by default until `close` at the latest.
        """
        self._token = token
        self._chat_id = chat_id
        self._outbox = outbox
        self._marker = marker
        self._base_url = base_url
        self._client = client or httpx.Client(timeout=TIMEOUT_S)
        self._failures = 0
        self._is_delayed = False
        self._news = threading.Event()
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._pause = pause or self._closing.wait
        # A daemon, because an answer that never comes must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)

    def start(self) -> None:
        """Begin to send, with what an earlier run has left."""
        self._thread.start()

    def post(self, text: str) -> None:
        """Hand over a text; it is sent in its turn, or a later run sends it."""
        try:
            self._outbox.post(text)
        except OSError as error:
            _log.warning("notification_lost", reason=self._redacted(error))
        self._news.set()

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Send what can be sent in that time, then stop; the rest waits for the next start."""
        self._closing.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(within_s)
        else:
            self._client.close()
        self._abandoned.set()

    def deliver(self) -> Attempt | None:
        """Try to send the oldest message; None if nothing waits."""
        message = self._outbox.oldest()
        if message is None:
            return None
        attempt = self._attempt(message)
        match attempt.delivery:
            case Delivery.SENT:
                self._outbox.settle(message)
            case Delivery.REFUSED:
                self._outbox.refuse(message)
            case Delivery.LATER | Delivery.CLOSED:
                pass
        self._note(attempt)
        return attempt

    def _run(self) -> None:
        with self._client:
            while not self._abandoned.is_set():
                self._news.clear()  # before the look, so that a post after it is not missed
                attempt = self._look()
                if attempt is not None and attempt.delivery is Delivery.CLOSED:
                    return
                if self._closing.is_set():
                    if attempt is None or attempt.delivery is Delivery.LATER:
                        return
                elif attempt is None:
                    self._news.wait()
                else:
                    self._pause(attempt.wait_s)

    def _look(self) -> Attempt | None:
        try:
            return self.deliver()
        except OSError as error:  # the disk, not the network
            return self._later(self._redacted(error))

    def _attempt(self, message: Message) -> Attempt:
        body = {
            "chat_id": self._chat_id.get_secret_value(),
            "text": compose(self._marker, message),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        url = f"{self._base_url}/bot{self._token.get_secret_value()}/sendMessage"
        try:
            response = self._client.post(url, json=body)
        except httpx.HTTPError as error:
            return self._later(self._redacted(error))
        except httpx.InvalidURL as error:
            return Attempt(Delivery.CLOSED, 0.0, self._redacted(error))
        return self._judge(response)

    def _judge(self, response: httpx.Response) -> Attempt:
        answer = _answer(response)
        status = response.status_code
        if response.is_success and answer.ok:
            self._failures = 0
            return Attempt(Delivery.SENT, INTERVAL_S)
        reason = f"{status} {self._hidden(answer.description)}".rstrip()
        if status == _TOO_MANY:
            wait_s = min(max(answer.parameters.retry_after, BACKOFF_MIN_S), RETRY_AFTER_MAX_S)
            return Attempt(Delivery.LATER, wait_s, reason)
        if status in _WRONG_ADDRESS:
            return Attempt(Delivery.CLOSED, 0.0, reason)
        if response.is_client_error:
            return Attempt(Delivery.REFUSED, INTERVAL_S, reason)
        return self._later(reason)  # the server's error, or a page of somebody in between

    def _later(self, reason: str) -> Attempt:
        wait_s = min(BACKOFF_MIN_S * 2.0 ** min(self._failures, 30), BACKOFF_MAX_S)
        self._failures += 1
        return Attempt(Delivery.LATER, wait_s, reason)

    def _note(self, attempt: Attempt) -> None:
        was_delayed, self._is_delayed = self._is_delayed, attempt.delivery is Delivery.LATER
        match attempt.delivery:
            case Delivery.SENT if was_delayed:
                _log.info("notifications_resumed")
            case Delivery.SENT:
                pass
            case Delivery.LATER if not was_delayed:
                _log.warning("notifications_delayed", reason=attempt.reason)
            case Delivery.LATER:
                pass
            case Delivery.REFUSED:
                _log.warning("notification_refused", reason=attempt.reason)
            case Delivery.CLOSED:
                waiting = len(self._outbox)
                _log.error("notifications_stopped", reason=attempt.reason, waiting=waiting)

    def _redacted(self, error: Exception) -> str:
        return self._hidden(f"{type(error).__name__}: {error}")

    def _hidden(self, text: str) -> str:
        # By value too: a token that was mistyped has not the form by which texts are searched.
        for secret in (self._token, self._chat_id):
            text = text.replace(secret.get_secret_value() or REDACTED, REDACTED)
        return redact_text(text)


def compose(marker: str, message: Message) -> str:
    """Return a message as Telegram takes it: marker first, without markup, not too long."""
    lost = f"({message.dropped} older messages were lost)\n" if message.dropped else ""
    return escape_within(f"[{marker}] {lost}{message.text}", LENGTH_MAX)


def escape_within(text: str, length_max: int) -> str:
    """Return a text for HTML mode; a longer one is cut, never inside an escaped character."""
    parts = [html.escape(character, quote=False) for character in text]
    if sum(map(_length, parts)) <= length_max:
        return "".join(parts)
    left = length_max - _length(_ELLIPSIS)
    kept = []
    for part in parts:
        left -= _length(part)
        if left < 0:
            break
        kept.append(part)
    return "".join(kept) + _ELLIPSIS


def start_notifier(secrets: Secrets, book: Book, marker: str) -> TelegramNotifier | None:
    """Return a notifier at work, None unless both of its secrets are set.

    Parameters
    ----------
    secrets
        Of them TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are used.
    book
        The book of this run, held by this process; its texts wait there.
    marker
        SIM, PAPER or LIVE.
    """
    token, chat_id = secrets.telegram_bot_token, secrets.telegram_chat_id
    if not (token.get_secret_value() and chat_id.get_secret_value()):
        return None
    notifier = TelegramNotifier(token, chat_id, Outbox(book.folder / "outbox"), marker)
    notifier.start()
    return notifier


def _answer(response: httpx.Response) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a proxy's page, not Telegram
        return _Answer()


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
