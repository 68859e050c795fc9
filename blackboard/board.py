"""The board: one total order of entries, posted atomically, journaled, then acknowledged.

A plain data structure without clock, disk or network of its own: the journal is handed in, the time
comes with each call. Both hosts use it, in one process and as a Ray actor, and start it the same
way: rebuild from the journal's snapshot and what follows it, then follow.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import msgspec

from blackboard.access import Access
from blackboard.admission import Admission, Pulse
from blackboard.entry import (
    Ack,
    Draft,
    Entry,
    Post,
    Stored,
    store,
    whole_posts,
)
from blackboard.errors import JournalCorrupt, JournalUnavailable, PostRefused
from blackboard.facts import Fact, kind_of
from blackboard.journal import (
    SNAPSHOT_STATE,
    UNDECODABLE,
    Block,
    Durability,
    Journal,
    Label,
    seal,
    verify,
)
from blackboard.memory import Memory, labels_of, stored_of
from blackboard.past import chosen, past_of
from blackboard.reading import Filter, Joined
from blackboard.snapshot import standing_snapshot
from blackboard.synced import SYNCED_KINDS

T = TypeVar("T")
_LABELS_PER_APPEND: Final = 10_000
"""Labels that a start holds back until something else is to be stored."""


class BoardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds the board; defaults stand in config."""

    tail_entries_max: int = 20_000
    """Entries kept in memory; a reader that lags further, and a slot that is asked for later, is
    looked up in the journal."""
    drafts_per_post_max: int = 10_000
    causes_per_draft_max: int = 256
    author_entries_per_min_max: int = 20_000
    """Entries of one author in a minute of `known_at_ns`."""
    snapshot_entries: int = 20_000
    """Entries after which a snapshot is stored; a start reads at most about so many."""


class _Turn(msgspec.Struct, frozen=True):
    """How far an author had come at its last commit."""

    read_to: int
    now_ns: int


class _Commit(NamedTuple):
    """What one commit writes."""

    block: Block | None
    stored: list[Stored]
    turns: dict[str, _Turn]
    states: dict[str, bytes]
    labels: list[Label]
    durability: Durability


