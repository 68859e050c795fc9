"""Which posts the board takes: the author's right to speak, and how much of it.

A flood must not crowd out the others, so what one author may add in a minute is bounded. The board
has no clock: a minute is one of `known_at_ns`, counted from what is in the journal, so a rebuilt
board decides the same. What an order came to, what only reduces risk and what narrows the trading
state is let through beyond that bound: refusing it would save memory and cost money. A wish or a
permission to enter is not; without it nothing is sent.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from blackboard.access import Access
from blackboard.entry import Entry, Post, Stored
from blackboard.errors import PostRefused, StaleEpoch
from blackboard.facts import (
    FOREVER_NS,
    AmendIntent,
    CancelIntent,
    ExitIntent,
    Fact,
    Fill,
    LimitBreached,
    OperatorCommand,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    TradeClosed,
    TradingStateChanged,
    kind_of,
)

MINUTE_NS: Final = 60_000_000_000

_NEVER_TOO_MANY: Final[tuple[type[Fact], ...]] = (
    ExitIntent,
    AmendIntent,
    CancelIntent,
    OrderSubmitting,
    OrderOutcome,
    Fill,
    PositionChanged,
    TradeClosed,
    LimitBreached,
    TradingStateChanged,
    OperatorCommand,
)
UNBOUNDED_KINDS: Final = frozenset(map(kind_of, _NEVER_TOO_MANY))
"""A post that adds one of these is taken whole, however much its author has said."""


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """How much an author has said, and when last."""

    entries: int
    last_known_ns: int
    refused: int = 0
    """Posts that this instance of the board did not take from it."""


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in the journal of one author, as far as the next post is judged by it."""

    entries: int
    last_known_ns: int
    minute_entries: int
    """Of the minute of the last one."""


class Admission:
    """Judges posts by what their authors may say and have said.

    Parameters
    ----------
    access : Access
        Who may post what.
    drafts_per_post_max : int
        Drafts in one post.
    author_entries_per_min_max : int
        Entries that one author may add in a minute of `known_at_ns`.
    """

    def __init__(
        self, access: Access, *, drafts_per_post_max: int, author_entries_per_min_max: int
    ) -> None:
        self._access = access
        self._drafts_max = drafts_per_post_max
        self._entries_max = author_entries_per_min_max
        self.said: dict[str, Said] = {}
        """By author."""
        self._refused: dict[str, int] = {}

    @property
    def pulses(self) -> dict[str, Pulse]:
        """What each author that was heard of has said, by name."""
        silent = Said(entries=0, last_known_ns=0, minute_entries=0)
        return {
            author: Pulse(
                entries=self.said.get(author, silent).entries,
                last_known_ns=self.said.get(author, silent).last_known_ns,
                refused=self._refused.get(author, 0),
            )
            for author in sorted(self.said.keys() | self._refused.keys())
        }

    def count_block(self, stored: Sequence[Stored]) -> None:
        """Take into account what is in the journal; all of a block was known at one time."""
        known_ns = stored[-1].entry.known_at_ns
        for author, count in Counter(item.entry.author for item in stored).items():
            said = self.said.get(author)
            self.said[author] = Said(
                entries=said.entries + count if said else count,
                last_known_ns=known_ns,
                minute_entries=_in_minute(said, known_ns) + count,
            )

    def count_refusal(self, author: str) -> None:
        """Take into account a post that was not taken; names that nobody declared are no author."""
        if author in self._access.declarations:
            self._refused[author] = self._refused.get(author, 0) + 1

    def require_sound(self, post: Post, epoch: int) -> None:
        """Raise PostRefused unless the author may post each of the drafts, in its own epoch."""
        self._access.require_author(post.author)
        if post.epoch != epoch:
            raise StaleEpoch(f"epoch of {post.author} must be {epoch}, was {post.epoch}")
        if len(post.drafts) > self._drafts_max:
            most = self._drafts_max
            raise PostRefused(f"a post holds at most {most} drafts, was {len(post.drafts)}")
        self._access.require_posts(post.author, {kind_of(draft.fact) for draft in post.drafts})
        latest_ns = min(post.now_ns, FOREVER_NS)
        for draft in post.drafts:
            if draft.ts_event_ns > latest_ns:
                raise PostRefused(
                    f"ts_event_ns of {draft.slot} must not be after {latest_ns}: it is the future"
                )

    def require_room(
        self, author: str, fresh: Collection[Entry], mine: Collection[Entry], known_at_ns: int
    ) -> None:
        """Raise PostRefused where a post would add more than its author may in this minute.

        `fresh` is what the posts before it in the same block add, of all authors.
        """
        said = _in_minute(self.said.get(author), known_at_ns)
        if said + len(fresh) + len(mine) <= self._entries_max:
            return
        wanted = said + len(mine) + sum(entry.author == author for entry in fresh)
        if wanted > self._entries_max and not any(entry.kind in UNBOUNDED_KINDS for entry in mine):
            most = self._entries_max
            raise PostRefused(f"{author} may add {most} entries a minute, was {wanted}: flood")


def _in_minute(said: Said | None, known_at_ns: int) -> int:
    if said is None or said.last_known_ns // MINUTE_NS != known_at_ns // MINUTE_NS:
        return 0
    return said.minute_entries
