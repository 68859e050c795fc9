"""The curve of equity with its drawdown below, as a picture for a phone.

It is drawn in the thread of the messages, by matplotlib without a display.
"""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from runtime.console.present import EquityPoint, Present

POINTS_MIN: Final = 2
SIZE_INCHES: Final = (8.0, 5.0)
DPI: Final = 110
INK, LINE, LOSS = "#2b2b2b", "#1f5fa8", "#b03a2e"


def equity_picture(present: Present, marker: str) -> bytes | None:
    """Return the curve of equity as PNG, None where there is none to draw yet."""
    with present.held():
        points = list(present.curve)
        currency = present.picture.account.currency if present.picture.account else ""
    return drawn(points, currency, marker) if len(points) >= POINTS_MIN else None


def drawn(points: Sequence[EquityPoint], currency: str, marker: str) -> bytes:
    """Return a curve as PNG: equity in account currency, the fall from its highest in percent."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    moments = [datetime.fromtimestamp(point.at_ns / 1e9, UTC) for point in points]
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot(moments, [point.equity for point in points], color=LINE, linewidth=1.4)
    upper.set_title(
        f"[{marker}] equity {points[-1].equity:,.2f} {currency}, "
        f"drawdown {points[-1].drawdown_frac:.2%}",
        color=INK,
        loc="left",
    )
    upper.set_ylabel(currency)
    falls = [-100.0 * point.drawdown_frac for point in points]
    lower.fill_between(moments, falls, 0.0, color=LOSS, alpha=0.55, linewidth=0.0)
    lower.set_ylabel("drawdown %")
    lower.set_xlabel("UTC")
    locator = AutoDateLocator(maxticks=8)
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
