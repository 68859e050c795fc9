"""Why an entry may not be made: the closed vocabulary of refusals and of limits that are watched.

A refusal is named after the setting whose limit it is, where there is one, so that who reads it
knows what to change. Nothing is refused for a reason that is not listed here.
"""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """The rule that did not pass."""

    NO_ACCOUNT = "no_account"
    EXPIRED = "expired"
    TRADING_STATE = "trading_state"
    HIGH_WATER_MARK = "high_water_mark"
    DRAWDOWN_HALTED = "drawdown_halted"
    DRAWDOWN_REDUCING = "drawdown_reducing"
    UNANSWERED_COMMAND = "unanswered_command"
    AGENT_HEALTH = "agent_health"
    NOT_RECONCILED = "not_reconciled"
    SYMBOL_FROZEN = "symbol_frozen"
    SYMBOL_CLOSED = "symbol_closed"
    FEED_STALE = "feed_stale"
    CONVERSION_RATE = "conversion_rate"
    QUOTE_MISSING = "quote_missing"
    QUOTE_AGE = "quote_age_max_min"
    SPREAD = "spread_pips_max"
    SPREAD_MAJORS = "spread_majors_pips_max"
    SPREAD_MEDIAN = "spread_median_max"
    FRIDAY_FLAT = "friday_flat_min"
    WEEK_OPEN = "week_open_rest_min"
    ROLLOVER = "rollover_min"
    CALENDAR_UNKNOWN = "calendar_unknown"
    BLACKOUT = "blackout"
    LOSSES_IN_A_ROW = "consecutive_losses_max"
    ENTRY_COOLDOWN = "entry_cooldown_min"
    STOP_COOLDOWN = "stop_cooldown_min"
    STOP_SIDE_COOLDOWN = "stop_side_cooldown_min"
    SLIPPAGE = "slippage_pips_max"
    DAILY_LOSS = "daily_loss_max"
    WEEKLY_LOSS = "weekly_loss_max"
    MARGIN_USE = "margin_use_max"
    ENTRIES_PER_HOUR = "entries_per_hour_max"
    ENTRIES_PER_DAY = "entries_per_day_max"
    POSITIONS = "positions_max"
    POSITIONS_PER_SYMBOL = "positions_per_symbol_max"
    CORRELATION = "correlation_max"
    NOT_FINITE = "not_finite"
    NO_EDGE = "no_edge"
    BELOW_MINIMUM_LOT = "below_minimum_lot"
    HEAT = "heat_max"
    CORRELATED_HEAT = "correlated_heat_max"
    CURRENCY_RISK = "currency_risk_max"
    SLIPPED_HEAT = "slipped_heat_max"
    LEVERAGE = "leverage_max"
    LEVERAGE_PROFILE = "leverage_profile"
    MARGIN = "margin"


WATCHED: Final = (
    Reason.HIGH_WATER_MARK,
    Reason.DRAWDOWN_HALTED,
    Reason.DRAWDOWN_REDUCING,
    Reason.DAILY_LOSS,
    Reason.WEEKLY_LOSS,
    Reason.LOSSES_IN_A_ROW,
    Reason.MARGIN_USE,
)
"""Limits whose crossing is posted as a breach, whether or not anybody wants to enter."""
