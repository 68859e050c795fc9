"""The watch over the board's process: when it ends one, and what it tells those who wait."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorUnavailableError

from config.system import ClusterSection
from runtime.board_watch import SILENT_S_MAX, BoardWatch


class Process:
    """A board's actor as far as its watch asks it, and the time around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.answer: dict[str, Any] | Exception | None = {"pid": 1, "away": "", "node": "n"}
        """What it says, or raises; None is silence."""
        self.ended = 0
        self.watch = BoardWatch(ClusterSection(health_timeout_s=0.11))
        monkeypatch.setattr("runtime.board_watch.process_s", lambda: self.now_s)
        monkeypatch.setattr("runtime.board_watch.ray.kill", self._end)
        self.watch.handle = SimpleNamespace(health=SimpleNamespace(remote=self._health))

    def look(self, later_s: float = 0.0) -> str:
        """Let time pass and look; return why the board is away."""
        self.now_s += later_s
        asyncio.run(self.watch.look())
        return self.watch.away

    async def _health(self) -> dict[str, Any]:
        if self.answer is None:
            await asyncio.sleep(3600.0)
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer

    def _end(self, _handle: object, *, no_restart: bool) -> None:
        assert not no_restart
        self.ended += 1


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """Return a board that has answered once."""
    process = Process(monkeypatch)
    assert process.look() == ""
    return process


def test_a_frozen_board_is_ended_after_its_silence_however_rarely_it_was_looked_at(
    process: Process,
) -> None:
    """Time counts and not looks, for a look is slow where nothing answers."""
    process.answer = None

    assert process.look() == "the board does not answer"
    process.look(SILENT_S_MAX - 1.0)
    assert process.ended == 0
    process.look(1.0)
    assert process.ended == 1
    process.look(SILENT_S_MAX)
    assert process.ended == 1, "the one that was started then has its own time"


def test_a_board_that_ray_starts_again_is_waited_for(process: Process) -> None:
    """One that died is away until it answers, and nobody ends it."""
    process.answer = ActorUnavailableError("restarting", None)
    assert process.look(10.0 * SILENT_S_MAX) == "the board is started again"
    process.answer = {"pid": 2, "away": "", "node": "m"}

    assert process.look() == ""
    assert (process.watch.pid, process.watch.node, process.ended) == (2, "m", 0)


def test_a_journal_that_is_away_is_told(process: Process) -> None:
    """A board that lives and waits for its journal is named with that reason."""
    process.answer = {"pid": 1, "away": "Redis does not answer", "node": "n"}

    assert process.look() == "Redis does not answer"
    assert process.ended == 0
