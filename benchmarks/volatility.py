"""Benchmark: forecasts of volatility on recorded prices, beside the yardsticks they must beat.

M15 bars of 2018, variance from five-minute returns and range, everything fitted on the first 60 %,
judged on the rest. A network learns on rows before 50 %, the rest of the training chooses its
epoch. Nothing was chosen by the test rows.
"""

import tempfile
from collections.abc import Mapping, MutableMapping
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars_picture import Bars, draw_bars
from benchmarks.confidence import confidence_set
from benchmarks.losses import Losses, cell
from benchmarks.sections import PICTURES, Section, table
from benchmarks.volatility_hours import told_of_hours
from models.learning.loss_difference import superior_predictive_ability
from models.market.seasonality import Seasonality, fit_seasonality, week_positions
from models.market.sessions import MINUTE_NS
from models.opinion.lstm_training import SEEDS
from models.opinion.network_training import EPOCHS, Lesson, train_network
from models.opinion.variance import forward_sums, parkinson_variance, qlike
from models.opinion.volatility import HAR_WINDOWS_BARS, har_terms
from models.opinion.volatility_baselines import (
    HAR_DESEASONALISED,
    RANDOM_WALK,
    VarianceSeries,
    baseline_forecasts,
    levelled,
)
from models.opinion.volatility_lstm import FIRST_ROW, mean_correction, network_inputs, scale_of
from runtime.training.checkpoint_folder import CheckpointFolder

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROOT: Final = Path(__file__).resolve().parents[1]
MINUTES: Final = ROOT.parent / "shared/data/unlicensed_internal_only/m1"
STATE: Final = Path(tempfile.gettempdir()) / "quorum-benchmarks" / "volatility"
"""Where an interrupted run leaves its networks."""
SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY")
M15_NS: Final = 15 * MINUTE_NS
HORIZONS: Final = (4, 16)
TEST_SHARE, LEARN_SHARE = 0.6, 0.5
"""Where the test begins, and where the rows that choose the epoch do, as shares of all rows."""
LAG_ROWS: Final = 95
"""A day less one bar: losses of a day move together."""
BLOCKS: Final = (24, 96)
SEED: Final = 1
NETWORK: Final = "LSTM on HAR's residual"


class Pair(NamedTuple):
    """One symbol of the contest."""

    series: VarianceSeries
    season: Seasonality
    test_from: int
    forecasts: dict[str, FloatArray]


def recorded_series(symbol: str) -> VarianceSeries:
    """Return the M15 bars of 2018: variance half from five-minute returns, half from the range."""
    import pandas as pd

    minutes = pd.read_parquet(MINUTES / f"{symbol}_M1_2018.parquet").set_index("time")
    columns = {"open": "first", "high": "max", "low": "min", "close": "last"}
    bars = minutes.resample("15min").agg(columns).dropna()
    five = np.log(minutes["close"].resample("5min").last().dropna())
    is_neighbour = five.index.to_series().diff() == pd.Timedelta(minutes=5)
    squares = (five.diff()[is_neighbour] ** 2).resample("15min").sum()
    realised = squares.reindex(bars.index).fillna(0.0).to_numpy()
    opened, high, low, close = (bars[name].to_numpy() for name in columns)
    variance = 0.5 * realised + 0.5 * parkinson_variance(high, low)
    return VarianceSeries(
        close_ns=bars.index.to_numpy(dtype="datetime64[ns]").astype(np.int64) + M15_NS,
        log_return=np.log(close / opened),
        log_range=np.log(high / low),
        variance=np.maximum(variance, np.quantile(variance, 0.01)),
    )


def contest(
    series: Mapping[str, VarianceSeries],
    horizon_bars: int,
    *,
    epochs: int = EPOCHS,
    checkpoints: MutableMapping[str, bytes] | None = None,
) -> dict[str, Losses]:
    """Return the losses of all forecasts by symbol; without epochs those of the yardsticks."""
    pairs = {symbol: _pair(each, horizon_bars) for symbol, each in series.items()}
    if epochs:
        _add_network(pairs, horizon_bars, epochs, checkpoints)
    return {symbol: _losses(pair, horizon_bars) for symbol, pair in pairs.items()}


def _pair(series: VarianceSeries, horizon_bars: int) -> Pair:
    test_from = int(TEST_SHARE * len(series.variance))
    rows = slice(0, test_from - horizon_bars)
    season = fit_seasonality(
        series.close_ns[rows],
        np.log(series.variance[rows]),
        M15_NS,
        weekday_prior_days=np.inf,
        open_prior_weeks=np.inf,
    )
    forecasts = baseline_forecasts(series, season, horizon_bars, test_from)
    return Pair(series, season, test_from, forecasts)


def _add_network(
    pairs: Mapping[str, Pair],
    horizon_bars: int,
    epochs: int,
    checkpoints: MutableMapping[str, bytes] | None,
) -> None:
    lessons = [_lesson(pair, horizon_bars) for pair in pairs.values()]
    networks = tuple(
        train_network(
            lessons,
            seed,
            epochs=epochs,
            checkpoints=checkpoints,
            name=f"m15_{horizon_bars}_{seed}.safetensors",
        )
        for seed in SEEDS
    )
    for place, (pair, lesson) in enumerate(zip(pairs.values(), lessons, strict=True)):
        rows = range(len(lesson.inputs))
        correction = mean_correction(networks, lesson.inputs, place, rows)
        pair.forecasts[NETWORK] = pair.forecasts[HAR_DESEASONALISED] * np.exp(correction)


