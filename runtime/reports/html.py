"""What the pages of reports share: one HTML file that holds all it shows, and asks nobody.

A page forbids its own browser every request by a content security policy, so it can be kept, sent
and opened anywhere. All text from outside is escaped.
"""

import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Final

from runtime.reports.charts import Chart
from runtime.reports.tiles import Tile

POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


def document(title: str, parts: Iterable[str], charts: Mapping[str, Chart]) -> str:
    """Return the whole page: its parts, and the charts that they name."""
    # "<" is written so that no text inside the data can end the script element.
    data = json.dumps(charts, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(title)}</title><style>{_resource('palette.css')}{_resource('sheet.css')}</style></head><body>",
            *parts,
            f'<script type="application/json" id="charts">{data}</script>',
            f"<script>{_plotly_js()}</script><script>{_resource('sheet.js')}</script>",
            "</body></html>",
        )
    )


def _plotly_js() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        return ""  # the tables stand without their charts
    script: str = get_plotlyjs()
    return script


def _resource(name: str) -> str:
    return files("runtime.reports").joinpath(name).read_text(encoding="utf-8")


def tiles_block(tiles: Iterable[Tile]) -> str:
    """Return figures, each with what it means."""
    body = "".join(
        f'<div class="tile"><dt>{escape(tile.name)}</dt><dd><div class="figure {tile.tone}">'
        f'{escape(tile.text)}<span class="error"> {escape(tile.error)}</span></div>'
        f'<div class="says">{escape(tile.says)}</div></dd></div>'
        for tile in tiles
    )
    return f'<dl class="tiles">{body}</dl>'
