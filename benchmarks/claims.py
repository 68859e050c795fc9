"""Benchmark: claims that nothing else here measures: reversals, diversification, data uptime.

A reversal is a vote of the reversion rules for one side; it was false where the market came to the
barrier on the other side first, by the rule that the learner judges all votes with. The veto is
that of the volatility forecast of the same close. Four agents live through the year, because nobody
else has a say in either; without the recorded year nothing is run.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from benchmarks.sections import Section, table
from blackboard.entry import Entry
from blackboard.facts import Bar, DayStatistics, VolatilityForecast, Vote
from config.loading import LoadedSettings
from config.settings import Settings
from models.decision.portfolio import Infeasible, erc_weights
from models.learning.scoring import group_means, settle
from runtime.council_run import run_council
from runtime.preparation import StartOptions, prepare
from runtime.proof.lineage import entries_of

SHARED: Final = Path(__file__).resolve().parents[2] / "shared/data"
MINUTES: Final = SHARED / "unlicensed_internal_only/m1"
DAYS: Final = SHARED / "clean_licence/d1"
SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
YEAR: Final = ("2018-01-29", "2018-12-28")
SILENT: Final = ("sentiment", "portfolio", "risk", "execution", "learner")
WINDOW_DAYS: Final = 120
STEP_DAYS: Final = 5
DAYS_A_YEAR: Final = 252
TITLE: Final = "Claims"

FloatArray = NDArray[np.float64]


class Reversal(NamedTuple):
    """One vote of the reversion rules that the market has judged."""

    voted_ns: int
    settled_ns: int
    is_false: bool
    is_vetoed: bool


class _Open(NamedTuple):
    vote: Vote
    voted_ns: int
    is_vetoed: bool
    last_bar: int


class Reversals:
    """Folds votes, forecasts and bars into judged reversals."""

    def __init__(self) -> None:
        self.judged: list[Reversal] = []
        self._open: dict[str, list[_Open]] = {}
        self._vetoes: dict[str, tuple[int, bool]] = {}
        self._waiting: dict[str, Vote] = {}
        self._bars: dict[str, int] = {}

    def see(self, entry: Entry) -> None:
        """Take one entry, in order."""
        match entry.fact:
            case Bar() as bar:
                self._settle(bar, entry.ts_event_ns)
            case VolatilityForecast(horizon_bars=4) as forecast:
                self._vetoes[forecast.scope] = entry.ts_event_ns, forecast.vetoes_reversal
                self._open_vote(forecast.scope, entry.ts_event_ns)
            case Vote(voter="technical.reversion", abstains=False) as vote:
                if vote.probability_up != 0.5:
                    self._waiting[vote.scope] = vote
                    self._open_vote(vote.scope, entry.ts_event_ns)
            case _:
                pass

    def _open_vote(self, symbol: str, close_ns: int) -> None:
        at_ns, is_vetoed = self._vetoes.get(symbol, (0, False))
        if at_ns != close_ns or symbol not in self._waiting:
            return
        vote = self._waiting.pop(symbol)
        last_bar = self._bars[symbol] + vote.horizon_bars
        self._open.setdefault(symbol, []).append(_Open(vote, close_ns, is_vetoed, last_bar))

    def _settle(self, bar: Bar, close_ns: int) -> None:
        self._waiting.pop(bar.scope, None)
        count = self._bars[bar.scope] = self._bars.get(bar.scope, 0) + 1
        still = []
        for one in self._open.get(bar.scope, ()):
            reference, distance = one.vote.reference_price, one.vote.barrier_distance
            label = settle(
                reference, distance, bar.high, bar.low, bar.close, is_last=count >= one.last_bar
            )
            if label is None:
                still.append(one)
            elif label != 0.5:
                is_false = (one.vote.probability_up > 0.5) != (label == 1.0)
                self.judged.append(Reversal(one.voted_ns, close_ns, is_false, one.is_vetoed))
        self._open[bar.scope] = still


def run() -> Section:
    """Measure all three."""
    if not MINUTES.is_dir() or not DAYS.is_dir():
        return Section("claims", TITLE, f"Not run: there are no recorded prices in {SHARED.name}.")
    reversals, days = _year()
    expected = sum(day.bars_expected for day in days)
    on_time = sum(day.bars_on_time for day in days)
    whole = sum(day.bars_on_time == day.bars_expected for day in days)
    kept = [one for one in reversals if not one.is_vetoed]
    vetoed = [one for one in reversals if one.is_vetoed]
    rows = [
        [name, f"{len(chosen):,}", _share(chosen)]
        for name, chosen in (
            ("all, as without the veto", reversals),
            ("those that the veto lets pass", kept),
            ("those that it stops", vetoed),
        )
    ]
    return Section(
        name="claims",
        title=TITLE,
        text=(
            f"{', '.join(SYMBOLS)}, {YEAR[0]} to {YEAR[1]}, M15, default settings. A reversal is "
            "false where the market came to the barrier on the other side first. ± is the standard "
            "error over groups of votes that share no bar."
        ),
        tables=(
            table(("reversals", "votes", "false"), rows),
            table(("held", "volatility a year", "deepest fall"), _diversified()),
        ),
        notes=(
            f"Bars on time: {on_time:,} of {expected:,}, {on_time / expected:.2%}; all of them on "
            f"{whole} of {len(days)} trading days. What is missing the recording lacks.",
            f"Six pairs, daily closes of 2007 to 2018, long, weights anew every {STEP_DAYS} days "
            f"from the {WINDOW_DAYS} before; no costs. Falls are of the summed log returns.",
        ),
    )


def _year() -> tuple[list[Reversal], list[DayStatistics]]:
    fold, days = Reversals(), []
    with TemporaryDirectory() as home:
        values: dict[str, Any] = {
            "home": home,
            "symbols": SYMBOLS,
            "market": {"history": {"path": str(MINUTES), "start": YEAR[0], "end": YEAR[1]}},
            "agents": {name: {"enabled": "false"} for name in SILENT},
        }
        options = StartOptions(speed="max", in_process=True)
        loaded = LoadedSettings(settings=Settings.model_validate(values), origins={})
        start = prepare(loaded, options)
        run_council(start, options, lambda done, word: None)
        for entry in entries_of(start.plan.book.journal):
            fold.see(entry)
            if isinstance(entry.fact, DayStatistics):
                days.append(entry.fact)
    return fold.judged, days


def _share(chosen: Sequence[Reversal]) -> str:
    if not chosen:
        return "none"
    columns = [np.array([getattr(one, name) for one in chosen]) for name in Reversal._fields[:3]]
    groups = group_means(columns[0], columns[1], columns[2].astype(np.float64))
    error = float(np.std(groups, ddof=1)) / math.sqrt(len(groups))
    return f"{columns[2].mean():.1%} ± {error:.1%} ({len(groups):,} groups)"


def _diversified() -> list[list[str]]:
    names, returns = _daily_returns()
    weights, earned = np.full(len(names), 1.0 / len(names)), []
    for day in range(WINDOW_DAYS, len(returns)):
        if (day - WINDOW_DAYS) % STEP_DAYS == 0:
            found = erc_weights(ledoit_wolf(returns[day - WINDOW_DAYS : day])[0])
            weights = weights if isinstance(found, Infeasible) else found
        earned.append(float(returns[day] @ weights))
    single = returns[WINDOW_DAYS:]
    rows = [[name, *_risk(single[:, place])] for place, name in enumerate(names)]
    return [*rows, ["all six, equal risk (ERC)", *_risk(np.array(earned))]]


def _risk(returns: FloatArray) -> tuple[str, str]:
    summed = np.concatenate(([0.0], np.cumsum(returns)))
    fall = float((np.maximum.accumulate(summed) - summed).max())
    return f"{100.0 * returns.std() * DAYS_A_YEAR**0.5:.2f} %", f"{100.0 * fall:.1f} %"


def _daily_returns() -> tuple[list[str], FloatArray]:
    columns = []
    for path in sorted(DAYS.glob("*_D1.parquet")):
        close = pd.read_parquet(path).set_index("time")["close"]
        is_sunday = pd.DatetimeIndex(close.index).day_of_week == 6
        columns.append(close[~is_sunday].rename(path.stem.removesuffix("_D1")))
    prices = pd.concat(columns, axis=1, join="inner")
    return list(prices.columns), np.asarray(np.diff(np.log(prices.to_numpy()), axis=0))
