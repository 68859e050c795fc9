"""Which parameters hold at a close: what the learner says, the settings before that and in SAFE."""

from agents.known import InForce, Known
from blackboard.facts import ACCOUNT, ParametersChanged, Vote
from blackboard.facts.control import TradingState
from config.settings import Settings
from models.decision import arbitration


class Parameters:
    """The parameters in force; those of the settings are always there."""

    def __init__(self, settings: Settings) -> None:
        self._configured = Known(configured(settings), 0, 0)
        self._learned: InForce[ParametersChanged] = InForce()

    def add(self, found: Known[ParametersChanged]) -> None:
        """Take what the learner says."""
        self._learned.add(found.fact.effective_from_ns, found)

    def at(self, ts_ns: int, state: TradingState) -> Known[ParametersChanged]:
        """Return those in force at an instant; seq 0 stands for the settings.

        In SAFE nothing learned counts, so the settings hold.
        """
        learned = None if state is TradingState.SAFE else self._learned.at(ts_ns)
        return learned or self._configured


def configured(settings: Settings) -> ParametersChanged:
    """Return the settings' parameters."""
    trading = settings.trading
    return ParametersChanged(
        scope=ACCOUNT,
        min_confidence=trading.min_confidence,
        min_rr_ratio=trading.min_rr_ratio,
        atr_multiplier=trading.atr_multiplier,
        risk_frac=trading.risk_frac,
        origin="settings",
        effective_from_ns=0,
        target_atr_multiplier=trading.target_atr_multiplier,
        confluence_min=trading.confluence_min,
    )


def rr_ratio_of(parameters: ParametersChanged) -> float:
    """Return the target over the stop."""
    return float(
        arbitration.reward_ratio(
            parameters.min_rr_ratio, parameters.atr_multiplier, parameters.target_atr_multiplier
        )
    )


def confluence_of(vote: Vote) -> float:
    """Return the share of a vote's timeframes on its side, 1 where it is not made of readings."""
    return vote.confluence if vote.evidence else 1.0
