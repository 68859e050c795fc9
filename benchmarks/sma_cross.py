"""Benchmark: the SMA cross that every engine can do, on one symbol."""

from pathlib import Path
from typing import Final

import numba
import numpy as np

from benchmarks import cross_loop, engines
from benchmarks.comparisons import Comparison, not_run
from benchmarks.market import BARS, WORK, prices_of, random_walk
from benchmarks.measuring import Timing, short, timed, timing_of
from benchmarks.sections import Section, table

TRADES_FRAC: Final = {"vectorbt": 0.04}
"""How far a peer's number of trades may lie from the bare loop's; 1 % where nothing is said."""
PEER_REPETITIONS: Final = 3
OURS: Final = "our fills, compiled"
THING: Final = f"SMA cross, {OURS}"
PEERS: Final = {
    "vectorbt": ("vectorbt", "columns at once; stops from the entry's open"),
    "backtesting": ("backtesting.py", "a Python call a bar; spread as a share of the price"),
    "nautilus": (
        "NautilusTrader",
        "whole order life cycle, bid and ask bars, fills at the signal's close; what we have like "
        "it are the nine agents, below",
    ),
}
"""Name of each peer, and what it does otherwise in one line."""


def run() -> Section:
    """Run the common work in every engine."""
    bars = random_walk()
    path = engines.FOLDER / "random_walk.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **bars)
    prices = prices_of(bars)

    trades, _ = cross_loop.bare(prices, WORK)
    floor = timed(lambda: cross_loop.bare(prices, WORK))
    ours_trades, _ = cross_loop.with_our_fills(prices, WORK, *cross_loop.signals(prices, WORK))
    ours = timed(lambda: cross_loop.with_our_fills(prices, WORK, *cross_loop.signals(prices, WORK)))
    require_trades("our fills", ours_trades, trades)
    rows = [
        row_of("bare compiled loop", floor, trades, floor),
        row_of(OURS, ours, ours_trades, floor),
    ]
    bare = f"bare loop, numba {numba.__version__}"
    differs = "signals, fills in whole points and exits in functions of the product, not one loop"
    comparisons = [_comparison(ours, bare, floor, differs)]
    for name in engines.ENGINES:
        row, comparison = _beside(name, path, trades, floor, ours)
        rows.append(row)
        comparisons.append(comparison)
    return Section(
        name="sma_cross",
        title="SMA cross, the common work",
        text=(
            f"{BARS:,} M15 bars of a seeded random walk; averages over 10 and 30 closes cross, "
            "stop 2 and target 3 average true ranges from the close of the signal, entry at the "
            "next open, one position at a time, one pip of spread, stop before target, gaps at the "
            "open. The number of trades is asserted: within 1 % of the bare loop, 4 % for vectorbt."
        ),
        tables=(table(("engine", "bars/s", "of the bare loop", "trades", "runs, spread"), rows),),
        notes=(
            "Indicators are part of every row. Compilation, imports and loading are part of none.",
            "vectorbt counts stops from the entry's open; a bar that closes a position opens none.",
            "backtesting.py takes the spread as a share of the price.",
            "NautilusTrader keeps a whole order life cycle, and fills a market order at the close "
            "of the signal's bar; it gets bid and ask bars, counted once.",
        ),
        comparisons=tuple(comparisons),
    )


def _beside(
    name: str, path: Path, trades: int, floor: Timing, ours: Timing
) -> tuple[list[str], Comparison]:
    """Return a peer's rows here and in the table of peers, or why there are none."""
    peer, differs = PEERS[name]
    measured = engines.run_peer(name, path, PEER_REPETITIONS)
    if not measured.seconds:
        row = [peer, "not run", "", "", measured.reason]
        return row, not_run(THING, _rate(ours), peer, measured.reason)
    require_trades(name, measured.trades, trades)
    theirs, versioned = timing_of(measured.seconds), f"{peer} {measured.version}"
    row = row_of(versioned, theirs, measured.trades, floor)
    return row, _comparison(ours, versioned, theirs, differs)


def _comparison(ours: Timing, peer: str, theirs: Timing, differs: str) -> Comparison:
    return Comparison(
        THING,
        _rate(ours),
        peer,
        _rate(theirs),
        theirs.median_s / ours.median_s,
        f"{ours.spread_frac:.0%}, {theirs.spread_frac:.0%}",
        differs,
    )


def _rate(timing: Timing) -> str:
    return f"{short(BARS / timing.median_s)} bars/s"


def row_of(name: str, timing: Timing, trades: int, floor: Timing) -> list[str]:
    """Return one engine's row."""
    return [
        name,
        f"{BARS / timing.median_s:,.0f}",
        f"{floor.median_s / timing.median_s:.4f}",
        f"{trades:,}",
        f"{timing.runs}, {timing.spread_frac:.0%}",
    ]


def require_trades(name: str, trades: int, expected: int) -> None:
    """Raise RuntimeError where an engine did other work: its speed would say nothing."""
    allowed_frac = TRADES_FRAC.get(name, 0.01)
    if abs(trades / expected - 1.0) > allowed_frac:
        raise RuntimeError(f"trades of {name} must lie within {allowed_frac:.0%} of {expected}")
