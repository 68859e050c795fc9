"""A simulated process: it can be killed at any of its steps, frozen, or cut off from the board."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from blackboard.entry import Post

RUNNING: Final[ContextVar["Process | None"]] = ContextVar("process", default=None)
"""The process that the current task belongs to."""


async def let_it_run() -> None:
    """Wait while the process of the current task is frozen; a dead one goes no further."""
    process = RUNNING.get()
    if process is not None:
        await process.is_running()


def _nothing(_post: Post, _is_done: bool) -> None:
    pass


class Process:
    """One instance of an agent or of the driver.

    Whatever it does passes through its ports, which ask it first: a dead one does nothing any more,
    even where asyncio swallows a cancellation, and a frozen one waits.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_cut_off = False
        """Whether it reaches the terminal but not the board."""
        self.task: asyncio.Task[None] | None = None
        self.on_post: Callable[[Post, bool], None] = _nothing
        """Told of each post before it leaves and after it was acknowledged."""
        self._thaw: asyncio.Future[None] | None = None

    def kill(self) -> None:
        """End it at once."""
        self.is_dead = True
        self.thaw()
        if self.task is not None:
            self.task.cancel()

    def freeze(self) -> None:
        """Stop it without ending it, as SIGSTOP or a swapped out machine would."""
        if self._thaw is None and not self.is_dead:
            self._thaw = asyncio.get_running_loop().create_future()

    def thaw(self) -> None:
        """Let a frozen one go on."""
        if self._thaw is not None:
            thaw, self._thaw = self._thaw, None
            if not thaw.done():
                thaw.set_result(None)

    def at_post(self, post: Post, *, is_done: bool) -> None:
        """Let whoever watches its posts act, and end here if that was its death."""
        self.on_post(post, is_done)
        self.require_alive()

    def require_alive(self) -> None:
        """Raise CancelledError in a process that is dead."""
        if self.is_dead:
            raise asyncio.CancelledError

    async def is_running(self) -> None:
        """Wait while it is frozen; a dead one goes no further."""
        while self._thaw is not None:
            await asyncio.shield(self._thaw)
        self.require_alive()
