"""Who is heard: the operator's own chat and users, once, and in time.

Everybody else is ignored without an answer; the log says who knocked, not what was said.
"""

from pathlib import Path
from typing import Final

import msgspec
import structlog
from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType

from config.telegram import TelegramSection
from runtime.book import write_atomically
from runtime.clock import NS, wall_ns

STRANGERS_MAX: Final = 100
"""Strangers that are logged, each once."""
FORGOTTEN_NS: Final = 6 * 24 * 3600 * NS
"""Age after which the last id says nothing: after a week of silence Telegram counts from anew."""
_log = structlog.get_logger()


class Last(msgspec.Struct, frozen=True):
    """The last update that was taken."""

    update_id: int = 0
    at_wall_ns: int = 0


class Gate:
    """Lets updates in, and remembers the last one on disk before it is acted on."""

    def __init__(self, section: TelegramSection, chat_id: str, path: Path) -> None:
        self._section = section
        self._chat_id = chat_id
        self._path = path
        self._last = _read(path)
        self._strangers: set[int] = set()

    @property
    def offset(self) -> int | None:
        """Id of the next update to ask for, None for whatever waits."""
        return self._known() + 1 if self._known() else None

    def is_new(self, update: Update) -> bool:
        """Whether an update was never seen before; it is on record from here on."""
        # The library takes whatever stands there, as a garbled answer may have it.
        if not isinstance(update.update_id, int) or update.update_id <= self._known():
            return False
        self._last = Last(update.update_id, wall_ns())
        write_atomically(self._path, msgspec.json.encode(self._last))
        return True

    def admits_message(self, message: Message) -> bool:
        """Whether what was written comes from the operator, and just now."""
        user = message.from_user.id if message.from_user else 0
        if not self._is_ours(user, message.chat.id, message.chat.type):
            return False
        age_s = wall_ns() / NS - message.date.timestamp()
        if age_s > self._section.update_age_max_s:
            _log.warning("telegram_too_old", age_s=round(age_s))
            return False
        return True

    def admits_press(self, query: CallbackQuery) -> bool:
        """Whether a button was pressed by the operator, in the operator's chat."""
        chat = query.message.chat if query.message else None
        return chat is not None and self._is_ours(query.from_user.id, chat.id, chat.type)

    def _known(self) -> int:
        is_forgotten = wall_ns() - self._last.at_wall_ns > FORGOTTEN_NS
        return 0 if is_forgotten else self._last.update_id

    def _is_ours(self, user: int, chat: int, kind: str) -> bool:
        is_chat = str(chat) == self._chat_id and kind == ChatType.PRIVATE
        if is_chat and user in self._section.users:
            return True
        if user not in self._strangers and len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(user)
            _log.warning("telegram_stranger", user=user, chat_type=kind)
        return False


def _read(path: Path) -> Last:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Last)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return Last()
