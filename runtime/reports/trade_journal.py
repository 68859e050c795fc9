"""The trade journal of a book or run, whole or of a time: figures for all trades and by groups."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from blackboard.errors import ConfigError
from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    from_market_clock_ns,
    trading_day,
    trading_day_start_ns,
    week_open_ns,
)
from runtime.reports.figures import Figures, figures_of
from runtime.reports.record import RunRecord, within
from runtime.reports.trade_figures import JOURNAL_GROUPS, TradeFigures, groups_of, total_of
from runtime.reports.trade_rows import TradeRow, moment_of, rows_of

PERIODS: Final = ("day", "week", "month")


class DataFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How many closes came on time, over the trading days that the journal has told."""

    days: int
    bars_expected: int
    bars_on_time: int
    on_time_frac: float
    """NaN before the first day is told."""


class TradeJournal(msgspec.Struct, frozen=True, kw_only=True):
    """All that a report of the trades shows, as numbers; what is not known is NaN, null in JSON."""

    book: str
    marker: str
    currency: str
    start: datetime
    end: datetime
    """When the account was read last, or the end of what was asked for."""
    figures: Figures
    """The account, as in a tear sheet."""
    total: TradeFigures
    groups: dict[str, tuple[TradeFigures, ...]]
    data: DataFigures
    open_trades: tuple[TradeRow, ...]
    notes: tuple[str, ...]


def journal_of(record: RunRecord, book: str, by: str = "") -> TradeJournal:
    """Return the trade journal of a record, with one kind of groups or with all."""
    one = record.identity
    kinds = (by,) if by else tuple(JOURNAL_GROUPS)
    expected = sum(day.figures.bars_expected for day in record.days)
    on_time = sum(day.figures.bars_on_time for day in record.days)
    return TradeJournal(
        book=book,
        marker=one.marker,
        currency=one.currency,
        start=moment_of(one.start_ns),
        end=moment_of(one.end_ns),
        figures=figures_of(record),
        total=total_of(record),
        groups={kind: groups_of(record, kind) for kind in kinds},
        data=DataFigures(
            days=len(record.days),
            bars_expected=expected,
            bars_on_time=on_time,
            on_time_frac=on_time / expected if expected else float("nan"),
        ),
        open_trades=rows_of(msgspec.structs.replace(record, trades=())),
        notes=one.notes,
    )


def part_of(record: RunRecord, from_ns: int | None, to_ns: int | None, period: str) -> RunRecord:
    """Return the part of a record between two instants, or its latest day, week or month.

    Days and weeks end at 17:00 New York, months with the day that bears their last date.
    """
    if period and (from_ns is not None or to_ns is not None):
        raise ConfigError("--period is instead of --from and --to")
    one = record.identity
    if period:
        return within(record, _start_of(period, one.end_ns), one.end_ns)
    if from_ns is None and to_ns is None:
        return record
    start_ns = one.start_ns if from_ns is None else from_ns
    end_ns = one.end_ns if to_ns is None else min(to_ns, one.end_ns)
    if end_ns <= start_ns:
        raise ConfigError("--to must be later than --from, and the book must reach beyond --from")
    return within(record, start_ns, end_ns)


def _start_of(period: str, end_ns: int) -> int:
    # What is read at 17:00 tells of the day that has just ended.
    last_ns = end_ns - MINUTE_NS
    if period == "day":
        return trading_day_start_ns(last_ns)
    if period == "week":
        return week_open_ns(last_ns)
    if period != "month":
        raise ConfigError(f"--period must be one of {', '.join(PERIODS)}, was {period!r}")
    first = datetime.combine(trading_day(last_ns).replace(day=1), datetime.min.time(), UTC)
    return from_market_clock_ns(int(first.timestamp()) * 1_000_000_000 // DAY_NS * DAY_NS)
