"""The way from an agent to the board, whatever lies between them."""

from typing import Final, Protocol

import msgspec

from blackboard.entry import Ack, Entry, Post
from blackboard.reading import Filter, Joined

PAST_BATCH_MAX: Final = 1_000
"""Entries of one answer about the past: they lie far apart, and meanwhile the board answers nobody
else."""


class ReadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Entries after a cursor, and the cursor to go on from."""

    read_to: int
    entries: list[Entry]


def past_wanted(wanted: Filter, joined: Joined) -> Filter:
    """Return what a reader that has joined wants of the past; every host asks for this."""
    return msgspec.structs.replace(wanted, past=joined.past)


class BoardPort(Protocol):
    """A client of the board; each call raises BoardUnavailable where the board stays away.

    Then a post may have been taken all the same: the same post again tells.
    """

    async def join(self, author: str) -> Joined:
        """Admit this instance of an author."""

    async def post(self, post: Post) -> tuple[Ack, ...]:
        """Post; raises PostRefused if the board says no."""

    async def read(
        self,
        after: int,
        wanted: Filter,
        limit: int,
        timeout_s: float = 0.0,
        linger_s: float = 0.0,
    ) -> ReadAnswer:
        """Read after a cursor, waiting up to `timeout_s` for something new.

        Where nothing of it hurries, the answer comes up to `linger_s` after that: who is in no
        hurry is woken once for what comes together, not once for each post.
        """


async def read_past(
    board: BoardPort, wanted: Filter, joined: Joined, limit: int, up_to: int | None = None
) -> ReadAnswer:
    """Read what counts of the past, batch by batch, to the head or to a seq."""
    wanted, limit = past_wanted(wanted, joined), min(limit, PAST_BATCH_MAX)
    cursor, entries = 0, list[Entry]()
    while True:
        answer = await board.read(cursor, wanted, limit)
        entries += answer.entries
        done = len(answer.entries) < limit or (up_to is not None and answer.read_to >= up_to)
        cursor = answer.read_to
        if done:
            break
    if up_to is not None:
        entries = [entry for entry in entries if entry.seq <= up_to]
    return ReadAnswer(read_to=cursor, entries=entries)
