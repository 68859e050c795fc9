"""The way of an operator's command from the mailbox to the board of a run on Ray.

A command is posted until the board has it, however long that is away: a person who asked for a halt
must not have to ask twice. The same draft each time, so that the board takes it once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from blackboard.entry import Draft
from blackboard.errors import BoardUnavailable
from blackboard.facts import ACCOUNT, OperatorCommand
from runtime.clock import wall_ns
from runtime.mailbox import LETTERS_MAX, Letter, take

_log = structlog.get_logger()
_AGAIN_AFTER_S: Final = 0.25


class LetterCarrier:
    """Takes letters and sees to it that each is obeyed, in order.

    Parameters
    ----------
    mailbox : Path
        Where letters are left.
    post : callable
        Hands a draft to the board; BoardUnavailable if that stays away.
    apply : callable
        Does what concerns processes, once the board has the command.
    say : callable
        Tells a person.
    """

    def __init__(
        self,
        mailbox: Path,
        post: Callable[[Draft], Awaitable[None]],
        apply: Callable[[Letter], Awaitable[None]],
        say: Callable[[str], None],
    ) -> None:
        self._mailbox = mailbox
        self._post = post
        self._apply = apply
        self._say = say
        self._count = 0
        self._asked: asyncio.Queue[tuple[Letter, Draft]] = asyncio.Queue(LETTERS_MAX)
        """What operators have asked for and the board does not have yet."""
        self._in_hand: Letter | None = None
        """The one that is on its way."""

    def collect(self, now_ns: int) -> bool:
        """Take what lies in the mailbox; return whether the driver is asked to stop."""
        is_stop = False
        for letter in take(self._mailbox):
            if letter.is_stop:
                is_stop = True
            else:
                self._note(letter, now_ns)
        return is_stop

    async def deliver(self) -> None:
        """Hand over one command after the other, until cancelled; say what then is left."""
        try:
            while True:
                self._in_hand, draft = await self._asked.get()
                await self._hand_over(self._in_hand, draft)
                letter, self._in_hand = self._in_hand, None
                await self._apply(letter)
        finally:
            self._tell_left()

    def _note(self, letter: Letter, now_ns: int) -> None:
        self._count += 1
        try:
            draft = operator_draft(letter, f"{wall_ns()}.{self._count}", now_ns)
            self._asked.put_nowait((letter, draft))
        except asyncio.QueueFull:
            reason = f"{LETTERS_MAX} commands wait for the board"
            _log.warning("command_refused", command=letter.command, reason=reason)
            self._say(f"operator   {letter.command} refused: {reason}")

    def _tell_left(self) -> None:
        # The next run begins without them: whoever asked must know that nobody has obeyed.
        queued = [self._asked.get_nowait()[0] for _ in range(self._asked.qsize())]
        for letter in (self._in_hand, *queued):
            if letter is not None:
                _log.warning("command_lost", command=letter.command, argument=letter.argument)
                self._say(
                    f"operator   {letter.command} LOST: the run ended before the board had it"
                )
        self._in_hand = None

    async def _hand_over(self, letter: Letter, draft: Draft) -> None:
        while True:
            try:
                return await self._post(draft)
            except BoardUnavailable as error:
                _log.warning("command_waits", command=letter.command, reason=str(error))
                self._say(f"operator   {letter.command} waits: {error}")
                await asyncio.sleep(_AGAIN_AFTER_S)


def operator_draft(letter: Letter, ordinal: str, now_ns: int) -> Draft:
    """Return the fact that hands an operator's command to the council."""
    fact = OperatorCommand(
        scope=ACCOUNT,
        command=letter.operator_command,
        origin=letter.origin,
        argument=letter.argument,
    )
    return Draft(fact=fact, ts_event_ns=now_ns, ordinal=ordinal)
