"""A live board with many clients: concurrent posts in one commit, readers that wait for news.

Whatever stands around it, an actor on Ray or the simulation of the whole system, calls it from one
event loop. Guarantees are those of `blackboard.board.Board`; it adds only the waiting.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from blackboard.board import Board
from blackboard.entry import Ack, Entry, Post, Stored
from blackboard.errors import (
    BoardUnavailable,
    JournalCorrupt,
    JournalFenced,
    JournalUnavailable,
    PostRefused,
)
from blackboard.reading import Filter, Joined
from runtime.clock import process_s

Answer = tuple[Ack, ...] | PostRefused | BoardUnavailable
"""What becomes of a post."""
QUIET_S: Final = 0.3
"""How long nothing is posted before the journal is tidied: longer than the pauses of a round."""
NEWS_HELD_S_MAX: Final = 0.005
"""How long readers wait for what is stored while more is being posted."""


class BoardService:
    """A board, its queue of posts and its waiting readers."""

    def __init__(
        self, board: Board, now_ns: Callable[[], int], tidy: Callable[[], None] | None = None
    ) -> None:
        self.board = board
        self._tidy = tidy
        """Called when nothing has been posted for a while."""
        self._tidying: asyncio.TimerHandle | None = None
        self.failure = ""
        """Why the last commit could not be stored; empty before the first that could not."""
        self.away = ""
        """Why it is not known whether the last commit was stored; empty while it is."""
        self.beat_s = process_s()
        """Process time of the latest commit."""
        self._now_ns = now_ns
        self._queue: list[tuple[Post, asyncio.Future[Answer]]] = []
        self._draining: asyncio.Task[None] | None = None
        self._waiting: dict[asyncio.Future[None], Callable[[Entry], bool]] = {}
        self._told_to = board.head

    def join(self, author: str) -> Joined:
        """Admit a new instance of an author; what it brings to the journal is news for readers."""
        joined = self.board.join(author)
        self.wake_readers()
        return joined

    async def post(self, post: Post) -> tuple[Ack, ...]:
        """Take a post; those that arrive together share one journal block.

        Raises
        ------
        PostRefused
            If a rule forbids it, or nothing can be stored any more.
        BoardUnavailable
            If the journal's server does not answer: the same post again tells what became of it.
        """
        loop = asyncio.get_running_loop()
        if self._tidying is not None:
            self._tidying.cancel()
        future: asyncio.Future[Answer] = loop.create_future()
        self._queue.append((post, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        answer = await future
        if isinstance(answer, PostRefused | BoardUnavailable):
            raise answer
        return answer

    async def read(
        self, after: int, wanted: Filter, limit: int, timeout_s: float, linger_s: float = 0.0
    ) -> tuple[int, list[Stored]]:
        """Return what a reader wants after its cursor; wait for the first of it if need be.

        Where nothing of it hurries, wait up to `linger_s` longer for something that does.
        """
        head, stored = self.board.read(after, wanted, limit)
        if timeout_s <= 0.0:
            return head, stored
        if not stored:
            await self._news(wanted.passes, timeout_s)
            head, stored = self.board.read(after, wanted, limit)
        if linger_s <= 0.0 or not stored or any(wanted.hurries(item.entry) for item in stored):
            return head, stored
        await self._news(wanted.hurries, linger_s)
        return self.board.read(after, wanted, limit)

    async def _news(self, is_news: Callable[[Entry], bool], timeout_s: float) -> None:
        """Wait until an entry is news, or for so long."""
        loop = asyncio.get_running_loop()
        news: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(timeout_s, _release, news)
        self._waiting[news] = is_news
        try:
            await news
        finally:
            timer.cancel()
            self._waiting.pop(news, None)

    def wake_readers(self) -> None:
        """Let the readers go on for whom something is new."""
        told_to, self._told_to = self._told_to, self.board.head
        if not self._waiting or told_to == self._told_to:
            return
        _, fresh = self.board.read(told_to)
        for news, is_news in list(self._waiting.items()):
            if any(is_news(item.entry) for item in fresh):
                _release(news)

    def release_readers(self) -> None:
        """Let all readers go on, news or none: the run is over."""
        for news in list(self._waiting):
            _release(news)

    async def _drain(self) -> None:
        # One turn of the loop later, so that posts which arrived together share a block. Readers
        # are woken when no more have come: an answer for each post would cost more than the post.
        began_s = process_s()
        while True:
            await asyncio.sleep(0)
            if not self._queue:
                break
            self._commit()
            if process_s() - began_s >= NEWS_HELD_S_MAX:
                began_s = process_s()
                self.wake_readers()
        self.wake_readers()
        if self._tidy is not None:
            self._tidying = asyncio.get_running_loop().call_later(QUIET_S, self._tidy)

    def _commit(self) -> None:
        waiting, self._queue = self._queue, []
        self.beat_s = process_s()
        answers: Sequence[Answer]
        try:
            answers = self.board.commit([post for post, _ in waiting], max(self._now_ns(), 0))
            self.away = ""
        except JournalUnavailable as error:
            self.away = str(error)
            answers = [BoardUnavailable(str(error))] * len(waiting)
        except (OSError, JournalCorrupt, JournalFenced) as error:
            self.failure = str(error)
            answers = [PostRefused(str(error))] * len(waiting)
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _release(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)
