"""What trading came to: closed trades by period, symbol, reason; as many as the memory holds."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from blackboard.facts import Decision, TradeClosed
from blackboard.facts.decision import Action
from models.market.sessions import trading_day, week_open_ns
from runtime.console.present import Present
from runtime.reports.wording import EXITS, VOTERS, told

UNKNOWN: Final = "not known"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What some closed trades came to."""

    name: str
    trades: int
    wins: int
    pnl: float
    mean_r: float


class Closed(msgspec.Struct, frozen=True):
    """One closed trade."""

    at_ns: int
    trade: TradeClosed


def closed_trades(present: Present) -> list[Closed]:
    """Return the closed trades, oldest first."""
    found = [
        Closed(at_ns, trade) for past in present.symbols.values() for at_ns, trade in past.closed
    ]
    return sorted(found, key=lambda each: (each.at_ns, each.trade.ticket))


def day_of(closed: Closed) -> str:
    """Return the trading day in which a trade was closed."""
    return trading_day(closed.at_ns - 1).isoformat()


def week_of(closed: Closed) -> str:
    """Return the Monday of its week."""
    return trading_day(week_open_ns(closed.at_ns - 1)).isoformat()


def month_of(closed: Closed) -> str:
    """Return its month."""
    return day_of(closed)[:7]


def symbol_of(closed: Closed) -> str:
    """Return its symbol."""
    return closed.trade.scope


def exit_of(closed: Closed) -> str:
    """Return why it ended, in words."""
    return told(EXITS, closed.trade.reason)


def groups(trades: Iterable[Closed], key: Callable[[Closed], str]) -> list[Group]:
    """Return what the trades of each key came to, in the order in which the keys first appear."""
    by_key: dict[str, list[TradeClosed]] = {}
    for each in trades:
        by_key.setdefault(key(each), []).append(each.trade)
    return [group(name, found) for name, found in by_key.items()]


def group(name: str, trades: list[TradeClosed]) -> Group:
    """Return what some trades came to together."""
    return Group(
        name=name,
        trades=len(trades),
        wins=sum(trade.pnl > 0.0 for trade in trades),
        pnl=sum(trade.pnl for trade in trades),
        mean_r=sum(trade.r_multiple for trade in trades) / max(len(trades), 1),
    )


def lead_of(present: Present, trade: TradeClosed) -> str:
    """Return who leaned most to the side of a trade, as far as its decision is remembered."""
    past = present.symbols.get(trade.scope)
    for entry in reversed(past.decisions if past else ()):
        decision = entry.fact
        if (
            isinstance(decision, Decision)
            and decision.action is not Action.HOLD
            and entry.ts_event_ns <= trade.opened_ns
        ):
            return told(VOTERS, decision.lead.scope) if decision.lead else UNKNOWN
    return UNKNOWN
