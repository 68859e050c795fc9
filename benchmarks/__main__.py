"""Runs all benchmarks, or those named: ``python -m benchmarks [NAME | GROUP ...]``.

Without a name everything runs but the soak, each in a process of its own, so that none warms
another and one that fails ends nothing else. ``--help`` names benchmarks and groups.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from benchmarks import (
    adaptation,
    board,
    claims,
    comparisons,
    council,
    council_growth,
    council_history,
    decisions,
    direction,
    fan_out,
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
from benchmarks.running import chosen, run_each
from benchmarks.sections import Section, table, write
from runtime.clock import wall_ns

BENCHMARKS: Final[dict[str, Callable[[], Section]]] = {
    "sma_cross": sma_cross.run,
    "council": council.run,
    "adaptation": adaptation.run,
    "latency": latency.run,
    "board": board.run,
    "redis_journal": redis_journal.run,
    "growth": growth.run,
    "decisions": decisions.run,
    "council_growth": council_growth.run,
    "council_history": council_history.run,
    "fan_out": fan_out.run,
    "journal_growth": journal_growth.run,
    "gates": gates.run,
    "direction": direction.run,
    "volatility": volatility.run,
    "news": news.run,
    "speaking": speaking.run,
    "texts": texts.run,
    "wires": wires.run,
    "claims": claims.run,
    "soak": soak.run,
}
"""In the order in which they run: beside peers, growth, what models are worth."""
GROUPS: Final = {
    "all": tuple(name for name in BENCHMARKS if name != "soak"),
    "peers": ("sma_cross", "council", "adaptation", "latency", "board", "redis_journal"),
    "curves": (
        *("growth", "decisions", "council_growth", "council_history"),
        *("fan_out", "journal_growth"),
    ),
    "quick": (
        *("sma_cross", "council", "adaptation", "board", "redis_journal"),
        *("growth", "decisions"),
    ),
}
"""``quick`` takes less than ten minutes, installations aside."""
HELP: Final = ("-h", "--help")


def main(words: Sequence[str]) -> int:
    """Run and write the results down; return the exit code."""
    if any(word in HELP for word in words):
        print(_usage())
        return 0
    unknown = [word for word in words if word not in BENCHMARKS and word not in GROUPS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}\n{_usage()}")
        return 2
    names = chosen(words, GROUPS, "all")
    if len(names) == 1:
        _run(names[0])
        return 0
    failed = run_each({name: (sys.executable, "-m", "benchmarks", name) for name in names})
    if failed:
        print(f"failed: {', '.join(failed)}; the rest is in RESULTS.md")
    return 1 if failed else 0


def _usage() -> str:
    groups = "\n".join(f"  {group}: {', '.join(names)}" for group, names in GROUPS.items())
    return f"benchmarks: {', '.join(BENCHMARKS)}\ngroups, all where nothing is named:\n{groups}"


def _run(name: str) -> None:
    section = BENCHMARKS[name]()
    today = datetime.fromtimestamp(wall_ns() / 1e9, UTC).date()
    stamp = f"`python -m benchmarks {name}` on {today}, load {load()}: {machine()}."
    write([section._replace(text=f"{section.text}\n\n{stamp}")])
    if section.comparisons:
        comparisons.keep(comparisons.Kept(name, str(today), section.comparisons))
        write([_peers()])
    print(section.text, *section.tables, *section.notes, sep="\n", flush=True)


def _peers() -> Section:
    kept = [each for name in BENCHMARKS for each in comparisons.read() if each.name == name]
    rows = table(*comparisons.rows_of(kept))
    return Section("peers", comparisons.TITLE, comparisons.text_of(kept), (rows,))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
