"""The first difference between what was recorded and what an agent says when it is run again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from blackboard.entry import Draft, Entry
from blackboard.facts import AnyFact, Fact, kind_of
from runtime.proof.lineage import brief

NOT_POSTED: Final = "not posted"
WHOLE_FACT: Final = "fact"
"""Named as the field where a whole fact is there on one side only."""

_decoder = msgspec.msgpack.Decoder[AnyFact](AnyFact)


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, by its place in the one order."""

    seq: int
    """Seq of the recorded entry, or the place that one would have that was not recorded."""
    author: str
    kind: str
    scope: str
    ts_event_ns: int
    now_ns: int
    """Market time at which its author decided."""
    field: str
    """Path of the field; ``fact`` where only one side has the fact at all."""
    recorded: str
    rerun: str


def difference(
    drafts: Sequence[Draft], entries: Sequence[Entry], keys: Mapping[str, int]
) -> Divergence | None:
    """Return the first difference between drafts and the post that was recorded, None if none.

    Parameters
    ----------
    drafts : sequence of Draft
        What the agent wants now, without what was on the board before.
    entries : sequence of Entry
        Everything that its recorded post created, in order; not empty.
    keys : mapping
        Seq by key of what was on the board before the post.
    """
    author = entries[0].author
    own = {entry.key: entry.seq for entry in entries}
    wanted = {f"{author}/{draft.slot}" for draft in drafts}
    for draft, entry in zip(drafts, entries, strict=False):
        key = f"{author}/{draft.slot}"
        if key != entry.key and not _are_alike(draft, entry):
            if key in own or entry.key not in wanted:
                return missing(entry)
            return unwanted(author, draft, entry.seq, entry.now_ns)
        found = _field(draft, key, entry, _seqs(author, draft, keys, own))
        if found is not None:
            return _at(entry, *found)
    if len(drafts) < len(entries):
        return missing(entries[len(drafts)])
    if len(drafts) > len(entries):
        last = entries[-1]
        return unwanted(author, drafts[len(entries)], last.seq + 1, last.now_ns)
    return None


def missing(entry: Entry) -> Divergence:
    """Return that a recorded fact is not posted again."""
    return _at(entry, WHOLE_FACT, brief(entry.fact), NOT_POSTED)


def unwanted(author: str, draft: Draft, seq: int, now_ns: int) -> Divergence:
    """Return that a fact is posted that was not recorded."""
    return Divergence(
        seq=seq,
        author=author,
        kind=kind_of(draft.fact),
        scope=draft.fact.scope,
        ts_event_ns=draft.ts_event_ns,
        now_ns=now_ns,
        field=WHOLE_FACT,
        recorded=NOT_POSTED,
        rerun=brief(draft.fact),
    )


def raised(author: str, seq: int, now_ns: int, error: Exception) -> Divergence:
    """Return that an agent that is run again raises where it did not."""
    return Divergence(
        seq=seq,
        author=author,
        kind="step",
        scope=author,
        ts_event_ns=now_ns,
        now_ns=now_ns,
        field="step",
        recorded="ended well",
        rerun=str(error),
    )


def stored_otherwise(entry: Entry, field: str, recorded: str, stored: str) -> Divergence:
    """Return that a recorded fact tells of something that is stored otherwise."""
    return _at(entry, field, recorded, stored)


def _are_alike(draft: Draft, entry: Entry) -> bool:
    return kind_of(draft.fact) == entry.kind and draft.fact.scope == entry.fact.scope


def _seqs(
    author: str, draft: Draft, keys: Mapping[str, int], own: Mapping[str, int]
) -> tuple[int, ...]:
    """Return the causes as the board resolves them; −1 for one that it does not know."""
    found = set()
    for cause in draft.causes:
        if isinstance(cause, str):
            key = f"{author}/{cause}"
            found.add(keys.get(key, own.get(key, -1)))
        else:
            found.add(cause)
    return tuple(sorted(found))


def _field(
    draft: Draft, key: str, entry: Entry, causes: tuple[int, ...]
) -> tuple[str, str, str] | None:
    found = first_field(entry.fact, draft.fact)
    if found is not None:
        return found
    pairs = (
        ("ts_event_ns", entry.ts_event_ns, draft.ts_event_ns),
        ("key", entry.key, key),
        ("causes", entry.causes, causes),
    )
    return next(((name, str(then), str(now)) for name, then, now in pairs if then != now), None)


def first_field(recorded: Fact, rerun: Fact) -> tuple[str, str, str] | None:
    """Return path and values of the first field in which two facts differ, bit for bit."""
    if _bytes(recorded) == _bytes(rerun):
        return None
    # As the journal gives it back: a whole number in a field of floats is a float there.
    back: Fact = _decoder.decode(_bytes(rerun))
    if _bytes(recorded) == _bytes(back):
        return None
    return next(
        _fields("", msgspec.to_builtins(recorded), msgspec.to_builtins(back)),
        (WHOLE_FACT, brief(recorded), brief(back)),
    )


def _bytes(fact: object) -> bytes:
    # Bit for bit: as bytes, −0.0 differs from 0.0, and a NaN is itself.
    return msgspec.msgpack.encode(fact)


def _fields(path: str, recorded: object, rerun: object) -> Iterator[tuple[str, str, str]]:
    """Yield the paths at which two values differ, in order."""
    match recorded, rerun:
        case dict(), dict():
            for name in [*recorded, *(each for each in rerun if each not in recorded)]:
                inner = f"{path}.{name}" if path else str(name)
                yield from _fields(inner, recorded.get(name), rerun.get(name))
        case (list() | tuple(), list() | tuple()):
            if len(recorded) != len(rerun):
                yield f"length of {path}", str(len(recorded)), str(len(rerun))
            for place, (one, other) in enumerate(zip(recorded, rerun, strict=False)):
                yield from _fields(f"{path}[{place}]", one, other)
        case _:
            if _bytes(recorded) != _bytes(rerun):
                yield path, repr(recorded), repr(rerun)


def _at(entry: Entry, field: str, recorded: str, rerun: str) -> Divergence:
    return Divergence(
        seq=entry.seq,
        author=entry.author,
        kind=entry.kind,
        scope=entry.fact.scope,
        ts_event_ns=entry.ts_event_ns,
        now_ns=entry.now_ns,
        field=field,
        recorded=recorded,
        rerun=rerun,
    )
