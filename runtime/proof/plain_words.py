"""What a gate that blocked or a rule that refused means, in plain words."""

from collections.abc import Mapping
from typing import Final

from agents.limits.reasons import Reason

OF_GATE: Final[Mapping[str, str]] = {
    "quorum": "too few voters had answered by the deadline",
    "opinion": "every voter abstained, or what they said cancelled out: there was no side to take",
    "min_confidence": "the voters leaned to one side, but less surely than min_confidence asks",
    "volatility": "a reversal was proposed in a storm, and the volatility forecast forbids it",
    "families": "too few independent families of voters supported the side",
    "expected_value": "after costs the trade was not expected to earn its margin",
    "blackout": "an economic event was near, or nobody could say whether one was",
    "position": "a position or an entry in this symbol was open already",
    "trading_state": "the trading state permits no entries",
}
"""By the gate's name."""

OF_REASON: Final[Mapping[str, str]] = {
    Reason.NO_ACCOUNT: "the account had not been read since the close",
    Reason.EXPIRED: "the intent came too late: its price was history",
    Reason.TRADING_STATE: "the trading state permits no entries",
    Reason.HIGH_WATER_MARK: "the highest equity could not be rebuilt, so no drawdown is known",
    Reason.DRAWDOWN_HALTED: "the drawdown had reached the limit at which only a person resumes",
    Reason.DRAWDOWN_REDUCING: "the drawdown had reached the limit at which nothing is entered",
    Reason.UNANSWERED_COMMAND: "a person had asked to pause or flatten, and that was not done yet",
    Reason.AGENT_HEALTH: "an agent on the path of an order was down",
    Reason.NOT_RECONCILED: "our book had not been found to agree with the broker's",
    Reason.SYMBOL_FROZEN: "the fate of an earlier order in this symbol was not known",
    Reason.SYMBOL_CLOSED: "the broker does not let this side of the symbol be opened",
    Reason.FEED_STALE: "the symbol's prices could not be trusted",
    Reason.CONVERSION_RATE: "nothing told what the symbol's profit currency was worth",
    Reason.QUOTE_MISSING: "there was no valid quote",
    Reason.QUOTE_AGE: "the quote was too old",
    Reason.SPREAD: "the spread was too wide",
    Reason.SPREAD_MAJORS: "the spread was too wide for a major",
    Reason.SPREAD_MEDIAN: "the spread was far above what is usual at this time of day",
    Reason.FRIDAY_FLAT: "the weekend was too near",
    Reason.WEEK_OPEN: "the week had only just opened",
    Reason.ROLLOVER: "the rollover at 17:00 New York was too near",
    Reason.CALENDAR_UNKNOWN: "nobody could say whether an economic event was near",
    Reason.BLACKOUT: "an economic event was near",
    Reason.LOSSES_IN_A_ROW: "too many trades in a row had been lost",
    Reason.ENTRY_COOLDOWN: "the symbol rests after a closed trade",
    Reason.STOP_COOLDOWN: "the symbol rests after a stop",
    Reason.STOP_SIDE_COOLDOWN: "this side of the symbol rests after its stop",
    Reason.SLIPPAGE: "the symbol rests after a fill far from its price",
    Reason.DAILY_LOSS: "the day had lost as much as it may",
    Reason.WEEKLY_LOSS: "the week had lost as much as it may",
    Reason.MARGIN_USE: "too much of the equity was bound as margin",
    Reason.ENTRIES_PER_HOUR: "there were enough entries in this hour",
    Reason.ENTRIES_PER_DAY: "there were enough entries on this day",
    Reason.POSITIONS: "there were enough open positions",
    Reason.POSITIONS_PER_SYMBOL: "there were enough open positions in this symbol",
    Reason.CORRELATION: "an open position was the same bet in another symbol",
    Reason.NOT_FINITE: "a figure that the size is made of was no number",
    Reason.NO_EDGE: "the expected value left no edge to risk anything on",
    Reason.BELOW_MINIMUM_LOT: "what may be lost buys less than the broker's smallest volume",
    Reason.HEAT: "too much would have been at risk at all stops together",
    Reason.CORRELATED_HEAT: "too much would have been at risk in bets that move together",
    Reason.CURRENCY_RISK: "too much would have been at risk in one currency",
    Reason.SLIPPED_HEAT: "too much would have been at risk if all stops slipped",
    Reason.LEVERAGE: "the positions together would have been too large for the equity",
    Reason.LEVERAGE_PROFILE: "the positions would have been too large for the leverage rules",
    Reason.MARGIN: "there was too little free margin",
}
"""By the refusal's reason."""


def of_gate(name: str) -> str:
    """Return what a gate means that blocked."""
    return OF_GATE.get(name, f"the gate {name} did not pass")


def of_reason(reason: str) -> str:
    """Return what a refusal means; a reason of another version is told by its name."""
    return OF_REASON.get(reason, f"the rule {reason} did not pass")
