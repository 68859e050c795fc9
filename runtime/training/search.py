"""The walk-forward search carried out: trials simulated window by window, on one core or several.

A task is one window with all its trials. On several cores tasks run on Ray, the columns are put
there once, and what comes back is the same as on one core, in the same order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from config.parameters import SEARCHED
from config.settings import Settings
from models.learning.returns import daily_closes, simple_returns
from models.learning.walkforward import (
    Judged,
    Outcome,
    SearchTerms,
    Values,
    Window,
    WindowResult,
    choose,
    grid,
    sampled,
    score,
    windows,
)
from models.market.sessions import DAY_NS, trading_day
from runtime.columns import Columns, simulate_columns
from runtime.columns.stretch import stretch_of

Advance = Callable[[float, str], None]

AXES: Final[Mapping[str, Sequence[float]]] = {
    "confluence_min": (0.0, 0.5, 1.0),
    "min_confidence": (0.505, 0.515, 0.53),
    "atr_multiplier": (1.5, 2.5, 3.5),
    "target_atr_multiplier": (0.0, 10.0),
    "min_rr_ratio": (2.5, 3.5),
}
"""Values of the grid: agreement of the timeframes, threshold of the pooled probability, stop and
target in average true ranges, least reward for the risk."""


class _Stretch(NamedTuple):
    # What one stretch came to, by trial; the settings stand behind all trials.
    outcomes: tuple[Outcome, ...]
    scores: np.ndarray


def search(
    columns: Columns,
    trials: tuple[Values, ...],
    axes: Mapping[str, Sequence[float]],
    terms: SearchTerms,
    jobs: int,
    advance: Advance,
) -> Judged:
    """Return every trial on every window, and what each window chose.

    Parameters
    ----------
    columns : Columns
        Opinions of all symbols, which are pooled in one account.
    trials : tuple of mapping
        Parameters by name.
    axes : mapping of str to sequence of float
        Of the grid that they are from.
    terms : SearchTerms
        See there.
    jobs : int
        Cores.
    advance : callable
        Takes the share that is done, and a word about it.
    """
    start_ns, end_ns = int(columns.readings_ns[0]), columns.end_ns
    cut = windows(start_ns, end_ns, terms)
    latest = Window(end_ns - terms.in_days * DAY_NS, end_ns, end_ns)
    results = []
    found = list(_carried_out(columns, trials, terms, (*cut, latest), jobs, advance))
    for window, (inside, outside) in zip(cut, found, strict=False):
        chosen = choose(inside.scores[:-1], trials, axes)
        results.append(
            WindowResult(
                window=window,
                chosen=chosen,
                in_score=float(inside.scores[chosen]),
                out_scores=outside.scores[:-1],
                out=outside.outcomes[:-1],
                champion=outside.outcomes[-1],
            )
        )
    scores = found[-1][0].scores[:-1]
    return Judged(trials, axes, tuple(results), choose(scores, trials, axes), scores)


def trials_of(
    columns: Columns, axes: Mapping[str, Sequence[float]], terms: SearchTerms, more: int, seed: int
) -> tuple[Values, ...]:
    """Return the grid, and as many trials more as a sampler asks for."""
    trials = grid(axes)
    cut = windows(int(columns.readings_ns[0]), columns.end_ns, terms)
    if not more or not cut:
        return trials
    first = stretch_of(columns, cut[0].in_from_ns, cut[0].in_until_ns)
    scores = _tried(first, trials, terms).scores[:-1]
    told = [(each, float(found)) for each, found in zip(trials, scores, strict=True)]
    return (*trials, *sampled(axes, told, more, seed))


def static_values(settings: Settings) -> dict[str, float]:
    """Return what the settings say of everything that can be searched."""
    return {name: float(getattr(settings.trading, name)) for name in SEARCHED}


def _carried_out(
    columns: Columns,
    trials: tuple[Values, ...],
    terms: SearchTerms,
    cut: tuple[Window, ...],
    jobs: int,
    advance: Advance,
) -> Iterator[tuple[_Stretch, _Stretch]]:
    if jobs == 1:
        for number, window in enumerate(cut):
            yield window_of(columns, trials, terms, window)
            advance((number + 1) / len(cut), f"{number + 1} of {len(cut)} windows")
        return
    import ray

    shared = ray.put(columns)
    task: Any = ray.remote(num_cpus=1)(window_of)
    waiting = [task.remote(shared, trials, terms, window) for window in cut]
    for number, each in enumerate(waiting):
        yield ray.get(each)
        advance((number + 1) / len(cut), f"{number + 1} of {len(cut)} windows")


def window_of(
    columns: Columns, trials: tuple[Values, ...], terms: SearchTerms, window: Window
) -> tuple[_Stretch, _Stretch]:
    """Return all trials in sample and out of sample, the settings behind them."""
    inside = stretch_of(columns, window.in_from_ns, window.in_until_ns)
    outside = stretch_of(columns, window.in_until_ns, window.out_until_ns)
    return _tried(inside, trials, terms), _tried(outside, trials, terms)


def _tried(columns: Columns, trials: tuple[Values, ...], terms: SearchTerms) -> _Stretch:
    outcomes = tuple(outcome_of(columns, values) for values in (*trials, {}))
    return _Stretch(outcomes, np.array([score(each, terms) for each in outcomes]))


def outcome_of(columns: Columns, values: Values) -> Outcome:
    """Return what an account with these parameters came to over some columns."""
    if not len(columns.closes):
        return Outcome(np.empty(0), np.empty(0))
    overrides = {f"trading.{name}": value for name, value in values.items()}
    run = simulate_columns(columns, columns.settings, overrides)
    days = np.array([trading_day(int(each) - 1).toordinal() for each in run.close_ns])
    _, closes = daily_closes(days, run.equity)
    return Outcome(simple_returns(run.deposit, closes), run.closed["r_multiple"].copy())


def start_cores(settings: Settings, folder: Path) -> None:
    """Start Ray for several jobs."""
    from runtime.ray_session import set_ray_environment, start_ray

    set_ray_environment()
    section = settings.cluster.model_copy(update={"dashboard": False})
    start_ray(section, "", folder)
