"""The edge of the world as the hosts see it: one port that performs requests.

`perform` blocks and is called off an agent's loop.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from agents.requests import Reply, Request


class Due(msgspec.Struct, frozen=True):
    """A reply and the market time at which the agent may have it."""

    at_ns: int
    reply: Reply
    collect: Callable[[], Reply] | None = None
    """Where given, waits for the reply that takes the other's place when it falls due: work that
    goes on beside virtual time."""

    def taken(self) -> Reply:
        """Return the reply; it may have to be waited for."""
        return self.reply if self.collect is None else self.collect()


class World(Protocol):
    """Performs requests."""

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request; every failure is an answer too, never an exception of the source."""

    def broker_mark(self) -> tuple[object, ...]:
        """Return something cheap that differs whenever the broker's book does."""

    def close(self) -> None:
        """Release connections."""
