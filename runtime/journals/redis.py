"""The journal of several machines: blocks in a Redis stream, written by one board at a time.

A block is one entry of the stream under the id `<first seq>-0`, encoded as in a folder. Beside it
stand the named states, the places of labels, and a mark: who may write, how many appends that
writer has made, how far the journal has come. One script checks the mark and writes all of it, so
an append is there wholly or not at all. A board that begins to write raises the writer's number;
whatever an older one sends afterwards, or sent before and still arrives, is refused.

An append whose answer was lost is repeated with its number, and the script answers what it did the
first time. Redis writes its append-only file before it answers; see `RedisServer.require_durable`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from struct import Struct
from typing import Any, Final

import msgspec

from blackboard.entry import Entry, decode_entries
from blackboard.errors import JournalCorrupt, JournalFenced, JournalUnavailable, OtherFormat
from blackboard.journal import UNDECODABLE, Block, Durability, Label
from runtime.journals.format import FORMAT
from runtime.journals.place import RedisPlace
from runtime.journals.redis_server import RedisServer

_BLOCKS_PER_PAGE: Final = 100
_PAGE_GROWTH: Final = 10
"""From one block on, because often only the first is wanted."""
_TIME, _SEQ = Struct(">q"), Struct(">Q")
_SEQ_MAX: Final = 2**64 - 1
_PLACES_PER_PAGE: Final = 1_000
_FIELD: Final = b"b"
_ABSENT: Final = "absent"
_BEGIN: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.status_reply('there') end
redis.call('HSET', KEYS[1], 'format', ARGV[1], 'writer', 0, 'call', 0, 'head', 0, 'bytes', 0)
return redis.status_reply('begun')
"""
_CLAIM: Final = """
if redis.call('HGET', KEYS[1], 'writer') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'call', 0)
return redis.call('HINCRBY', KEYS[1], 'writer', 1)
"""
_CUT: Final = """
for _, row in ipairs(redis.call('XRANGE', KEYS[2], ARGV[1], '+')) do
  local size = 0
  for place = 2, #row[2], 2 do size = size + #row[2][place] end
  redis.call('XDEL', KEYS[2], row[1])
  redis.call('HINCRBY', KEYS[1], 'bytes', -size)
end
local count = redis.call('XLEN', KEYS[2])
redis.call('XSETID', KEYS[2], ARGV[2], 'ENTRIESADDED', count, 'MAXDELETEDID', '0-0')
redis.call('HSET', KEYS[1], 'head', ARGV[3])
"""
_CLAIMS_MAX: Final = 10
"""Tries to become the writer while others do so too, or while an answer was lost."""
_APPEND: Final = """
local mark = redis.call('HMGET', KEYS[1], 'writer', 'call', 'head', 'bytes')
if not mark[1] then return {'absent'} end
if mark[1] ~= ARGV[1] then return {'fenced', mark[1]} end
if mark[2] == ARGV[2] then return {'done'} end
if tonumber(mark[2]) > tonumber(ARGV[2]) then return {'late', mark[2]} end
if ARGV[3] ~= '0' then
  if tonumber(mark[3]) + 1 ~= tonumber(ARGV[3]) then return {'gap', mark[3]} end
  if tonumber(mark[4]) + #ARGV[5] > tonumber(ARGV[6]) then return {'full', mark[4]} end
  redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'b', ARGV[5])
  redis.call('HSET', KEYS[1], 'head', ARGV[4])
  redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[5])
end
local states = 7 + tonumber(ARGV[7])
for place = 8, states do redis.call('ZADD', KEYS[4], 0, ARGV[place]) end
for place = states + 1, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[place], ARGV[place + 1]) end
redis.call('HSET', KEYS[1], 'call', ARGV[2])
return {'done'}
"""


