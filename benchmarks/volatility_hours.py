"""Four hours ahead on hours of six years: what the product publishes.

Five pairs, a test of eight blocks from 60 % of the rows on. At the start of each block season and
yardsticks are fitted again on all that came before, at every fourth the network too, by the
product's own trainer: its last 20 trading days stand before the block, unseen, for the gates. What
is published in a block is the network that the gates let serve, and HAR where there is none.
"""

import itertools
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.losses import Losses, cell, pooled, without_worst_days
from benchmarks.sections import table
from models.learning.candidate import Candidate, Untrained
from models.learning.promotion import judge
from models.learning.verdict import GateTerms, Registry, Rehearsal, Serving, Verdict
from models.market.bars import BAR_DTYPE, BarArray
from models.market.seasonality import fit_seasonality
from models.market.sessions import HOUR_NS
from models.opinion.har import HarTerms
from models.opinion.lstm_training import train_lstm
from models.opinion.variance import forward_sums, parkinson_variance, qlike
from models.opinion.volatility_baselines import (
    HAR_DESEASONALISED,
    RANDOM_WALK,
    VarianceSeries,
    baseline_forecasts,
    levelled,
)
from models.opinion.volatility_lstm import FEATURES, load_lstm, lstm_forecasts, recite_lstm

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HOURS: Final = Path(__file__).resolve().parents[2] / "shared/data/clean_licence/h1"
SYMBOLS: Final = ("GBPUSD", "USDJPY", "AUDUSD", "USDCAD", "EURGBP")
HORIZON_BARS: Final = 4
TEST_SHARE: Final = 0.6
BLOCKS: Final = 8
TRAINED_EVERY: Final = 4
"""Blocks that a network is asked for, 14 months: training is what takes the time."""
LAG_ROWS: Final = 23
EPOCHS: Final = 4
"""As many steps as the twelve epochs of a year of M15: there are three times as many rows."""
SEED: Final = 1
NETWORK: Final = "LSTM on HAR's residual, before the gates"
PUBLISHED: Final = "published after the gates"
TERMS: Final = HarTerms((HORIZON_BARS,), coverage=0.8, veto_quantile=0.95, rows_min=480)
TRAIN_FROM: Final = 480
"""First row on which every yardstick has a forecast."""
SMEARED: Final = ("HAR", HAR_DESEASONALISED, RANDOM_WALK)
"""Forecasts whose level is their own."""

Checkpoints = Callable[[int], MutableMapping[str, bytes]]
"""From the number of a block to the place of its unfinished networks."""


class Judged(NamedTuple):
    """The verdict at the start of one block."""

    start_ns: int
    verdict: Verdict


class Hours(NamedTuple):
    """What came of all blocks."""

    losses: dict[str, Losses]
    verdicts: list[Judged]
    """Empty where no network was trained."""


class _Gates:
    # Who serves, and what the family has spent so far.

    def __init__(self) -> None:
        self.champion: Mapping[str, bytes] = {}
        self.verdicts: list[Judged] = []
        self._spent = 0.0

    def take(self, candidate: Candidate, bars: Mapping[str, BarArray], start_ns: int) -> None:
        said = recite_lstm(candidate.files, bars, HORIZON_BARS)
        again = recite_lstm(dict(candidate.files), bars, HORIZON_BARS)
        verdict = judge(
            candidate,
            Rehearsal(FEATURES, said, again, low=0.0, high=1.0, latency_ms=np.empty(0)),
            # A block is longer than a quarter, so an attempt is the first of its quarter.
            Registry(effective_trials=self._spent, attempts=0),
            has_champion=bool(self.champion),
            is_refresh=True,
            terms=GateTerms(),
            seed=SEED,
        )
        self._spent += verdict.effective_trials
        self.verdicts.append(Judged(start_ns, verdict))
        if verdict.serving is Serving.CANDIDATE:
            self.champion = candidate.files
        elif verdict.serving is Serving.BASELINE:
            self.champion = {}


def recorded_hours(symbol: str) -> BarArray:
    """Return the hours of 2012 to 2018."""
    import pandas as pd

    frame = pd.read_parquet(HOURS / f"{symbol}_H1.parquet")
    bars = np.zeros(len(frame), dtype=BAR_DTYPE)
    opened_ns = frame["time"].to_numpy(dtype="datetime64[ns]").astype(np.int64)
    bars["close_ns"] = opened_ns + HOUR_NS
    for name in ("open", "high", "low", "close", "tick_volume"):
        bars[name] = frame[name].to_numpy()
    return bars


def contest_of_hours(
    bars: Mapping[str, BarArray], checkpoints: Checkpoints = lambda block: {}, *, epochs: int
) -> Hours:
    """Return the losses of all forecasts by symbol; without epochs those of the yardsticks."""
    edges_ns = _edges(next(iter(bars.values()))["close_ns"])
    series = {symbol: _series(rows) for symbol, rows in bars.items()}
    parts: dict[str, list[Losses]] = {symbol: [] for symbol in bars}
    gates = _Gates()
    candidate: Candidate | Untrained | None = None
    for block, (start_ns, end_ns) in enumerate(itertools.pairwise(edges_ns)):
        past = {symbol: rows[rows["close_ns"] < start_ns] for symbol, rows in bars.items()}
        if epochs and block % TRAINED_EVERY == 0:
            candidate = train_lstm(
                past,
                HOUR_NS,
                TERMS,
                gates.champion,
                epochs=epochs,
                checkpoints=checkpoints(block),
            )
            assert isinstance(candidate, Candidate), "years of hours are enough"
            gates.take(candidate, past, int(start_ns))
        for symbol, each in series.items():
            rows = slice(*np.searchsorted(each.close_ns, (start_ns, end_ns)))
            forecasts = _yardsticks(each, rows)
            if isinstance(candidate, Candidate):
                known = bars[symbol][: rows.stop]
                own = _network(candidate.files, symbol, known, rows)
                serving = _network(gates.champion, symbol, known, rows) if gates.champion else None
                forecasts[NETWORK] = own
                forecasts[PUBLISHED] = forecasts[HAR_DESEASONALISED] if serving is None else serving
            parts[symbol].append(_losses(each, rows, forecasts))
    return Hours({symbol: _joined(each) for symbol, each in parts.items()}, gates.verdicts)


