"""Benchmark: the compiled simulator on our own full decision arithmetic, and how its cost grows."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.council import END, MINUTES, ROOT, START, SYMBOLS
from benchmarks.measuring import Timing, timed
from benchmarks.picture import Line, draw
from benchmarks.sections import PICTURES, Section, table
from benchmarks.stretched import in_symbols, in_time, of_closes
from models.decision.simulator import simulate_world
from runtime.columns import Columns, export_columns
from runtime.columns.simulating import world_of

TITLE: Final = "Our own decisions, compiled"
FLOOR_BARS_PER_S: Final = 5_000_000
TIMES: Final = (1, 4, 16, 64, 174)
"""Repetitions of the two weeks; the last makes ten million minutes."""
COUNTS: Final = (1, 2, 4, 8, 16, 28, 56)
CLOSES: Final = 160
"""Closes of the shortest row, about ten thousand minutes."""


def run() -> Section:
    """Record the council once and decide its run again at every size."""
    if not MINUTES.is_dir():
        return Section("decisions", TITLE, f"Not run: there are no recorded minutes at {MINUTES}.")
    columns = _recorded()
    by_bars = [_measured(of_closes(columns, CLOSES))]
    by_bars += [_measured(in_time(columns, times)) for times in TIMES]
    by_symbols = [_measured(in_symbols(columns, count)) for count in COUNTS]
    _draw_both(by_bars, by_symbols)
    bars, timing, _ = by_bars[1]
    rate = bars / timing.median_s
    rows = [_row(len(SYMBOLS), *each) for each in by_bars]
    rows += [_row(count, *each) for count, each in zip(COUNTS, by_symbols, strict=True)]
    return Section(
        name="decisions",
        title=TITLE,
        text=(
            f"Votes, arbitration, every risk rule, sizing, fills, exits and ledger of "
            f"{', '.join(SYMBOLS)}, {START} to {END}, over the columns of a recorded nine-agent "
            f"run, whose trades come out again: {rate / 1e6:.1f} M bars/s. The floor of "
            f"{FLOOR_BARS_PER_S / 1e6:g} M is "
            f"{'met' if rate >= FLOOR_BARS_PER_S else 'missed'}.\n\n"
            "![Seconds against bars](pictures/decisions_bars.svg)\n\n"
            "![Seconds against symbols](pictures/decisions_symbols.svg)"
        ),
        tables=(table(("symbols", "M1 bars", "ms", "M bars/s", "trades", "spread"), rows),),
        notes=(
            "A bar is one minute of one symbol; an account that is flat passes over its minutes.",
            "Longer and wider rows repeat the two weeks, so their trades are no result.",
            "Export of the columns and compilation are part of no row.",
        ),
    )


def _recorded() -> Columns:
    with TemporaryDirectory() as home:
        command = [sys.executable, "launch.py", "up", "--in-process", "--speed", "max", "--json"]
        command += ["--history", str(MINUTES), "--symbols", ",".join(SYMBOLS)]
        command += ["--from", START, "--to", END]
        environment = {**os.environ, "QUORUM_HOME": home}
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        return export_columns(next((Path(home) / "runs").iterdir()))


def _measured(columns: Columns) -> tuple[int, Timing, int]:
    world = world_of(columns, columns.settings)
    given = (world, columns.readings_ns, columns.end_ns, columns.symbols, columns.voters)
    simulated = simulate_world(*given)
    return simulated.bars, timed(lambda: simulate_world(*given)), len(simulated.trades)


def _row(symbols: int, bars: int, timing: Timing, trades: int) -> list[str]:
    rate = bars / timing.median_s / 1e6
    spread = f"{timing.spread_frac:.0%}"
    return [
        str(symbols),
        f"{bars:,}",
        f"{timing.median_s * 1e3:,.2f}",
        f"{rate:.1f}",
        str(trades),
        spread,
    ]


def _draw_both(
    by_bars: list[tuple[int, Timing, int]], by_symbols: list[tuple[int, Timing, int]]
) -> None:
    PICTURES.mkdir(exist_ok=True)
    line = Line(
        "full decisions", tuple(b for b, _, _ in by_bars), tuple(t.median_s for _, t, _ in by_bars)
    )
    draw(PICTURES / "decisions_bars.svg", "Seconds against bars of four symbols", "bars", [line])
    line = Line("full decisions", COUNTS, tuple(timing.median_s for _, timing, _ in by_symbols))
    draw(PICTURES / "decisions_symbols.svg", "Seconds against symbols", "symbols", [line])
