"""The line to Telegram: one bot of python-telegram-bot, every failure of which is a `LinkError`.

The token is part of every address, so no text of an error leaves this module as it is. Answers are
judged here by their status before the library reads them: a page of a proxy, a garbled answer or a
pause that nobody could wait for surprises nobody behind this.

Source: core.telegram.org/bots/api, "Making requests", and the bots FAQ on limits.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final

import msgspec
from pydantic import SecretStr
from telegram import Bot
from telegram.error import TelegramError
from telegram.request import BaseRequest, HTTPXRequest

from config.telegram import TelegramSection
from runtime.log_setup import REDACTED, redact_text

TIMEOUT_S: Final = 10.0
"""Time in which Telegram must connect, and answer."""
RETRY_AFTER_MIN_S: Final = 1.0
RETRY_AFTER_MAX_S: Final = 3600.0
"""Shortest and longest pause that Telegram can ask for."""
UNREADABLE: Final = (TelegramError, KeyError, TypeError, ValueError, AttributeError)
"""What a call can raise: the library's errors, and what it stumbles over in a garbled answer."""
_CONNECTIONS: Final = 4
_TOO_MANY: Final = 429
_WRONG_ADDRESS: Final = frozenset({401, 403, 404})
"""Wrong token, bot blocked by the person, or no such bot: nothing arrives until that is mended."""
_CONFLICT: Final = 409


class Delivery(Enum):
    """What became of one attempt."""

    SENT = "sent"
    LATER = "later"
    """Nobody answered, or asked us to wait; the same is tried again."""
    REFUSED = "refused"
    """This can never be sent."""
    CLOSED = "closed"
    """Nothing arrives until a person has mended the token, or let the bot in again."""


class LinkError(TelegramError):
    """A call that failed; also the library's own kind of error, so that it passes through it."""

    def __init__(self, delivery: Delivery, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.delivery = delivery
        self.reason = reason
        self.wait_s = wait_s
        """Pause that Telegram asked for, 0 if it did not."""


class _Answer(msgspec.Struct):
    """What Telegram says beside the status code."""

    class Parameters(msgspec.Struct):
        """How to do better."""

        retry_after: float = 0.0

    ok: bool = False
    result: msgspec.Raw = msgspec.Raw()
    description: str = ""
    parameters: Parameters = msgspec.field(default_factory=Parameters)


class Link:
    """A bot's token, the chat that it speaks in, and what may be said of errors."""

    def __init__(self, token: SecretStr, chat_id: SecretStr, section: TelegramSection) -> None:
        self._token = token
        self._chat_id = chat_id
        self._section = section

    @property
    def chat_id(self) -> str:
        """Where messages go; it must reach no log."""
        return self._chat_id.get_secret_value()

    def bot(self, sending: BaseRequest, asking: BaseRequest) -> Bot:
        """Return the bot whose calls these carry, long polls apart from the others."""
        return Bot(
            self._token.get_secret_value() or "none",
            base_url=f"{self._section.base_url.rstrip('/')}/bot",
            request=Guarded(sending),
            get_updates_request=Guarded(asking),
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Bot]:
        """Give the bot to the loop that is running; its connections end with the context."""
        sending, asking = self._http(), self._http()
        try:
            yield self.bot(sending, asking)
        finally:
            await sending.shutdown()
            await asking.shutdown()

    def failure(self, error: Exception) -> LinkError:
        """Return what a call raised as an error whose text holds no secret."""
        if isinstance(error, LinkError):
            return LinkError(error.delivery, self.hidden(error.reason), error.wait_s)
        return LinkError(Delivery.LATER, self.hidden(f"{type(error).__name__}: {error}"))

    def hidden(self, text: str) -> str:
        """Return a text without the token and the chat.

        By value too: a token that was mistyped has not the form by which texts are searched.
        """
        for secret in (self._token, self._chat_id):
            text = text.replace(secret.get_secret_value() or REDACTED, REDACTED)
        return redact_text(text)

    def _http(self) -> BaseRequest:
        return HTTPXRequest(
            connection_pool_size=_CONNECTIONS,
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
            connect_timeout=TIMEOUT_S,
            pool_timeout=TIMEOUT_S,
            proxy=self._section.proxy or None,
        )


class Guarded(BaseRequest):
    """Carries calls by another, and judges the answers before the library does."""

    def __init__(self, inner: BaseRequest) -> None:
        self._inner = inner

    @property
    def read_timeout(self) -> float | None:
        """Return the usual time for an answer."""
        return self._inner.read_timeout

    async def initialize(self) -> None:
        """Open."""
        await self._inner.initialize()

    async def shutdown(self) -> None:
        """Close."""
        await self._inner.shutdown()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Return what a successful call brought; LinkError for everything else."""
        status, content = await self._inner.do_request(*args, **kwargs)
        if (error := _judge(status, content)) is not None:
            raise error
        return status, content


def _judge(status: int, content: bytes) -> LinkError | None:
    answer = _decoded(content)
    if 200 <= status < 300 and answer.ok and bytes(answer.result):
        return None
    reason = f"{status} {answer.description}".rstrip()
    if status == _TOO_MANY:
        asked_s = answer.parameters.retry_after
        wait_s = min(max(asked_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)
        return LinkError(Delivery.LATER, reason, wait_s)
    if status in _WRONG_ADDRESS:
        return LinkError(Delivery.CLOSED, reason)
    if status == _CONFLICT:
        return LinkError(Delivery.LATER, f"{reason} (another program reads this bot's messages)")
    if 400 <= status < 500:
        return LinkError(Delivery.REFUSED, reason)
    return LinkError(Delivery.LATER, reason)  # the server's error, or somebody's page in between


def _decoded(content: bytes) -> _Answer:
    try:
        return msgspec.json.decode(content, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a proxy's page, not Telegram
        return _Answer()
