"""Benchmark: the nine agents in one process over recorded minutes, beside NautilusTrader."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks import engines
from benchmarks.comparisons import Comparison, not_run
from benchmarks.measuring import short, timing_of
from benchmarks.sections import Section, table
from runtime.terminals.simulated.history import HistoryMarket

ROOT: Final = Path(__file__).resolve().parents[1]
MINUTES: Final = ROOT.parent / "shared/data/unlicensed_internal_only/m1"
SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
START: Final = "2018-02-01"
END: Final = "2018-02-14"
REPETITIONS: Final = 3
FLOOR_BARS_PER_S: Final = 5_000


def run() -> Section:
    """Run both over the same minutes, in turns, and sample one more run of ours."""
    if not MINUTES.is_dir():
        return Section("council", TITLE, f"Not run: there are no recorded minutes at {MINUTES}.")
    path, bars = _columns()
    ours, peers = [], []
    for _ in range(REPETITIONS):
        ours.append(_council("timed"))
        peers.append(engines.run_peer("nautilus", path, 1, minutes=1))
    sampled = _council("sampled")
    hashes = {each["closing"]["decisions_hash"] for each in (*ours, sampled)}
    if len(hashes) > 1:
        raise RuntimeError(f"decisions_hash must be the same in every run, was {sorted(hashes)}")
    own = timing_of([each["cpu_seconds"] for each in ours])
    rows = [_row("nine agents, one process", bars, own.median_s, own.spread_frac)]
    rate = f"{short(bars / own.median_s)} bars/s"
    ratio = ""
    if all(peer.seconds for peer in peers):
        theirs = timing_of([peer.seconds[0] for peer in peers])
        name = f"NautilusTrader {peers[0].version}, SMA cross"
        rows.append(_row(name, bars, theirs.median_s, theirs.spread_frac))
        ratio = f" That is {theirs.median_s / own.median_s:.2f} × NautilusTrader in the same run."
        beside = Comparison(
            TITLE,
            rate,
            f"NautilusTrader {peers[0].version}",
            f"{short(bars / theirs.median_s)} bars/s",
            theirs.median_s / own.median_s,
            f"{own.spread_frac:.0%}, {theirs.spread_frac:.0%}",
            "nine agents that vote, calibrate, forecast, limit risk and keep every fact with its "
            "causes on disk, beside one SMA cross a symbol that writes nothing",
        )
    else:
        rows.append(["NautilusTrader", "not run", "", "", peers[0].reason])
        beside = not_run(TITLE, rate, "NautilusTrader", peers[0].reason)
    closing = ours[0]["closing"]
    return Section(
        name="council",
        title=TITLE,
        text=(
            f"{', '.join(SYMBOLS)}, {START} to {END}: {bars:,} M1 bars, traded on M15 with "
            f"journal, lineage, terminal and ledger: {ours[0]['entries']:,} entries in "
            f"{ours[0]['supersteps']:,} supersteps, {closing['decisions']:,} decisions, "
            f"{closing['trades']} trades, decisions_hash `{closing['decisions_hash'][:12]}` in "
            f"every run. The floor of {FLOOR_BARS_PER_S:,} bars/s is "
            f"{'met' if bars / own.median_s >= FLOOR_BARS_PER_S else 'missed'}.{ratio}"
        ),
        tables=(
            table(("engine", "M1 bars/s", "µs a bar", "seconds", "spread"), rows),
            _profile(sampled, bars, own.median_s),
        ),
        notes=(
            "Seconds are the run alone: no start, imports, loading, closing report, on both sides.",
            "NautilusTrader does less: one strategy a symbol on the quarter hours that it makes of "
            "the minutes, no votes, no calibration, no risk beyond the bracket, nothing written to "
            "disk. It gets bid and ask minutes, counted once, as ours are.",
            "The second table is sampled over processor time; a row holds what its part calls, and "
            "the parts named in other rows are not in it.",
        ),
        comparisons=(beside,),
    )


TITLE: Final = "Nine agents over recorded minutes"


def _council(mode: str) -> dict[str, Any]:
    with TemporaryDirectory() as home:
        command = [sys.executable, "-m", "benchmarks.council_run", mode]
        command += ["--history", str(MINUTES), "--symbols", ",".join(SYMBOLS)]
        command += ["--from", START, "--to", END]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "QUORUM_HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def _columns() -> tuple[Path, int]:
    market = HistoryMarket(MINUTES, SYMBOLS, start=START, end=END)
    columns = {}
    for symbol in SYMBOLS:
        minutes = market.minutes(symbol, market.start_ns, market.end_ns)
        for name in ("open", "high", "low", "close"):
            columns[f"{symbol}.{name}"] = minutes[name]
        columns[f"{symbol}.close_ns"] = minutes["open_ns"] + 60_000_000_000
    path = engines.FOLDER / "minutes.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **columns)
    return path, sum(len(column) for name, column in columns.items() if name.endswith(".close"))


def _row(name: str, bars: int, seconds: float, spread_frac: float) -> list[str]:
    rate, cost = f"{bars / seconds:,.0f}", f"{seconds / bars * 1e6:.0f}"
    return [name, rate, cost, f"{seconds:.2f}", f"{spread_frac:.0%}"]


def _profile(sampled: dict[str, Any], bars: int, cpu_s: float) -> str:
    counts: dict[str, int] = sampled["samples"]
    total = sum(counts.values())
    rows = [
        [part, f"{count / total:.1%}", f"{count / total * cpu_s / bars * 1e6:.1f}"]
        for part, count in sorted(counts.items(), key=lambda each: -each[1])
    ]
    return table(("where a bar's time goes", "share", "µs a bar"), rows)
