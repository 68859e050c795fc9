"""The raw floor of a round on Ray: the same calls between as many actors, and nothing in them.

A hub actor keeps a list; readers long-poll it, as the agents poll the board. Who must speak posts a
few bytes as soon as it has read what it waits for: bar, four votes, intent, permission, order.
Nobody computes, encodes facts, journals or checks anything.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import Any, Final

os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

import ray

from runtime.clock import process_s

POLL_S: Final = 5.0
PAYLOAD: Final = b"x" * 200
VOTERS: Final = ("technical", "lstm_vol", "sentiment", "portfolio")
SPEAKERS: Final = {
    **dict.fromkeys(VOTERS, ("bar", 1, "vote")),
    "supervisor": ("vote", len(VOTERS), "intent"),
    "risk": ("intent", 1, "permission"),
    "execution": ("permission", 1, "order"),
}
"""What each waits for, how often, and what it says then."""
LISTENERS: Final = ("data",)
"""Readers that only listen; the learner and the driver read later, what has gathered."""


Word = tuple[str, float, bytes]
"""What was said, when it came by the hub's clock, and its payload."""


class Hub:
    """A list of words with the moments at which they came, and readers that wait for more."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.news = asyncio.Event()

    async def post(self, word: str, payload: bytes) -> int:
        """Append a word; return its place."""
        self.words.append((word, process_s(), payload))
        woken, self.news = self.news, asyncio.Event()
        woken.set()
        return len(self.words)

    async def read(self, after: int) -> tuple[int, list[Word]]:
        """Return the words after a place; wait for one."""
        if len(self.words) == after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), POLL_S)
        return len(self.words), self.words[after:]


class Speaker:
    """Reads everything; speaks when it has heard what it waits for."""

    def __init__(self, hub: Any, waits_for: str, times: int, says: str) -> None:
        self.hub, self.waits_for, self.times, self.says = hub, waits_for, times, says
        self.task = asyncio.create_task(self.follow())

    async def follow(self) -> None:
        """Read and speak, for ever."""
        place, heard = 0, 0
        while True:
            place, words = await self.hub.read.remote(place)
            heard += sum(word == self.waits_for for word, _, _ in words)
            while self.says and heard >= self.times:
                heard -= self.times
                await self.hub.post.remote(self.says, PAYLOAD)

    async def ready(self) -> None:
        """Answer once it follows."""


def main(rounds: int, pause_s: float) -> None:
    """Run rounds and print the milliseconds from each bar to its order, and of each hop."""
    ray.init(
        address="local", include_dashboard=False, log_to_driver=False, object_store_memory=256 << 20
    )
    hub: Any = ray.remote(num_cpus=0)(Hub).remote()
    speaker: Any = ray.remote(num_cpus=0)(Speaker)
    actors: list[Any] = [speaker.remote(hub, *terms) for terms in SPEAKERS.values()]
    actors += [speaker.remote(hub, "", 1, "") for _ in LISTENERS]
    ray.get([actor.ready.remote() for actor in actors])
    asyncio.run(_speak(hub, rounds, pause_s))
    _, words = ray.get(hub.read.remote(0))
    print(json.dumps(_rounds(words)))
    ray.shutdown()


async def _speak(hub: Any, rounds: int, pause_s: float) -> None:
    place = 0
    for _ in range(rounds):
        await hub.post.remote("bar", PAYLOAD)
        words: list[Word] = []
        while all(word != "order" for word, _, _ in words):
            await asyncio.sleep(pause_s)  # like the driver: it reads what has gathered
            place, words = await hub.read.remote(place)


def _rounds(words: list[Word]) -> list[dict[str, float]]:
    """Return by round when each word came, its last time, in milliseconds after the bar."""
    rounds: list[dict[str, float]] = []
    started_s = 0.0
    for word, at_s, _ in words:
        if word == "bar":
            started_s = at_s
            rounds.append({})
        rounds[-1][word] = (at_s - started_s) * 1e3
    return rounds


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
