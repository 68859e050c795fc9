"""Setting Telegram up: whether a token is good, who wrote first, and a message to try it."""

from typing import Final

import msgspec
from telegram import Bot
from telegram.constants import ChatType

from blackboard.errors import ConfigError
from runtime.clock import process_s
from runtime.notify.link import UNREADABLE, Link
from runtime.notify.markup import compose
from runtime.notify.outbox import Message, Note

POLL_S: Final = 10
"""How long Telegram holds one question for news."""


class Writer(msgspec.Struct, frozen=True):
    """Somebody who wrote to the bot."""

    chat: int
    user: int
    name: str


async def bot_name(link: Link) -> str:
    """Return the bot's name; ConfigError if the token is not good, or nobody answers."""
    async with link.opened() as bot:
        try:
            return (await bot.get_me()).username or ""
        except UNREADABLE as raised:
            raise ConfigError(f"Telegram refuses the token: {link.failure(raised)}") from None


async def first_writer(link: Link, within_s: float) -> Writer:
    """Return who writes first in a private chat from now on; ConfigError if nobody does."""
    ends_s = process_s() + within_s
    async with link.opened() as bot:
        offset = await _end_of_updates(bot, link)
        while (left_s := ends_s - process_s()) > 0.0:
            try:
                updates = await bot.get_updates(
                    offset=offset,
                    timeout=int(min(POLL_S, left_s + 1)),
                    allowed_updates=["message"],
                )
            except UNREADABLE as raised:
                raise ConfigError(f"nothing can be read: {link.failure(raised)}") from None
            for update in updates:
                offset = update.update_id + 1
                message = update.message
                if message and message.from_user and message.chat.type == ChatType.PRIVATE:
                    user = message.from_user
                    return Writer(message.chat.id, user.id, user.full_name)
    raise ConfigError(f"nobody has written to the bot within {within_s:g} s")


async def send_test(link: Link, marker: str) -> None:
    """Send a message; ConfigError says why it does not arrive."""
    note = Note(title="Test", text="messages of Quorum arrive here")
    async with link.opened() as bot:
        try:
            await bot.send_message(
                link.chat_id, compose(marker, [Message(number=0, note=note)]), parse_mode="HTML"
            )
        except UNREADABLE as raised:
            raise ConfigError(f"the test was not sent: {link.failure(raised)}") from None


async def _end_of_updates(bot: Bot, link: Link) -> int | None:
    """Return the id after everything that was written before, None where nothing was."""
    try:
        await bot.delete_webhook()
        earlier = await bot.get_updates(offset=-1, timeout=0, allowed_updates=["message"])
    except UNREADABLE as raised:
        raise ConfigError(f"nothing can be read: {link.failure(raised)}") from None
    return earlier[-1].update_id + 1 if earlier else None
