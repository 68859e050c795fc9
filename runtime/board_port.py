"""The way from an agent to the board, whatever lies between them."""

from collections.abc import AsyncIterator
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
    board: BoardPort, wanted: Filter, joined: Joined, limit: int
) -> AsyncIterator[ReadAnswer]:
    """Read what counts of the past to the head, batch by batch, so that nobody need hold it all."""
    wanted, limit = past_wanted(wanted, joined), min(limit, PAST_BATCH_MAX)
    cursor, is_more = 0, True
    while is_more:
        answer = await board.read(cursor, wanted, limit)
        yield answer
        # No post is parted: a batch that was cut may hold more than was asked for.
        cursor, is_more = answer.read_to, len(answer.entries) >= limit