def _edges(close_ns: IntArray) -> IntArray:
    last = len(close_ns) - HORIZON_BARS
    rows = np.linspace(int(TEST_SHARE * len(close_ns)), last, BLOCKS + 1).astype(np.int64)
    edges: IntArray = close_ns[rows]
    return edges


def _series(rows: BarArray) -> VarianceSeries:
    variance = parkinson_variance(rows["high"], rows["low"])
    return VarianceSeries(
        close_ns=np.ascontiguousarray(rows["close_ns"]),
        log_return=np.log(rows["close"] / rows["open"]),
        log_range=np.log(rows["high"] / rows["low"]),
        variance=np.maximum(variance, np.quantile(variance, 0.01)),
    )


def _yardsticks(series: VarianceSeries, rows: slice) -> dict[str, FloatArray]:
    # Forecasts of a block's rows by all that came before it; outcomes reach k rows further.
    seen = slice(0, rows.stop + HORIZON_BARS)
    known = VarianceSeries(*(getattr(series, name)[seen] for name in VarianceSeries.__slots__))
    purged = slice(0, rows.start - HORIZON_BARS)
    season = fit_seasonality(known.close_ns[purged], np.log(known.variance[purged]), HOUR_NS)
    outcome = forward_sums(known.variance, HORIZON_BARS)
    train = slice(TRAIN_FROM, rows.start - HORIZON_BARS)
    return {
        name: (each if name in SMEARED else levelled(each, outcome, train))[rows]
        for name, each in baseline_forecasts(known, season, HORIZON_BARS, rows.start).items()
    }


def _network(files: Mapping[str, bytes], symbol: str, known: BarArray, rows: slice) -> FloatArray:
    # Rows before the block that fill windows and the longest mean; more would change no forecast.
    first = max(rows.start - 2 * TRAIN_FROM, 0)
    forecast = lstm_forecasts(
        load_lstm(files), symbol, known[first:], HORIZON_BARS, rows.start - first
    )
    return forecast[rows.start - first :]


def _losses(series: VarianceSeries, rows: slice, forecasts: Mapping[str, FloatArray]) -> Losses:
    outcome = forward_sums(series.variance, HORIZON_BARS)[rows]
    return Losses(
        series.close_ns[rows], {name: qlike(outcome, each) for name, each in forecasts.items()}
    )


def _joined(parts: list[Losses]) -> Losses:
    return Losses(
        np.concatenate([each.close_ns for each in parts]),
        {name: np.concatenate([each.by_name[name] for each in parts]) for name in parts[0].by_name},
    )


class Told(NamedTuple):
    """What the results say of the hours."""

    tables: tuple[str, str]
    """All rows, and those without each pair's worst day."""
    notes: tuple[str, ...]


def told_of_hours(checkpoints: Checkpoints) -> Told:
    """Hold all forecasts against each other, and tell of it."""
    bars = {symbol: recorded_hours(symbol) for symbol in SYMBOLS}
    hours = contest_of_hours(bars, checkpoints, epochs=EPOCHS)
    tables = (
        _table("four hours ahead, H1", hours.losses),
        _table("without the worst day", without_worst_days(hours.losses)),
    )
    return Told(tables, _notes(hours))


def _notes(hours: Hours) -> tuple[str, ...]:
    days = ", ".join(f"{symbol} {each.worst_day()}" for symbol, each in hours.losses.items())
    whole = pooled(list(hours.losses.values())).ratio(PUBLISHED)
    rest = pooled(list(without_worst_days(hours.losses).values())).ratio(PUBLISHED)
    promoted = sum(each.verdict.is_promoted for each in hours.verdicts)
    said = "; ".join(
        f"{np.datetime64(each.start_ns, 'ns').astype('datetime64[D]')} "
        f"{each.verdict.serving} serves ({each.verdict.failed or 'all tests passed'})"
        for each in hours.verdicts
    )
    return (
        "H1, 2012-11 to 2018-12, five pairs; test from 2016-07-25 in eight blocks, everything "
        "fitted again on all before each, the network at every fourth, by the product's trainer on "
        f"all five, {EPOCHS} epochs, judged by the product's gates on its last 20 trading days. "
        "Lags: 23.",
        f"Worst days of HAR deseasonalised, H1: {days}.",
        f"Published after the gates over HAR deseasonalised, pooled over pairs: {whole:.4f}, "
        f"without the worst days {rest:.4f}. The gates promoted {promoted} of "
        f"{len(hours.verdicts)} networks: {said}.",
    )


def _table(title: str, losses: Mapping[str, Losses]) -> str:
    columns = {**losses, "pooled": pooled(list(losses.values()))}
    names = next(iter(losses.values())).by_name
    rows = [
        [name, *(cell(each, name, HORIZON_BARS, LAG_ROWS) for each in columns.values())]
        for name in names
    ]
    return table([title, *columns], rows)
