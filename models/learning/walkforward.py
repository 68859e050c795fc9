"""Walk-forward search: parameters chosen on one stretch of time, judged on the one that follows.

Each window chooses on its past and is scored on its future; the futures follow each other without a
gap, so together they are one track record that nobody chose by. What is kept of every trial is its
returns out of sample, the bad ones above all: they say how much luck a choice may have had.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from models.learning.best_params import FAMILY, FILE, FORMAT, NAMES
from models.learning.candidate import Candidate, StrategyEvidence, Trial, Untrained
from models.learning.returns import deepest_fall, sharpe_ratio
from models.market.bars import FloatArray
from models.market.sessions import DAY_NS

Values = Mapping[str, float]
"""One trial: parameters by name."""

UNSCORED: Final = -1e9
"""Score of a trial with too few trades to be scored."""


class Window(NamedTuple):
    """In-sample and out-of-sample stretch, each [from, until) in nanoseconds."""

    in_from_ns: int
    in_until_ns: int
    out_until_ns: int


class Outcome(NamedTuple):
    """One trial on one stretch, net of costs."""

    day_returns: FloatArray
    """Of equity, shape (n_days,), days without trade 0."""
    r_multiples: FloatArray
    """Of the closed trades."""


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """How windows are cut and trials are scored."""

    in_days: int
    out_days: int
    step_days: int
    trades_min: int = 20
    """Trades in sample below which a trial has no score."""
    expectancy_weight: float = 1.0
    """Worth of one R of expectancy beside one unit of yearly Sharpe ratio."""


def windows(start_ns: int, end_ns: int, terms: SearchTerms) -> tuple[Window, ...]:
    """Return the windows that lie whole in [start, end), each a step after the one before.

    Raises
    ------
    ValueError
        If the step is shorter than the stretch out of sample: days would count twice.
    """
    if terms.step_days < terms.out_days:
        raise ValueError("step_days must be at least out_days, else days count twice")
    found = []
    first_ns = start_ns
    while first_ns + (terms.in_days + terms.out_days) * DAY_NS <= end_ns:
        middle_ns = first_ns + terms.in_days * DAY_NS
        found.append(Window(first_ns, middle_ns, middle_ns + terms.out_days * DAY_NS))
        first_ns += terms.step_days * DAY_NS
    return tuple(found)


def grid(axes: Mapping[str, Sequence[float]]) -> tuple[dict[str, float], ...]:
    """Return every combination of the axes' values, the last axis fastest."""
    return tuple(
        dict(zip(axes, map(float, cell), strict=True)) for cell in itertools.product(*axes.values())
    )


