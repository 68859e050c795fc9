"""Who votes on direction, whose voter each is, in which order votes are summed, who is heard."""

from typing import Final

from blackboard.facts.control import TradingState
from config.agent import Mode
from config.agents import AgentsSection
from config.settings import Settings
from models.learning.weighing import WeighingTerms, unjudged

VOTERS: Final[dict[str, str]] = {
    voter: agent for agent, section in AgentsSection() for voter in section.voters
}
"""Voter to the agent that posts its votes; the order is the order of summation everywhere."""

LEARNED: Final[frozenset[str]] = frozenset({"technical.learned"})
"""Voters whose probability a trained model gives; in SAFE they weigh nothing and count nowhere.
They weigh nothing either before their first outcome: until a model has been promoted they abstain,
and the others share the weight as if they were not there."""

RULES: Final = ("technical.trend", "technical.reversion")
"""Voters who are rules alone."""

CONSTANT: Final = "constant"
"""The expert who always says 0.5; it has a weight like a voter, and no votes."""


def mode_of(settings: Settings, voter: str) -> Mode:
    """Return the mode of a voter: that of its agent, unless it is optional.

    A ready-made forecaster is scored like the rest and weighs nothing, whatever its record.
    """
    section, mode = settings.agents.technical, settings.mode(VOTERS[voter])
    match voter:
        case "technical.currency_strength" if not section.currency_strength:
            return Mode.DISABLED
        case "technical.forecaster" if mode is not Mode.DISABLED:
            return Mode.SHADOW if section.forecaster_folder else Mode.DISABLED
        case _:
            return mode


def voters_of(settings: Settings, mode: Mode) -> tuple[str, ...]:
    """Return the voters in a mode, in fixed order."""
    return tuple(voter for voter in VOTERS if mode_of(settings, voter) is mode)


def live_voters(settings: Settings) -> tuple[str, ...]:
    """Return the voters that are enabled, not merely in shadow, in fixed order."""
    return voters_of(settings, Mode.ENABLED)


def is_heard(voter: str, state: TradingState) -> bool:
    """Whether a voter's votes count while a trading state holds: in SAFE rules alone decide."""
    return state is not TradingState.SAFE or voter not in LEARNED


def weighing_terms(settings: Settings) -> WeighingTerms:
    """Return how fast weights move."""
    section = settings.agents.learner
    return WeighingTerms(
        rate=section.hedge_rate,
        share=section.hedge_share,
        hearing_prior=section.hearing_prior,
        hearing_rate=section.hearing_rate,
    )


def latecomers(voters: tuple[str, ...]) -> frozenset[int]:
    """Return the places of the voters who weigh nothing before their first outcome."""
    return frozenset(place for place, voter in enumerate(voters) if voter in LEARNED)


def first_weights(settings: Settings) -> dict[str, float]:
    """Return what everybody weighs before the first outcome, the constant expert included."""
    live = live_voters(settings)
    weights = unjudged(len(live), weighing_terms(settings), latecomers(live)).weights
    return dict(zip((*live, CONSTANT), weights, strict=True))
