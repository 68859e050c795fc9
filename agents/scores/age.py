"""How old what the learner counts may be, so that one that starts need not read what is older.

Ages are market time, in which so many closes of the trading timeframe lie: whatever the timeframe,
a start reads about as many entries.
"""

from typing import Final

from agents.agent import FORTNIGHT
from blackboard.access import Recent
from blackboard.facts import (
    AccountSnapshot,
    Bar,
    ComponentScores,
    EquityMark,
    Fact,
    FeatureShift,
    Fill,
    Timeframe,
    TradeStatistics,
    TrialRecorded,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from models.market.sessions import DAY_NS

KEPT_CLOSES: Final = 6000
"""Closes for which an outcome counts: three months of M15."""
OPEN_CLOSES: Final = 1000
"""Closes for which a vote or a forecast may be open, the longest horizon that settings allow."""
PAUSE_NS: Final = 4 * DAY_NS
"""A weekend with holidays: where bars are short, more than half of what their closes take."""


def kept_ns(timeframe: Timeframe) -> int:
    """Return for how long an outcome counts after it was settled."""
    return _span_ns(KEPT_CLOSES, timeframe)


def open_ns(timeframe: Timeframe) -> int:
    """Return for how long a vote or a forecast may be open before it is forgotten unjudged."""
    return _span_ns(OPEN_CLOSES, timeframe) + PAUSE_NS


def started_from(timeframe: Timeframe) -> dict[type[Fact], Recent]:
    """Return how much of each abundant kind is read: what counts, and what was open before it."""
    counted = Recent(kept_ns(timeframe) + open_ns(timeframe) + FORTNIGHT.span_ns)
    return {
        **dict.fromkeys((Bar, Vote, VolatilityForecast), counted),
        VoterWeights: Recent(counted.span_ns, from_sum=True),
        # The first reading says what the account began with.
        AccountSnapshot: Recent(FORTNIGHT.span_ns, with_first=True),
        **dict.fromkeys((EquityMark, Fill, ComponentScores, FeatureShift), FORTNIGHT),
        **dict.fromkeys((TradeStatistics, TrialRecorded), FORTNIGHT),
    }


def _span_ns(closes: int, timeframe: Timeframe) -> int:
    # Half as much again, for the weekends and holidays between them.
    return closes * timeframe.length_ns * 3 // 2
