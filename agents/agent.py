"""What an agent is: one pure step from an inbox to an outbox.

An agent holds no handle, awaits nothing and reads no clock. Its host gives it entries of the board
and replies of the world, posts the drafts it returns, and only after the acknowledgement hands its
requests to the world.

The rule that makes recovery exact: **what an agent wants follows from the facts it has seen.**
`see` folds entries one by one, in order, so the state does not depend on how they were batched.
`act` compares what should be on the board with what is, and asks for the difference; it may
remember what it asked for only to avoid asking twice. An agent that is rebuilt from the journal
then wants the same as the one that died.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec

from agents.requests import Reply, Request
from blackboard.access import Declaration, Recent, declare
from blackboard.entry import Draft, Entry
from blackboard.facts import Fact
from blackboard.facts.market import Timeframe
from config.settings import Settings
from models.market.sessions import DAY_NS

FORTNIGHT: Final = Recent(14 * DAY_NS)
"""Enough where the current trading week is asked about, whatever holidays stand before it."""


class Inbox(msgspec.Struct, frozen=True):
    """What has happened since the last step."""

    entries: tuple[Entry, ...] = ()
    """New entries of the kinds the agent reads, its own included, in order."""
    replies: tuple[Reply, ...] = ()
    """Answers to its requests, in the order in which they fell due."""


class Outbox(msgspec.Struct):
    """What should follow: drafts are posted in one piece, then requests are handed on."""

    drafts: list[Draft] = msgspec.field(default_factory=list)
    requests: list[Request] = msgspec.field(default_factory=list)


class Agent(ABC):
    """One member of the council."""

    name: ClassVar[str]
    """One word: config key, Ray actor name, log field, author on the board."""
    posts: ClassVar[tuple[type[Fact], ...]]
    reads: ClassVar[tuple[type[Fact], ...]]
    recent: ClassVar[Mapping[type[Fact], Recent]] = {}
    """Kinds, its own included, of which it need not see all when it starts; all others count from
    the beginning of the book, so they must be rare. What it answers may not depend on the rest."""
    unhurried: ClassVar[tuple[type[Fact], ...]] = ()
    """What it reads and nobody waits for its answer to: alone it is told of them a while later, so
    that the processor is free for those whose answer a decision waits for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def declaration(cls, timeframe: Timeframe = Timeframe.M15) -> Declaration:
        """Return what the agent may post and read; its own entries come back to it anyway."""
        return declare(cls.posts, cls.reads, cls.recent_on(timeframe))

    @classmethod
    def recent_on(cls, timeframe: Timeframe) -> Mapping[type[Fact], Recent]:
        """Return `recent`, which may depend on the trading timeframe."""
        del timeframe
        return cls.recent

    def warm_up(self) -> None:  # noqa: B027 - most agents need nothing that takes long to load
        """Import and compile what the first close will need; what it has seen stays as it is."""

    def step(self, now_ns: int, inbox: Inbox) -> Outbox:
        """Fold the inbox into the state and return what should follow from it.

        `now_ns` is market time. The result depends on the entries and replies received so far and
        on nothing else.
        """
        for entry in inbox.entries:
            self.see(entry)
        for reply in inbox.replies:
            self.hear(reply)
        outbox = Outbox()
        self.act(now_ns, outbox)
        return outbox

    @abstractmethod
    def see(self, entry: Entry) -> None:
        """Fold one entry into the state; own entries come back here too."""

    def hear(self, reply: Reply) -> None:  # noqa: B027 - many agents ask for no answer
        """Take one answer of the world."""

    @abstractmethod
    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Add what is due and not yet on the board, and what is needed for it."""
