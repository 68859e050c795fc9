"""Closed trades of a journal and of a simulated run in one form, and where the two differ."""

from collections.abc import Iterable, Iterator

import msgspec

from blackboard.entry import Entry
from blackboard.facts import OrderSubmitting, TradeClosed
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from models.decision.simulated.record import EXIT_REASONS, SimulatedRun


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One closed trade; amounts in account currency."""

    symbol: str
    side: str
    lots: float
    opened_ns: int
    closed_ns: int
    open_price: float
    close_price: float
    stop_price: float
    """At the entry."""
    target_price: float
    profit: float
    swap: float
    commission: float
    pnl: float
    r_multiple: float
    reason: str

    @property
    def entry(self) -> tuple[int, str, str]:
        """What makes it the same trade in two runs."""
        return self.opened_ns, self.symbol, self.side


class TradeReader:
    """Collects the closed trades of a journal."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}
        self._trades: list[Trade] = []

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case OrderSubmitting(purpose=Purpose.ENTRY) as order:
                self._levels[order.intent_id] = order.stop_price, order.target_price
            case TradeClosed() as closed:
                self._trades.append(self._trade(closed, entry.ts_event_ns))
            case _:
                pass

    def _trade(self, closed: TradeClosed, closed_ns: int) -> Trade:
        stop_price, target_price = self._levels.get(closed.intent_id, (0.0, 0.0))
        return Trade(
            symbol=closed.scope,
            side=closed.side.value,
            lots=closed.lots,
            opened_ns=closed.opened_ns,
            closed_ns=closed_ns,
            open_price=closed.open_price,
            close_price=closed.close_price,
            stop_price=stop_price,
            target_price=target_price,
            profit=closed.profit,
            swap=closed.swap,
            commission=closed.commission,
            pnl=closed.pnl,
            r_multiple=closed.r_multiple,
            reason=closed.reason,
        )

    def trades(self) -> list[Trade]:
        """Return them by entry and symbol."""
        return sorted(self._trades, key=_entry_of)


def recorded_trades(entries: Iterable[Entry]) -> list[Trade]:
    """Return the closed trades of a journal, by entry and symbol."""
    reader = TradeReader()
    for entry in entries:
        reader.see(entry)
    return reader.trades()


def simulated_trades(run: SimulatedRun) -> list[Trade]:
    """Return the closed trades of a simulated run, by entry and symbol."""
    names = [name for name in Trade.__struct_fields__ if name not in {"symbol", "side", "reason"}]
    found = [
        Trade(
            symbol=run.symbols[int(row["symbol"])],
            side=(Side.BUY if row["side"] > 0 else Side.SELL).value,
            reason=EXIT_REASONS[int(row["reason"])],
            **{
                name: row[name].item() for name in names if name not in {"symbol", "side", "reason"}
            },
        )
        for row in run.closed
    ]
    return sorted(found, key=_entry_of)


def first_difference(recorded: list[Trade], simulated: list[Trade]) -> str:
    """Return the first trade in which two lists differ, as text; empty if they are equal."""
    for one, other in zip(recorded, simulated, strict=False):
        if one != other:
            return "; ".join(_differences(one, other))
    if len(recorded) == len(simulated):
        return ""
    return f"the journal has {len(recorded)} closed trades, the simulation {len(simulated)}"


def _differences(one: Trade, other: Trade) -> Iterator[str]:
    yield f"{one.side} {one.symbol} opened {one.opened_ns}"
    for name in Trade.__struct_fields__:
        was, found = getattr(one, name), getattr(other, name)
        if was != found:
            yield f"{name} was {was}, simulated {found}"


def _entry_of(trade: Trade) -> tuple[int, str, str]:
    return trade.entry
