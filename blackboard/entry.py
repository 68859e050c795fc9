"""How a fact stands on the board: the draft an author proposes, the entry the board makes of it.

The key of an entry names the slot it fills (author, kind, scope, timeframe, event time, ordinal),
never its parents: an author that restarts, and has perhaps seen more by then, cannot fill a slot
twice. The board keeps the first.

None of this is a work for the garbage collector: what is frozen when it is made has no cycles.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from blackboard.facts import AnyFact, kind_of


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A fact that an author wants on the board."""

    fact: AnyFact
    ts_event_ns: int
    """When the fact is true in the market, in nanoseconds UTC; not after the author's now."""
    timeframe: str = ""
    ordinal: str = ""
    """Tells apart facts of one kind, scope and time: an attempt, an intent id, a ticket."""
    causes: tuple[int | str, ...] = ()
    """What it was derived from: seqs, or slots of own drafts, of this post or an earlier one."""

    @property
    def slot(self) -> str:
        """The key without its author."""
        fact = self.fact
        place = f"{kind_of(fact)}/{fact.scope}/{self.timeframe}"
        return f"{place}/{self.ts_event_ns}/{self.ordinal}"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A fact on the board, with its place in the one order and its provenance."""

    seq: int
    """Place in the one order, from 1, without gaps."""
    author: str
    epoch: int
    """Which instance of the author posted it, counted by `Board.join`."""
    key: str
    fact: AnyFact
    ts_event_ns: int
    known_at_ns: int
    """When the board had it; nobody may use it at an earlier market time."""
    read_to: int
    """Last seq its author had seen."""
    now_ns: int
    """Market time its author decided at."""
    causes: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """Tag of the fact."""
        return kind_of(self.fact)


class Post(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What an author hands to the board in one piece: all of it is taken, or nothing."""

    author: str
    epoch: int
    drafts: tuple[Draft, ...]
    read_to: int
    now_ns: int


class Ack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The board's answer to one draft."""

    seq: int
    created: bool
    """False if the slot was taken before: whatever the draft was to set off must not happen."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An entry beside its encoded form, which is made once and delivered many times."""

    entry: Entry
    raw: msgspec.Raw


class _FactHead(msgspec.Struct, frozen=True, gc=False):
    kind: str


class Head(msgspec.Struct, frozen=True, gc=False):
    """What of an entry is decoded to see whether it is wanted."""

    seq: int
    fact: _FactHead


_encoder = msgspec.msgpack.Encoder()
_head_decoder = msgspec.msgpack.Decoder(Head)
_entry_decoder = msgspec.msgpack.Decoder(Entry)
_entries_decoder = msgspec.msgpack.Decoder(list[Entry])
_raws_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])


def store(entries: Sequence[Entry]) -> tuple[bytes, list[Stored]]:
    """Encode entries once; return the array of them, and each beside its part of that array."""
    payload = _encoder.encode(entries)
    return payload, list(map(Stored, entries, _raws_decoder.decode(payload)))


def encode_entries(stored: Iterable[Stored]) -> bytes:
    """Join encoded entries to one msgpack array, without encoding them again."""
    return _encoder.encode([item.raw for item in stored])


def decode_entries(payload: bytes) -> list[Entry]:
    """Decode an array of entries; raises `msgspec.ValidationError` for anything else."""
    return _entries_decoder.decode(payload)


def decode_stored(payload: bytes, wanted: Callable[[Head], bool] | None = None) -> list[Stored]:
    """Decode an array of entries and keep the encoded form of each; of others only the heads."""
    raws = _raws_decoder.decode(payload)
    if wanted is not None:
        raws = [raw for raw in raws if wanted(_head_decoder.decode(raw))]
    return [Stored(_entry_decoder.decode(raw), raw) for raw in raws]


def whole_posts(stored: Iterator[Stored], limit: int | None) -> tuple[list[Stored], bool]:
    """Return the first entries, no post of them parted, and whether more follow.

    The batch may exceed the limit by the rest of a post.
    """
    batch = list(islice(stored, limit))
    if limit is None or len(batch) < limit:
        return batch, False
    for item in stored:
        if not _same_post(item.entry, batch[-1].entry):
            return batch, True
        batch.append(item)
    return batch, False


def _same_post(one: Entry, other: Entry) -> bool:
    return (one.author, one.epoch, one.read_to, one.now_ns) == (
        other.author,
        other.epoch,
        other.read_to,
        other.now_ns,
    )