def _lesson(pair: Pair, horizon_bars: int) -> Lesson:
    series, variance = pair.series, pair.series.variance
    learn = int(LEARN_SHARE * len(variance))
    terms = har_terms(variance / pair.season.at(series.close_ns))
    scale = scale_of(terms[HAR_WINDOWS_BARS[-1] : learn])
    positions = week_positions(series.close_ns, M15_NS)
    deviations = series.log_return / np.sqrt(variance)
    outcome = forward_sums(variance, horizon_bars)
    return Lesson(
        inputs=network_inputs(terms, scale, deviations, positions, M15_NS),
        error=np.log(outcome / pair.forecasts[HAR_DESEASONALISED]),
        fit_rows=np.arange(FIRST_ROW, learn - horizon_bars),
        stop_rows=np.arange(learn, pair.test_from - horizon_bars),
    )


def _losses(pair: Pair, horizon_bars: int) -> Losses:
    outcome = forward_sums(pair.series.variance, horizon_bars)
    train = slice(FIRST_ROW, pair.test_from - horizon_bars)
    test = slice(pair.test_from, len(outcome) - horizon_bars)
    by_name = {}
    for name, forecast in pair.forecasts.items():
        level = forecast if name == RANDOM_WALK else levelled(forecast, outcome, train)
        by_name[name] = qlike(outcome[test], level[test])
    return Losses(pair.series.close_ns[test], by_name)


def run() -> Section:
    """Hold all forecasts against each other at both horizons."""
    series = {symbol: recorded_series(symbol) for symbol in SYMBOLS}
    state = CheckpointFolder(STATE)
    found = {horizon: contest(series, horizon, checkpoints=state) for horizon in HORIZONS}
    PICTURES.mkdir(exist_ok=True)
    draw_bars(
        PICTURES / "volatility.svg",
        "QLIKE an hour ahead over that of HAR deseasonalised, mean of three pairs",
        _bars(found[HORIZONS[0]]),
    )
    tables = [_table(horizon, losses) for horizon, losses in found.items()]
    hours = told_of_hours(lambda block: CheckpointFolder(STATE / f"hours_{block}"))
    return Section(
        name="volatility",
        title="Volatility forecasts",
        text=(
            "Loss on the last 40 % of 2018, M15, all overlapping rows; percent and t of Diebold "
            "and Mariano (HLN, 95 lags) against HAR deseasonalised, below 0 is better. A star "
            "stands in the 10 % confidence set of every k-th row, blocks of 24 and 96.\n\n"
            "![QLIKE of all forecasts](pictures/volatility.svg)"
        ),
        tables=(*tables, *hours.tables),
        notes=(
            *(_spa_note(horizon, losses) for horizon, losses in found.items()),
            _worst_day(found[HORIZONS[0]]),
            "Three networks, one for all pairs each, averaged; every forecast but the random walk "
            f"is scaled to the mean of the training rows. torch {version('torch')}, arch "
            f"{version('arch')}.",
            *hours.notes,
        ),
    )


def _table(horizon_bars: int, losses: Mapping[str, Losses]) -> str:
    kept = {symbol: surviving(each, horizon_bars) for symbol, each in losses.items()}
    names = next(iter(losses.values())).by_name
    rows = [
        [name, *(_cell(each, name, horizon_bars, kept[symbol]) for symbol, each in losses.items())]
        for name in names
    ]
    return table([f"k = {horizon_bars}", *losses], rows)


def surviving(losses: Losses, horizon_bars: int) -> frozenset[str]:
    """Return the forecasts in the confidence sets of every k-th row, under both block lengths."""
    apart = {name: loss[::horizon_bars] for name, loss in losses.by_name.items()}
    first, *others = (confidence_set(apart, block_rows=block, seed=SEED) for block in BLOCKS)
    return first.intersection(*others)


def _cell(losses: Losses, name: str, horizon_bars: int, kept: frozenset[str]) -> str:
    star = " *" if name in kept else ""
    return cell(losses, name, horizon_bars, LAG_ROWS) + star


def _spa_note(horizon_bars: int, losses: Mapping[str, Losses]) -> str:
    said = []
    for symbol, each in losses.items():
        apart = {name: loss[::horizon_bars] for name, loss in each.by_name.items()}
        har = apart.pop(HAR_DESEASONALISED)
        rivals = np.column_stack(list(apart.values()))
        p_value = superior_predictive_ability(har, rivals, seed=SEED)
        said.append(f"{symbol} {p_value:.2f}")
    return (
        f"Chance that none beats HAR deseasonalised (SPA), k = {horizon_bars}: {', '.join(said)}."
    )


def _worst_day(losses: Mapping[str, Losses]) -> str:
    said = []
    for symbol, each in losses.items():
        day = each.worst_day()
        rest = each.without(day)
        har, ratio = rest.mean(HAR_DESEASONALISED), rest.ratio(NETWORK) - 1.0
        said.append(f"{symbol} {day}: HAR {har:.3f}, network {ratio:+.1%}")
    return f"Without the day on which HAR lost most, an hour ahead: {'; '.join(said)}."


def _bars(losses: Mapping[str, Losses]) -> list[Bars]:
    names = next(iter(losses.values())).by_name
    ratios = {
        name: float(np.mean([each.ratio(name) for each in losses.values()])) for name in names
    }
    return [Bars(name, ratio) for name, ratio in sorted(ratios.items(), key=lambda one: one[1])]
