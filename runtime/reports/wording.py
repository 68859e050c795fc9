"""Names of gates, refusals, exits and costs, in words for people who do not read the code."""

from typing import Final

GATES: Final = {
    "quorum": "too few agents had answered",
    "opinion": "no agent leaned to either side",
    "min_confidence": "the opinions were too weak (setting min_confidence)",
    "volatility": "the market was too stormy for a trade against its move",
    "families": "too few kinds of opinion with a proven record agreed",
    "expected_value": "too little to expect after costs",
    "blackout": "an economic release was near",
    "position": "a position stood in the way already",
    "trading_state": "a safety rule had paused new trades",
}
"""Why a decision was to hold, by its gate."""

REFUSALS: Final = {
    "no_account": "the account had not been read yet",
    "expired": "the order came too late",
    "trading_state": "a safety rule had paused new trades",
    "high_water_mark": "the highest value of the account was not known",
    "drawdown_halted": "the account had fallen too far: halted",
    "drawdown_reducing": "the account had fallen too far: only exits allowed",
    "unanswered_command": "an operator's command was waiting",
    "agent_health": "an agent that is needed was down",
    "not_reconciled": "the broker's book had not been compared yet",
    "symbol_frozen": "the fate of an order in the symbol was not known",
    "symbol_closed": "the symbol did not trade",
    "feed_stale": "prices were not fresh",
    "conversion_rate": "the worth of the profit currency was not known",
    "quote_missing": "there was no price",
    "quote_age_max_min": "the last price was too old",
    "spread_pips_max": "the spread was too wide",
    "spread_majors_pips_max": "the spread was too wide for a major pair",
    "spread_median_max": "the spread was wide for the hour",
    "friday_flat_min": "the weekend was too near",
    "week_open_rest_min": "the week had only just begun",
    "rollover_min": "the trading day was about to end, when spreads are widest",
    "calendar_unknown": "it was not known whether a release was near",
    "blackout": "an economic release was near",
    "consecutive_losses_max": "too many losses in a row",
    "entry_cooldown_min": "too soon after the last position of the symbol",
    "stop_cooldown_min": "too soon after a stop in the symbol",
    "stop_side_cooldown_min": "too soon after a stop on the same side of the symbol",
    "slippage_pips_max": "the last entry in the symbol was filled badly",
    "daily_loss_max": "the day's loss limit was reached",
    "weekly_loss_max": "the week's loss limit was reached",
    "margin_use_max": "too much margin was in use",
    "entries_per_hour_max": "enough entries for the hour",
    "entries_per_day_max": "enough entries for the day",
    "positions_max": "enough positions open",
    "positions_per_symbol_max": "enough positions open in the symbol",
    "correlation_max": "too similar to a position that was open",
    "not_finite": "a figure behind the order was no number",
    "no_edge": "no advantage was left after costs",
    "below_minimum_lot": "the affordable size was below the smallest lot",
    "heat_max": "too much was at risk already",
    "correlated_heat_max": "too much was at risk in positions that move together",
    "currency_risk_max": "too much was at risk in one currency",
    "slipped_heat_max": "too much would be lost if stops were jumped over",
    "leverage_max": "the position would have been too large for the account",
    "leverage_profile": "a regulator's rules allow no position of that size",
    "margin": "not enough free margin",
    "no_protection": "no stop or target could be set at a price above zero",
    "stops_level": "the stop would have been too near for the broker",
    "no_money": "the broker refused for lack of money",
    "limit_place": "the market had come to the price at which it would have waited",
    "not_filled": "it waited at its price and was not filled",
}
"""Why risk management refused an order that was wanted, by its reason."""

EXITS: Final = {
    "stop": "stop reached",
    "target": "target reached",
    "stop_out": "closed by the broker for lack of margin",
    "reversal": "opinions turned round",
    "weekend": "closed before the weekend",
    "flatten": "closed with everything else by an operator",
    "operator": "closed by an operator",
    "unprotected": "no stop could be set",
    "external": "closed by somebody else",
    "blackout": "closed before an economic release",
    "time": "held long enough",
}
"""Why a trade ended."""

VOTERS: Final = {
    "technical.trend": "trend rules",
    "technical.reversion": "counter-trend rules",
    "technical.currency_strength": "currency ranks",
    "technical.forecaster": "ready-made forecaster",
    "technical.learned": "learned model",
    "sentiment": "news",
    "constant": "no opinion",
}
"""Who leaned most to the side of a trade."""


def told(words: dict[str, str], name: str) -> str:
    """Return the words for a name, the name itself where there are none."""
    return words.get(name, name.replace("_", " "))
