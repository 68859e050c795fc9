"""Benchmark: the nine agents in one process against symbols, and against the length of a run.

The market is synthetic, because nobody has recorded minutes of 56 symbols; it costs little.
"""

import json
import subprocess
import sys
from collections import Counter
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.picture import Line, draw_levels
from benchmarks.sections import PICTURES, Section, table

SYMBOLS: Final = (1, 2, 4, 8, 14, 28, 56)
DAY: Final = 1_440
"""Minutes of a day; one warms, the next counts."""
BARS: Final = (10_000, 30_000, 100_000, 300_000, 1_000_000)
HISTORY_SYMBOLS: Final = 4
COMPARED: Final = (4, 56)
"""Numbers of symbols whose shares are told."""
LINEAR_MAX: Final = 1.25
"""How much more a bar may cost when the symbols double at the end before it is told as a bend."""


class Stretch(NamedTuple):
    """What the bars between two marks cost."""

    symbols: int
    bars: int
    """Bars since the start of the run."""
    us_a_bar: float
    """Processor time."""
    mb: float
    """Resident at the end."""
    parts_us: dict[str, float]
    """Of `us_a_bar`, sampled."""


def run() -> Section:
    """Run once for each number of symbols, and once for long."""
    by_symbols = [_stretches(count, [count * DAY, 2 * count * DAY])[-1] for count in SYMBOLS]
    by_bars = _stretches(HISTORY_SYMBOLS, list(BARS))
    fixed_us, each_us = fitted(by_symbols)
    _draw(by_symbols, by_bars)
    few, most = (_of(by_symbols, count) for count in COMPARED)
    first, last = by_bars[1], by_bars[-1]  # what comes before warms
    is_linear = most.us_a_bar <= LINEAR_MAX * by_symbols[-2].us_a_bar
    return Section(
        name="council_growth",
        title="Nine agents, more symbols and longer runs",
        text=(
            f"A bar costs {by_symbols[0].us_a_bar:.0f} µs with one symbol, {few.us_a_bar:.0f} with "
            f"{few.symbols}, {most.us_a_bar:.0f} with {most.symbols}: what bends the curve down is "
            f"what a minute costs whatever its symbols, {fixed_us:.0f} µs, beside {each_us:.0f} µs "
            f"for each of its bars (least squares on both). {_end(is_linear)} "
            f"From {first.bars:,} to {last.bars:,} bars of {HISTORY_SYMBOLS} symbols a bar costs "
            f"{first.us_a_bar:.0f}, then {last.us_a_bar:.0f} µs, in {first.mb:.0f}, then "
            f"{last.mb:.0f} MB.\n\n"
            "![Processor time of a bar against symbols](pictures/council_symbols.svg)\n\n"
            "![Memory against symbols](pictures/council_symbols_mb.svg)\n\n"
            "![Processor time of a bar against bars](pictures/council_bars.svg)\n\n"
            "![Memory against bars](pictures/council_bars_mb.svg)"
        ),
        tables=(
            table(
                ("symbols", "µs a bar", "ms a minute", "MB"), [_row(each) for each in by_symbols]
            ),
            _shares(few, most),
            table(
                (f"bars of {HISTORY_SYMBOLS} symbols", "µs a bar since the row above", "MB"),
                [[f"{each.bars:,}", f"{each.us_a_bar:.0f}", f"{each.mb:.0f}"] for each in by_bars],
            ),
        ),
        notes=(
            "Agents, board, journal, terminal and ledger in one process; processor time, sampled "
            "all the while. By symbols: the second day of a run, which begins with a week, so what "
            "happens once a week is not in it; by bars: everything from the start.",
            "The first row by bars holds what compiles, loads and warms; the synthetic market "
            "makes its weeks as they come, and keeps twelve.",
            "Up to 28 symbols are pairs of eight currencies, 56 of twelve.",
        ),
    )


def _end(is_linear: bool) -> str:
    if is_linear:
        return "Nothing that could be seen grows with the square of the symbols."
    return "AT THE END SOMETHING GROWS FASTER THAN THE SYMBOLS."


def _stretches(symbols: int, marks: list[int]) -> list[Stretch]:
    command = (sys.executable, "-m", "benchmarks.council_marks", str(symbols), *map(str, marks))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["marks"]
    stretches, bars, cpu_s, seen = [], 0, 0.0, Counter[str]()
    for mark in told:
        us_a_bar = (mark["cpu_s"] - cpu_s) / (mark["bars"] - bars) * 1e6
        samples = Counter(mark["samples"]) - seen
        scale = us_a_bar / max(1, samples.total())
        parts = {part: count * scale for part, count in samples.items()}
        stretches.append(Stretch(symbols, mark["bars"], us_a_bar, mark["mb"], parts))
        bars, cpu_s, seen = mark["bars"], mark["cpu_s"], Counter(mark["samples"])
    return stretches


def fitted(by_symbols: list[Stretch]) -> tuple[float, float]:
    """Return the microseconds of a minute, and of each of its bars, that fit best."""
    counts = np.array([each.symbols for each in by_symbols])
    costs = np.array([each.us_a_bar for each in by_symbols])
    terms = np.column_stack((1.0 / counts, np.ones(len(counts))))
    fixed, each = np.linalg.lstsq(terms, costs)[0]
    return float(fixed), float(each)


def _of(by_symbols: list[Stretch], count: int) -> Stretch:
    return next(each for each in by_symbols if each.symbols == count)


def _row(each: Stretch) -> list[str]:
    a_minute_ms = each.us_a_bar * each.symbols / 1e3
    return [str(each.symbols), f"{each.us_a_bar:.0f}", f"{a_minute_ms:.2f}", f"{each.mb:.0f}"]


def _shares(few: Stretch, most: Stretch) -> str:
    parts = sorted(few.parts_us | most.parts_us, key=lambda part: -most.parts_us.get(part, 0.0))
    rows = [
        [
            part,
            *(
                text
                for each in (few, most)
                for us in [each.parts_us.get(part, 0.0)]
                for text in (f"{us:.1f}", f"{us / each.us_a_bar:.1%}")
            ),
        ]
        for part in parts
    ]
    head = [text for each in (few, most) for text in (f"µs, {each.symbols} symbols", "share")]
    return table(("where a bar's time goes", *head), rows)


def _draw(by_symbols: list[Stretch], by_bars: list[Stretch]) -> None:
    PICTURES.mkdir(exist_ok=True)
    cost, memory = "Microseconds of processor time a bar", "Memory of the process"
    for name, axis, stretches in (
        ("council_symbols", "symbols", by_symbols),
        ("council_bars", f"bars of {HISTORY_SYMBOLS} symbols", by_bars),
    ):
        sizes = SYMBOLS if stretches is by_symbols else BARS
        agents = [
            sum(us for part, us in each.parts_us.items() if part.startswith("agent:"))
            for each in stretches
        ]
        lines = [
            Line("whole", sizes, tuple(each.us_a_bar for each in stretches)),
            Line("the nine agents", sizes, tuple(agents)),
        ]
        draw_levels(PICTURES / f"{name}.svg", cost, axis, "µs", lines)
        line = Line("resident", sizes, tuple(each.mb for each in stretches))
        draw_levels(PICTURES / f"{name}_mb.svg", memory, axis, "MB", [line])
