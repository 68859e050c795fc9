"""An operator's command on its way to the board: none is lost, none is taken twice."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from blackboard.entry import Draft
from blackboard.errors import BoardUnavailable
from blackboard.facts import OperatorCommand
from blackboard.facts.control import Command
from runtime.letter_carrier import LetterCarrier
from runtime.mailbox import LETTERS_MAX, STOP_LETTER, Letter, leave


class Desk:
    """A board that stays away for some posts, and what came of the letters."""

    def __init__(self, folder: Path, away: int = 0) -> None:
        self.away = away
        self.posted: list[Draft] = []
        self.applied: list[str] = []
        self.said: list[str] = []
        self._obeyed: asyncio.Queue[str] = asyncio.Queue()
        self.carrier = LetterCarrier(folder, self._post, self._apply, self.said.append)

    def deliver(self, count: int) -> None:
        """Deliver until so many were obeyed."""

        async def deliver() -> None:
            work = asyncio.create_task(self.carrier.deliver())
            for _ in range(count):
                await self._obeyed.get()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

        asyncio.run(deliver())

    async def _post(self, draft: Draft) -> None:
        self.posted.append(draft)
        if self.away:
            self.away -= 1
            raise BoardUnavailable("frozen")

    async def _apply(self, letter: Letter) -> None:
        self.applied.append(letter.command)
        self._obeyed.put_nowait(letter.command)


def test_a_command_waits_for_a_board_that_is_away_and_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is posted until the board has it, in one slot, and only then done to processes."""
    monkeypatch.setattr("runtime.letter_carrier._AGAIN_AFTER_S", 0.0)
    desk = Desk(tmp_path, away=2)
    leave(tmp_path, Letter(command=Command.PAUSE, origin="cli"))
    leave(tmp_path, Letter(command=Command.FLATTEN, origin="cli"))

    assert not desk.carrier.collect(7)
    desk.deliver(2)

    assert desk.applied == ["pause", "flatten"]
    assert desk.posted[0] == desk.posted[1] == desk.posted[2]
    assert [
        draft.fact.command for draft in desk.posted[2:] if isinstance(draft.fact, OperatorCommand)
    ] == [Command.PAUSE, Command.FLATTEN]
    assert desk.posted[2].slot != desk.posted[3].slot
    assert desk.said == ["operator   pause waits: frozen"] * 2


def test_what_the_board_never_had_is_told_at_the_end(tmp_path: Path) -> None:
    """A run that ends before the board is back says which commands nobody obeyed."""
    desk = Desk(tmp_path, away=1)
    leave(tmp_path, Letter(command=Command.PAUSE, origin="cli"))
    leave(tmp_path, Letter(command=Command.FLATTEN, origin="cli"))
    desk.carrier.collect(7)

    async def end_while_it_waits() -> None:
        work = asyncio.create_task(desk.carrier.deliver())
        await asyncio.sleep(0)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    asyncio.run(end_while_it_waits())

    assert desk.applied == []
    assert desk.said == [
        "operator   pause waits: frozen",
        "operator   pause LOST: the run ended before the board had it",
        "operator   flatten LOST: the run ended before the board had it",
    ]


def test_a_stop_is_heard_while_commands_wait(tmp_path: Path) -> None:
    """The mailbox is read on, whatever the board does."""
    desk = Desk(tmp_path)
    leave(tmp_path, Letter(command=Command.PAUSE, origin="cli"))
    assert not desk.carrier.collect(7)
    leave(tmp_path, STOP_LETTER)

    assert desk.carrier.collect(7)


def test_what_waits_is_bounded_and_a_refusal_is_said(tmp_path: Path) -> None:
    """A board that stays away for good does not fill the memory."""
    desk = Desk(tmp_path)
    for _ in range(2):
        for _ in range(LETTERS_MAX // 2 + 1):
            leave(tmp_path, Letter(command=Command.PAUSE, origin="cli"))
        desk.carrier.collect(7)

    refused = f"operator   pause refused: {LETTERS_MAX} commands wait for the board"
    assert desk.said == [refused] * 2
