"""Virtual time: who steps when, and when the clock jumps. Used by both hosts, pure.

A superstep begins when every agent waits. All outboxes are committed in fixed agent order; then
every agent for whom something is new, or due, is released with the entries up to one seq. When
nobody has anything, the clock jumps to the earliest instant at which something falls due. An agent
that is dead does not wait, so it stops the time until it is back, and nothing depends on which
process was faster.

Posts that do not come from an agent (an operator's command) are held until the next superstep.
"""

from collections.abc import Mapping

import msgspec

from blackboard.board import Board
from blackboard.entry import Ack, Draft, Entry, Post, Stored
from blackboard.errors import PostRefused, StaleEpoch
from blackboard.facts import FOREVER_NS
from blackboard.reading import Filter


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent hands in when it waits."""

    author: str
    epoch: int
    read_to: int
    drafts: tuple[Draft, ...] = ()
    wake_ns: int = FOREVER_NS
    """Earliest market time at which it has something due; now if it has requests to hand on."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is released with."""

    author: str
    now_ns: int
    read_to: int
    entries: tuple[Entry, ...] = ()
    refusal: str = ""
    """Why the board did not take its outbox; empty if it did."""
    has_ended: bool = False


class _Wire(Told, frozen=True, kw_only=True):
    """`Told` with its entries as the board has them encoded."""

    entries: tuple[msgspec.Raw, ...] = ()  # type: ignore[assignment]


class Release(msgspec.Struct, frozen=True):
    """A `Told` whose entries are still as the board stores them."""

    author: str
    now_ns: int
    read_to: int
    stored: tuple[Stored, ...]
    refusal: str
    has_ended: bool

    def told(self) -> Told:
        """Return it as values, for a host in the same process."""
        return Told(
            author=self.author,
            now_ns=self.now_ns,
            read_to=self.read_to,
            entries=tuple(item.entry for item in self.stored),
            refusal=self.refusal,
            has_ended=self.has_ended,
        )

    def encoded(self) -> bytes:
        """Return it as bytes that decode to `Told`, no entry encoded twice."""
        wire = _Wire(
            author=self.author,
            now_ns=self.now_ns,
            read_to=self.read_to,
            entries=tuple(item.raw for item in self.stored),
            refusal=self.refusal,
            has_ended=self.has_ended,
        )
        return msgspec.msgpack.encode(wire)


class Supersteps:
    """The barrier at which all agents of a run in virtual time meet.

    Guarantees: handing in the same turn again is harmless, before and after its commit, also to a
    board that was rebuilt from its journal in between; an older instance of an agent is refused.
    """

    def __init__(
        self, board: Board, filters: Mapping[str, Filter], start_ns: int, end_ns: int
    ) -> None:
        self._board = board
        self._order = tuple(filters)
        self._filters = filters
        self._end_ns = end_ns
        self._waiting: dict[str, Turn] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._looked_to: dict[str, int] = {}
        self._injected: list[Post] = []
        self.count = 0
        if board.now_ns < start_ns:
            board.advance(start_ns)

    @property
    def now_ns(self) -> int:
        """Market time of the current superstep."""
        return self._board.now_ns

    def leave(self, author: str) -> None:
        """Forget what an older instance handed in; a new one is about to join."""
        self._waiting.pop(author, None)
        self._told.pop(author, None)
        self._looked_to.pop(author, None)

    def hand_in(self, turn: Turn) -> Release | None:
        """Let an agent wait; return an answer at once where it does not know the present yet."""
        if turn.epoch != self._board.epoch(turn.author):
            raise StaleEpoch(
                f"epoch of {turn.author} must be {self._board.epoch(turn.author)}, was {turn.epoch}"
            )
        knows_now = self._told.get(turn.author) == (turn.epoch, self.now_ns)
        if turn.read_to == self._board.head and (knows_now or turn.drafts):
            self._waiting[turn.author] = turn
            return None
        return self._release(turn)

    def inject(self, post: Post) -> None:
        """Hold a post that does not come from an agent until the next superstep."""
        self._injected.append(post)

    def drop_injected(self) -> None:
        """Forget the posts that are held: their senders were told that they failed."""
        self._injected = []

    def settle(self) -> tuple[list[Release], list[tuple[Ack, ...] | PostRefused], int | None]:
        """Run the superstep if every agent waits.

        Returns
        -------
        tuple
            Who is released, the answers to the injected posts in order, and the market time to
            jump to if nobody is released, None otherwise or while somebody does not wait.
        """
        if len(self._waiting) < len(self._order):
            return [], [], None
        self.count += 1
        injected, refusals = self._commit()
        released = []
        for turn in self._in_order():
            news = self._news(turn)
            if news or turn.drafts or turn.wake_ns <= self.now_ns:
                released.append(self._release(turn, refusals.get(turn.author, ""), news))
        if released:
            return released, injected, None
        return [], injected, min(turn.wake_ns for turn in self._waiting.values())

    def jump(self, to_ns: int) -> list[Release]:
        """Move the clock and release those who are due; at the end of the run, everybody."""
        if to_ns > self._end_ns or to_ns == FOREVER_NS:
            if self._end_ns != FOREVER_NS:
                self._board.advance(max(self.now_ns, self._end_ns))
            return [self._release(turn, has_ended=True) for turn in self._in_order()]
        self._board.advance(to_ns)
        return [self._release(turn) for turn in self._in_order() if turn.wake_ns <= to_ns]

    def _in_order(self) -> list[Turn]:
        return [self._waiting[author] for author in self._order if author in self._waiting]

    def _commit(self) -> tuple[list[tuple[Ack, ...] | PostRefused], dict[str, str]]:
        turns = [turn for turn in self._in_order() if turn.read_to == self._board.head]
        stepped = [turn for turn in turns if turn.drafts or turn.wake_ns <= self.now_ns]
        posts = self._injected + [
            Post(
                author=turn.author,
                epoch=turn.epoch,
                drafts=turn.drafts,
                read_to=turn.read_to,
                now_ns=self.now_ns,
            )
            for turn in stepped
        ]
        if not posts:
            return [], {}
        answers = self._board.commit(posts, self.now_ns)
        count = len(self._injected)
        self._injected = []
        refusals = {
            turn.author: str(answer)
            for turn, answer in zip(stepped, answers[count:], strict=True)
            if isinstance(answer, PostRefused)
        }
        return answers[:count], refusals

    def _news(self, turn: Turn) -> list[Stored]:
        # Who waits for long is not asked about the same entries again at every superstep.
        looked_to = max(turn.read_to, self._looked_to.get(turn.author, 0))
        head, found = self._board.read(looked_to, self._filters[turn.author])
        if not found:
            self._looked_to[turn.author] = head
        return found

    def _release(
        self,
        turn: Turn,
        refusal: str = "",
        news: list[Stored] | None = None,
        *,
        has_ended: bool = False,
    ) -> Release:
        author, now_ns = turn.author, self.now_ns
        stored = tuple(self._news(turn) if news is None else news)
        self._waiting.pop(author, None)
        self._told[author] = turn.epoch, now_ns
        self._looked_to.pop(author, None)
        return Release(author, now_ns, self._board.head, stored, refusal, has_ended)
