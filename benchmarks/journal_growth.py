"""Benchmark: starts of board and agents, memory and commits against the entries of a journal."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import start_growth
from benchmarks.journal_board import BATCH
from benchmarks.measuring import timing_of
from benchmarks.picture import Line, draw
from benchmarks.sections import PICTURES, Section, table
from blackboard.board import BoardLimits

ENTRIES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
WHOLE_MAX: Final = 1_000_000
"""Entries up to which the journal is also read whole."""
REPETITIONS: Final = 3
LIMITS: Final = BoardLimits()


class Size(NamedTuple):
    """What one size of journal costs."""

    entries: int
    commit_s: float
    grown_bytes: float
    killed_s: float
    rested_s: float
    started_bytes: float
    whole_s: float | None
    journal_bytes: int


def run() -> Section:
    """Grow one journal through all sizes and start a board on it at each."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = [_size(Path(folder) / "journal", entries) for entries in ENTRIES]
    PICTURES.mkdir(exist_ok=True)
    starts = start_growth.measured()
    start_growth.drawn(starts)
    whole = [size for size in sizes if size.whole_s is not None]
    draw(
        PICTURES / "journal_growth.svg",
        "Seconds of a board's start against entries in its journal",
        "entries",
        [
            Line(
                "the whole journal",
                tuple(size.entries for size in whole),
                tuple(size.whole_s or 0.0 for size in whole),
            ),
            _line("after kill -9", sizes, [size.killed_s for size in sizes]),
            _line("after an ordered stop", sizes, [size.rested_s for size in sizes]),
        ],
    )
    head = (
        *("entries", "journal, MB", "start after kill -9, ms", "after an ordered stop, ms"),
        *("reading all, ms", f"commit of {BATCH}, µs", "process, MB: grown", "started"),
    )
    return Section(
        name="journal_growth",
        title="Journal",
        text=(
            "A board on the embedded journal: how long it needs to start, what a commit costs and "
            "what memory its process has, while the journal grows. The dashed line is growth in "
            "proportion.\n\n"
            "![Seconds of a start against entries](pictures/journal_growth.svg)\n\n"
            "And how long each agent needs to start, which reads what counts of the past.\n\n"
            "![Seconds of an agent's start against entries](pictures/start_growth.svg)"
        ),
        tables=(table(head, [_row(size) for size in sizes]), start_growth.told(starts)),
        notes=(
            f"A snapshot every {LIMITS.snapshot_entries:,} entries, {LIMITS.tail_entries_max:,} "
            "entries in memory. A process that is killed leaves up to that many to read.",
            "“Grown” is the process that posted the entries since the row above, at its end; "
            "“started” is one that did nothing but start.",
            f"Facts are quotes, {BATCH} a block. Above {WHOLE_MAX:,} entries reading all is left "
            "out: it goes on in proportion.",
            start_growth.note(),
        ),
    )


def _line(name: str, sizes: list[Size], seconds: list[float]) -> Line:
    return Line(name, tuple(size.entries for size in sizes), tuple(seconds))


def _size(journal: Path, entries: int) -> Size:
    grown = _done("grow", journal, entries)
    killed = _done("start", journal, entries)  # ends in order
    rested = [_done("start", journal, entries) for _ in range(REPETITIONS)]
    whole = _done("read_whole", journal, entries)["start_s"] if entries <= WHOLE_MAX else None
    return Size(
        entries=entries,
        commit_s=grown["commit_s"],
        grown_bytes=grown["bytes"],
        killed_s=killed["start_s"],
        rested_s=timing_of([each["start_s"] for each in rested]).median_s,
        started_bytes=rested[-1]["bytes"],
        whole_s=whole,
        journal_bytes=sum(path.stat().st_size for path in journal.iterdir()),
    )


def _done(work: str, journal: Path, entries: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.journal_board", work, str(journal), str(entries)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cost: dict[str, float] = json.loads(done.stdout)
    return cost


def _row(size: Size) -> list[str]:
    return [
        f"{size.entries:,}",
        f"{size.journal_bytes / 1e6:,.0f}",
        f"{size.killed_s * 1e3:,.0f}",
        f"{size.rested_s * 1e3:,.0f}",
        "–" if size.whole_s is None else f"{size.whole_s * 1e3:,.0f}",
        f"{size.commit_s * 1e6:,.0f}",
        f"{size.grown_bytes / 1e6:,.0f}",
        f"{size.started_bytes / 1e6:,.0f}",
    ]
