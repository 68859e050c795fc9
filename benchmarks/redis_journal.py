"""Benchmark: the journal on Redis beside bare additions of the same bytes to a stream."""

import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import msgspec
import redis

from benchmarks.sections import Section, table
from blackboard.entry import Entry, store
from blackboard.facts import Quote
from blackboard.journal import GENESIS, Block, Durability, seal
from runtime.journals.opening import open_to_write
from tests.redis_server import RedisProcess

FACTS_A_BLOCK: Final = (1, 10, 100)
BLOCKS: Final = 300
RUNS: Final = 5
ROOM: Final = 1 << 40


def run() -> Section:
    """Append blocks of several sizes under both promises of the server."""
    rows = []
    for fsync in ("always", "everysec"):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            server = RedisProcess(Path(folder) / "redis", appendfsync=fsync)
            try:
                rows += [_row(server, Path(folder), fsync, facts) for facts in FACTS_A_BLOCK]
            finally:
                server.kill()
    head = ("appendfsync", "facts a block", "bare XADD ms", "journal ms", "ratio", "facts/s")
    return Section(
        name="redis_journal",
        title="Journal on Redis",
        text=(
            f"{BLOCKS} blocks one after the other on a server of this run, medians of {RUNS} runs "
            "in turns. The bare row adds the same bytes to a stream and waits for the answer."
        ),
        tables=(table((*head, "spread of the ratio"), rows),),
        notes=(
            "Seconds of the clock, not of the processor: what is waited for is the server and its "
            "disk.",
            "The journal seals the block, checks writer and order in a script, and stores states "
            "beside it.",
        ),
    )


def _row(server: RedisProcess, folder: Path, fsync: str, facts: int) -> list[str]:
    blocks = _chain(facts)
    bare, ours = [], []
    for turn in range(RUNS):
        bare.append(_bare_s(server, f"bare-{facts}-{turn}", blocks))
        place = folder / f"{facts}-{turn}"
        ours.append(_ours_s(server.journal_folder(place, fsync=fsync), blocks))
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    ratio, spread = statistics.median(ratios), max(ratios) - min(ratios)
    seconds = statistics.median(ours)
    return [
        fsync,
        str(facts),
        f"{1000 * statistics.median(bare) / BLOCKS:.3f}",
        f"{1000 * seconds / BLOCKS:.3f}",
        f"{ratio:.2f}",
        f"{facts * BLOCKS / seconds:,.0f}",
        f"{spread / ratio:.0%}",
    ]


def _bare_s(server: RedisProcess, stream: str, blocks: list[Block]) -> float:
    client: Any = redis.Redis(port=server.port)
    encoded = [msgspec.msgpack.encode(block) for block in blocks]
    client.ping()
    began_s = perf_counter()
    for raw in encoded:
        client.xadd(stream, {"b": raw})
    elapsed_s = perf_counter() - began_s
    client.close()
    return elapsed_s


def _ours_s(folder: Path, blocks: list[Block]) -> float:
    journal = open_to_write(folder, ROOM)
    states = {"turns": b"\x80"}
    began_s = perf_counter()
    for block in blocks:
        journal.append(block, states, Durability.FULL)
    elapsed_s = perf_counter() - began_s
    journal.close()
    return elapsed_s


def _chain(facts: int) -> list[Block]:
    blocks: list[Block] = []
    previous, first = GENESIS, 1
    for _ in range(BLOCKS):
        payload, _ = store([_entry(first + place) for place in range(facts)])
        blocks.append(seal(first, first + facts - 1, payload, previous))
        previous, first = blocks[-1].hash, first + facts
    return blocks


def _entry(seq: int) -> Entry:
    fact = Quote(scope="EURUSD", bid=1.1, ask=1.1001, account_per_quote=1.0, source="test")
    return Entry(
        seq=seq,
        author="data",
        epoch=1,
        key=f"data/Quote/EURUSD/{seq}",
        fact=fact,
        ts_event_ns=seq,
        known_at_ns=seq,
        read_to=seq - 1,
        now_ns=seq,
        causes=(),
    )
