"""Who answers the operator: a text in, messages out. It knows nothing of Telegram's network."""

from collections.abc import Callable
from typing import Final

import structlog

from blackboard.errors import ConfigError
from config.telegram import TelegramSection
from runtime.notify.confirmations import Confirmations
from runtime.notify.outbox import Note
from runtime.notify.ration import Ration, Share
from runtime.notify.sources import Order, Refused, Sources
from runtime.notify.verbs import Permission, Verb, active, usage

HELP: Final = frozenset({"help", "start"})
WORDS_MAX: Final = 8
WORD_LENGTH_MAX: Final = 64
_log = structlog.get_logger()


class Desk:
    """Answers the commands that the settings permit."""

    def __init__(self, sources: Sources, section: TelegramSection) -> None:
        self.verbs = active(section)
        self._sources = sources
        self._section = section
        self._confirmations = Confirmations(section.confirm_within_s)
        self._ration = Ration(section.commands_per_min_max)

    def command(self, text: str, user: int) -> Note | None:
        """Return the answer to what a user wrote, None for who has been told to wait."""
        return self._rationed(user, lambda: self._command(text, user))

    def press(self, data: str, user: int) -> Note | None:
        """Return the answer to a button that a user pressed, likewise."""
        return self._rationed(user, lambda: self._press(data, user))

    def _rationed(self, user: int, answer: Callable[[], Note]) -> Note | None:
        match self._ration.take(user):
            case Share.LEFT:
                return answer()
            case Share.JUST_SPENT:
                most = self._section.commands_per_min_max
                text = f"at most {most} a minute are taken; wait, then write it again"
                return Note(title="Too many commands", text=text)
            case Share.SPENT:
                return None

    def _command(self, text: str, user: int) -> Note:
        name, *words = text.split()[: WORDS_MAX + 1] or [""]
        # In a chat a command may name its bot: /status@quorum_bot.
        name = name.removeprefix("/").partition("@")[0].lower()
        try:
            if not text.startswith("/"):
                raise Refused("commands begin with /; /help lists them")
            if name in HELP:
                return self._help()
            verb = self.verbs.get(name)
            if verb is None:
                raise Refused(f"/{name[:WORD_LENGTH_MAX]} is not there; /help lists what is")
            return self._answer(verb, tuple(word[:WORD_LENGTH_MAX] for word in words), user)
        except Refused as refused:
            return Note(title="Not done" if name else "Not understood", text=str(refused))

    def _press(self, data: str, user: int) -> Note:
        try:
            order = self._confirmations.press(data, user)
            if order is None:
                return Note(title="Taken back", text="nothing was ordered")
            return self._carry(order)
        except Refused as refused:
            return Note(title="Not done", text=str(refused))

    def _answer(self, verb: Verb, words: tuple[str, ...], user: int) -> Note:
        if verb.order is None:
            assert verb.answer is not None
            return verb.answer(self._sources, words)
        order = verb.order(self._sources, words)
        if not verb.is_confirmed:
            return self._carry(order)
        within_s = self._section.confirm_within_s
        return Note(
            title=f"Confirm {order.name}",
            text=f"It {order.what}. Press within {within_s:g} s.",
            buttons=self._confirmations.ask(order, user),
        )

    def _carry(self, order: Order) -> Note:
        try:
            answer = order.carry()
        except (ConfigError, OSError) as error:
            raise Refused(str(error)) from error
        _log.info("telegram_order", order=order.name)
        return Note(title=f"Ordered: {order.name}", text=f"{order.what}\n{answer}")

    def _help(self) -> Note:
        lines = [f"{usage(verb)}: {verb.words}" for verb in self.verbs.values()]
        confirmed = [verb.name for verb in self.verbs.values() if verb.is_confirmed]
        lines.append("/help: this list")
        if confirmed:
            lines.append(f"A button confirms {', '.join(confirmed)}.")
        if not any(verb.permission is Permission.RAISE for verb in self.verbs.values()):
            lines.append("What lets risk rise is not taken here.")
        return Note(title="Commands", text="\n".join(lines))
