"""Benchmark: the board on Ray beside a list in an actor that is called through Ray."""

import json
import statistics
import subprocess
import sys
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from benchmarks.comparisons import Comparison
from benchmarks.measuring import short, spread_of
from benchmarks.sections import Section, table

TITLE: Final = "The board beside a raw long poll"
FACTS: Final = 200_000
DRIPS: Final = 200
READERS: Final = 8
REPETITIONS: Final = 3
DAY_FACTS: Final = 28 * 1_440 * 2
"""A bar and a quote a minute of 28 symbols."""
DAYS: Final = (1, 3, 5)
POSTS_MIN: Final = 0.8
DELIVERY_MAX: Final = 1.5


def run() -> Section:
    """Time both in turns, then fill the board with days of facts."""
    posts: dict[str, list[float]] = {"raw": [], "board": []}
    cpu_us: dict[str, list[float]] = {"raw": [], "board": []}
    delays: dict[str, list[float]] = {"raw": [], "board": []}
    for _ in range(REPETITIONS):
        for kind, poured in posts.items():
            pour = wire(kind, "throughput", FACTS, 1)
            poured.append(pour["facts_per_s"])
            cpu_us[kind].append(sum(pour["cpu_ms"].values()) * 1e3)
            told = wire(kind, "fan_out", DRIPS, READERS)["delays_ms"]
            delays[kind].append(float(np.percentile(told, 50)))
    memory_mb = [wire("board", "throughput", days * DAY_FACTS, 1)["hub_mb"] for days in DAYS]
    taken = {kind: statistics.median(each) for kind, each in posts.items()}
    had = {kind: statistics.median(each) for kind, each in delays.items()}
    cost_us = {kind: statistics.median(each) for kind, each in cpu_us.items()}
    posted_ratio, had_ratio = taken["board"] / taken["raw"], had["board"] / had["raw"]
    raw = f"list in an actor, long poll, Ray {version('ray')}"
    a_day_mb = (memory_mb[-1] - memory_mb[0]) / (DAYS[-1] - DAYS[0])
    return Section(
        name="board",
        title=TITLE,
        text=(
            f"Posts in batches of 100, journal on: {posted_ratio:.2f} × the raw list (goal "
            f"{POSTS_MIN:g}, {_verdict(posted_ratio >= POSTS_MIN)}). A fact to {READERS} readers: "
            f"{had_ratio:.2f} × the raw median (goal at most {DELIVERY_MAX:g}, "
            f"{_verdict(had_ratio <= DELIVERY_MAX)}). A day of 28 symbols' minutes, "
            f"{DAY_FACTS:,} facts, adds {a_day_mb:.0f} MB to the board's process."
        ),
        tables=(
            table(
                (
                    "",
                    "facts/s, batches of 100",
                    "processor µs a fact",
                    f"p50 ms to {READERS} readers",
                ),
                [
                    [kind, f"{taken[kind]:,.0f}", f"{cost_us[kind]:.1f}", f"{had[kind]:.1f}"]
                    for kind in taken
                ],
            ),
            table(
                ("days of facts", "MB"),
                [[f"{day}", f"{mb:.0f}"] for day, mb in zip(DAYS, memory_mb, strict=True)],
            ),
        ),
        notes=(
            "Raw: an actor that keeps a list of 200 bytes each, no two alike; nothing is made, "
            "decoded, checked, given a place, hashed or written down. It is called through Ray, "
            "the board over its own connection; both run under the product's settings of Ray.",
            "Facts a second by the clock, to which the machine's other work counts; processor time "
            "of poster, hub and reader together, in batches of 100.",
        ),
        comparisons=(
            Comparison(
                "posts to the board on Ray, batches of 100",
                f"{short(taken['board'])} facts/s",
                raw,
                f"{short(taken['raw'])} items/s",
                posted_ratio,
                _spreads(posts),
                "the board checks, orders, hashes and journals facts; the list keeps bytes",
            ),
            Comparison(
                f"one fact to {READERS} readers, median",
                f"{had['board']:.1f} ms",
                raw,
                f"{had['raw']:.1f} ms",
                1.0 / had_ratio,
                _spreads(delays),
                "the same, and every fact is decoded by every reader",
            ),
        ),
    )


def _spreads(measured: dict[str, list[float]]) -> str:
    return ", ".join(f"{spread_of(measured[kind]):.0%}" for kind in ("board", "raw"))


def wire(*terms: object) -> dict[str, Any]:
    """Run one measurement of `board_wire` and return what it told."""
    command = (sys.executable, "-m", "benchmarks.board_wire", *map(str, terms))
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Ray warns of many processes in the same stream.
    line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    told: dict[str, Any] = json.loads(line)
    return told


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "missed"
