"""Benchmark: the nine agents in one process against symbols.

The market is synthetic, because nobody has recorded minutes of 56 symbols; it costs little.
"""

from typing import Final

import numpy as np

from benchmarks.council_stretches import Stretch, draw, stretches
from benchmarks.sections import Section, table

SYMBOLS: Final = (1, 2, 4, 8, 14, 28, 56)
DAY: Final = 1_440
"""Minutes of a day; one warms, the next counts."""
COMPARED: Final = (4, 56)
"""Numbers of symbols whose shares are told."""
LINEAR_MAX: Final = 1.25
"""How much more a bar may cost when the symbols double at the end before it is told as a bend."""


def run() -> Section:
    """Run once for each number of symbols."""
    by_symbols = [stretches(count, [count * DAY, 2 * count * DAY])[-1] for count in SYMBOLS]
    fixed_us, each_us = fitted(by_symbols)
    draw("council_symbols", "symbols", SYMBOLS, by_symbols)
    few, most = (_of(by_symbols, count) for count in COMPARED)
    is_linear = most.us_a_bar <= LINEAR_MAX * by_symbols[-2].us_a_bar
    return Section(
        name="council_growth",
        title="Nine agents, more symbols",
        text=(
            f"A bar costs {by_symbols[0].us_a_bar:.0f} µs with one symbol, {few.us_a_bar:.0f} with "
            f"{few.symbols}, {most.us_a_bar:.0f} with {most.symbols}: what bends the curve down is "
            f"what a minute costs whatever its symbols, {fixed_us:.0f} µs, beside {each_us:.0f} µs "
            f"for each of its bars (least squares on both). "
            f"{_end(is_linear)}\n\n"
            "![Processor time of a bar against symbols](pictures/council_symbols.svg)\n\n"
            "![Memory against symbols](pictures/council_symbols_mb.svg)"
        ),
        tables=(
            table(
                ("symbols", "µs a bar", "ms a minute", "MB"), [_row(each) for each in by_symbols]
            ),
            _shares(few, most),
        ),
        notes=(
            "Agents, board, journal, terminal and ledger in one process; processor time, sampled "
            "all the while, of the second day of a run, which begins with a week: what happens "
            "once a week is not in it.",
            "Up to 28 symbols are pairs of eight currencies, 56 of twelve.",
        ),
    )


def _end(is_linear: bool) -> str:
    if is_linear:
        return "Nothing that could be seen grows with the square of the symbols."
    return "AT THE END SOMETHING GROWS FASTER THAN THE SYMBOLS."


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
