"""What a finished run was and did, as plain data that no longer knows where it came from.

A journal and the compiled simulator both give a `RunRecord`; every figure, chart and comparison is
made from it alone. Money is in account currency, instants are nanoseconds UTC.
"""

import math
from typing import Final

import msgspec

from blackboard.facts import DayStatistics
from blackboard.facts.decision import Side

UNKNOWN: Final = "unknown"
"""A cause that the record does not hold: of a position that somebody else opened, say."""
BY_THE_BROKER: Final = frozenset({"stop", "target", "stop_out"})
"""Exits that happen inside a minute and are known at its end."""


class ClosedTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One position from its first deal to its last."""

    ticket: int
    symbol: str
    side: Side
    lots: float
    opened_ns: int
    closed_ns: int
    open_price: float
    close_price: float
    stop_price: float
    """First stop, 0 where none is known."""
    target_price: float
    profit: float
    swap: float
    commission: float
    """Fees included."""
    pnl: float
    """Profit + swap + commission."""
    spread_cost: float
    """Part of the profit that crossing the spread took, ≥ 0: half of it at each end. NaN without
    prices."""
    risk: float
    """What would have been lost at the first stop, costs included; 0 where none is known."""
    r_multiple: float
    mae_r: float
    """Furthest that the price went against the position, ≥ 0, in units of the risk; NaN without
    prices or risk."""
    mfe_r: float
    """Furthest that it went in favour, ≥ 0."""
    confidence: float
    expected_value_r: float
    voter: str
    """Voter that weighed most for the side."""
    component: str
    """Reading that spoke loudest for the side within that voter's vote, with its timeframe."""
    exit_reason: str
    confluence: float = math.nan
    """Share of that vote's timeframes on its side; NaN where it is not recorded."""
    slippage: float = math.nan
    """What its fills were worse than the price that the simulator would have filled at, in account
    currency; NaN where a price is not known."""
    intent_id: str = ""
    deal_tickets: tuple[int, ...] = ()


class OpenTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A position that is open at the end of the record."""

    ticket: int
    symbol: str
    side: Side
    lots: float
    opened_ns: int
    open_price: float
    stop_price: float
    """The one at the broker now, 0 where there is none."""
    target_price: float
    profit: float
    """Price difference to the latest quote, before commission and swap; NaN without a quote."""
    risk: float
    """What would have been lost at the first stop; 0 where none is known."""
    confidence: float
    expected_value_r: float
    voter: str
    component: str
    confluence: float
    intent_id: str
    deal_tickets: tuple[int, ...]


class ToldDay(msgspec.Struct, frozen=True):
    """A finished trading day in the figures that were told at its end."""

    end_ns: int
    figures: DayStatistics


class EquityPoint(msgspec.Struct, frozen=True, array_like=True):
    """The account at an instant."""

    ts_ns: int
    balance: float
    equity: float
    deposits: float


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the trading state."""

    ts_ns: int
    state: str
    reason: str


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that was crossed and drew a consequence."""

    ts_ns: int
    limit: str
    value: float
    threshold: float
    consequence: str


class ChangedSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that differs from its default."""

    name: str
    value: str
    default: str


class RunIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made of; the same of all this gives the same run."""

    run: str
    marker: str
    """Whose money and prices, as SIMULATED."""
    host: str
    """What decided: nine agents, or the compiled simulator."""
    market: str
    seed: str
    """Seed of a synthetic market; empty for recorded prices."""
    data_sha256: str
    symbols: tuple[str, ...]
    timeframe: str
    start_ns: int
    end_ns: int
    version: str
    code_hash: str
    settings_hash: str
    decisions_hash: str
    currency: str
    deposit: float
    leverage: float
    commission_per_lot: float
    """For one lot and side."""
    spread_factor: float
    notes: tuple[str, ...] = ()


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run."""

    identity: RunIdentity
    changed: tuple[ChangedSetting, ...]
    trades: tuple[ClosedTrade, ...]
    """In the order in which they closed."""
    equity: tuple[EquityPoint, ...]
    """In the order of time, at least at every close of the trading timeframe."""
    rounds: int
    decisions: int
    blocked_by: dict[str, int]
    """Holds by the first gate that blocked, in the order in which gates are tested."""
    intents: int
    approved: int
    refusals: dict[str, int]
    """Refusals of the RiskAgent by reason."""
    open_positions: int
    """At the end; their profit is in the equity and in no trade."""
    open_since_ns: tuple[int, ...]
    """When each of them was opened, as far as the record holds it."""
    heat_frac_max: float
    """Largest share of equity at risk at all stops together."""
    states: tuple[StateChange, ...]
    breaches: tuple[Breach, ...]
    open_trades: tuple[OpenTrade, ...] = ()
    """The same positions in full, where the record holds them."""
    days: tuple[ToldDay, ...] = ()
    """Finished trading days, as far as the journal told them."""
    accounting_gap: float
    """Balance less deposits and booked deals; 0 but for rounding."""


def within(record: RunRecord, start_ns: int, end_ns: int) -> RunRecord:
    """Return what of a record lies after one instant, up to and with another.

    A trade lies where it closed. What is counted over the whole run (decisions, refusals) stays,
    and what cannot be told of a part of it (the largest heat) is NaN.
    """
    before = [point for point in record.equity if point.ts_ns <= start_ns]
    inside = [point for point in record.equity if start_ns < point.ts_ns <= end_ns]
    is_last = not record.equity or record.equity[-1].ts_ns <= end_ns
    return msgspec.structs.replace(
        record,
        identity=msgspec.structs.replace(record.identity, start_ns=start_ns, end_ns=end_ns),
        trades=tuple(one for one in record.trades if start_ns < one.closed_ns <= end_ns),
        equity=(*before[-1:], *inside),
        open_since_ns=record.open_since_ns if is_last else (),
        open_positions=record.open_positions if is_last else 0,
        open_trades=record.open_trades if is_last else (),
        heat_frac_max=math.nan,
        states=tuple(one for one in record.states if start_ns < one.ts_ns <= end_ns),
        breaches=tuple(one for one in record.breaches if start_ns < one.ts_ns <= end_ns),
        days=tuple(day for day in record.days if start_ns < day.end_ns <= end_ns),
    )
