"""The figures that a run promises to keep, taken from its settings once, for the checker."""

from typing import Final

import msgspec

from config.settings import Settings

MINUTE_NS: Final = 60_000_000_000
SECOND_NS: Final = 1_000_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The figures that the run promised to keep, as its settings had them."""

    timeframe_ns: int
    reconcile_ns: int
    quote_age_max_ns: int
    bar_age_max_ns: int
    """Age of a symbol's newest bar beyond which it may not be entered."""
    send_timeout_ns: int
    """In market time."""
    strategy_magic: int
    risk_frac_max: float
    heat_max: float
    leverage_max: float
    positions_max: int
    positions_per_symbol_max: int
    entries_per_day_max: int
    drawdown_reducing: float
    drawdown_halted: float
    friday_flat_min: int
    blackout_high_min: int
    blackout_medium_min: int
    commission_per_lot: float


def limits_of(settings: Settings) -> Limits:
    """Return the figures that settings promise to keep."""
    risk, execution = settings.agents.risk, settings.agents.execution
    sentiment, terminal = settings.agents.sentiment, settings.terminal
    return Limits(
        timeframe_ns=settings.timeframe.length_ns,
        reconcile_ns=execution.reconcile_minutes * MINUTE_NS,
        quote_age_max_ns=risk.quote_age_max_min * MINUTE_NS,
        bar_age_max_ns=(settings.agents.data.stale_after_bars + 1) * settings.timeframe.length_ns,
        send_timeout_ns=int(terminal.send_timeout_s * settings.speed * SECOND_NS),
        strategy_magic=execution.strategy_magic,
        risk_frac_max=risk.risk_frac_max,
        heat_max=risk.heat_max,
        leverage_max=risk.leverage_max,
        positions_max=risk.positions_max,
        positions_per_symbol_max=risk.positions_per_symbol_max,
        entries_per_day_max=risk.entries_per_day_max,
        drawdown_reducing=risk.drawdown_reducing,
        drawdown_halted=risk.drawdown_halted,
        friday_flat_min=risk.friday_flat_min,
        blackout_high_min=sentiment.blackout_high_min,
        blackout_medium_min=sentiment.blackout_medium_min,
        commission_per_lot=terminal.commission_per_lot,
    )
