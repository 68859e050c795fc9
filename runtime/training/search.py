"""The walk-forward search carried out: trials simulated window by window, on one core or several.

A task is one window with all its trials, or with its share of them on several cores; there tasks
run on Ray, the columns are put there once, and what comes back is the same as on one core, in the
same order.
"""

import os
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
from models.market.bars import IntArray
from models.market.sessions import DAY_NS
from runtime.clock import processor_s
from runtime.columns import Columns, simulate_columns
from runtime.columns.stretch import stretch_of

Advance = Callable[[float, str], None]

AXES: Final[Mapping[str, Sequence[float]]] = {
    "confluence_min": (0.0, 1.0),
    "min_confidence": (0.5, 0.51, 0.525),
    "atr_multiplier": (2.0, 3.0, 4.0),
    "target_atr_multiplier": (0.0, 12.0, 16.0),
    "min_rr_ratio": (2.5, 4.0),
}
"""Values of the grid: agreement of the timeframes, threshold of the pooled probability, stop and
target in average true ranges, least reward for the risk. All ends are the settings' bounds but two,
beyond which nothing is looked for: hardly a vote is surer than the highest threshold, and stops
closer than the lowest pay most of their risk to the broker."""


class Found(NamedTuple):
    """A search, and what it took."""

    judged: Judged
    task_s: tuple[tuple[int, float], ...]
    """Process and seconds of processor time of each task."""


class _Task(NamedTuple):
    inside: "_Stretch"
    outside: "_Stretch"
    process: int
    processor_s: float


class _Stretch(NamedTuple):
    # What one stretch came to, by trial; the settings are the last one.
    outcomes: tuple[Outcome, ...]
    scores: np.ndarray


def search(
    columns: Columns,
    trials: tuple[Values, ...],
    axes: Mapping[str, Sequence[float]],
    terms: SearchTerms,
    jobs: int,
    advance: Advance,
) -> Found:
    """Return every trial on every window, what each window chose, and what that took.

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
    taken: list[tuple[int, float]] = []
    found = list(_carried_out(columns, trials, terms, (*cut, latest), jobs, advance, taken))
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
    judged = Judged(trials, axes, tuple(results), choose(scores, trials, axes), scores)
    return Found(judged, tuple(taken))


def trials_of(
    columns: Columns, axes: Mapping[str, Sequence[float]], terms: SearchTerms, more: int, seed: int
) -> tuple[Values, ...]:
    """Return the grid, and as many trials more as a sampler asks for."""
    trials = grid(axes)
    cut = windows(int(columns.readings_ns[0]), columns.end_ns, terms)
    if not more or not cut:
        return trials
    first = stretch_of(columns, cut[0].in_from_ns, cut[0].in_until_ns)
    scores = _tried(first, trials, terms).scores
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
    taken: list[tuple[int, float]],
) -> Iterator[tuple[_Stretch, _Stretch]]:
    # Each window is dealt out in as many hands as there are cores, so that none waits at the end.
    everybody = (*trials, {})
    hands = [everybody[first::jobs] for first in range(jobs)]
    for number, tasks in enumerate(_dealt(columns, hands, terms, cut, jobs)):
        taken += [(each.process, each.processor_s) for each in tasks]
        yield (
            _together([each.inside for each in tasks]),
            _together([each.outside for each in tasks]),
        )
        advance((number + 1) / len(cut), f"{number + 1} of {len(cut)} windows")


def _dealt(
    columns: Columns,
    hands: Sequence[tuple[Values, ...]],
    terms: SearchTerms,
    cut: tuple[Window, ...],
    jobs: int,
) -> Iterator[list[_Task]]:
    if jobs == 1:
        for window in cut:
            yield [window_of(columns, hands[0], terms, window)]
        return
    import ray

    shared = ray.put(columns)
    task: Any = ray.remote(num_cpus=1)(window_of)
    waiting = [[task.remote(shared, hand, terms, window) for hand in hands] for window in cut]
    for each in waiting:
        yield ray.get(each)


def _together(parts: Sequence[_Stretch]) -> _Stretch:
    """Return what hands dealt in turns came to, in the order before the deal."""
    count = sum(len(part.outcomes) for part in parts)
    order = [(place % len(parts), place // len(parts)) for place in range(count)]
    return _Stretch(
        tuple(parts[hand].outcomes[place] for hand, place in order),
        np.array([parts[hand].scores[place] for hand, place in order]),
    )


def window_of(
    columns: Columns, trials: tuple[Values, ...], terms: SearchTerms, window: Window
) -> _Task:
    """Return some trials in sample and out of sample, and what that took."""
    began_s = processor_s()
    inside = stretch_of(columns, window.in_from_ns, window.in_until_ns)
    outside = stretch_of(columns, window.in_until_ns, window.out_until_ns)
    tried = _tried(inside, trials, terms), _tried(outside, trials, terms)
    return _Task(*tried, process=os.getpid(), processor_s=processor_s() - began_s)


def _tried(columns: Columns, trials: tuple[Values, ...], terms: SearchTerms) -> _Stretch:
    close_ns = np.ascontiguousarray(columns.closes["close_ns"])
    starts_ns = np.ascontiguousarray(columns.days["start_ns"])
    days = np.searchsorted(starts_ns, close_ns - 1, side="right")
    outcomes = tuple(_outcome_of(columns, days, values) for values in trials)
    return _Stretch(outcomes, np.array([score(each, terms) for each in outcomes]))


def _outcome_of(columns: Columns, days: IntArray, values: Values) -> Outcome:
    """Return what an account with these parameters came to over some columns."""
    if not len(columns.closes):
        return Outcome(np.empty(0), np.empty(0))
    overrides = {f"trading.{name}": value for name, value in values.items()}
    run = simulate_columns(columns, columns.settings, overrides)
    _, closes = daily_closes(days, run.equity)
    return Outcome(simple_returns(run.deposit, closes), run.closed["r_multiple"].copy())


def start_cores(settings: Settings, folder: Path) -> None:
    """Start Ray for several jobs, or join the cluster of the settings."""
    from runtime.ray_session import set_ray_environment, start_ray

    set_ray_environment(settings.log)
    section = settings.cluster.model_copy(update={"dashboard": False})
    start_ray(section, section.address, folder)
