"""One board on Ray, or a list in an actor that is called through Ray; a script of its own.

``throughput``: one poster, batches of a hundred with a few posts under way, one reader that
long-polls until it has all of them. ``fan_out``: a fact at a time, as many readers as asked; how
long after the call each had it. Both tell what processors did for a fact. Prints one JSON object.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any, Final

from runtime.ray_session import ENVIRONMENT

# The size for the raw list's sake: beyond 100 KiB, Ray's default, an answer goes through the object
# store, which costs as much again as the call.
os.environ.update(
    {
        **ENVIRONMENT,
        "RAY_AUTH_MODE": "disabled",
        "RAY_max_direct_call_object_size": str(1 << 20),
        **os.environ,
    }
)

import msgspec
import psutil
import ray

from blackboard.access import declare
from blackboard.board import BoardLimits
from blackboard.entry import Draft, Post
from blackboard.facts import Quote
from blackboard.reading import Filter
from runtime.board_actor import Blackboard
from runtime.board_client import BoardClient
from runtime.board_plan import BoardPlan
from runtime.clock import process_s, start_clock

AUTHOR: Final = "data"
BATCH: Final = 100
SYMBOLS: Final = 28
UNDER_WAY: Final = 4
PAYLOAD_BYTES: Final = 200
"""What a quote takes in a post. No two are the same: of what repeats, pickle sends one."""
POLL_S: Final = 5.0
LIMIT: Final = 5_000
DEADLINE_S: Final = 60.0
PAUSE_S: Final = 0.05


class Hub:
    """A list and readers that wait for more of it."""

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.news = asyncio.Event()

    async def post(self, items: list[bytes]) -> int:
        """Append; return the new length."""
        self.items += items
        woken, self.news = self.news, asyncio.Event()
        woken.set()
        return len(self.items)

    async def read(self, after: int) -> tuple[int, list[bytes]]:
        """Return what came after a place; wait for it."""
        if len(self.items) == after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), POLL_S)
        items = self.items[after : after + LIMIT]
        return after + len(items), items


class RawEnd:
    """Posts to the list, or reads from it."""

    def __init__(self, hub: Any) -> None:
        self.hub = hub

    async def open(self) -> None:
        """Nobody has to join a list."""

    async def post(self, first: int, count: int) -> None:
        """Post items."""
        items = [number.to_bytes(PAYLOAD_BYTES) for number in range(first, first + count)]
        await self.hub.post.remote(items)

    async def read(self, after: int) -> int:
        """Read once; return the cursor."""
        place, _ = await self.hub.read.remote(after)
        return int(place)


class BoardEnd:
    """Posts quotes of many symbols to the board, or reads them."""

    def __init__(self) -> None:
        self.client = BoardClient(DEADLINE_S)
        self.epoch = 0

    async def open(self) -> None:
        """Join as the author."""
        self.epoch = (await self.client.join(AUTHOR)).epoch

    async def post(self, first: int, count: int) -> None:
        """Post quotes; those of all symbols at one instant follow each other."""
        drafts = tuple(
            Draft(fact=_quote(number), ts_event_ns=number // SYMBOLS)
            for number in range(first, first + count)
        )
        now_ns = first + count
        await self.client.post(
            Post(author=AUTHOR, epoch=self.epoch, drafts=drafts, read_to=0, now_ns=now_ns)
        )

    async def read(self, after: int) -> int:
        """Read once; return the cursor."""
        return (await self.client.read(after, Filter(), LIMIT, POLL_S)).read_to


class Actor:
    """An end in a process of its own."""

    def __init__(self, end: Any) -> None:
        self.end = end

    async def pour(self, count: int) -> None:
        """Post batches, a few at a time under way."""
        await self.end.open()
        gate = asyncio.Semaphore(UNDER_WAY)

        async def pour(first: int) -> None:
            async with gate:
                await self.end.post(first, BATCH)

        await asyncio.gather(*(pour(first) for first in range(0, count, BATCH)))

    async def drain(self, count: int) -> None:
        """Read until so many have come."""
        place = 0
        while place < count:
            place = await self.end.read(place)

    async def drip(self, count: int) -> list[float]:
        """Post one at a time; return when each call was made."""
        await self.end.open()
        called_s = []
        for number in range(count):
            await asyncio.sleep(PAUSE_S)
            called_s.append(process_s())
            await self.end.post(number, 1)
        return called_s

    async def note(self, count: int) -> list[float]:
        """Return when each of so many was had."""
        place, had_s = 0, list[float]()
        while place < count:
            place = await self.end.read(place)
            had_s += [process_s()] * (place - len(had_s))
        return had_s


def main(kind: str, what: str, count: int, readers: int) -> None:
    """Run one measurement."""
    ray.init(
        address="local",
        namespace="quorum-bench",
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=256 << 20,
    )
    with TemporaryDirectory() as folder:
        actor: Any = ray.remote(num_cpus=0)(Actor)
        hub, ends = _raw(readers) if kind == "raw" else _board(folder, readers)
        poster, *listeners = [actor.remote(end) for end in ends]
        if what == "throughput":
            told = _throughput(hub, poster, listeners, count)
        else:
            told = _fan_out(hub, poster, listeners, count)
        told["hub_mb"] = _processes(hub)[0].memory_info().rss / 2**20
        print(json.dumps(told))
    ray.shutdown()


def _raw(readers: int) -> tuple[Any, list[Any]]:
    remote: Any = ray.remote(num_cpus=0)(Hub)
    hub = remote.remote()
    return hub, [RawEnd(hub) for _ in range(readers + 1)]


def _board(folder: str, readers: int) -> tuple[Any, list[Any]]:
    plan = BoardPlan(
        folder=f"{folder}/journal",
        declarations={AUTHOR: declare((Quote,), (Quote,))},
        order=(AUTHOR,),
        limits=BoardLimits(author_entries_per_min_max=1_000_000_000),
        bytes_max=1 << 36,
        clock=start_clock(10**15, 1.0),
        is_virtual=False,
        start_ns=0,
        end_ns=0,
        is_paced=False,
        log_folder=f"{folder}/logs",
        log="{}",
        profile="sim",
    )
    remote: Any = ray.remote(  # type: ignore[call-overload] # Ray's types do not know the groups
        num_cpus=0, concurrency_groups={"ctl": 1}
    )(Blackboard)
    hub = remote.options(name="blackboard").remote(msgspec.msgpack.encode(plan))
    return hub, [BoardEnd() for _ in range(readers + 1)]


def _throughput(hub: Any, poster: Any, readers: list[Any], count: int) -> dict[str, Any]:
    watched = _Watched(hub, poster, readers)
    started_s = process_s()
    ray.get([poster.pour.remote(count), *(reader.drain.remote(count) for reader in readers)])
    return {"facts_per_s": count / (process_s() - started_s), "cpu_ms": watched.cpu_ms(count)}


def _fan_out(hub: Any, poster: Any, readers: list[Any], count: int) -> dict[str, Any]:
    watched = _Watched(hub, poster, readers)
    notes = [reader.note.remote(count) for reader in readers]
    called_s = ray.get(poster.drip.remote(count))
    warm = count // 10
    delays = [
        (had_s - posted_s) * 1e3
        for each in ray.get(notes)
        for posted_s, had_s in zip(called_s[warm:], each[warm:], strict=True)
    ]
    return {"delays_ms": delays, "cpu_ms": watched.cpu_ms(count)}


class _Watched:
    """What the processors do for the actors from now on."""

    def __init__(self, hub: Any, poster: Any, readers: list[Any]) -> None:
        ray.get([each.__ray_ready__.remote() for each in (poster, *readers)])
        self._groups = {
            "hub": _processes(hub),
            "poster": _processes(poster),
            "readers": _processes(*readers),
        }
        self._before_s = {name: _processor_s(group) for name, group in self._groups.items()}

    def cpu_ms(self, count: int) -> dict[str, float]:
        """Return milliseconds a fact by group."""
        return {
            name: (_processor_s(group) - self._before_s[name]) / count * 1e3
            for name, group in self._groups.items()
        }


def _processes(*actors: Any) -> list[psutil.Process]:
    pids = ray.get([actor.__ray_call__.remote(lambda _: os.getpid()) for actor in actors])
    return [psutil.Process(pid) for pid in pids]


def _processor_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _quote(number: int) -> Quote:
    return Quote(
        scope=f"PAIR{number % SYMBOLS:02d}",
        bid=1.1,
        ask=1.1001,
        account_per_quote=1.0,
        source="bench",
        tick_ns=number,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
