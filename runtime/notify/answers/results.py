"""What trading came to, whole and in parts, as /profit, /daily, /exits and their kin ask."""

from collections.abc import Callable

from blackboard.facts import TradeClosed
from runtime.console.views.results import (
    Closed,
    Group,
    closed_trades,
    day_of,
    exit_of,
    group,
    groups,
    lead_of,
    month_of,
    symbol_of,
    week_of,
)
from runtime.notify.outbox import Note
from runtime.notify.sources import Sources, Words, aligned, whole_number
from runtime.picture import clock_text

DAYS_SHOWN, WEEKS_SHOWN, MONTHS_SHOWN = 7, 8, 6
PERIODS_MAX = 60
REPORTED = ("day", "session", "week")


def profit(sources: Sources, words: Words) -> Note:
    """Tell what all closed trades came to, with the curve of equity."""
    del words
    with sources.present.held():
        trades = [each.trade for each in closed_trades(sources.present)]
        picture = sources.present.picture
        equity, drawdown = picture.account, picture.mark
        total, closed = picture.pnl, picture.trades
    rows = [("closed trades", f"{closed}"), ("P&L", f"{total:+,.2f}")]
    if trades:
        whole = group("all", trades)
        rows += [
            ("won", f"{whole.wins / whole.trades:.0%}"),
            ("mean", f"{whole.mean_r:+.2f} R"),
            ("profit factor", _factor(trades)),
            ("best", _extreme(max(trades, key=lambda each: each.pnl))),
            ("worst", _extreme(min(trades, key=lambda each: each.pnl))),
        ]
    if equity is not None:
        rows.append(("equity", f"{equity.equity:,.2f} {equity.currency}"))
    if drawdown is not None:
        rows.append(("drawdown", f"{drawdown.drawdown_frac:.2%}"))
    return Note(title="Profit", text=aligned(rows), is_table=True, has_picture=True)


def daily(sources: Sources, words: Words) -> Note:
    """Tell the P&L of the latest trading days, which end at 17:00 New York."""
    found = _groups(sources, day_of)[-whole_number(words, DAYS_SHOWN, PERIODS_MAX) :]
    return _table("By trading day", found)


def weekly(sources: Sources, words: Words) -> Note:
    """Tell the P&L of the latest weeks."""
    found = _groups(sources, week_of)[-whole_number(words, WEEKS_SHOWN, PERIODS_MAX) :]
    return _table("By week, from its Monday", found)


def monthly(sources: Sources, words: Words) -> Note:
    """Tell the P&L of the latest months."""
    found = _groups(sources, month_of)[-whole_number(words, MONTHS_SHOWN, PERIODS_MAX) :]
    return _table("By month", found)


def performance(sources: Sources, words: Words) -> Note:
    """Tell the P&L by symbol, the best first."""
    del words
    return _table("By symbol", _ranked(_groups(sources, symbol_of)))


def entries(sources: Sources, words: Words) -> Note:
    """Tell the P&L by who leaned most to the side of the entry."""
    del words
    with sources.present.held():
        found = groups(
            closed_trades(sources.present), lambda each: lead_of(sources.present, each.trade)
        )
    return _table("By who led to the entry", _ranked(found))


def exits(sources: Sources, words: Words) -> Note:
    """Tell the P&L by the reason of the exit."""
    del words
    return _table("By reason of the exit", _ranked(_groups(sources, exit_of)))


def report(sources: Sources, words: Words) -> Note:
    """Tell the latest digests of day, session and week, with the curve of equity."""
    del words
    with sources.present.held():
        told = [
            sources.present.summaries[event]
            for event in REPORTED
            if event in sources.present.summaries
        ]
        now_ns = sources.present.picture.now_ns
    parts = [f"{summary.title}\n{summary.text}" for _, summary in told]
    text = "\n\n".join(parts) or "no digest was told yet; /status and /profit say what is known"
    return Note(title=f"Report at {clock_text(now_ns)} UTC", text=text, has_picture=True)


def _groups(sources: Sources, key: Callable[[Closed], str]) -> list[Group]:
    with sources.present.held():
        return groups(closed_trades(sources.present), key)


def _ranked(found: list[Group]) -> list[Group]:
    return sorted(found, key=lambda each: (-each.pnl, each.name))


def _table(title: str, found: list[Group]) -> Note:
    if not found:
        return Note(title=title, text="no trade is closed yet")
    rows = [("", "trades", "won", "P&L", "mean R")]
    rows += [
        (each.name, f"{each.trades}", f"{each.wins}", f"{each.pnl:+,.2f}", f"{each.mean_r:+.2f}")
        for each in found
    ]
    return Note(title=title, text=aligned(rows), is_table=True)


def _factor(trades: list[TradeClosed]) -> str:
    gained = sum(trade.pnl for trade in trades if trade.pnl > 0.0)
    lost = -sum(trade.pnl for trade in trades if trade.pnl < 0.0)
    return f"{gained / lost:.2f}" if lost else "no loss yet"


def _extreme(trade: TradeClosed) -> str:
    return f"{trade.pnl:+,.2f} {trade.scope} #{trade.ticket}"
