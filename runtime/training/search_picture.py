"""A walk-forward search as a picture for people."""

from pathlib import Path
from typing import Final

import numpy as np

from models.learning.walkforward import Judged
from models.market.bars import FloatArray

PERCENT: Final = 100.0
SPREAD: Final = (10.0, 90.0)
"""Percentiles of all trials that the band covers."""
PARTING: Final = {"color": "darkgrey", "width": 1, "dash": "dot"}
"""How the beginning of a window is drawn."""
CHOSEN: Final = -1
SETTINGS: Final = -2
"""Whose growth is drawn, beside the numbers of trials."""


def draw(judged: Judged, path: Path) -> None:
    """Write equity out of sample as a page: what each window chose, the settings, all trials."""
    import plotly.graph_objects as go

    moments = _moments(judged)
    everybody = np.stack([_growth(judged, place) for place in range(len(judged.trials))])
    low, middle, high = np.percentile(everybody, (SPREAD[0], 50.0, SPREAD[1]), axis=0)
    figure = go.Figure()
    figure.add_scatter(x=moments, y=low, line={"width": 0}, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=moments, y=high, line={"width": 0}, fill="tonexty", fillcolor="rgba(120,120,120,0.25)",
        name="eight of ten trials", hoverinfo="skip",
    )  # fmt: skip
    lines: tuple[tuple[str, str, FloatArray], ...] = (
        ("median trial", "grey", middle),
        ("settings as they are", "darkorange", _growth(judged, SETTINGS)),
        ("chosen by each window", "navy", _growth(judged, CHOSEN)),
    )
    for name, colour, growth in lines:
        figure.add_scatter(x=moments, y=growth, name=name, line={"color": colour, "width": 2})
    for one in judged.results:
        figure.add_vline(x=_moment(one.window.in_until_ns), line=PARTING)
    figure.update_layout(
        title=f"Walk-forward out of sample: {len(judged.trials)} trials, lines part the windows",
        yaxis_title="growth in percent",
        xaxis={"showgrid": False},
        template="plotly_white",
        legend={"orientation": "h", "y": -0.1},
        hovermode="x unified",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True)


def _growth(judged: Judged, who: int) -> FloatArray:
    outcomes = [
        one.champion if who == SETTINGS else one.out[one.chosen if who == CHOSEN else who]
        for one in judged.results
    ]
    returns = np.concatenate([each.day_returns for each in outcomes])
    growth: FloatArray = PERCENT * (np.cumprod(1.0 + returns, dtype=np.float64) - 1.0)
    return growth


def _moments(judged: Judged) -> np.ndarray:
    # Days lie evenly in their window: what is drawn is years, not which day was a holiday.
    parts = [
        np.linspace(
            one.window.in_until_ns,
            one.window.out_until_ns,
            len(one.champion.day_returns) + 1,
            dtype=np.int64,
        )[1:]
        for one in judged.results
    ]
    return np.concatenate(parts).astype("datetime64[ns]")


def _moment(ns: int) -> np.datetime64:
    return np.datetime64(ns, "ns")