class RedisJournal:
    """A journal on a Redis server; read by anybody, written by whoever claimed it last.

    Guarantees: `append` is one script, so after the death of the board or of the server at any
    moment either the block and its states are there or neither is. What `Durability.FULL` asks for
    is what the server's `appendfsync` gives, for every block.
    """

    def __init__(self, place: RedisPlace, password: str, *, bytes_max: int = 2**53) -> None:
        self.place = place
        self._bytes_max = bytes_max
        self._server = RedisServer(place, password)
        # The hash tag keeps the four keys together, as scripts ask for.
        self._mark, self._blocks, self._states, self._places = (
            f"{{{place.key}}}:{name}" for name in ("mark", "blocks", "states", "times")
        )
        self._append = self._server.client.register_script(_APPEND)
        self._writer = self._calls = 0
        self._unanswered: tuple[Block | None, Mapping[str, bytes], list[Label]] | None = None

    def begin(self) -> None:
        """Make a new journal there; ConfigError if the server would lose it."""
        self._server.require_durable()
        self._server.ask(lambda client: client.eval(_BEGIN, 1, self._mark, FORMAT))

    def claim(self, within_s: float | None = None) -> None:
        """Become the writer; every older one is refused from now on.

        Raises
        ------
        JournalCorrupt
            If the journal is not there.
        """
        self._server.ask(lambda client: client.ping(), within_s)
        self.require_there()
        self._server.require_durable()
        self._writer, self._calls = self._claimed(), 0

    def append(
        self,
        block: Block | None,
        states: Mapping[str, bytes],
        durability: Durability,
        labels: Collection[Label] = (),
    ) -> None:
        """Store all of it; OSError if the server takes no more."""
        del durability  # the server has one kind for all, see `require_durable`
        wanted = block, dict(states), list(labels)
        if wanted != self._unanswered:
            self._calls += 1
        self._unanswered = None
        arguments: list[bytes | str | int] = [self._writer, self._calls, 0, 0, b"", self._bytes_max]
        if block is not None:
            encoded = msgspec.msgpack.encode(block)
            arguments[2:5] = [block.first_seq, block.last_seq, encoded]
        arguments += [len(labels), *(_member(*each) for each in labels)]
        for name, value in states.items():
            arguments += [name, value]
        keys = [self._mark, self._blocks, self._states, self._places]
        try:
            answer = self._server.ask(lambda client: self._append(keys=keys, args=arguments))
        except JournalUnavailable:
            self._unanswered = wanted
            raise
        self._require_done([_text(part) for part in answer], block)

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""
        decoder = msgspec.msgpack.Decoder(Block)
        for key, value in self.rows(self._first_block_with(after_seq)):
            if type(value) is not bytes:
                raise JournalCorrupt(f"block {key} is not plain bytes")
            try:
                block = decoder.decode(value)
            except UNDECODABLE as error:
                raise JournalCorrupt(f"block {key} cannot be decoded: {error}") from error
            if block.last_seq > after_seq:
                yield block

    def block(self, first_seq: int) -> Block | None:
        """Return the block that begins with a seq, None if none does."""
        found = next(self.blocks(first_seq - 1), None)
        return found if found is not None and found.first_seq == first_seq else None

    def places(self, label: int | str, from_seq: int = 0) -> Iterator[int]:
        """Yield the first seqs, from one on, of the blocks stored under a label, in order."""
        start, end = b"[" + _member(label, from_seq), b"[" + _member(label, _SEQ_MAX)
        while page := self._page_of_places(start, end):
            yield from (_SEQ.unpack(member[-_SEQ.size :])[0] for member in page)
            start = b"(" + page[-1]

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""
        value: bytes | None = self._server.ask(lambda client: client.hget(self._states, name))
        return value

    def newest(self) -> Entry | None:
        """Return the newest entry, None in an empty journal; nothing else is read."""
        self.require_there()
        rows = self._read(lambda client: client.xrevrange(self._blocks, count=1))
        if not rows:
            return None
        (block,) = self.blocks(_seq_of(rows[0][0]) - 1)
        return decode_entries(block.payload)[-1]

    def rows(self, first: int = 0) -> Iterator[tuple[int, object]]:
        """Yield what stands there from a key on, as it was found; a block is plain bytes."""
        start, count = f"{first}-0", 1
        while page := self._page(start, count):
            for key, fields in page:
                yield _seq_of(key), fields[_FIELD] if list(fields) == [_FIELD] else fields
            start, count = f"({_text(page[-1][0])}", min(_BLOCKS_PER_PAGE, _PAGE_GROWTH * count)

    def cut(self, first_bad: int, kept_to: int) -> None:
        """Remove every block from a key on, in one script; whoever wrote it is shut out."""
        self.claim()
        kept = self._read(
            lambda client: client.xrevrange(self._blocks, max=f"({first_bad}-0", count=1)
        )
        arguments = [f"{first_bad}-0", kept[0][0] if kept else b"0-0", kept_to]
        keys = (self._mark, self._blocks)
        self._server.ask(lambda client: client.eval(_CUT, len(keys), *keys, *arguments))

    def require_there(self) -> None:
        """Raise unless the server has this journal, in the format that this version reads.

        Raises
        ------
        JournalCorrupt
            If it has none.
        OtherFormat
            If another version of Quorum wrote it.
        """
        found = self._server.ask(lambda client: client.hget(self._mark, "format"))
        if found is None:
            raise self._lost()
        if int(found) != FORMAT:
            raise OtherFormat(
                f"journal {self.place.key} at {self.place.url} has format {int(found)}, this "
                f"version reads {FORMAT}: run the version that wrote it, or begin another book"
            )

    def tidy(self) -> None:
        """Leave it to the server, which tidies up by itself."""

    def close(self) -> None:
        """Close the connection; everything acknowledged stays."""
        self._server.close()

    def _claimed(self) -> int:
        # From the number that was read: a claim that arrives late, from a board that is dead, finds
        # another number and takes nothing away from whoever writes by then.
        for _ in range(_CLAIMS_MAX):
            before = self._server.ask(lambda client: client.hget(self._mark, "writer"))
            if before is None:
                raise self._lost()
            if writer := self._follow(before):
                return writer
        raise OSError(f"journal {self.place.key} is claimed by others again and again")

    def _follow(self, before: bytes) -> int:
        writer: int = self._server.ask(lambda client: client.eval(_CLAIM, 1, self._mark, before))
        return writer

    def _page_of_places(self, start: bytes, end: bytes) -> list[bytes]:
        members: list[bytes] = self._server.ask(
            lambda client: client.zrangebylex(self._places, start, end, 0, _PLACES_PER_PAGE)
        )
        return members

    def _page(self, start: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        return self._read(lambda client: client.xrange(self._blocks, min=start, count=count))

    def _first_block_with(self, after_seq: int) -> int:
        rows = self._read(
            lambda client: client.xrevrange(self._blocks, max=f"{after_seq + 1}-0", count=1)
        )
        return _seq_of(rows[0][0]) if rows else 0

    def _read(self, call: Callable[[Any], Any]) -> list[tuple[bytes, dict[bytes, bytes]]]:
        rows: list[tuple[bytes, dict[bytes, bytes]]] = self._server.ask(call)
        return rows

    def _require_done(self, answer: list[str], block: Block | None) -> None:
        match answer:
            case ["done"]:
                return
            case ["fenced", writer]:
                raise JournalFenced(
                    f"journal {self.place.key} is written by board {writer}, this was board "
                    f"{self._writer}: another one has been started"
                )
            case ["full", used]:
                raise OSError(
                    f"journal {self.place.key} is full: {used} bytes of {self._bytes_max} "
                    "(board.journal_bytes_max)"
                )
            case ["gap", head]:
                first_seq = block.first_seq if block else 0
                raise JournalCorrupt(
                    f"journal {self.place.key} at {self.place.url} has come to entry {head}, and "
                    f"entry {first_seq} follows: the server has lost what it had acknowledged"
                )
            case [kind, *_] if kind == _ABSENT:
                raise self._lost()
        raise JournalCorrupt(f"journal {self.place.key} answered an append with {answer}")

    def _lost(self) -> JournalCorrupt:
        return JournalCorrupt(
            f"Redis at {self.place.url} has no journal {self.place.key}: it is another server, or "
            "it has lost its data; restore its append-only file from a copy"
        )


def _member(label: int | str, first_seq: int) -> bytes:
    """Return a label at a place, as the sorted set holds it: in the order of seqs.

    A time may read like a kind, far from ours; then a place is found that has no such entry.
    """
    name = _TIME.pack(label) if isinstance(label, int) else label.encode() + b"\0"
    return name + _SEQ.pack(first_seq)


def _seq_of(key: bytes) -> int:
    return int(key.split(b"-", maxsplit=1)[0])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
