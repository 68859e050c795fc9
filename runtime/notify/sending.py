"""What waits in the outbox goes out: one message after the other, in order, at least once."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ParseMode

from runtime.notify.link import UNREADABLE, Delivery, Link, LinkError
from runtime.notify.markup import CAPTION_LENGTH_MAX, JOINED_MAX, compose, joined, units
from runtime.notify.outbox import Message, Outbox

INTERVAL_S: Final = 1.0
"""Pause after a message: a chat takes about one a second."""
BACKOFF_MIN_S: Final = 1.0
BACKOFF_MAX_S: Final = 300.0
"""Bounds of the pause after a failure; it doubles from one to the next."""

Paint = Callable[[], bytes | None]
"""Returns a picture as PNG, None where there is nothing to show."""
_log = structlog.get_logger()


class Attempt(msgspec.Struct, frozen=True):
    """One attempt, and how long to wait before the next."""

    delivery: Delivery
    wait_s: float
    reason: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the message is out of the queue."""
        return self.delivery in {Delivery.SENT, Delivery.REFUSED}


class Backoff:
    """The pause after a failure, doubled from one to the next until something succeeds."""

    def __init__(self) -> None:
        self._failures = 0

    def next_s(self) -> float:
        """Return the pause after one more failure."""
        wait_s = min(BACKOFF_MIN_S * 2.0 ** min(self._failures, 30), BACKOFF_MAX_S)
        self._failures += 1
        return wait_s

    def reset(self) -> None:
        """Begin anew."""
        self._failures = 0


def no_picture() -> None:
    """Return no picture."""


class Sender:
    """Sends the messages of one outbox to one chat."""

    def __init__(
        self, bot: Bot, link: Link, outbox: Outbox, marker: str, paint: Paint = no_picture
    ) -> None:
        self._bot = bot
        self._link = link
        self._outbox = outbox
        self._marker = marker
        self._paint = paint
        self._backoff = Backoff()
        self._last = Delivery.SENT

    async def deliver(self) -> Attempt | None:
        """Try to send what waits longest, several plain messages as one; None if nothing waits."""
        waiting = self._outbox.first(JOINED_MAX)
        if not waiting:
            return None
        messages = joined(waiting)
        attempt = await self._attempt(messages)
        match attempt.delivery:
            case Delivery.SENT:
                self._outbox.settle(messages)
            case Delivery.REFUSED:
                self._outbox.refuse(messages)
            case Delivery.LATER | Delivery.CLOSED:
                pass
        self._tell(attempt)
        return attempt

    def delay(self, reason: str) -> Attempt:
        """Return an attempt that failed on this side, of the disk say."""
        attempt = Attempt(Delivery.LATER, self._backoff.next_s(), reason)
        self._tell(attempt)
        return attempt

    async def _attempt(self, messages: list[Message]) -> Attempt:
        try:
            await self._send(messages)
        except UNREADABLE as raised:
            error = self._link.failure(raised)
            if error.delivery is Delivery.REFUSED:
                return Attempt(error.delivery, INTERVAL_S, error.reason)
            wait_s = error.wait_s or self._backoff.next_s()
            return Attempt(error.delivery, wait_s, error.reason)
        self._backoff.reset()
        return Attempt(Delivery.SENT, INTERVAL_S)

    async def _send(self, messages: list[Message]) -> None:
        note = messages[0].note
        picture = await self._picture() if note.has_picture else None
        if picture is not None and await self._show(picture, messages):
            return
        keys = [InlineKeyboardButton(each.label, callback_data=each.data) for each in note.buttons]
        await self._bot.send_message(
            self._link.chat_id,
            compose(self._marker, messages),
            parse_mode=ParseMode.HTML,
            disable_notification=note.is_silent,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
            reply_markup=InlineKeyboardMarkup([keys]) if keys else None,
        )

    async def _picture(self) -> bytes | None:
        """Return the picture, drawn in another thread; one that fails costs itself."""
        work = asyncio.create_task(asyncio.to_thread(self._paint))
        await asyncio.wait([work])
        if (error := work.exception()) is not None:
            _log.error("picture_not_drawn", reason=self._link.hidden(repr(error)))
            return None
        return work.result()

    async def _show(self, picture: bytes, messages: list[Message]) -> bool:
        """Send a picture; whether the text has gone with it, which must be short for that."""
        text = compose(self._marker, messages)
        is_short = units(text) <= CAPTION_LENGTH_MAX
        try:
            await self._bot.send_photo(
                self._link.chat_id,
                picture,
                caption=text if is_short else None,
                parse_mode=ParseMode.HTML,
                disable_notification=messages[0].note.is_silent,
            )
        except LinkError as error:
            if error.delivery is not Delivery.REFUSED:
                raise
            _log.warning("picture_refused", reason=self._link.hidden(error.reason))
            return False
        return is_short

    def _tell(self, attempt: Attempt) -> None:
        """Log when something begins or ends, not every attempt."""
        before, self._last = self._last, attempt.delivery
        match attempt.delivery:
            case Delivery.SENT if before in {Delivery.LATER, Delivery.CLOSED}:
                _log.info("notifications_resumed")
            case Delivery.LATER if before is not Delivery.LATER:
                _log.warning("notifications_delayed", reason=attempt.reason)
            case Delivery.REFUSED:
                _log.warning("notification_refused", reason=attempt.reason)
            case Delivery.CLOSED if before is not Delivery.CLOSED:
                waiting = len(self._outbox)
                _log.error("notifications_stopped", reason=attempt.reason, waiting=waiting)
            case _:
                pass
