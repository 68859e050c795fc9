"""Runs all benchmarks, or those named: ``python -m benchmarks [NAME ...]``."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks import (
    adaptation,
    board,
    claims,
    council,
    decisions,
    direction,
    gates,
    growth,
    journal_growth,
    latency,
    news,
    redis_journal,
    sma_cross,
    soak,
    speaking,
    texts,
    volatility,
    wires,
)
from benchmarks.measuring import load, machine
from benchmarks.sections import Section, write
from runtime.clock import wall_ns

BENCHMARKS: dict[str, Callable[[], Section]] = {
    "sma_cross": sma_cross.run,
    "growth": growth.run,
    "journal_growth": journal_growth.run,
    "decisions": decisions.run,
    "adaptation": adaptation.run,
    "council": council.run,
    "latency": latency.run,
    "board": board.run,
    "soak": soak.run,
    "news": news.run,
    "gates": gates.run,
    "direction": direction.run,
    "volatility": volatility.run,
    "speaking": speaking.run,
    "texts": texts.run,
    "wires": wires.run,
    "claims": claims.run,
    "redis_journal": redis_journal.run,
}


def main(names: list[str]) -> int:
    """Run and write the results down; return the exit code."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    for name in names or BENCHMARKS:
        print(f"{name} ...", flush=True)
        section = BENCHMARKS[name]()
        today = datetime.fromtimestamp(wall_ns() / 1e9, UTC).date()
        stamp = f"`python -m benchmarks {name}` on {today}, load {load()}: {machine()}."
        section = section._replace(text=f"{section.text}\n\n{stamp}")
        write([section])
        print(*section.tables, *section.notes, sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
