"""What a walk-forward search came to, in figures."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from config.parameters import bounds_of
from models.learning.candidate import Candidate, StrategyEvidence
from models.learning.returns import TRADING_DAYS_A_YEAR, sharpe_ratio
from models.learning.strategy_gate import search_of
from models.learning.validation import trials_within
from models.learning.walkforward import Judged, Values, WindowResult, at_ends
from models.market.bars import FloatArray
from runtime.instants import iso
from runtime.training.search import Found
from runtime.training.session import Graduation

SHARPE_BORNE: Final = 1.0
"""Yearly Sharpe ratio for which it is said how many trials a record bears."""


class WindowReport(msgspec.Struct, frozen=True, kw_only=True):
    """One window."""

    out_from: str
    out_until: str
    values: dict[str, float]
    at_ends: tuple[str, ...]
    """Parameters at an end of the grid that is not the setting's bound."""
    sharpe: float | None
    expectancy_r: float
    trades: int
    settings_sharpe: float | None


class SearchReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole search."""

    symbols: tuple[str, ...]
    trials: int
    effective_trials: float
    """Independent trials that they are worth, by their returns out of sample."""
    years: float
    """Out of sample."""
    trials_borne: int
    """Independent trials that so many years bear at a yearly Sharpe ratio of 1 (MinBTL)."""
    windows: tuple[WindowReport, ...]
    sharpe: float | None
    """Of the chain of all windows out of sample."""
    settings_sharpe: float | None
    """Of the settings over the same days."""
    values: dict[str, float]
    """That would serve now."""
    at_ends: tuple[str, ...]
    plateau: float | None
    """Median score of what lies beside the values over their own, both where they were chosen; None
    where their score is not above 0."""
    passed: bool
    version: str
    """Of the winner in the folder of models."""
    verdict: str
    """The first test that failed, or those that were passed."""
    search_s: float
    processor_s: float
    """Of all tasks."""
    busiest_s: float
    """Processor time of the process that had most; with the whole it shows what cores can gain."""
    jobs: int


def report_of(
    found: Found,
    candidate: Candidate,
    graduation: Graduation,
    symbols: tuple[str, ...],
    search_s: float,
    jobs: int,
) -> SearchReport:
    """Return the figures of a judged search."""
    judged, manifest = found.judged, graduation.manifest
    chain = np.concatenate([one.out[one.chosen].day_returns for one in judged.results])
    years = len(chain) / TRADING_DAYS_A_YEAR
    busy: dict[int, float] = {}
    for process, seconds in found.task_s:
        busy[process] = busy.get(process, 0.0) + seconds
    values = judged.trials[judged.latest]
    return SearchReport(
        symbols=symbols,
        trials=len(judged.trials),
        effective_trials=round(search_of(candidate).effective_trials, 1),
        years=round(years, 2),
        trials_borne=trials_within(years, SHARPE_BORNE),
        windows=tuple(_window(one, judged) for one in judged.results),
        sharpe=_sharpe(chain),
        settings_sharpe=_sharpe(
            np.concatenate([one.champion.day_returns for one in judged.results])
        ),
        values=dict(values),
        at_ends=open_ends(values, judged.axes),
        plateau=_plateau(candidate),
        passed=graduation.has_passed,
        version=manifest.version if manifest else "",
        verdict=graduation.detail or graduation.reason,
        search_s=round(search_s, 1),
        processor_s=round(sum(busy.values()), 1),
        busiest_s=round(max(busy.values()), 1),
        jobs=jobs,
    )


def open_ends(values: Values, axes: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    """Return the parameters at an end of the grid beyond which their setting could still go."""
    return tuple(name for name in at_ends(values, axes) if values[name] not in bounds_of(name))


def _window(one: WindowResult, judged: Judged) -> WindowReport:
    chosen, values = one.out[one.chosen], judged.trials[one.chosen]
    return WindowReport(
        out_from=iso(one.window.in_until_ns),
        out_until=iso(one.window.out_until_ns),
        values=dict(values),
        at_ends=open_ends(values, judged.axes),
        sharpe=_sharpe(chosen.day_returns),
        expectancy_r=_mean(chosen.r_multiples),
        trades=len(chosen.r_multiples),
        settings_sharpe=_sharpe(one.champion.day_returns),
    )


def _plateau(candidate: Candidate) -> float | None:
    evidence = candidate.evidence
    assert isinstance(evidence, StrategyEvidence)
    if not len(evidence.neighbour_scores) or evidence.score <= 0.0:
        return None
    return round(float(np.median(evidence.neighbour_scores)) / evidence.score, 2)


def _sharpe(returns: FloatArray) -> float | None:
    found = sharpe_ratio(returns).value
    return None if np.isnan(found) else round(float(found), 3)


def _mean(values: FloatArray) -> float:
    return round(float(values.mean()), 4) if len(values) else 0.0
