"""Figures side by side as a picture: one bar each, readable light and dark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.picture import COLOURS, INK

WIDTH: Final = 640
ROW: Final = 26
TOP: Final = 44
LABEL: Final = 230
VALUE: Final = 60


class Bars(NamedTuple):
    """One bar."""

    name: str
    value: float
    """At least 0."""


def draw_bars(path: Path, title: str, bars: Sequence[Bars]) -> None:
    """Write the picture, in the order given; a dashed line stands at 1."""
    most = max(bar.value for bar in bars)
    scale = (WIDTH - LABEL - VALUE) / most
    height = TOP + ROW * len(bars) + 12
    parts = [_text(10, 24, title, "start", 14)]
    for place, (name, value) in enumerate(bars):
        y = TOP + ROW * place
        parts.append(_text(LABEL - 8, y + 15, name, "end"))
        parts.append(
            f'<rect x="{LABEL}" y="{y + 3}" width="{value * scale:.1f}" height="{ROW - 9}" '
            f'fill="{COLOURS[0]}"/>'
        )
        parts.append(_text(LABEL + value * scale + 6, y + 15, f"{value:.2f}", "start"))
    x = LABEL + scale
    parts.append(
        f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - 8}" stroke="{INK}" '
        'stroke-dasharray="5 4"/>'
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
    head += f'width="{WIDTH}" height="{height}" font-family="sans-serif">'
    path.write_text("\n".join((head, *parts, "</svg>\n")), encoding="utf-8")


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{INK}">{text}</text>'
    )
