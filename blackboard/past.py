"""What an author that starts has to see, found without a walk through the journal.

A journal finds blocks by the kinds of their entries, and time goes with the order of the blocks: so
the entries of rare kinds, and the place from which on everything counts, take a few looks each,
however long the journal is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Final, get_args

from blackboard.access import Recent
from blackboard.entry import Entry, Head, Stored
from blackboard.facts import AnyFact, Fact, kind_of
from blackboard.journal import LASTING, Block, Journal
from blackboard.memory import Memory, verified
from blackboard.reading import Past

LASTING_KINDS: Final = frozenset(
    kind_of(fact) for fact in get_args(AnyFact) if fact.lasts is not Fact.lasts
)
"""Kinds of which some facts last."""


def past_of(
    journal: Journal, memory: Memory, spans: Mapping[str, Recent], now_ns: int
) -> Past | None:
    """Return what counts for an author that starts, None where everything does.

    Parameters
    ----------
    journal, memory
        All entries, and what is latest of them.
    spans
        By kind: how much of it counts.
    now_ns
        Market time of the author's last turn, 0 if it had none: then the newest entry is the last.
    """
    latest = memory.latest.values()
    summed = {entry.kind for entry in latest if entry.fact.sums_up}
    if not spans or any(recent.from_sum and kind not in summed for kind, recent in spans.items()):
        return None
    now_ns = now_ns or max((entry.known_at_ns for entry in latest), default=0)
    starts = {
        span_ns: _seq_at(journal, memory.head, now_ns - span_ns)
        for span_ns in sorted({recent.span_ns for recent in spans.values()})
    }
    since = {kind: starts[recent.span_ns] for kind, recent in spans.items()}
    newest = [entry.seq for entry in latest if entry.seq < since.get(entry.kind, 0)]
    firsts = [_first_of(journal, kind) for kind, recent in spans.items() if recent.with_first]
    coming = [
        entry for entry in latest if entry.kind in spans and entry.fact.holds_from_ns > now_ns
    ]
    holding = _before(journal, coming, now_ns)
    return Past(since=since, beside=frozenset((*newest, *filter(None, firsts), *holding)))


def chosen(journal: Journal, after: int, past: Past, kinds: frozenset[str]) -> Iterator[Stored]:
    """Yield the entries of some kinds after a seq that count."""

    def may_count(head: Head) -> bool:
        kind = head.fact.kind
        counts = past.may_count(head.seq, kind) or kind in LASTING_KINDS
        return head.seq > after and kind in kinds and counts

    whole_from = max(past.whole_from, after + 1)
    for block in _blocks(journal, after, whole_from, past, kinds):
        yield from (item for item in verified(block, may_count) if item.entry.seq < whole_from)
    for block in journal.blocks(whole_from - 1):
        yield from (item for item in verified(block, may_count) if item.entry.seq >= whole_from)


def newest_first(journal: Journal, kind: str) -> Iterator[Entry]:
    """Yield the entries of a kind, the newest first."""
    for first_seq in reversed(list(journal.places(kind))):
        block = journal.block(first_seq)
        items = verified(block) if block is not None else []
        yield from (item.entry for item in reversed(items) if item.entry.kind == kind)


def _blocks(
    journal: Journal, after: int, until: int, past: Past, kinds: frozenset[str]
) -> Iterator[Block]:
    begun = next(journal.blocks(after), None)
    if begun is None or begun.first_seq >= until:
        return
    from_seq = begun.first_seq
    places = [
        journal.places(kind, max(from_seq, past.since.get(kind, 0))) for kind in sorted(kinds)
    ]
    places += [journal.places(kind + LASTING, from_seq) for kind in sorted(kinds & LASTING_KINDS)]
    beside = (_block_of(journal, seq).first_seq for seq in sorted(past.beside) if seq > after)
    last_seq = 0
    for first_seq in merge(*places, beside):
        if first_seq >= until:
            return
        block = journal.block(first_seq) if first_seq > last_seq else None
        if block is not None:
            last_seq = block.last_seq
            yield block


def _seq_at(journal: Journal, head: int, time_ns: int) -> int:
    """Return from which seq on entries were known as late as a time."""
    low, high = 1, head + 1
    while low < high:
        block = _block_of(journal, (low + high) // 2)
        if verified(block)[0].entry.known_at_ns < time_ns:
            low = block.last_seq + 1
        else:
            high = block.first_seq
    return low


def _first_of(journal: Journal, kind: str) -> int:
    """Return the seq of the first entry of a kind, 0 if there is none."""
    return next(
        (
            item.entry.seq
            for block in map(journal.block, journal.places(kind))
            if block is not None
            for item in verified(block)
            if item.entry.kind == kind
        ),
        0,
    )


def _before(journal: Journal, coming: Iterable[Entry], now_ns: int) -> Iterator[int]:
    """Yield the seqs of what holds until the times of these have come."""
    scopes: defaultdict[str, set[str]] = defaultdict(set)
    for entry in coming:
        scopes[entry.kind].add(entry.fact.scope)
    for kind, wanted in scopes.items():
        for entry in newest_first(journal, kind):
            if entry.fact.scope in wanted and entry.fact.holds_from_ns <= now_ns:
                wanted.discard(entry.fact.scope)
                yield entry.seq
            if not wanted:
                break


def _block_of(journal: Journal, seq: int) -> Block:
    return next(journal.blocks(seq - 1))
