"""What is written to the bot comes in: asked for by long polls, let in by the gate, answered.

An answer is work for another thread, one at a time, so that neither sending nor trading waits for
it; one that fails costs itself. Answers go out in turn with everything else.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from telegram import Bot, BotCommand, BotCommandScopeChat, CallbackQuery, Update

from runtime.notify.desk import Desk
from runtime.notify.gate import Gate
from runtime.notify.link import UNREADABLE, Delivery, Link, LinkError
from runtime.notify.outbox import Note
from runtime.notify.sending import Backoff
from runtime.notify.telegram import Pause

POLL_S: Final = 25
"""How long Telegram holds a question for news."""
IDLE_S: Final = 0.5
"""Pause after an answer without news; a server that does not hold questions is not hammered."""
UPDATES: Final = ("message", "callback_query")
_log = structlog.get_logger()


class Listener:
    """Hears the operator, and answers."""

    def __init__(self, link: Link, gate: Gate, desk: Desk, post: Callable[[Note], None]) -> None:
        self._link = link
        self._gate = gate
        self._desk = desk
        self._post = post
        self._backoff = Backoff()
        self._is_deaf = False

    async def listen(self, bot: Bot, pause: Pause) -> None:
        """Ask and answer until it is cancelled."""
        is_prepared = False
        while True:
            try:
                if not is_prepared:
                    await self._prepare(bot)
                    is_prepared = True
                updates = await bot.get_updates(
                    offset=self._gate.offset, timeout=POLL_S, allowed_updates=UPDATES
                )
            except UNREADABLE as raised:
                await pause(self._missed(self._link.failure(raised)))
                continue
            self._heard()
            for update in updates:
                await self._take(bot, update)
            if not updates:
                await pause(IDLE_S)

    async def _prepare(self, bot: Bot) -> None:
        """Show the commands, and end a webhook, beside which nobody can ask for updates."""
        menu = [BotCommand(verb.name, verb.words) for verb in self._desk.verbs.values()]
        await bot.delete_webhook()
        try:
            # For this chat alone: a stranger who finds the bot sees nothing of it.
            scope = BotCommandScopeChat(self._link.chat_id)
            await bot.set_my_commands([*menu, BotCommand("help", "what there is")], scope=scope)
        except LinkError as error:
            if error.delivery is not Delivery.REFUSED:
                raise
            _log.warning("telegram_menu_refused", reason=self._link.hidden(error.reason))

    async def _take(self, bot: Bot, update: Update) -> None:
        try:
            if not self._gate.is_new(update):
                return
        except OSError as error:  # what is not on record is not obeyed: it could come again
            _log.error("telegram_update_refused", reason=self._link.hidden(str(error)))
            return
        message, query = update.message, update.callback_query
        if query is not None and self._gate.admits_press(query):
            await self._answer(self._desk.press, query.data or "", query.from_user.id)
            await self._release(bot, query)
        elif message is not None and message.text and self._gate.admits_message(message):
            assert message.from_user is not None
            await self._answer(self._desk.command, message.text, message.from_user.id)

    async def _answer(self, ask: Callable[[str, int], Note | None], text: str, user: int) -> None:
        work = asyncio.create_task(asyncio.to_thread(ask, text, user))
        await asyncio.wait([work])
        error = work.exception()
        if error is None:
            if (note := work.result()) is not None:
                self._post(note)
            return
        reason = self._link.hidden(f"{type(error).__name__}: {error}")
        _log.error("telegram_answer_failed", reason=reason)
        self._post(Note(title="Not answered", text=f"{reason}; see the log"))

    async def _release(self, bot: Bot, query: CallbackQuery) -> None:
        """End the waiting of the button, and take it away; neither matters if it fails."""
        with suppress(*UNREADABLE):
            await bot.answer_callback_query(query.id)
        if query.message is not None:
            with suppress(*UNREADABLE):
                await bot.edit_message_reply_markup(
                    self._link.chat_id, query.message.message_id, reply_markup=None
                )

    def _missed(self, error: LinkError) -> float:
        if not self._is_deaf:
            self._is_deaf = True
            _log.warning("telegram_deaf", reason=error.reason)
        return error.wait_s or self._backoff.next_s()

    def _heard(self) -> None:
        self._backoff.reset()
        if self._is_deaf:
            self._is_deaf = False
            _log.info("telegram_hears_again")
