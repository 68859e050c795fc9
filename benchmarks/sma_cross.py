"""Benchmark: the SMA cross that every engine can do, on one symbol."""

from pathlib import Path

import numpy as np

from benchmarks import cross_loop, engines
from benchmarks.market import BARS, WORK, prices_of, random_walk
from benchmarks.measuring import Timing, timed, timing_of
from benchmarks.sections import Section, table

TRADES_FRAC = {"vectorbt": 0.04}
"""How far a peer's number of trades may lie from the bare loop's; 1 % where nothing is said."""
PEER_REPETITIONS = 3


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
        row_of("our fills, compiled", ours, ours_trades, floor),
    ]
    rows += [peer_row(name, path, trades, floor) for name in engines.ENGINES]
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
    )


def peer_row(name: str, path: Path, trades: int, floor: Timing) -> list[str]:
    """Return a peer's row, or why there is none."""
    measured = engines.run_peer(name, path, PEER_REPETITIONS)
    if not measured.seconds:
        return [name, "not run", "", "", measured.reason]
    require_trades(name, measured.trades, trades)
    return row_of(f"{name} {measured.version}", timing_of(measured.seconds), measured.trades, floor)


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
