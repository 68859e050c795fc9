"""The charts of a tear sheet, as plain plotly figures whose colours are names.

A colour such as ``@good`` is looked up by the page in the theme that its reader has chosen, so one
figure serves light and dark. Nothing is computed here that is a figure of the run: these are
pictures of numbers that stand in the record.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.market.bars import bin_opens_ns
from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.reports.baselines import Baselines
from runtime.reports.figures import Share, paid_out
from runtime.reports.record import ClosedTrade, RunRecord
from runtime.terminals.simulated.source import MarketSource

Chart = dict[str, Any]
"""Traces and layout, as plotly.js takes them."""

POINTS_MAX: Final = 1500
"""Buckets that a curve is drawn with; each keeps its extremes."""
CANDLES_MAX: Final = 1600
"""Candles of one symbol: more cannot be told apart, and the file stays small."""
CANDLE_LENGTHS_NS: Final = tuple(
    minutes * MINUTE_NS for minutes in (15, 30, 60, 120, 240, 480, 1440)
)
R_BIN: Final = 0.25


def equity_chart(record: RunRecord, baselines: Baselines | None) -> Chart:
    """Return equity, beside what no trade, holding and chance would have brought."""
    ts_ns, equity = paid_out(record.equity)
    rows = thinned(equity)
    traces: list[Chart] = []
    if baselines is not None:
        traces += _band_traces(baselines)
        for curve, colour, dash in (
            (baselines.no_trade, "@muted", "dot"),
            (baselines.held, "@held", "dash"),
        ):
            traces.append(
                _line(curve.name, curve.ts_ns, curve.equity, {"color": colour, "dash": dash})
            )
    traces.append(_line("this run", ts_ns[rows], equity[rows], {"color": "@run", "width": 2.2}))
    return {"traces": traces, "layout": {"yaxis": {"title": {"text": record.identity.currency}}}}


def _band_traces(baselines: Baselines) -> list[Chart]:
    band = baselines.random
    if band is None:
        return []
    edge = {"width": 0}
    return [
        {**_line("low", band.ts_ns, band.low, edge), "showlegend": False, "hoverinfo": "skip"},
        {
            **_line("random entries, 90 of 100", band.ts_ns, band.high, edge),
            "fill": "tonexty",
            "fillcolor": "@band",
            "hoverinfo": "skip",
        },
        _line("random entries, middle", band.ts_ns, band.median, {"color": "@chance", "width": 1}),
    ]


def water_chart(record: RunRecord, water: NDArray[np.float64]) -> Chart:
    """Return how far below its highest value the account was."""
    ts_ns, _ = paid_out(record.equity)
    rows = thinned(water)
    line = _line("below the highest", ts_ns[rows], 100.0 * water[rows], {"color": "@bad"})
    return {
        "traces": [{**line, "fill": "tozeroy", "fillcolor": "@badband", "line": _thin("@bad")}],
        "layout": {"yaxis": {"title": {"text": "%"}, "rangemode": "tozero"}, "showlegend": False},
    }


def r_chart(trades: Iterable[ClosedTrade]) -> Chart:
    """Return how many trades ended with which result, in units of their risk."""
    values = np.array([trade.r_multiple for trade in trades if trade.risk > 0.0])
    if not len(values):
        return {"traces": [], "layout": {}}
    bins = np.floor(values / R_BIN).astype(np.int64)
    numbers, counts = np.unique(bins, return_counts=True)
    middles = (numbers + 0.5) * R_BIN
    return {
        "traces": [
            {
                "type": "bar",
                "x": middles.tolist(),
                "y": counts.tolist(),
                "width": R_BIN * 0.92,
                "marker": {"color": ["@good" if each > 0.0 else "@bad" for each in middles]},
                "customdata": [[one * R_BIN, (one + 1) * R_BIN] for one in numbers.tolist()],
                "hovertemplate": "%{customdata[0]:.2f} to %{customdata[1]:.2f} R: %{y} trades"
                "<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": {"text": "result, in units of the risk"}, "type": "linear"},
            "yaxis": {"title": {"text": "trades"}},
            "showlegend": False,
        },
    }


def excursion_chart(trades: Iterable[ClosedTrade]) -> Chart:
    """Return how far each trade went wrong and right before it ended."""
    known = [one for one in trades if math.isfinite(one.mae_r)]
    traces = []
    for name, colour, mark, chosen in (
        ("won", "@good", "circle", [one for one in known if one.pnl > 0.0]),
        ("lost", "@bad", "x", [one for one in known if one.pnl <= 0.0]),
    ):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [_short(one.mae_r) for one in chosen],
                "y": [_short(one.mfe_r) for one in chosen],
                "marker": {"color": colour, "symbol": mark, "size": 7, "opacity": 0.75},
                "text": [f"{one.symbol} {_when(one.closed_ns)}" for one in chosen],
                "customdata": [_short(one.r_multiple) for one in chosen],
                "hovertemplate": "%{text}<br>against %{x:.2f} R, in favour %{y:.2f} R, "
                "ended at %{customdata:+.2f} R<extra></extra>",
            }
        )
    return {
        "traces": traces,
        "layout": {
            "xaxis": {
                "title": {"text": "furthest against the trade, in units of the risk"},
                "type": "linear",
                "rangemode": "tozero",
            },
            "yaxis": {"title": {"text": "furthest in its favour"}, "rangemode": "tozero"},
        },
    }


def hours_chart(hours: Sequence[Share]) -> Chart:
    """Return what the trades of each hour of entry brought together."""
    found = {share.name: share for share in hours}
    names = [f"{hour:02d}" for hour in range(24)]
    pnls = [found[name].pnl if name in found else 0.0 for name in names]
    counts = [found[name].trades if name in found else 0 for name in names]
    return {
        "traces": [
            {
                "type": "bar",
                "x": names,
                "y": [round(pnl, 2) for pnl in pnls],
                "customdata": counts,
                "marker": {"color": ["@good" if pnl > 0.0 else "@bad" for pnl in pnls]},
                "hovertemplate": "%{x}:00 UTC: %{y:+,.2f} from %{customdata} trades<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": {"text": "hour of the entry, UTC"}, "type": "category"},
            "showlegend": False,
        },
    }


def trades_chart(source: MarketSource, record: RunRecord, symbol: str) -> Chart:
    """Return a symbol's candles with every trade from its entry to its exit."""
    start_ns, end_ns = record.identity.start_ns, record.identity.end_ns
    minutes = source.minutes(symbol, start_ns, end_ns)
    trades = [trade for trade in record.trades if trade.symbol == symbol]
    candles, length_ns = resampled(minutes)
    digits = next(one.digits for one in source.traits() if one.name == symbol)
    traces: list[Chart] = [
        {
            "type": "candlestick",
            "name": f"{symbol}, {_length(length_ns)} candles",
            "x": _times(candles["open_ns"]),
            **{
                name: np.round(candles[name], digits).tolist()
                for name in ("open", "high", "low", "close")
            },
            "increasing": {"line": {"color": "@candle", "width": 1}, "fillcolor": "@page"},
            "decreasing": {"line": {"color": "@candle", "width": 1}, "fillcolor": "@candle"},
            "hoverinfo": "x+y",
        }
    ]
    for name, colour, chosen in (
        ("won", "@good", [one for one in trades if one.pnl > 0.0]),
        ("lost", "@bad", [one for one in trades if one.pnl <= 0.0]),
    ):
        traces.append(_paths(name, colour, chosen))
    for name, mark, sign in (("bought", "triangle-up", 1), ("sold", "triangle-down", -1)):
        traces.append(_entries(name, mark, [one for one in trades if one.side.sign == sign]))
    layout = {
        "xaxis": {"rangeslider": {"visible": False}, "rangebreaks": [{"bounds": ["sat", "sun"]}]},
        "hovermode": "closest",
    }
    return {"traces": traces, "layout": layout}