def sampled(
    axes: Mapping[str, Sequence[float]],
    trials: Sequence[tuple[Values, float]],
    count: int,
    seed: int,
) -> tuple[dict[str, float], ...]:
    """Return the next trials that Optuna's sampler asks for, between the ends of the axes.

    Asked and told, never run by Optuna: the same trials and seed give the same answer, whatever
    became of the process in between.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    spread: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(float(min(values)), float(max(values)))
        for name, values in axes.items()
    }
    for values, score in trials:
        study.add_trial(
            optuna.trial.create_trial(params=dict(values), distributions=spread, value=score)
        )
    return tuple(dict(study.ask(spread).params) for _ in range(count))


def score(outcome: Outcome, terms: SearchTerms) -> float:
    """Return yearly Sharpe ratio plus weighted expectancy in R; `UNSCORED` below `trades_min`."""
    if len(outcome.r_multiples) < terms.trades_min:
        return UNSCORED
    sharpe = sharpe_ratio(outcome.day_returns).value
    if np.isnan(sharpe):
        return UNSCORED
    return float(sharpe + terms.expectancy_weight * outcome.r_multiples.mean())


def neighbours(
    values: Values, trials: Sequence[Values], axes: Mapping[str, Sequence[float]]
) -> list[int]:
    """Return the places of the trials beside one.

    On the grid those are the ones that differ by one step on one axis; between its values, where a
    sampler asks, all that are less than a step away on every axis.
    """
    here = _steps((values,), axes)
    away = np.abs(_steps(trials, axes) - here)
    is_cell = _is_on_grid(here) & _is_on_grid(_steps(trials, axes))
    is_step = is_cell & (away.sum(axis=1) == 1.0)
    is_close = ~is_cell & (away.max(axis=1) < 1.0) & (away.max(axis=1) > 0.0)
    return [int(place) for place in np.flatnonzero(is_step | is_close)]


def _steps(trials: Sequence[Values], axes: Mapping[str, Sequence[float]]) -> FloatArray:
    """Return where trials lie, in steps of the grid, shape (n_trials, n_axes)."""
    columns = []
    for name, values in axes.items():
        ranked = sorted(map(float, values))
        columns.append(np.interp([trial[name] for trial in trials], ranked, np.arange(len(ranked))))
    return np.column_stack(columns)


def _is_on_grid(steps: FloatArray) -> np.ndarray:
    found: np.ndarray = (steps == np.rint(steps)).all(axis=1)
    return found


def choose(
    scores: FloatArray, trials: Sequence[Values], axes: Mapping[str, Sequence[float]]
) -> int:
    """Return the trial whose surroundings score best: the median of itself and its neighbours.

    A peak that stands alone is luck more often than a plateau is. Of equals the first is taken.
    """
    around = [
        float(np.median([scores[place], *scores[neighbours(trial, trials, axes)]]))
        for place, trial in enumerate(trials)
    ]
    return int(np.argmax(around))


def at_ends(values: Values, axes: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    """Return the axes on which a trial lies at an end of the grid, beyond which nobody looked."""
    return tuple(
        name for name, each in axes.items() if values[name] in (float(min(each)), float(max(each)))
    )


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What one window chose, and what came of it."""

    window: Window
    chosen: int
    in_score: float
    out_scores: FloatArray
    """Of every trial out of sample, shape (n_trials,)."""
    out: tuple[Outcome, ...]
    """Of every trial out of sample."""
    champion: Outcome
    """What the settings did on the same days."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A whole search."""

    trials: tuple[Values, ...]
    axes: Mapping[str, Sequence[float]]
    results: tuple[WindowResult, ...]
    latest: int
    """Trial chosen on the latest stretch in sample, which would serve now."""
    latest_scores: FloatArray
    """Of every trial on it."""


def candidate_of(
    judged: Judged, static: Values, data_hash: str, code_hash: str
) -> Candidate | Untrained:
    """Return the winner as a candidate whose evidence is the chain of windows.

    Parameters
    ----------
    judged : Judged
        Trials and windows.
    static : mapping of str to float
        Values of the parameters that no axis moves, all of `best_params.NAMES`.
    data_hash, code_hash : str
        Of what was searched, and by what.
    """
    if len(judged.results) < 2:
        return Untrained("windows", len(judged.results), 2)
    chain = [result.out[result.chosen] for result in judged.results]
    returns = np.concatenate([each.day_returns for each in chain])
    champion = np.concatenate([result.champion.day_returns for result in judged.results])
    place = judged.latest
    beside = neighbours(judged.trials[place], judged.trials, judged.axes)
    values = {**static, **judged.trials[place]}
    evidence = StrategyEvidence(
        day_returns=returns,
        champion_day_returns=champion,
        trades=sum(len(each.r_multiples) for each in chain),
        fold_scores=np.array([float(each.day_returns.sum()) for each in chain]),
        drawdown_frac=fall_frac(returns),
        champion_drawdown_frac=fall_frac(champion),
        neighbour_scores=judged.latest_scores[beside],
        score=float(judged.latest_scores[place]),
    )
    trials = tuple(
        Trial(
            json.dumps(dict(trial), sort_keys=True),
            float(np.mean([result.out_scores[number] for result in judged.results])),
            np.concatenate([result.out[number].day_returns for result in judged.results]),
        )
        for number, trial in enumerate(judged.trials)
    )
    content = {
        "format": FORMAT,
        "values": values,
        "sharpe_out_of_sample": [_sharpe(each) for each in chain],
        "trials": len(trials),
        "data_hash": data_hash,
        "code_hash": code_hash,
    }
    return Candidate(
        family=FAMILY,
        files={FILE: json.dumps(content, sort_keys=True).encode()},
        feature_schema=NAMES,
        rows=len(returns),
        trained_until_ns=judged.results[-1].window.out_until_ns,
        data_hash=data_hash,
        evidence=evidence,
        trials=trials,
    )


def fall_frac(returns: FloatArray) -> float:
    """Return the deepest fall of an account with these returns."""
    return deepest_fall(np.cumprod(np.concatenate([[1.0], 1.0 + returns]))).depth_frac


def _sharpe(outcome: Outcome) -> float | None:
    found = sharpe_ratio(outcome.day_returns).value
    return None if np.isnan(found) else float(found)
