"""The days of a book from what was told at the end of each, without reading the journal in between.

The newest is found from the journal's end, and each names the one before it. So a book of years
costs as many look-ups as it has days, whatever else stands in it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from blackboard.entry import Entry
from blackboard.facts import DayStatistics
from models.learning.performance import profit_over_loss
from runtime.book import Book
from runtime.console.archive import Archive
from runtime.preparation import newest_entry
from runtime.reports.record import ToldDay
from runtime.reports.trade_figures import ALL
from runtime.reports.trade_rows import moment_of


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finished trading day as a row; amounts in account currency, NaN where nothing can be said.

    The names are those of the fact; lists of reasons are left to the journal.
    """

    day: str
    ended: datetime
    trades: int
    wins: int
    pnl: float
    profit_factor: float
    expectancy_r: float
    commission: float
    swap: float
    spread_cost: float
    slippage: float
    unpriced: int
    mean_hold_h: float
    equity_start: float
    equity_end: float
    deposits: float
    drawdown_frac_max: float
    entries: int
    decisions: int
    holds: int
    refusals: int
    bars_expected: int
    bars_on_time: int
    on_time_frac: float


def told_days(book: Book, from_ns: int = 0) -> list[ToldDay]:
    """Return the finished days of a book that ended after an instant, oldest first."""
    head = newest_entry(book)
    if head is None:
        return []
    archive = Archive(book.journal)
    newest = archive.page(head.seq + 1, _is_day, 1).entries
    days: list[ToldDay] = []
    for entry in archive.chain(newest[0]) if newest else ():
        assert isinstance(entry.fact, DayStatistics)
        if entry.ts_event_ns <= from_ns:
            break
        days.append(ToldDay(entry.ts_event_ns, entry.fact))
    return days[::-1]


def sum_of(days: Sequence[ToldDay]) -> ToldDay:
    """Return several days as if they were one; reasons are left to the days."""
    first, last = days[0].figures, days[-1].figures
    figures = msgspec.structs.replace(
        last,
        day=ALL,
        equity_start=first.equity_start,
        drawdown_frac_max=max(day.figures.drawdown_frac_max for day in days),
        held_by=(),
        refused_by=(),
        **{name: sum(getattr(day.figures, name) for day in days) for name in _SUMMED},
    )
    return ToldDay(days[-1].end_ns, figures)


def row_of(told: ToldDay) -> DayRow:
    """Return a day as a row."""
    day = told.figures
    kept = {name: getattr(day, name) for name in _KEPT}
    return DayRow(
        ended=moment_of(told.end_ns),
        profit_factor=profit_over_loss(day.gross_profit, day.gross_loss),
        expectancy_r=_quotient(day.sum_r, day.rated),
        mean_hold_h=_quotient(day.held_min / 60.0, day.trades),
        on_time_frac=_quotient(day.bars_on_time, day.bars_expected),
        **kept,
    )


_SUMMED: Final = (
    *("deposits", "entries", "trades", "wins", "pnl", "gross_profit", "gross_loss", "sum_r"),
    *("rated", "held_min", "commission", "swap", "spread_cost", "slippage", "unpriced"),
    *("decisions", "holds", "refusals", "bars_expected", "bars_on_time"),
)
_KEPT: Final = frozenset(DayRow.__struct_fields__) & frozenset(DayStatistics.__struct_fields__)


def _is_day(entry: Entry) -> bool:
    return isinstance(entry.fact, DayStatistics)


def _quotient(amount: float, count: int) -> float:
    return amount / count if count else float("nan")
