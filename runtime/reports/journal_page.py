"""The page of the trade journal, in the style of the tear sheet."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from models.learning.returns import under_water_frac
from runtime.reports.charts import Chart, equity_chart, r_chart, water_chart
from runtime.reports.figures import paid_out
from runtime.reports.html import document, tiles_block
from runtime.reports.journal_wording import (
    GROUP_HEADS,
    TEXTS,
    TRADE_HEADS,
    Cell,
    group_cells,
    group_name,
    tiles_of_journal,
    time_text,
    trade_cells,
)
from runtime.reports.record import RunRecord
from runtime.reports.trade_journal import TradeJournal
from runtime.reports.trade_rows import TradeRow, rows_of

TRADES_SHOWN: Final = 500
"""Closed trades of the table at the end, the newest; the files hold all."""
GROUPS_SHOWN: Final = {
    "symbol": "By symbol",
    "agent": "By the agent that leaned most to the side",
    "voter": "By its vote",
    "component": "By the rule that spoke loudest, with the length of its bars",
    "confluence": "By the share of timeframes on its side when it was opened",
    "session": "By the trading centres at work when it was opened",
    "hour": "By the hour of the entry, UTC",
    "weekday": "By weekday of the entry (days end at 17:00 in New York)",
    "exit": "By what ended the trade",
    "side": "By side",
    "month": "By month of the exit",
    "week": "By week of the exit",
    "day": "By day of the exit",
}


def journal_page(record: RunRecord, journal: TradeJournal) -> str:
    """Return the whole page."""
    _, equity = paid_out(record.equity)
    charts: dict[str, Chart] = {
        "equity": equity_chart(record, None),
        "water": water_chart(record, under_water_frac(equity)),
        "r": r_chart(record.trades),
    }
    parts = (
        _header(journal, record),
        "<main>",
        tiles_block(tiles_of_journal(record.identity, journal)),
        "<h2>The account over time</h2>",
        '<div class="chart" data-chart="equity"></div>',
        "<h3>How far below its highest value</h3>",
        '<div class="chart low" data-chart="water"></div>',
        "<h2>How trades ended</h2><p>In units of the risk at the first stop.</p>",
        '<div class="chart low" data-chart="r"></div>',
        _groups(journal),
        _trades(rows_of(record, TRADES_SHOWN)),
        "</main>",
        _footer(journal),
    )
    return document(f"{journal.marker}: trade journal of {journal.book}", parts, charts)


def _header(journal: TradeJournal, record: RunRecord) -> str:
    return (
        '<header><div class="top">'
        f'<span class="mark">{escape(journal.marker)}</span>'
        '<button type="button" id="theme">Dark colours</button></div>'
        f"<h1>Trade journal of {escape(journal.book)}</h1>"
        f"<p>{time_text(journal.start)} to {time_text(journal.end)} UTC, "
        f"{escape(', '.join(record.identity.symbols))}, {escape(record.identity.market)}. Amounts "
        f"in {escape(journal.currency)}.</p></header>"
    )


def _groups(journal: TradeJournal) -> str:
    tables = "".join(
        _table(
            title,
            ("", *GROUP_HEADS),
            [(Cell(group_name(one)), *group_cells(one)) for one in journal.groups[name]],
        )
        for name, title in GROUPS_SHOWN.items()
        if journal.groups.get(name)
    )
    return (
        "<h2>Where results came from</h2><p>The same trades, grouped in different ways. ± is the "
        "standard error: a mean within two of it from zero may be chance. Ratios and falls of a "
        f"group are those of its closed trades.</p>{tables}"
    )


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    kinds = [' class="text"' if name in TEXTS else "" for name in heads]
    head = "".join(
        f"<th{kind}>{escape(name)}</th>" for name, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        f"<tr><th>{escape(first.text)}</th>{_cells(rest, kinds[1:])}</tr>" for first, *rest in rows
    )
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return (
        f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(cells: Sequence[Cell], kinds: Sequence[str]) -> str:
    # The tone of a figure is its class.
    return "".join(
        f"<td{_class(kind or cell.tone)}>{escape(cell.text)}</td>"
        for cell, kind in zip(cells, kinds, strict=True)
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _trades(rows: Sequence[TradeRow]) -> str:
    if not rows:
        return "<h2>Trades</h2><p>None.</p>"
    return (
        f"<h2>Trades</h2><p>The newest {TRADES_SHOWN} at most, and what is open. A ticket leads "
        "from here to <code>why TICKET</code>.</p>"
        f"{_table('', TRADE_HEADS, map(trade_cells, rows))}"
    )


def _footer(journal: TradeJournal) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in journal.notes)
    return (
        f"<footer><h2>How to read this</h2>{f'<ul>{notes}</ul>' if notes else ''}"
        "<p>Slippage is held against the price at which the simulator fills: the quote that was "
        "asked on, the level of a stop or target, the limit of a resting order. In a simulated run "
        "it is what gaps and waiting cost. A trade belongs to the time at which it closed; what is "
        "open is in the equity and in no other figure. Times are UTC, trading days end at 17:00 in "
        "New York, a year counts 260 of them. A dash means that there is too little to say "
        "anything.</p></footer>"
    )
