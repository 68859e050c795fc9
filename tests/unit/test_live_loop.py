"""The live loop leaves no failure of a reading unheard."""

import asyncio
import gc
from typing import Any

from blackboard.errors import BoardUnavailable
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
