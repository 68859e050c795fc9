"""Cases of what a decision has to reach before there is an intent: the supervisor's gates."""

from collections.abc import Sequence
from functools import partial
from math import expm1, log
from typing import Final

from agents.supervisor import SupervisorAgent
from agents.voters import CONSTANT, LEARNED, first_weights, live_voters
from blackboard.facts import (
    ACCOUNT,
    Decision,
    TrailingStop,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from blackboard.facts.learning import VoterWeight
from config.settings import Settings
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    BID,
    CONTRACT,
    NOON_NS,
    POINT,
    SPREAD_POINTS,
    SYMBOLS,
    a_bar,
    a_coverage,
    a_quote,
    a_reconciled,
    a_spec,
)
from runtime.proof.safety.scene import Answer, Scene

ATR: Final = 0.002
_ENTERED: Final = SYMBOLS[0]
_NUDGE: Final = 1e-5
_STRONG, _AGAINST = 0.9, 0.499
_SEARCH_STEPS: Final = 60


class DecisionScene(Scene):
    """A supervisor that hears all voters of one symbol at one close."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, (SupervisorAgent,), NOON_NS)
        # Without an outcome the models weigh nothing, so nothing can be decided by them.
        self.voters = tuple(each for each in live_voters(settings) if each not in LEARNED)
        self.say(a_coverage(), a_reconciled(), a_spec(_ENTERED))
        self.settle()

    def decide(self, probabilities: Sequence[float]) -> Answer:
        """Let the first voters say what they think of a rise; return what is decided of it."""
        self.say(a_quote(_ENTERED), a_bar(_ENTERED, self.settings.timeframe), _stop(self.settings))
        horizons = self.settings.agents.lstm_vol.horizons_bars
        self.say(*(_forecast(self.settings, bars) for bars in horizons))
        for voter, probability in zip(self.voters, probabilities, strict=False):
            self.say(_vote(self.settings, voter, probability))
        self.settle()
        if not self.facts(Decision):
            # Who has not answered is waited for until the deadline, at the most until the close.
            self.now_ns += self.settings.timeframe.length_ns + 1
            self.settle()
        return self.ask_again()

    def ask_again(self) -> Answer:
        """Return what was decided, after a restart too."""
        self.settle()
        (decision,) = self.facts(Decision)
        assert isinstance(decision, Decision)
        order = f"{decision.action} {decision.scope}, p {decision.confidence:.4f}"
        return Answer(order, decision.blocked_by)

    def probability(self, confidence: float) -> float:
        """Return what every voter must say for a pooled confidence, the constant expert aside."""
        heard = 1.0 - first_weights(self.settings)[CONSTANT]
        return 0.5 + (confidence - 0.5) / heard


def _stop(settings: Settings) -> TrailingStop:
    return TrailingStop(
        scope=_ENTERED,
        timeframe=settings.timeframe,
        long_stop_price=BID - 3.0 * ATR,
        short_stop_price=BID + 3.0 * ATR,
        atr=ATR,
    )


def _forecast(settings: Settings, horizon_bars: int) -> VolatilityForecast:
    return VolatilityForecast(
        scope=_ENTERED,
        timeframe=settings.timeframe,
        horizon_bars=horizon_bars,
        sigma_frac=0.001,
        sigma_low_frac=0.0005,
        sigma_high_frac=0.002,
        vol_ratio=1.0,
        vol_ratio_limit=2.0,
        vetoes_reversal=False,
        atr_scale=1.0,
        abstains=False,
        reason="",
        model="proof",
    )


def _vote(settings: Settings, voter: str, probability_up: float) -> Vote:
    return Vote(
        scope=_ENTERED,
        voter=voter,
        timeframe=settings.timeframe,
        probability_up=probability_up,
        abstains=False,
        reason="",
        horizon_bars=64,
        reference_price=BID,
        barrier_distance=ATR,
        model="proof",
    )


def _agreed(scene: DecisionScene, confidence: float) -> Answer:
    return scene.decide([scene.probability(confidence)] * len(scene.voters))


def _answered(scene: DecisionScene, count: int) -> Answer:
    return scene.decide([_STRONG] * count)


def _families(scene: DecisionScene, count: int) -> Answer:
    """Let some voters of proven skill speak for a rise and the others, faintly, against it."""
    share = 1.0 / (len(scene.voters) + 1)
    scene.say(
        VoterWeights(
            scope=ACCOUNT,
            effective_from_ns=NOON_NS,
            weights=tuple(
                VoterWeight(
                    scope=voter,
                    weight=share,
                    brier=0.24,
                    skill=0.04,
                    outcomes=1000,
                    is_proven=voter != CONSTANT,
                )
                for voter in (*scene.voters, CONSTANT)
            ),
        )
    )
    against = [_AGAINST] * (len(scene.voters) - count)
    return scene.decide([*([_STRONG] * count), *against])


def _needed(scene: DecisionScene, limit: int) -> int:
    return min(limit, len(scene.voters))


def _valued(scene: DecisionScene, value_r: float) -> Answer:
    """Let the voters agree on the confidence that is worth so much, found by halving."""
    low, high = 0.5 + _NUDGE, 0.9
    for _ in range(_SEARCH_STEPS):
        middle = (low + high) / 2.0
        if _value_r(scene.settings, middle) < value_r:
            low = middle
        else:
            high = middle
    return _agreed(scene, high)


def _value_r(settings: Settings, confidence: float) -> float:
    """Return P·R − (1 − P) − c by the formula as it is published."""
    trading = settings.trading
    ratio = max(trading.min_rr_ratio, trading.target_atr_multiplier / trading.atr_multiplier)
    drift = log(confidence / (1.0 - confidence))
    hit = expm1(drift) / (expm1(drift) - expm1(-drift * ratio))
    commissions = 2.0 * settings.terminal.commission_per_lot / CONTRACT
    cost = (SPREAD_POINTS * POINT + commissions) / (settings.trading.atr_multiplier * ATR)
    return hit * ratio - (1.0 - hit) - cost


_case = partial(Case, stage=DecisionScene)
_FREE: Final = {
    "terminal.commission_per_lot": 0.0,
    "trading.expected_value_margin_r": 0.0,
    "trading.families_min": 1,
    "trading.min_rr_ratio": 2.5,
    "trading.atr_multiplier": 4.0,
}
"""Settings under which a confidence above ignorance is worth its costs."""

CASES: Final = (
    _case(
        "trading.min_confidence",
        "all voters agree, by a hair less than what a decision has to reach",
        "min_confidence",
        lambda scene, limit: _agreed(scene, limit + _NUDGE),
        lambda scene, limit: _agreed(scene, limit - _NUDGE),
        changes={**_FREE, "trading.min_confidence": 0.515},
        is_off=0.5,
    ),
    _case(
        "trading.expected_value_margin_r",
        "what all voters agree on is worth a hair less than its margin, after costs",
        "expected_value",
        lambda scene, limit: _valued(scene, limit + _NUDGE),
        lambda scene, limit: _valued(scene, limit - _NUDGE),
        changes={"trading.min_confidence": 0.5},
    ),
    _case(
        "trading.families_min",
        "all voters have proven themselves, and one too few of them speaks for the side",
        "families",
        lambda scene, limit: _families(scene, _needed(scene, limit)),
        lambda scene, limit: _families(scene, _needed(scene, limit) - 1),
        changes={"trading.families_min": 2},
        is_off=1,
    ),
    _case(
        "agents.supervisor.quorum",
        "one voter too few has answered by the deadline",
        "quorum",
        _answered,
        lambda scene, limit: _answered(scene, limit - 1),
        changes={"trading.families_min": 1},
    ),
)
