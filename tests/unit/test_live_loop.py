"""The live loop leaves no failure of a reading unheard, and counts no failure of the board."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest

from blackboard.errors import BoardUnavailable
from config.settings import Settings
from runtime import live_loop


async def _fails() -> Any:
    raise BoardUnavailable("the board did not answer read within 30.0 s")


def test_a_reading_that_failed_meanwhile_is_not_reported_as_lost() -> None:
    """While a post waited for the same board, the reading beside it failed: nothing is lost."""
    told: list[dict[str, Any]] = []

    async def forget_a_failed_reading() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        reading = asyncio.create_task(_fails())
        await asyncio.sleep(0)

        live_loop._cancel(reading)

        del reading
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(forget_a_failed_reading())

    assert told == []


def test_a_reading_under_way_is_cancelled() -> None:
    """Nobody waits for it any more."""

    async def cancel_one() -> bool:
        reading: asyncio.Task[Any] = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        live_loop._cancel(reading)
        await asyncio.sleep(0)
        return reading.cancelled()

    assert asyncio.run(cancel_one())


def test_an_agent_without_its_board_waits_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the board stays away, no fault is counted; another error is one."""
    said: list[str] = []
    errors = [BoardUnavailable("away"), BoardUnavailable("still away"), OSError("a fault")]
    host = SimpleNamespace(
        name="risk",
        has_ended=False,
        settings=Settings(),
        open_world=lambda: SimpleNamespace(close=lambda: None),
        waits=lambda reason: said.append(f"waits: {reason}"),
    )

    def failed(reason: str) -> int:
        said.append(f"failed: {reason}")
        host.has_ended = True
        return 1

    host.failed = failed

    async def follow(_agent: Any, _world: Any) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(live_loop, "_FAULT_PAUSE_S", 0.0)
    asyncio.run(live_loop.reside(host, follow))

    assert said == ["waits: away", "waits: still away", "failed: a fault"]
