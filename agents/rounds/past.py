"""How much of each abundant kind the supervisor starts from; of all others it sees everything."""

from typing import Final

from agents.agent import FORTNIGHT
from agents.rounds.fill_costs import HELD_NS_MAX
from agents.rounds.summaries import TOLD_NS_MAX
from blackboard.access import Recent
from blackboard.facts import (
    AccountSnapshot,
    AmendIntent,
    Bar,
    Calibration,
    Decision,
    EquityMark,
    Fact,
    Fill,
    ParametersChanged,
    PortfolioBudget,
    Quote,
    Reconciled,
    RiskRefused,
    Summary,
    TrailingStop,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from models.market.sessions import WEEK_NS

_WEEKS: Final = 3 * WEEK_NS
"""The week that is told last, the one that runs, and one to spare."""

RECENT: Final[dict[type[Fact], Recent]] = {
    # The latest rounds, and what is latest.
    **dict.fromkeys((Bar, Vote, VolatilityForecast, TrailingStop, PortfolioBudget), FORTNIGHT),
    **dict.fromkeys((VoterWeights, Calibration, ParametersChanged), FORTNIGHT),
    # What a trade was asked on and filled at, until it is closed.
    **dict.fromkeys((Quote, Fill), Recent(HELD_NS_MAX + FORTNIGHT.span_ns)),
    # The days and weeks that are not told yet. The first reading says when the book begins, and
    # the first mark ends what was wrong before there was one.
    **dict.fromkeys((Decision, RiskRefused, AmendIntent, Reconciled), Recent(_WEEKS)),
    # Older texts are not told any more.
    Summary: Recent(TOLD_NS_MAX + FORTNIGHT.span_ns),
    **dict.fromkeys((AccountSnapshot, EquityMark), Recent(_WEEKS, with_first=True)),
}
