"""Trades as flat rows: one line a trade, closed or open, for tables and files."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from agents.voters import VOTERS
from models.market.centres import centres_at_work
from runtime.reports.record import ClosedTrade, OpenTrade, RunRecord

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLOSED, OPEN = "closed", "open"


class TradeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A trade; amounts in account currency, instants UTC. What is not known is None."""

    status: str
    """``closed`` or ``open``."""
    symbol: str
    side: str
    lots: float
    opened: datetime
    closed: datetime | None
    open_price: float
    close_price: float | None
    stop_price: float | None
    """First stop of a closed trade, present one of an open trade."""
    target_price: float | None
    pnl: float | None
    """After costs; of an open trade the difference to the latest quote, before costs."""
    r_multiple: float | None
    risk: float | None
    profit: float | None
    swap: float | None
    commission: float | None
    spread_cost: float | None
    slippage: float | None
    mae_r: float | None
    mfe_r: float | None
    exit_reason: str
    agent: str
    voter: str
    component: str
    confluence: float | None
    session: str
    confidence: float | None
    expected_value_r: float | None
    intent_id: str
    ticket: int
    deal_tickets: str
    """Tickets of its deals, parted by spaces."""


def rows_of(record: RunRecord, last: int = 0) -> tuple[TradeRow, ...]:
    """Return the closed trades in the order in which they closed, then the open ones.

    With `last` only so many closed ones, the newest.
    """
    closed = record.trades[-last:] if last else record.trades
    still_open = sorted(record.open_trades, key=lambda one: (one.opened_ns, one.ticket))
    return (*map(_closed, closed), *map(_open, still_open))


def _closed(trade: ClosedTrade) -> TradeRow:
    return TradeRow(
        status=CLOSED,
        closed=moment_of(trade.closed_ns),
        close_price=trade.close_price,
        pnl=trade.pnl,
        r_multiple=trade.r_multiple if trade.risk > 0.0 else None,
        profit=trade.profit,
        swap=trade.swap,
        commission=trade.commission,
        spread_cost=_known(trade.spread_cost),
        slippage=_known(trade.slippage),
        mae_r=_known(trade.mae_r),
        mfe_r=_known(trade.mfe_r),
        exit_reason=trade.exit_reason,
        **_shared(trade),
    )


def _open(trade: OpenTrade) -> TradeRow:
    return TradeRow(
        status=OPEN,
        closed=None,
        close_price=None,
        pnl=_known(trade.profit),
        r_multiple=_known(trade.profit / trade.risk) if trade.risk > 0.0 else None,
        profit=_known(trade.profit),
        swap=None,
        commission=None,
        spread_cost=None,
        slippage=None,
        mae_r=None,
        mfe_r=None,
        exit_reason="",
        **_shared(trade),
    )


def _shared(trade: ClosedTrade | OpenTrade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "side": trade.side.value,
        "lots": trade.lots,
        "opened": moment_of(trade.opened_ns),
        "open_price": trade.open_price,
        "stop_price": trade.stop_price or None,
        "target_price": trade.target_price or None,
        "risk": trade.risk or None,
        "agent": VOTERS.get(trade.voter, trade.voter),
        "voter": trade.voter,
        "component": trade.component,
        "confluence": _known(trade.confluence),
        "session": centres_at_work(trade.opened_ns),
        "confidence": _known(trade.confidence),
        "expected_value_r": _known(trade.expected_value_r),
        "intent_id": trade.intent_id,
        "ticket": trade.ticket,
        "deal_tickets": " ".join(map(str, trade.deal_tickets)),
    }


def moment_of(ts_ns: int) -> datetime:
    """Return an instant as a time of the calendar, to the microsecond."""
    return _EPOCH + timedelta(microseconds=ts_ns // 1000)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
