"""Benchmark: what blackouts avoid of a year's events, and what they cost in time.

The calendar and the minutes of 2018 are read where they lie; without them nothing is run. Three
agents live through the year (data, lstm_vol, sentiment), because nobody else has a say in a
blackout; nine live through the weeks of payrolls and rate decisions, with gates so low that entries
are asked for.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.sections import Section, table
from blackboard.facts import (
    CalendarCoverage,
    Decision,
    EconomicEvent,
    EntryBlackout,
    Fact,
    RiskApproved,
    RiskRefused,
)
from blackboard.facts.news import Impact
from config.loading import LoadedSettings
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.council_run import run_council
from runtime.preparation import StartOptions, prepare
from runtime.proof.lineage import entries_of
from runtime.terminals.simulated.history import HistoryMarket

DATA: Final = Path(__file__).resolve().parents[2] / "shared/data/unlicensed_internal_only"
CALENDAR: Final = DATA / "calendar/emm_2007_2018_utc.csv"
SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
YEAR: Final = ("2018-01-29", "2018-12-28")
WEEKS: Final = (
    ("2018-03-05", "2018-03-09"),  # ECB, payrolls
    ("2018-04-30", "2018-05-04"),  # FOMC, payrolls
    ("2018-06-11", "2018-06-15"),  # FOMC, ECB
    ("2018-07-30", "2018-08-03"),  # FOMC, Bank of England, payrolls
)
SPIKE_DEVIATIONS: Final = 3.0
AFTER_NS: Final = HOUR_NS
"""Time after an event in which a spike is its own."""
LISTENING: Final = ("technical", "portfolio", "risk", "execution", "learner", "supervisor")
"""Agents without a say in a blackout."""

IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Shares(NamedTuple):
    """What a symbol's blackouts cover: shares of minutes, of spikes after events, of all spikes."""

    paused: float
    event_spikes: float
    spikes: float
    event_count: int


def run() -> Section:
    """Measure the year, then play the weeks."""
    if not CALENDAR.is_file():
        return Section("news", TITLE, f"Not run: there is no calendar at {CALENDAR}.")
    facts = _facts_of(*YEAR, agents={name: {"enabled": "false"} for name in LISTENING})
    rows = []
    for symbol in SYMBOLS:
        own, whole = _shares(symbol, facts, False), _shares(symbol, facts, True)
        rows.append([symbol, *_told(own), *_told(whole), f"{own.event_count:,}"])
    totals = Counter[str]()
    for week in WEEKS:
        totals += _asked(_facts_of(*week, trading=EAGER))
    return Section(
        name="news",
        title=TITLE,
        text=(
            f"{', '.join(SYMBOLS)}, {YEAR[0]} to {YEAR[1]}, every M1 bar; blackouts as the "
            "sentiment agent posted them. A spike is a minute beyond three standard deviations of "
            "the symbol's minutes; it belongs to an event in the hour after one of high impact of "
            "its currencies. The aim is half of them for at most 3 % of the time."
        ),
        tables=(
            table(
                (
                    "symbol", "paused", "event spikes avoided", "of all spikes",
                    "with aftermath: paused", "event spikes avoided", "of all spikes", "events",
                ),
                rows,
            ),
            table(
                ("nine agents, weeks of payrolls and rate decisions", "count"),
                [[name, f"{count:,}"] for name, count in sorted(totals.items())],
            ),
        ),
        notes=(
            "Weeks: " + ", ".join(f"{first} to {last}" for first, last in WEEKS) + ". Gates as low "
            "as they go, so that entries are asked for: " + ", ".join(EAGER) + ".",
        ),
    )  # fmt: skip


TITLE: Final = "What blackouts avoid"
EAGER: Final[dict[str, Any]] = {
    "min_confidence": 0.5,
    "families_min": 1,
    "expected_value_margin_r": 0.0,
}


def _facts_of(first: str, last: str, **changes: Any) -> list[Fact]:
    """Run the council over some days and return its facts."""
    with TemporaryDirectory() as home:
        values = {
            "home": home,
            "symbols": SYMBOLS,
            "market": {"history": {"path": str(DATA / "m1"), "start": first, "end": last}},
            **changes,
        }
        agents = {**values.get("agents", {}), "sentiment": {"calendar_file": str(CALENDAR)}}
        settings = Settings.model_validate({**values, "agents": agents})
        options = StartOptions(speed="max", in_process=True)
        start = prepare(LoadedSettings(settings=settings, origins={}), options)
        run_council(start, options, lambda done, word: None)
        return [entry.fact for entry in entries_of(start.plan.book.journal)]


def _shares(symbol: str, facts: Sequence[Fact], with_aftermath: bool) -> Shares:
    market = HistoryMarket(DATA / "m1", (symbol,), start=YEAR[0], end=YEAR[1])
    minutes = market.minutes(symbol, market.start_ns, market.end_ns)
    at_ns = minutes["open_ns"].astype(np.int64)
    moves = np.diff(np.log(minutes["close"]), prepend=np.nan)
    moves[np.diff(at_ns, prepend=0) > MINUTE_NS] = np.nan  # no move over a gap
    is_spike = np.abs(moves) > SPIKE_DEVIATIONS * np.nanstd(moves)
    spans = [
        (fact.from_ns, fact.valid_until_ns)
        for fact in facts
        if isinstance(fact, EntryBlackout) and fact.scope == symbol
        if with_aftermath or not fact.extends
    ]
    events = {
        fact.scheduled_ns
        for fact in facts
        if isinstance(fact, EconomicEvent) and fact.impact is Impact.HIGH
        if fact.scope in (symbol[:3], symbol[3:])
    }
    is_paused = _within(at_ns, spans)
    is_after = _within(at_ns, [(event_ns, event_ns + AFTER_NS - 1) for event_ns in events])
    own = is_spike & is_after
    return Shares(
        paused=float(is_paused.mean()),
        event_spikes=float((own & is_paused).sum() / max(own.sum(), 1)),
        spikes=float((is_spike & is_paused).sum() / max(is_spike.sum(), 1)),
        event_count=len(events),
    )


def _within(at_ns: IntArray, spans: Iterable[tuple[int, int]]) -> Mask:
    """Return which minutes hold any part of a span."""
    mask = np.zeros(len(at_ns), np.bool_)
    for from_ns, until_ns in spans:
        first = np.searchsorted(at_ns, from_ns - MINUTE_NS, side="right")
        mask[first : np.searchsorted(at_ns, until_ns, side="right")] = True
    return mask


def _told(shares: Shares) -> list[str]:
    return [f"{each:.1%}" for each in (shares.paused, shares.event_spikes, shares.spikes)]


def _asked(facts: Sequence[Fact]) -> Counter[str]:
    """Count what became of entries, and what was said of the calendar."""
    counts = Counter[str]()
    for fact in facts:
        match fact:
            case EntryBlackout(extends=extends):
                counts[f"blackouts posted{f', extended by {extends}' if extends else ''}"] += 1
            case CalendarCoverage(state=state):
                counts[f"calendar read: {state}"] += 1
            case Decision(blocked_by="blackout"):
                counts["decisions that passed every gate before the blackout's"] += 1
            case Decision():
                counts["other decisions"] += 1
            case RiskRefused(reason=reason):
                counts[f"entries refused: {reason}"] += 1
            case RiskApproved():
                counts["entries approved"] += 1
            case _:
                pass
    return counts
