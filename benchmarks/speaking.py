"""How often a family of rules may speak, and what its words save against saying 0.5.

Each week a family's slope is fitted on the weeks of history before it, and its votes of the week
are judged by the first of two symmetric barriers. Markets: the recorded year, and the embedded one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.technical import rule_settings
from benchmarks.sections import Section, table
from config.settings import Settings
from models.market.bars import BarArray, Window, resample
from models.market.sessions import WEEK_NS, next_week_open_ns, week_open_ns, weeks_before_ns
from models.opinion.calibration import first_barrier, uniqueness
from models.opinion.rules import RuleSettings, WeekRules
from models.opinion.signals import Family
from runtime.columns.rules import closed_minutes
from runtime.terminals.simulated.market import open_market

FloatArray = NDArray[np.float64]

MINUTES: Final = Path(__file__).resolve().parents[2] / "shared/data/unlicensed_internal_only/m1"
RECORDED_SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
EMBEDDED_WEEKS: Final = 6
BOUNDS: Final = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Standard errors by which a slope must exceed 0."""


class Word(NamedTuple):
    """What a family said in one week of one symbol, row by row where it may speak at all."""

    errors: float
    """By how many standard errors its slope exceeds 0; −1 where it has too few rows."""
    closes: int
    saved: FloatArray
    """Brier score saved against 0.5 by every judged vote."""
    weight: FloatArray
    """Uniqueness of each."""
    spoken: int


def words(settings: Settings, from_ns: int, until_ns: int) -> Iterator[Word]:
    """Yield every symbol's and family's week between two instants."""
    source = open_market(settings).source
    rules = rule_settings(settings.timeframe, settings.agents.technical)
    length_ns = settings.timeframe.length_ns
    anchor_ns = weeks_before_ns(from_ns, settings.anchor_weeks)
    for symbol in settings.symbols:
        minutes = closed_minutes(source, symbol, anchor_ns, until_ns + WEEK_NS)
        bars = resample(minutes, length_ns)
        week_ns = from_ns
        while week_ns < until_ns:
            next_ns = next_week_open_ns(week_ns)
            edges = (weeks_before_ns(week_ns, settings.anchor_weeks), week_ns, next_ns)
            anchor, first, last = np.searchsorted(bars["close_ns"], edges, side="right").tolist()
            if anchor < first < last:
                yield from _words_of(bars[anchor:], first - anchor, last - anchor, rules)
            week_ns = next_ns


def _words_of(bars: BarArray, first: int, last: int, settings: RuleSettings) -> Iterator[Word]:
    rules = WeekRules(bars[:first], settings)
    known = bars[: last + settings.horizon_bars]  # what judges the week's last votes
    rules.follow(Window(known, capacity=len(known)))
    high, low, close = (np.ascontiguousarray(known[name]) for name in ("high", "low", "close"))
    for family in Family:
        fit = rules.calibration(family)
        scores = rules.window.scores(family, slice(first, last))
        may = fit.rows >= settings.rows_min and fit.slope > 0.0
        rows = first + np.flatnonzero(np.isfinite(scores) & (scores != 0.0))
        distance = settings.barrier_atr * rules.window.columns.atr[rows]
        labels, ends = first_barrier(high, low, close, rows, distance, settings.horizon_bars)
        judged = ~np.isnan(labels)
        chance = np.array([fit.probability_up(each) for each in scores[rows - first].tolist()])
        saved = (0.5 - labels) ** 2 - (chance - labels) ** 2
        yield Word(
            errors=fit.slope / fit.slope_error if may else -1.0,
            closes=last - first,
            saved=saved[judged],
            weight=uniqueness(rows[judged], ends[judged]),
            spoken=len(rows),
        )


def run() -> Section:
    """Let both markets speak."""
    history = {"path": str(MINUTES), "start": "2018-02-05", "end": "2018-12-15"}
    recorded = Settings.model_validate(
        {"symbols": RECORDED_SYMBOLS, "market": {"history": history}}
    )
    markets = {
        "recorded 2018": _all_of(recorded, None),
        "embedded": _all_of(Settings(), EMBEDDED_WEEKS),
    }
    rows = [[f"{bound:g}", *(_cell(said, bound) for said in markets.values())] for bound in BOUNDS]
    return Section(
        name="speaking",
        title="When a family of rules may speak",
        text=(
            "Share of closes at which a family speaks, and Brier score saved against 0.5 in 1e-4, "
            "weighted by uniqueness, by the standard errors that its slope must exceed 0 by."
        ),
        tables=(table(["agents.technical.skill_errors_min", *markets], rows),),
        notes=(
            f"Slopes of {recorded.anchor_weeks} weeks, votes of the week after; four symbols from "
            f"2018-02-05 to 12-15, and {EMBEDDED_WEEKS} weeks of the embedded market's seven.",
        ),
    )


def _all_of(settings: Settings, weeks: int | None) -> list[Word]:
    source = open_market(settings).source
    from_ns = week_open_ns(source.start_ns + WEEK_NS - 1)
    until_ns = source.end_ns if weeks is None else from_ns + weeks * WEEK_NS
    return list(words(settings, from_ns, until_ns))


def _cell(said: list[Word], bound: float) -> str:
    speaking = [each for each in said if each.errors > bound]
    if not speaking:
        return "never"
    share = sum(each.spoken for each in speaking) / sum(each.closes for each in said)
    saved = np.concatenate([each.saved for each in speaking])
    weight = np.concatenate([each.weight for each in speaking])
    mean = float(saved @ weight / weight.sum())
    return f"{share:.1%}, {1e4 * mean:+.0f} ({weight.sum():.0f} outcomes)"
