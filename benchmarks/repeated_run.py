"""A recorded fortnight of the council, repeated into a journal of any length.

What comes again comes a fortnight later, under other tickets and ids, so that an agent that reads
it sees trades opened and closed as in a run that went on. The fortnight ends on a weekend, with
every position closed.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from blackboard.chain import commits_of
from blackboard.entry import Entry, store
from blackboard.facts import FOREVER_NS
from blackboard.journal import SNAPSHOT_STATE, Durability, seal
from blackboard.memory import Memory, labels_of
from models.market.sessions import DAY_NS, WEEK_NS
from runtime.council import ORDER
from runtime.journals.diskcache import DiskcacheJournal

DAYS: Final = 14
TICKETS: Final = ("ticket", "deal_ticket", "order_ticket", "position_ticket", "broker_ticket")
IDS: Final = ("intent_id", "entry_intent_id")
TICKETS_PER_RUN: Final = 1_000_000
TAIL: Final = 1_000
_TIME: Final = re.compile(r"(?<=/)[0-9]{19}(?=/)")


def grow(recorded: Path, folder: Path, entries: int) -> int:
    """Write a journal of at least so many entries, with a snapshot; return how many it has."""
    journal = DiskcacheJournal(folder)
    memory = Memory(journal, TAIL)
    now_ns = 0
    for commit in repeated(fortnight(recorded)):
        payload, stored = store(commit)
        block = seal(memory.head + 1, memory.head + len(stored), payload, memory.hash)
        journal.append(block, {}, Durability.UNSYNCED, labels_of(block.first_seq, stored))
        memory.take(block, stored)
        now_ns = commit[-1].now_ns
        if memory.head >= entries:
            break
    turn = {"read_to": memory.head, "now_ns": now_ns}
    states = {
        "epochs": msgspec.msgpack.encode(dict.fromkeys(ORDER, 1)),
        "turns": msgspec.msgpack.encode(dict.fromkeys(ORDER, turn)),
        "now": msgspec.msgpack.encode(now_ns),
        SNAPSHOT_STATE: memory.snapshot({}),
    }
    journal.append(None, states, Durability.FULL)
    journal.close()
    return memory.head


def repeated(commits: Sequence[Sequence[Entry]]) -> Iterator[list[Entry]]:
    """Yield the commits again and again, without end."""
    length = sum(map(len, commits))
    for run in count():
        for commit in commits:
            yield [later(entry, run, length) for entry in commit]


def fortnight(recorded: Path) -> list[Sequence[Entry]]:
    """Return the commits of a recorded run up to the end of its last whole week."""
    journal = DiskcacheJournal(recorded)
    commits = list(commits_of(journal.blocks()))
    journal.close()
    end_ns = commits[0][0].now_ns + DAYS * DAY_NS - DAY_NS
    return [commit for commit in commits if commit[-1].now_ns < end_ns]


def later(entry: Entry, run: int, length: int) -> Entry:
    """Return an entry as the so manieth run has it."""
    if not run:
        return entry
    shift_ns, seqs = run * DAYS // 7 * WEEK_NS, run * length
    changes = dict(_changes(entry.fact, run, shift_ns))
    key = _TIME.sub(lambda found: str(int(found.group()) + shift_ns), entry.key)
    for name in IDS:
        if name in changes:
            key = key.replace(getattr(entry.fact, name), changes[name])
    return Entry(
        seq=entry.seq + seqs,
        author=entry.author,
        epoch=entry.epoch,
        key=key,
        fact=msgspec.structs.replace(entry.fact, **changes) if changes else entry.fact,
        ts_event_ns=entry.ts_event_ns + shift_ns,
        known_at_ns=entry.known_at_ns + shift_ns,
        read_to=entry.read_to + seqs,
        now_ns=entry.now_ns + shift_ns,
        causes=tuple(cause + seqs for cause in entry.causes),
    )


def _changes(fact: Any, run: int, shift_ns: int) -> Iterator[tuple[str, Any]]:
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if name.endswith("_ns") and 0 < value < FOREVER_NS:
            yield name, min(value + shift_ns, FOREVER_NS)
        elif name in TICKETS and value:
            yield name, value + run * TICKETS_PER_RUN
        elif name in IDS and value:
            yield name, f"{value}.{run}"


if __name__ == "__main__":
    grow(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
