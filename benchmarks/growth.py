"""Benchmark: cost against the number of bars and of symbols, which must grow in proportion."""

from collections.abc import Callable
from typing import Final

import numpy as np

from benchmarks import cross_loop
from benchmarks.market import WORK, Prices, prices_of, random_walk
from benchmarks.measuring import timed
from benchmarks.picture import Line, draw
from benchmarks.sections import PICTURES, Section, table

BARS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
SYMBOLS: Final = (1, 2, 4, 8, 16, 28, 56)
DRAWN_BARS: Final = 1_000_000
"""Bars that are drawn; longer columns repeat them."""
BARS_EACH: Final = 100_000
REPETITIONS: Final = 3


def run() -> Section:
    """Measure the common work with our fills at every size."""
    drawn = prices_of(random_walk(DRAWN_BARS))
    by_bars = [timed(_work([_first(drawn, bars)]), REPETITIONS).median_s for bars in BARS]
    each = [prices_of(random_walk(BARS_EACH, seed)) for seed in range(max(SYMBOLS))]
    by_symbols = [timed(_work(each[:count]), REPETITIONS).median_s for count in SYMBOLS]
    PICTURES.mkdir(exist_ok=True)
    draw(
        PICTURES / "growth_bars.svg",
        "Seconds against bars of one symbol",
        "bars",
        [Line("with our fills", BARS, tuple(by_bars))],
    )
    draw(
        PICTURES / "growth_symbols.svg",
        f"Seconds against symbols of {BARS_EACH:,} bars",
        "symbols",
        [Line("with our fills", SYMBOLS, tuple(by_symbols))],
    )
    sizes = [(f"{bars:,}", "1", bars, s) for bars, s in zip(BARS, by_bars, strict=True)]
    sizes += [
        (f"{BARS_EACH:,}", str(count), BARS_EACH * count, s)
        for count, s in zip(SYMBOLS, by_symbols, strict=True)
    ]
    rows = [
        [bars, symbols, f"{s * 1e3:,.2f}", f"{total / s / 1e6:,.1f}"]
        for bars, symbols, total, s in sizes
    ]
    return Section(
        name="growth",
        title="Growth",
        text=(
            "The common work with our fills, compiled. In proportion means the same rate in every "
            "row; the dashed line of a picture is that.\n\n"
            "![Seconds against bars](pictures/growth_bars.svg)\n\n"
            "![Seconds against symbols](pictures/growth_symbols.svg)"
        ),
        tables=(table(("bars of a symbol", "symbols", "ms", "M bars/s"), rows),),
        notes=(
            "Symbols are worked through one after the other, on one thread.",
            "What bends the curves: more and longer columns no longer fit into the cache.",
        ),
    )


def _work(symbols: list[Prices]) -> Callable[[], None]:
    def work() -> None:
        for prices in symbols:
            wanted, ranges = cross_loop.signals(prices, WORK)
            cross_loop.with_our_fills(prices, WORK, wanted, ranges)

    return work


def _first(drawn: Prices, bars: int) -> Prices:
    repeats = -(-bars // DRAWN_BARS)
    return Prices(*(np.tile(column, repeats)[:bars] for column in drawn))
