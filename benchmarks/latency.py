"""Benchmark: from the close of a bar to the order, nine agents on Ray beside a raw chain of calls.

Four symbols beside the chain, then 28 that close together, for themselves.

Both are timed where words are taken: by the board's `known_at_ns`, and by the raw hub's own clock.
The system follows the clock, so the market's pace turns market time into process time.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import closing_together
from benchmarks.closing_together import Round, between, percentiles, row
from benchmarks.comparisons import Comparison
from benchmarks.hops import rounds_of
from benchmarks.sections import Section, table
from models.market.sessions import SECOND_NS
from runtime.status import read_status

TITLE: Final = "From a close to the order, on Ray"
SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
SPEED: Final = 450.0
"""Market seconds in one: a close of M15 every two seconds."""
MINUTES: Final = 5
WARM_S: Final = 90.0
"""Process time after the start that does not count: code is compiled, caches fill."""
RAW_ROUNDS: Final = 150
RAW_PAUSE_S: Final = 0.2
P50_MAX: Final = 2.0
P99_MAX: Final = 3.0
"""Goals, as multiples of the raw chain."""
WILLING: Final = (
    "trading.families_min=1",
    "trading.min_confidence=0.5",
    "trading.expected_value_margin_r=0",
    "trading.exits.hold_bars_max=1",
    "terminal.spread_factor=0.2",
    "terminal.commission_per_lot=0",
    "agents.risk.stop_cooldown_min=0",
    "agents.risk.stop_side_cooldown_min=0",
    "agents.risk.entry_cooldown_min=0",
    "agents.risk.consecutive_losses_max=100",
    "agents.risk.entries_per_day_max=1000",
    "agents.risk.entries_per_hour_max=1000",
    "agents.learner.training.when=never",
)
"""Settings under which most closes bring an order: what a hop takes does not depend on them."""
HOPS: Final = (
    ("bar", "vote", "close told → last vote"),
    ("bar", "forecast", "close told → last forecast"),
    ("bar", "decision", "close told → decisions"),
    ("intent", "permission", "intent → permission"),
    ("permission", "order", "permission → order journaled, then sent"),
    ("bar", "order", "close told → order"),
)


def run() -> Section:
    """Time the raw chain, the council, and the raw chain again."""
    raw = _raw()
    with TemporaryDirectory() as home:
        rounds = council(Path(home), SYMBOLS, MINUTES)
    raw += _raw()
    with TemporaryDirectory() as home:
        together = council(Path(home), closing_together.SYMBOLS, MINUTES)
    floor = {word: percentiles([each[word] for each in raw]) for word in ("vote", "order")}
    rows = [
        row("raw: bar → last vote", [each["vote"] for each in raw]),
        row("raw: bar → order", [each["order"] for each in raw]),
        *(row(name, between(rounds, first, last)) for first, last, name in HOPS),
    ]
    ours = percentiles(between(rounds, "bar", "order"))
    p50, p99 = ours[0] / floor["order"][0], ours[2] / floor["order"][2]
    verdict = "met" if p50 <= P50_MAX and p99 <= P99_MAX else "missed"
    return Section(
        name="latency",
        title=TITLE,
        text=(
            f"Nine agents, {len(SYMBOLS)} symbols, a close of M15 every "
            f"{900 / SPEED:g} s, {len(rounds)} rounds. From the close told to the order journaled: "
            f"{p50:.2f} × the raw chain at the median, {p99:.2f} × at the 99th percentile; the "
            f"goals of {P50_MAX:g} × and {P99_MAX:g} × are {verdict}. "
            f"{closing_together.verdict_on(together)}"
        ),
        tables=(
            table(("hop", "rounds", "p50 ms", "p90 ms", "p99 ms"), rows),
            closing_together.rows_of(together),
        ),
        notes=(
            "Raw: nine actors and a hub that keeps a list; bar, four votes, intent, permission and "
            "order are 200 bytes each; nothing is computed, encoded, checked or journaled.",
            "Raw readers are all woken by every word; an agent of ours only by what hurries it.",
            "Settings are such that most closes bring an order; limits on entries are wide.",
            "Times by the clock of one machine: when the board took the last fact of its kind.",
        ),
        comparisons=tuple(
            _comparison(name, ours[place], floor["order"][place])
            for name, place in (("median", 0), ("99 %", 2))
        ),
    )


def _comparison(name: str, ours_ms: float, raw_ms: float) -> Comparison:
    return Comparison(
        f"close told → order, on Ray, {name}",
        f"{ours_ms:.1f} ms",
        f"chain of raw calls, Ray {version('ray')}",
        f"{raw_ms:.1f} ms",
        raw_ms / ours_ms,
        "of one run",
        "raw actors pass on 200 bytes and think nothing; nine agents compute votes and forecasts, "
        "decide, limit risk and journal every fact before it counts",
    )


def council(home: Path, symbols: Sequence[str], minutes: float) -> list[Round]:
    """Run the nine agents on Ray for some minutes and return the rounds they made."""
    options = [each for term in WILLING for each in ("--set", term)]
    command = (
        *(sys.executable, "launch.py", "up", "--symbols", ",".join(symbols)),
        *("--speed", f"{SPEED:g}", "--duration", f"{minutes:g}m", *options),
        *("--set", f"home={home}", "--set", "cluster.dashboard=false"),
    )
    subprocess.run(command, check=True, capture_output=True, text=True)
    book = home / "books" / "embedded"
    status = read_status(book / "cluster.json")
    if status is None:
        raise RuntimeError(f"a run must leave its status in {book}")
    elapsed_s = (status.written_wall_ns - status.started_wall_ns) / SECOND_NS - WARM_S
    first_ns = status.now_ns - int(elapsed_s * SPEED * SECOND_NS)
    return rounds_of(book / "journal", SPEED, first_ns)


def _raw() -> list[Round]:
    command = (sys.executable, "-m", "benchmarks.raw_chain", str(RAW_ROUNDS), str(RAW_PAUSE_S))
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rounds: list[Round] = json.loads(done.stdout.splitlines()[-1])
    return rounds[len(rounds) // 10 :]