def _paths(name: str, colour: str, trades: Sequence[ClosedTrade]) -> Chart:
    xs: list[str | None] = []
    ys: list[float | None] = []
    for one in trades:
        xs += [_when(one.opened_ns), _when(one.closed_ns), None]
        ys += [one.open_price, one.close_price, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": xs,
        "y": ys,
        "line": {"color": colour, "width": 2.4},
        "hoverinfo": "skip",
    }


def _entries(name: str, mark: str, trades: Sequence[ClosedTrade]) -> Chart:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [_when(one.opened_ns) for one in trades],
        "y": [one.open_price for one in trades],
        "text": [
            f"#{one.ticket} {one.lots:g} lots, {one.pnl:+,.2f} ({one.r_multiple:+.2f} R), "
            f"ended by {one.exit_reason}"
            for one in trades
        ],
        "marker": {
            "symbol": mark,
            "size": 10,
            "color": ["@good" if one.pnl > 0.0 else "@bad" for one in trades],
            "line": {"color": "@page", "width": 1},
        },
        "hovertemplate": "%{text}<br>%{x}<extra></extra>",
    }


def resampled(minutes: NDArray[np.void]) -> tuple[NDArray[np.void], int]:
    """Return candles of the shortest length of which there are at most `CANDLES_MAX`."""
    for length_ns in CANDLE_LENGTHS_NS:
        opens = bin_opens_ns(np.ascontiguousarray(minutes["open_ns"]), length_ns)
        starts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1)) if len(opens) else opens
        if len(starts) <= CANDLES_MAX:
            break
    candles = minutes[starts].copy()
    if len(starts):
        ends = np.append(starts[1:], len(minutes)) - 1
        candles["open_ns"] = opens[starts]
        candles["high"] = np.maximum.reduceat(minutes["high"], starts)
        candles["low"] = np.minimum.reduceat(minutes["low"], starts)
        candles["close"] = minutes["close"][ends]
    return candles, length_ns


def thinned(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows that a picture of a curve needs: of each bucket the extremes and the last."""
    if len(values) <= 3 * POINTS_MAX:
        return np.arange(len(values))
    rows = set()
    for bucket in np.array_split(np.arange(len(values)), POINTS_MAX):
        inside = values[bucket]
        rows |= {int(bucket[inside.argmin()]), int(bucket[inside.argmax()]), int(bucket[-1])}
    return np.array(sorted(rows))


def _line(name: str, ts_ns: Iterable[int], values: Iterable[float], line: Chart) -> Chart:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _times(ts_ns),
        "y": [_short(float(value)) for value in values],
        "line": line,
    }


def _thin(colour: str) -> Chart:
    return {"color": colour, "width": 1}


def _times(ts_ns: Iterable[int]) -> list[str]:
    return [_when(int(moment)) for moment in ts_ns]


def _when(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def _short(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _length(length_ns: int) -> str:
    minutes = length_ns // MINUTE_NS
    return f"{minutes}-minute" if length_ns < HOUR_NS else f"{minutes // 60}-hour"
