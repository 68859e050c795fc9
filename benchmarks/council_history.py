"""Benchmark: the nine agents in one process against the length of a run, to three million bars.

The market is synthetic, as for the curve against symbols. It takes about fifteen minutes of a
processor.
"""

from typing import Final

from benchmarks.council_stretches import draw, stretches
from benchmarks.sections import Section, table

BARS: Final = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
SYMBOLS: Final = 4
SETTLED: Final = 1_000_000
"""Bars after which everything with a bound has filled up."""


def run() -> Section:
    """Run once, for long."""
    by_bars = stretches(SYMBOLS, BARS)
    draw("council_bars", f"bars of {SYMBOLS} symbols", BARS, by_bars)
    first, last = by_bars[1], by_bars[-1]  # what comes before warms
    settled = next(each for each in by_bars if each.bars == SETTLED)
    grown_mb = (last.mb - settled.mb) / (last.bars - settled.bars) * 1e6
    return Section(
        name="council_history",
        title="Nine agents, longer runs",
        text=(
            f"From {first.bars:,} to {last.bars:,} bars of {SYMBOLS} symbols a bar costs "
            f"{first.us_a_bar:.0f}, then {last.us_a_bar:.0f} µs, in {first.mb:.0f}, then "
            f"{last.mb:.0f} MB: after {SETTLED:,} bars {grown_mb:+.1f} MB a million.\n\n"
            "![Processor time of a bar against bars](pictures/council_bars.svg)\n\n"
            "![Memory against bars](pictures/council_bars_mb.svg)"
        ),
        tables=(
            table(
                (f"bars of {SYMBOLS} symbols", "µs a bar since the row above", "MB"),
                [[f"{each.bars:,}", f"{each.us_a_bar:.0f}", f"{each.mb:.0f}"] for each in by_bars],
            ),
        ),
        notes=(
            "Agents, board, journal, terminal and ledger in one process; processor time of "
            "everything from the start.",
            "The first row holds what compiles, loads and warms; the synthetic market makes its "
            "weeks as they come, and keeps twelve.",
        ),
    )
