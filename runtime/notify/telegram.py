"""Telegram beside the trading, never in its way: one thread with a loop of its own.

The driver posts and goes on; the thread takes the messages from a durable `Outbox` and, where that
is allowed, asks for commands. Whatever Telegram answers, or does not, stays in that thread.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog
from telegram import Bot

from blackboard.facts import Summary
from config.telegram import EventsSection, Loudness
from runtime.notify.link import Link
from runtime.notify.outbox import Note, Outbox
from runtime.notify.sending import Paint, Sender, no_picture

CLOSE_WITHIN_S: Final = 1.0
"""Time for what still waits when the system stops; the rest goes at the next start."""
HEAR_AGAIN_S: Final = 10.0
"""Pause after an error in hearing."""
PICTURED: Final = frozenset({"day", "week"})
"""Events with the curve of equity."""
_log = structlog.get_logger()

Pause = Callable[[float], Awaitable[object]]
"""Waits for some seconds of process time."""


class Ear(Protocol):
    """Asks for what people write, until it is cancelled."""

    async def listen(self, bot: Bot, pause: Pause) -> None:
        """Never return by itself."""


class Telegram:
    """Sends messages to one chat, and hears what is written there if it has an ear.

    `post` never blocks for longer than the writing of a small file and never raises. Messages
    arrive in the order of posting and at least once; what waits when the process ends is sent by
    the next one.
    """

    def __init__(
        self,
        link: Link,
        outbox: Outbox,
        marker: str,
        events: EventsSection,
        *,
        paint: Paint = no_picture,
        pause: Pause | None = None,
    ) -> None:
        """Nothing is sent before `start`.

        Parameters
        ----------
        link
            Who sends, and to whom.
        outbox
            Where messages wait.
        marker
            SIM, PAPER or LIVE, the first word of every message.
        events
            Which summaries are told, and how loud.
        paint
            What draws the curve of equity.
        pause
            Waits for some seconds; by default until `close` at the latest.
        """
        self._link = link
        self._outbox = outbox
        self._marker = marker
        self._events = events
        self._paint = paint
        self.ear: Ear | None = None
        """What takes commands; nothing is asked of Telegram where there is none."""
        self._pause = pause or self._until_closing
        self._is_closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news, self._closing = asyncio.Event(), asyncio.Event()
        # A daemon, because an answer that never comes must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)

    def start(self) -> None:
        """Begin to send, with what an earlier run has left."""
        self._thread.start()

    def tell(self, summary: Summary) -> None:
        """Hand over what the council reports, if the operator wants to know of such events."""
        loudness = loudness_of(self._events, summary.event)
        if loudness != "off":
            self.post(
                Note(
                    title=summary.title,
                    text=summary.text,
                    is_silent=loudness == "silent",
                    has_picture=summary.event in PICTURED,
                )
            )

    def post(self, note: Note) -> None:
        """Hand over a message; it is sent in its turn, or a later run sends it."""
        try:
            self._outbox.post(note)
        except OSError as error:
            _log.warning("notification_lost", reason=self._link.hidden(str(error)))
        self._wake()

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Send what can be sent in that time, then stop; the rest waits for the next start."""
        self._is_closing = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the thread has ended meanwhile
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._news.set()
        if self._is_closing:
            self._closing.set()

    def _run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._look()  # what was asked before there was a loop
        async with self._link.opened() as bot:
            hearing = asyncio.create_task(self._hear(bot))
            await self._send(Sender(bot, self._link, self._outbox, self._marker, self._paint))
            hearing.cancel()
            await asyncio.wait([hearing])

    async def _send(self, sender: Sender) -> None:
        while True:
            self._news.clear()  # before the look, so that a post after it is not missed
            try:
                attempt = await sender.deliver()
            except OSError as error:  # the disk, not the network
                attempt = sender.delay(self._link.hidden(str(error)))
            if attempt is None:
                if self._is_closing:
                    return
                await self._news.wait()
            elif not self._is_closing:
                await self._pause(attempt.wait_s)
            elif not attempt.is_over:
                return

    async def _hear(self, bot: Bot) -> None:
        """Listen, and begin anew after an error that nobody has thought of."""
        while self.ear is not None:
            work = asyncio.create_task(self.ear.listen(bot, self._pause))
            try:
                await asyncio.wait([work])
            finally:
                work.cancel()
            reason = self._link.hidden(repr(work.exception()))
            _log.error("telegram_ear_failed", reason=reason)
            await self._pause(HEAR_AGAIN_S)

    async def _until_closing(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


def loudness_of(section: EventsSection, event: str) -> Loudness:
    """Return how loud an event is told; what nobody has set is told."""
    told: dict[str, Loudness] = {
        "start": section.start,
        "state": section.state,
        "limit": section.limit,
        "opened": section.opened,
        "trade": section.trade,
        "unprotected": section.unprotected,
        "flatten": section.flatten,
        "operator": section.operator,
        "agent": section.agent,
        "feed": section.feed,
        "training": section.training,
        "drift": section.drift,
        "session": section.session,
        "day": section.day,
        "week": section.week,
    }
    return told.get(event, "on")
