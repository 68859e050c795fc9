"""The account and what is open: /status, /balance, /count, /trades."""

from typing import Any

from runtime.console.views.limits import limits
from runtime.console.views.overview import overview
from runtime.console.views.results import closed_trades
from runtime.notify.outbox import Note
from runtime.notify.sources import Sources, Words, aligned, whole_number
from runtime.picture import clock_text
from runtime.reports.wording import EXITS, told

TRADES_SHOWN, TRADES_MAX = 10, 50
COUNTED = ("positions_max", "entries_per_day_max", "consecutive_losses_max")


def status(sources: Sources, words: Words) -> Note:
    """Tell state, equity and every open position with its distance to the stop."""
    del words
    with sources.present.held():
        page = overview(sources.present)
    lines = [
        f"{clock_text(page['now_ns'])} UTC, {page['state']}: {page['state_reason']}",
        *_money(page),
        *(_position(each) for each in page["positions"]),
    ]
    if not page["positions"]:
        lines.append("nothing is open")
    return Note(title=f"Status: {len(page['positions'])} open", text="\n".join(lines))


def balance(sources: Sources, words: Words) -> Note:
    """Tell balance, equity, margin, drawdown and open risk by currency."""
    del words
    with sources.present.held():
        page = overview(sources.present)
    rows = [
        (name, f"{page[key]:,.2f}")
        for name, key in (("balance", "balance"), ("equity", "equity"), ("margin", "margin"))
        if page[key] is not None
    ]
    if page["high_water_mark"] is not None:
        rows.append(("high", f"{page['high_water_mark']:,.2f}"))
        rows.append(("drawdown", f"{page['drawdown_frac']:.2%}"))
    rows += [
        (f"risk {each['currency']}", f"{each['risk_frac']:+.2%}") for each in page["currencies"]
    ]
    if not rows:
        return Note(title="Balance", text="the account has not been read yet")
    return Note(title=f"Balance in {page['currency']}", text=aligned(rows), is_table=True)


def count(sources: Sources, words: Words) -> Note:
    """Tell open positions and entries of the day against what is allowed."""
    del words
    with sources.present.held():
        page = limits(sources.present)
    rows = [
        (row["words"], _whole(row["value"]), f"of {row['limit']:g}")
        for row in page["rows"]
        if row["key"].rpartition(".")[2] in COUNTED
    ]
    return Note(title="Count", text=aligned(rows), is_table=True)


def trades(sources: Sources, words: Words) -> Note:
    """Tell the latest closed trades, the newest first."""
    shown = whole_number(words, TRADES_SHOWN, TRADES_MAX)
    with sources.present.held():
        found = closed_trades(sources.present)[-shown:]
    if not found:
        return Note(title="Trades", text="none is closed yet")
    lines = [
        f"#{each.trade.ticket} {clock_text(each.at_ns)} {each.trade.side} {each.trade.lots:g} "
        f"{each.trade.scope}: {each.trade.pnl:+,.2f} ({each.trade.r_multiple:+.2f} R), "
        f"{told(EXITS, each.trade.reason)}"
        for each in reversed(found)
    ]
    return Note(title=f"Latest {len(found)} trades", text="\n".join(lines))


def _money(page: dict[str, Any]) -> list[str]:
    if page["equity"] is None:
        return ["the account has not been read yet"]
    drawdown = page["drawdown_frac"] or 0.0
    return [
        f"equity {page['equity']:,.2f} {page['currency']}, balance {page['balance']:,.2f}, "
        f"drawdown {drawdown:.2%}"
    ]


def _position(one: dict[str, Any]) -> str:
    digits = one["digits"]
    text = (
        f"#{one['ticket']} {one['side']} {one['lots']:g} {one['symbol']} at "
        f"{one['open_price']:.{digits}f}"
    )
    if one["floating"] is not None:
        text += f": {one['floating']:+,.2f}"
    if one["to_stop_pips"] is not None:
        text += f", stop {one['to_stop_pips']:.1f} pips away"
    if one["to_target_pips"] is not None:
        text += f", target {one['to_target_pips']:.1f}"
    return text if one["origin"] == "own" else f"{text} (not ours)"


def _whole(value: float | None) -> str:
    return "not known" if value is None else f"{value:.0f}"
