"""Benchmark: the journal on Redis beside bare additions of the same bytes to a stream."""

import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import msgspec
import redis

from benchmarks.comparisons import Comparison, not_run
from benchmarks.measuring import spread_of
from benchmarks.sections import Section, table
from blackboard.entry import Entry, store
from blackboard.facts import Quote
from blackboard.journal import GENESIS, Block, Durability, seal
from runtime.journals.opening import open_to_write
from tests.redis_server import PROGRAM, RedisProcess

TITLE: Final = "Journal on Redis"
THING: Final = "a block journaled on Redis"
FACTS_A_BLOCK: Final = (1, 10, 100)
FACTS_COMPARED: Final = 10
"""Of these the table of peers holds the block that an agent's post makes."""
BLOCKS: Final = 300
RUNS: Final = 5
ROOM: Final = 1 << 40


class _Measured(NamedTuple):
    fsync: str
    facts: int
    server: str
    bare_s: list[float]
    ours_s: list[float]

    @property
    def ratios(self) -> list[float]:
        return [one / other for one, other in zip(self.ours_s, self.bare_s, strict=True)]


def run() -> Section:
    """Append blocks of several sizes under both promises of the server."""
    if PROGRAM is None:
        reason = "redis-server is not installed"
        beside = not_run(THING, "–", "Redis, bare XADD", reason)
        return Section("redis_journal", TITLE, f"Not run: {reason}.", comparisons=(beside,))
    measured = []
    for fsync in ("always", "everysec"):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            server = RedisProcess(Path(folder) / "redis", appendfsync=fsync)
            try:
                measured += [
                    _measured(server, Path(folder), fsync, facts) for facts in FACTS_A_BLOCK
                ]
            finally:
                server.kill()
    head = ("appendfsync", "facts a block", "bare XADD ms", "journal ms", "ratio", "facts/s")
    return Section(
        name="redis_journal",
        title=TITLE,
        text=(
            f"{BLOCKS} blocks one after the other on a server of this run, medians of {RUNS} runs "
            "in turns. The bare row adds the same bytes to a stream and waits for the answer."
        ),
        tables=(table((*head, "spread of the ratio"), [_row(each) for each in measured]),),
        notes=(
            "Seconds of the clock, not of the processor: what is waited for is the server and its "
            "disk.",
            "The journal seals the block, checks writer and order in a script, and stores states "
            "beside it.",
        ),
        comparisons=tuple(_comparison(each) for each in measured if each.facts == FACTS_COMPARED),
    )


def _measured(server: RedisProcess, folder: Path, fsync: str, facts: int) -> _Measured:
    blocks = _chain(facts)
    bare, ours = [], []
    for turn in range(RUNS):
        bare.append(_bare_s(server, f"bare-{facts}-{turn}", blocks))
        place = folder / f"{facts}-{turn}"
        ours.append(_ours_s(server.journal_folder(place, fsync=fsync), blocks))
    client: Any = redis.Redis(port=server.port)
    version = client.info("server")["redis_version"]
    client.close()
    return _Measured(fsync, facts, version, bare, ours)


def _row(measured: _Measured) -> list[str]:
    seconds = statistics.median(measured.ours_s)
    return [
        measured.fsync,
        str(measured.facts),
        f"{1000 * statistics.median(measured.bare_s) / BLOCKS:.3f}",
        f"{1000 * seconds / BLOCKS:.3f}",
        f"{statistics.median(measured.ratios):.2f}",
        f"{measured.facts * BLOCKS / seconds:,.0f}",
        f"{spread_of(measured.ratios):.0%}",
    ]


def _comparison(measured: _Measured) -> Comparison:
    ours_s, bare_s = measured.ours_s, measured.bare_s
    return Comparison(
        f"{THING}, {measured.facts} facts, appendfsync {measured.fsync}",
        f"{1000 * statistics.median(ours_s) / BLOCKS:.2f} ms",
        f"bare XADD, Redis {measured.server}",
        f"{1000 * statistics.median(bare_s) / BLOCKS:.2f} ms",
        1.0 / statistics.median(measured.ratios),
        f"{spread_of(ours_s):.0%}, {spread_of(bare_s):.0%}",
        "the journal seals the block into a chain, and a script on the server checks writer and "
        "order and stores states beside it",
    )


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
