"""What a walk-forward search came to: figures for programs, and a picture for people."""

from pathlib import Path

import msgspec
import numpy as np

from models.learning.returns import sharpe_ratio
from models.learning.walkforward import Judged
from runtime.instants import iso
from runtime.training.session import Graduation


class WindowReport(msgspec.Struct, frozen=True, kw_only=True):
    """One window."""

    out_from: str
    out_until: str
    values: dict[str, float]
    sharpe: float | None
    expectancy_r: float
    trades: int
    settings_sharpe: float | None


class SearchReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole search."""

    symbols: tuple[str, ...]
    trials: int
    windows: tuple[WindowReport, ...]
    sharpe: float | None
    """Of the chain of all windows out of sample."""
    values: dict[str, float]
    """That would serve now."""
    passed: bool
    verdict: str
    """The first test that failed, or those that were passed."""
    search_s: float
    jobs: int


def report_of(
    judged: Judged,
    graduation: Graduation,
    symbols: tuple[str, ...],
    search_s: float,
    jobs: int,
) -> SearchReport:
    """Return the figures of a judged search."""
    return SearchReport(
        symbols=symbols,
        trials=len(judged.trials),
        windows=tuple(
            WindowReport(
                out_from=iso(one.window.in_until_ns),
                out_until=iso(one.window.out_until_ns),
                values=dict(judged.trials[one.chosen]),
                sharpe=_sharpe(one.out[one.chosen].day_returns),
                expectancy_r=_mean(one.out[one.chosen].r_multiples),
                trades=len(one.out[one.chosen].r_multiples),
                settings_sharpe=_sharpe(one.champion.day_returns),
            )
            for one in judged.results
        ),
        sharpe=_sharpe(np.concatenate([one.out[one.chosen].day_returns for one in judged.results])),
        values=dict(judged.trials[judged.latest]),
        passed=graduation.has_passed,
        verdict=graduation.detail or graduation.reason,
        search_s=round(search_s, 1),
        jobs=jobs,
    )


def draw(judged: Judged, path: Path) -> None:
    """Write equity out of sample as a page: the chain of winners, the settings, every trial."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number in range(len(judged.trials)):
        returns = np.concatenate([one.out[number].day_returns for one in judged.results])
        figure.add_scatter(
            y=np.cumprod(1.0 + returns), line={"color": "lightgrey", "width": 1}, showlegend=False
        )
    chosen = np.concatenate([one.out[one.chosen].day_returns for one in judged.results])
    settings = np.concatenate([one.champion.day_returns for one in judged.results])
    figure.add_scatter(y=np.cumprod(1.0 + settings), name="settings", line={"color": "orange"})
    figure.add_scatter(y=np.cumprod(1.0 + chosen), name="chosen", line={"color": "navy"})
    figure.update_layout(
        title="Out of sample: what each window chose, every trial behind it",
        xaxis_title="trading day",
        yaxis_title="equity over the deposit",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True)


def _sharpe(returns: np.ndarray) -> float | None:
    found = sharpe_ratio(returns).value
    return None if np.isnan(found) else round(float(found), 3)


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 4) if len(values) else 0.0
