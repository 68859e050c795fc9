"""A driver on Ray says that it lives, whatever its board does."""

import asyncio
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from config.settings import Settings
from runtime import driver
from runtime.board_plan import BoardPulse
from runtime.clock import ScaledClock
from runtime.driver import Display, Driver
from runtime.run_plan import RunPlan
from runtime.status import Status


class _Board:
    """Answers once and then hangs."""

    def __init__(self) -> None:
        self._has_answered = False

    async def pulse(self) -> BoardPulse:
        if self._has_answered:
            await asyncio.Event().wait()
        self._has_answered = True
        return BoardPulse(head=7, now_ns=9, supersteps=0, has_ended=False, failure="", authors={})


class _Told(Display):
    """Notes what is said, and each status."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.statuses: asyncio.Queue[Status] = asyncio.Queue()

    def line(self, text: str) -> None:
        self.lines.append(text)

    def update(self, _picture: object, status: Status) -> None:
        self.statuses.put_nowait(status)


def test_a_board_that_hangs_silences_no_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last pulse is told again with a new time, so commands are still taken."""
    monkeypatch.setattr(driver, "_STATUS_EVERY_S", 0.0)
    monkeypatch.setattr(driver, "_PULSE_WITHIN_S", 0.01)
    display = _Told()

    async def told_twice() -> list[Status]:
        work = asyncio.create_task(_driver(tmp_path, display)._tell())
        told = [await asyncio.wait_for(display.statuses.get(), 60) for _ in range(2)]
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        return told

    first, again = asyncio.run(told_twice())

    assert (first.head, again.head) == (7, 7)
    assert again.written_wall_ns > first.written_wall_ns
    assert display.lines[0] == "board      it did not answer within 0.01 s"


def _driver(folder: Path, display: Display) -> Driver:
    plan = RunPlan(
        run_id="1",
        folder=str(folder / "books" / "embedded"),
        settings_json=Settings(home=folder).model_dump_json(),
        clock=ScaledClock(wall_anchor_ns=0, market_anchor_ns=0, speed=1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=0,
    )
    plan.book.folder.mkdir(parents=True)
    cluster = SimpleNamespace(
        board=_Board(),
        post=None,
        session=None,
        terminal=SimpleNamespace(url="", pid=0),
        board_pid=0,
        board_node="",
        agents={},
        has_ended=False,
    )
    return Driver(plan, cluster, display)  # type: ignore[arg-type]
