"""The edge of the world: what can be done for an agent's requests, behind one port.

`perform` blocks and is called off an agent's loop. In virtual time the world stands still at the
`now_ns` of the call; a source that is away is then waited for, because nothing else can happen.
"""

from typing import Protocol

import msgspec

from agents.requests import Reply, Request


class Due(msgspec.Struct, frozen=True):
    """A reply and the market time at which the agent may have it."""

    at_ns: int
    reply: Reply


class World(Protocol):
    """Performs requests."""

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request; every failure is an answer too, never an exception of the source."""

    def close(self) -> None:
        """Release connections."""
