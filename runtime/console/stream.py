"""The stream of events by which an open page stays up to date.

It carries no pages: a browser is told that something has happened, and the lines of the live view,
and fetches what it shows anew. A browser that reconnects resumes after the last line it has.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from runtime.console.present import Present

STREAMS_MAX: Final = 16
"""Open streams; a further browser is refused."""
PAUSE_S: Final = 0.5
LINES_PER_EVENT_MAX: Final = 100
KEEP_ALIVE_TURNS: Final = 30
"""Turns without news after which a comment keeps the connection from being cut as idle."""


async def events(present: Present, after: int, is_over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield server-sent events until the server stops; `after` is the last seq a browser has."""
    cursor, told, idle = after, (-1, -1), 0
    while not is_over():
        with present.held():
            version = (present.head, present.picture.now_ns)
            lines = _lines_after(present, cursor)
            tick = _tick(present)
        if version != told:
            told, idle = version, 0
            cursor = max(cursor, present.head)
            yield _event({**tick, "lines": lines}, cursor)
        else:
            idle += 1
            if idle >= KEEP_ALIVE_TURNS:
                idle = 0
                yield b": still here\n\n"
        await asyncio.sleep(PAUSE_S)


def _lines_after(present: Present, cursor: int) -> list[dict[str, Any]]:
    newest: list[dict[str, Any]] = []
    for seq, text in reversed(present.lines):
        if seq <= cursor or len(newest) >= LINES_PER_EVENT_MAX:
            break
        newest.append({"seq": seq, "text": text})
    return newest[::-1]


def _tick(present: Present) -> dict[str, Any]:
    picture = present.picture
    return {
        "head": present.head,
        "now_ns": picture.now_ns,
        "state": picture.state.state.value if picture.state else "STARTING",
        "equity": picture.account.equity if picture.account else None,
        "currency": picture.account.currency if picture.account else "",
        "drawdown_frac": picture.mark.drawdown_frac if picture.mark else None,
        "marker": present.status.marker if present.status else "",
        "unwell": [
            agent.name
            for agent in (present.status.agents if present.status else ())
            if agent.health not in {"healthy", "starting", "off"}
        ],
    }


def _event(data: dict[str, Any], cursor: int) -> bytes:
    return b"id: %d\nevent: tick\ndata: %s\n\n" % (cursor, msgspec.json.encode(data))