class Board:
    """Entries in one order, with their latest state, history and lineage.

    Guarantees: after `post` returns, the entries are in the journal with the durability that their
    kinds ask for, and their seqs follow each other without a gap. A post of which any part is
    invalid stores nothing. A repeated draft is answered with the seq of the first. After an error
    of the journal nothing was stored, and the board can be used again or rebuilt; only after
    JournalUnavailable it may have been, and the board brings it there before anything else.
    """

    def __init__(
        self,
        access: Access,
        journal: Journal,
        *,
        durability: Durability = Durability.SAFE,
        limits: BoardLimits | None = None,
    ) -> None:
        self.access = access
        self.limits = limits or BoardLimits()
        self._journal = journal
        self._durability = durability
        self._synced = Durability.FULL if durability else durability
        """For orders, and for epochs: the terminal remembers the highest, whatever we forget."""
        self._memory = Memory(journal, self.limits.tail_entries_max)
        self._snapshot_head = 0
        self._unindexed: list[Label] = []
        """Of the blocks after the snapshot: an earlier version or a backup may lack them."""
        self._unsure: _Commit | None = None
        """What the journal may or may not hold: its server has not answered."""
        self._admission = Admission(
            access,
            drafts_per_post_max=self.limits.drafts_per_post_max,
            author_entries_per_min_max=self.limits.author_entries_per_min_max,
        )
        self._epochs: dict[str, int] = self._load("epochs", dict[str, int], {})
        self._turns: dict[str, _Turn] = self._load("turns", dict[str, _Turn], {})
        self._now_ns: int = self._load("now", int, 0)
        self._recover()

    @property
    def head(self) -> int:
        """Seq of the newest entry, 0 on an empty board."""
        return self._memory.head

    @property
    def head_hash(self) -> str:
        """Hash of the newest block as text: it stands for the whole journal."""
        return self._memory.hash.hex()

    @property
    def now_ns(self) -> int:
        """Market time that was last stored by `advance`, 0 before."""
        return self._now_ns

    @property
    def pulses(self) -> dict[str, Pulse]:
        """How much each author has said, when last, and how often it was refused."""
        return self._admission.pulses

    def join(self, author: str) -> Joined:
        """Admit a new instance of an author; older ones can no longer post."""
        declared = self.access.require_author(author)
        self._settle()
        epochs = {**self._epochs, author: self._epochs.get(author, 0) + 1}
        self._journal.append(None, {"epochs": msgspec.msgpack.encode(epochs)}, self._synced)
        self._epochs = epochs
        turn = self._turns.get(author, _Turn(0, 0))
        return Joined(
            epoch=epochs[author],
            read_to=turn.read_to,
            now_ns=turn.now_ns,
            past=past_of(self._journal, self._memory, declared.recent, turn.now_ns),
        )

    def epoch(self, author: str) -> int:
        """Return the epoch of the youngest instance of an author, 0 if none has joined."""
        return self._epochs.get(author, 0)

    def post(self, post: Post, known_at_ns: int) -> tuple[Ack, ...]:
        """Take one post; raise PostRefused if any part of it is not allowed."""
        (answer,) = self.commit([post], known_at_ns)
        if isinstance(answer, PostRefused):
            raise answer
        return answer

    def commit(
        self, posts: Sequence[Post], known_at_ns: int
    ) -> list[tuple[Ack, ...] | PostRefused]:
        """Take several posts as one journal block, in order; each is taken or refused alone.

        After JournalUnavailable the posts may or may not have been taken: the same again tell.
        """
        self._settle()
        fresh: dict[str, Entry] = {}
        turns = dict(self._turns)
        answers: list[tuple[Ack, ...] | PostRefused] = []
        for post in posts:
            try:
                answers.append(self._admit(post, fresh, known_at_ns))
                turns[post.author] = _Turn(post.read_to, post.now_ns)
            except PostRefused as refusal:
                self._admission.count_refusal(post.author)
                answers.append(refusal)
        self._write(list(fresh.values()), turns)
        return answers

    def advance(self, now_ns: int) -> None:
        """Store the market time, so that a rebuilt board goes on from there."""
        if now_ns < self._now_ns:
            raise ValueError(f"now_ns must be at least {self._now_ns}, was {now_ns}")
        self._settle()
        self._journal.append(None, {"now": msgspec.msgpack.encode(now_ns)}, self._durability)
        self._now_ns = now_ns

    def rest(self) -> None:
        """Store a snapshot, so that the next start reads nothing but it; for an ordered stop."""
        self._settle()
        if self.head > self._snapshot_head:
            states = {SNAPSHOT_STATE: self._memory.snapshot(self._admission.said)}
            self._journal.append(None, states, self._durability)
            self._snapshot_head = self.head

    def read(
        self, after: int, wanted: Filter | None = None, limit: int | None = None
    ) -> tuple[int, list[Stored]]:
        """Return the cursor to go on from and the wanted entries after `after`, in order.

        The cursor is the head, or the seq of the last entry returned where `limit` cut the batch.
        Entries of one post are never parted, so a batch may exceed the limit by the rest of one.
        """
        head = self._memory.head
        if after > head:
            raise PostRefused(f"cursor must be at most {head}, was {after}: rebuild")
        if after == head:
            return head, []
        if wanted is None or wanted.past is None:
            stored = self._memory.after(after)
        else:
            declared = self.access.require_author(wanted.author)
            stored = chosen(self._journal, after, wanted.past, declared.seen)
        if wanted is not None:
            passes = wanted.passes
            stored = (item for item in stored if passes(item.entry))
        batch, is_cut = whole_posts(stored, limit)
        return batch[-1].entry.seq if is_cut else head, batch

    def latest(self, kind: type[Fact], scope: str) -> Entry | None:
        """Return the newest entry of a kind and scope."""
        return self._memory.latest.get((kind_of(kind), scope))

    def history(self, kind: type[Fact], scope: str | None = None, limit: int = 100) -> list[Entry]:
        """Return the newest `limit` entries of a kind, oldest first; None takes every scope."""
        wanted = Filter(
            kinds=frozenset({kind_of(kind)}), scopes=None if scope is None else frozenset({scope})
        )
        newest: deque[Entry] = deque(maxlen=limit)
        newest.extend(item.entry for item in self._memory.after(0) if wanted.passes(item.entry))
        return list(newest)

    def entry(self, seq: int) -> Entry:
        """Return the entry at a place in the order; raise KeyError if there is none."""
        for item in islice(self._memory.after(seq - 1), 1):
            if item.entry.seq == seq:
                return item.entry
        raise KeyError(seq)

    def lineage(self, seq: int, limit: int = 10_000) -> list[Entry]:
        """Return the entry and everything it derives from, newest first, each once."""
        found: dict[int, Entry] = {}
        open_seqs = {seq}
        while open_seqs and len(found) < limit:
            newest = max(open_seqs)
            open_seqs.discard(newest)
            found[newest] = self.entry(newest)
            open_seqs.update(set(found[newest].causes) - found.keys())
        return list(found.values())

    def at(self, time_ns: int) -> dict[tuple[str, str], Entry]:
        """Return the latest entry of each kind and scope that was known and valid at a time."""
        known: dict[tuple[str, str], Entry] = {}
        for item in self._memory.after(0):
            if item.entry.known_at_ns <= time_ns:
                known[item.entry.kind, item.entry.fact.scope] = item.entry
        return {
            place: entry for place, entry in known.items() if entry.fact.valid_until_ns >= time_ns
        }

    def _admit(self, post: Post, fresh: dict[str, Entry], known_at_ns: int) -> tuple[Ack, ...]:
        author = post.author
        self._admission.require_sound(post, self._epochs.get(author, 0))
        seq_of = self._memory.seq_of
        seq = self._memory.head + len(fresh)
        mine: dict[str, Entry] = {}
        acks = []
        for draft in post.drafts:
            key = f"{author}/{draft.slot}"
            event_ns = draft.ts_event_ns
            earlier = fresh.get(key) or mine.get(key)
            taken = earlier.seq if earlier else seq_of(key, event_ns)
            if taken is None:
                seq += 1
                mine[key] = Entry(
                    seq=seq,
                    author=author,
                    epoch=post.epoch,
                    key=key,
                    fact=draft.fact,
                    ts_event_ns=event_ns,
                    known_at_ns=known_at_ns,
                    read_to=post.read_to,
                    now_ns=post.now_ns,
                    causes=self._causes(author, draft, (fresh, mine), seq) if draft.causes else (),
                )
            acks.append(Ack(taken or seq, taken is None))
        self._admission.require_room(author, fresh.values(), mine.values(), known_at_ns)
        fresh.update(mine)
        return tuple(acks)

    def _causes(
        self, author: str, draft: Draft, fresh: Iterable[dict[str, Entry]], seq: int
    ) -> tuple[int, ...]:
        most = self.limits.causes_per_draft_max
        if len(draft.causes) > most:
            raise PostRefused(f"{draft.slot} may name {most} causes, was {len(draft.causes)}")
        resolved = set()
        for cause in draft.causes:
            if isinstance(cause, str):
                key = f"{author}/{cause}"
                earlier = next(filter(None, (entries.get(key) for entries in fresh)), None)
                place = earlier.seq if earlier else self._memory.seq_of_cause(key)
            else:
                place = cause
            if place is None or not 0 < place < seq:
                raise PostRefused(f"cause of {draft.slot} must be an entry before it, was {cause}")
            resolved.add(place)
        return tuple(sorted(resolved))

    def _write(self, entries: list[Entry], turns: dict[str, _Turn]) -> None:
        block: Block | None = None
        stored: list[Stored] = []
        must_last = not SYNCED_KINDS.isdisjoint([entry.kind for entry in entries])
        durability = self._synced if must_last else self._durability
        states = {"turns": msgspec.msgpack.encode(turns)}
        labels: list[Label] = []
        if entries:
            first_seq = self.head + 1
            payload, stored = store(entries)
            block = seal(first_seq, self.head + len(stored), payload, self._memory.hash)
            labels = labels_of(first_seq, stored)
            if self.head - self._snapshot_head >= self.limits.snapshot_entries:
                states[SNAPSHOT_STATE] = self._memory.snapshot(self._admission.said)
        self._carry_out(_Commit(block, stored, turns, states, labels, durability))

    def _settle(self) -> None:
        """Bring what may or may not be in the journal there, before anything follows it."""
        unsure, self._unsure = self._unsure, None
        if unsure is not None:
            self._carry_out(unsure)
        self._index()

    def _carry_out(self, commit: _Commit) -> None:
        try:
            self._journal.append(commit.block, commit.states, commit.durability, commit.labels)
        except JournalUnavailable:
            self._unsure = commit
            raise
        self._turns = commit.turns
        if SNAPSHOT_STATE in commit.states:
            self._snapshot_head = self.head
        if commit.block is not None:
            self._apply(commit.block, commit.stored)

    def _apply(self, block: Block, stored: Sequence[Stored]) -> None:
        self._memory.take(block, stored)
        self._admission.count_block(stored)

    def _recover(self) -> None:
        snapshot = standing_snapshot(self._journal)
        if snapshot is not None:
            self._memory.start_from(snapshot)
            self._admission.said = dict(snapshot.said)
            self._snapshot_head = snapshot.head
        for block in self._journal.blocks(self.head):
            verify(block, self.head + 1, self._memory.hash)
            stored = stored_of(block)
            self._apply(block, stored)
            self._unindexed += labels_of(block.first_seq, stored)
            if len(self._unindexed) >= _LABELS_PER_APPEND:
                self._index()

    def _index(self) -> None:
        if self._unindexed:
            self._journal.append(None, {}, self._durability, self._unindexed)
            self._unindexed = []

    def _load(self, name: str, shape: type[T], default: T) -> T:
        raw = self._journal.state(name)
        try:
            return default if raw is None else msgspec.msgpack.decode(raw, type=shape)
        except UNDECODABLE as error:
            raise JournalCorrupt(f"state {name} cannot be decoded: {error}") from error
