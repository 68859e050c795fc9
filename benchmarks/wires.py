"""What a sentiment vote is worth: two wires of headlines over one market, one of which knows.

The market is the synthetic one, so a wire can be told what comes. Its headlines are right seven
times in ten about the next eight hours; the other's are right five times in ten. Whoever scores
votes must tell the two apart, and an ablation must say what each has brought.
"""

import csv
import math
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.sections import Section, table
from blackboard.facts import Calibration, SentimentScore, VoterWeights
from config.loading import LoadedSettings
from config.settings import Settings
from models.market.sessions import HOUR_NS, SECOND_NS
from runtime.council_run import run_council
from runtime.instants import iso
from runtime.preparation import StartOptions, prepare
from runtime.proof.ablate import Ablation, ablate
from runtime.proof.lineage import entries_of
from runtime.terminals.simulated.market import open_market

DAYS: Final = 10
SYMBOLS: Final = ("EURUSD", "USDJPY")
EVERY_NS: Final = 4 * HOUR_NS
AHEAD_NS: Final = 8 * HOUR_NS
SEED: Final = 7
RIGHT: Final = {"knows": 0.7, "guesses": 0.5}
"""Share of headlines that are right about the next eight hours."""
NAMES: Final = {
    "EUR": "Euro", "USD": "Dollar", "JPY": "Yen",
}  # fmt: skip


class Worth(NamedTuple):
    """What came of a run with a wire."""

    headlines: int
    scores: int
    weight: float
    constant: float
    brier: float
    outcomes: int
    slope: float
    whole: Ablation
    vote: Ablation


def worth_of(wire: str, home: Path) -> Worth:
    """Run the council with a wire, and decide it again without sentiment."""
    path = home / f"{wire}.csv"
    values: dict[str, Any] = {
        "home": str(home),
        "symbols": list(SYMBOLS),
        "agents": {"sentiment": {"headlines_file": str(path)}},
    }
    settings = Settings.model_validate(values)
    path.write_text("time,text\n", encoding="utf-8")
    options = StartOptions(speed="max", in_process=True, is_fresh=True, duration_s=DAYS * 86_400.0)
    start = prepare(LoadedSettings(settings=settings, origins={}), options)
    count = _write(path, settings, start.plan.start_ns, RIGHT[wire])
    run_council(start, options, lambda done, word: None)
    folder = start.plan.book.folder
    entries = list(entries_of(start.plan.book.journal))
    weights = [each.fact for each in entries if isinstance(each.fact, VoterWeights)][-1]
    by_voter = {each.scope: each for each in weights.weights}
    slopes = [
        each.fact.slope
        for each in entries
        if isinstance(each.fact, Calibration) and each.fact.scope == "sentiment"
    ]
    return Worth(
        headlines=count,
        scores=sum(isinstance(each.fact, SentimentScore) for each in entries),
        weight=by_voter["sentiment"].weight,
        constant=by_voter["constant"].weight,
        brier=by_voter["sentiment"].brier,
        outcomes=by_voter["sentiment"].outcomes,
        slope=slopes[-1] if slopes else float("nan"),
        whole=ablate(folder, "sentiment"),
        vote=ablate(folder, "sentiment_vote"),
    )


def _write(path: Path, settings: Settings, start_ns: int, right: float) -> int:
    """Write a wire's headlines, one a pair every four hours of an open market."""
    source = open_market(settings).source
    rng = np.random.default_rng(SEED)
    rows: list[tuple[int, str]] = []
    for symbol in SYMBOLS:
        minutes = source.minutes(symbol, start_ns, start_ns + (DAYS + 3) * 24 * HOUR_NS)
        opened, close = minutes["open_ns"], minutes["close"]
        for at_ns in range(start_ns, start_ns + DAYS * 24 * HOUR_NS, EVERY_NS):
            now, then = np.searchsorted(opened, (at_ns, at_ns + AHEAD_NS))
            if then >= len(opened) or opened[now] - at_ns > HOUR_NS:
                continue
            rises = (close[then] > close[now]) == (rng.random() < right)
            verb = "climbs" if rises else "slides"
            base, quote = NAMES[symbol[:3]], NAMES[symbol[3:6]]
            number = len(rows)  # makes each text another one
            rows.append((at_ns - 60 * SECOND_NS, f"{base} {verb} against {quote}, desk {number}"))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "text"))
        writer.writerows((iso(at_ns), text) for at_ns, text in sorted(rows))
    return len(rows)


def run() -> Section:
    """Return both wires beside each other."""
    rows = []
    for wire in RIGHT:
        with tempfile.TemporaryDirectory() as home:
            worth = worth_of(wire, Path(home))
        rows.append(
            (
                f"{wire} ({RIGHT[wire]:.0%} right)",
                str(worth.headlines),
                f"{worth.outcomes}",
                f"{worth.brier:.4f}",
                f"{worth.weight:.3f}",
                f"{worth.constant:.3f}",
                "none" if math.isnan(worth.slope) else f"{worth.slope:.2f}",
                f"{worth.whole.trades}",
                f"{worth.whole.pnl_difference:+,.0f}",
                f"{worth.vote.pnl_difference:+,.0f}",
            )
        )
    heads = (
        "wire", "headlines", "outcomes", "Brier", "weight", "constant's", "slope", "trades",
        "brought by sentiment", "by its vote",
    )  # fmt: skip
    text = (
        f"The council over {DAYS} days of the synthetic market, {len(SYMBOLS)} symbols, M15. "
        "`ablate --without sentiment` takes calendar and vote away, `sentiment_vote` the vote "
        "alone; amounts in account currency."
    )
    return Section("wires", "What a sentiment vote is worth", text, (table(heads, rows),))
