"""What the learner found out: weights, calibrations, parameters, and the fate of models.

Whatever changes a decision carries `effective_from_ns`, never before the next close, so that a
round in progress is not changed under the feet of those who take part in it.
"""

from blackboard.facts.fact import Effective, Fact, above, within


class VoterWeight(Fact, frozen=True, kw_only=True):
    """One voter's weight and record; the scope is the voter."""

    weight: float
    brier: float
    """Mean Brier score of its scored votes, 0.25 is ignorance."""
    skill: float
    """1 − brier / 0.25; above 0 is better than a coin."""
    outcomes: int
    is_proven: bool
    """Whether its skill is above 0 beyond reasonable doubt."""
    hedged: float = 0.0
    """Its part in the Hedge, from which the weight follows; 0 where it has none yet."""
    log_odds: float = 0.0
    """Log-odds of being worth hearing, by which the weight follows from that."""

    def __post_init__(self) -> None:
        within("weight", self.weight, 0.0, 1.0)
        within("hedged", self.hedged, 0.0, 1.0)
        within("brier", self.brier, 0.0, 1.0)
        within("log_odds", self.log_odds, -20.0, 20.0)


class VoterWeights(Effective, Fact, frozen=True, kw_only=True):
    """Weights of all voters from `effective_from_ns` on; they sum to 1."""

    weights: tuple[VoterWeight, ...]
    effective_from_ns: int

    def __post_init__(self) -> None:
        within("sum of weights", sum(w.weight for w in self.weights), 1.0 - 1e-9, 1.0 + 1e-9)

    @property
    def sums_up(self) -> bool:
        """Whether it says what the weights follow from; those of earlier versions do not."""
        return any(each.hedged > 0.0 for each in self.weights)


class Calibration(Effective, Fact, frozen=True, kw_only=True):
    """Platt calibration of one voter (the scope): logit p' = intercept + slope · logit p."""

    intercept: float
    slope: float
    outcomes: int
    effective_from_ns: int

    def __post_init__(self) -> None:
        within("intercept", self.intercept, -10.0, 10.0)
        within("slope", self.slope, -10.0, 10.0)


class TradeStatistics(Fact, frozen=True, kw_only=True):
    """Record of the closed trades so far; the scope is a symbol or the account."""

    trades: int
    wins: int
    pnl: float
    profit_factor: float
    """Gross profit over gross loss, 0 while there is no loss."""
    expectancy_r: float
    drawdown_frac: float
    """Largest fall of the cumulated P&L, as a share of its peak equity."""


class ParametersChanged(Effective, Fact, frozen=True, kw_only=True):
    """Values of the learned parameters, within the settings' bounds; SAFE does not use them."""

    min_confidence: float
    min_rr_ratio: float
    atr_multiplier: float
    risk_frac: float
    origin: str
    """Who set them: a version of `walkforward`, of `ppo`, or the settings."""
    effective_from_ns: int
    target_atr_multiplier: float = 0.0
    """Target in average true ranges where that is more than the ratio asks for."""
    confluence_min: float = 0.0

    def __post_init__(self) -> None:
        within("min_confidence", self.min_confidence, 0.5, 1.0)
        above("min_rr_ratio", self.min_rr_ratio, 0.0)
        above("atr_multiplier", self.atr_multiplier, 0.0)
        within("risk_frac", self.risk_frac, 0.002, 0.01)
        within("target_atr_multiplier", self.target_atr_multiplier, 0.0, 100.0)
        within("confluence_min", self.confluence_min, 0.0, 1.0)


class TrainingStarted(Fact, frozen=True, kw_only=True):
    """A training of a family (the scope) has begun; a GateReport or TrainingSkipped ends it."""

    reason: str
    """first, weekly, daily, drift, requested or emergency."""


class TrialRecorded(Fact, frozen=True, kw_only=True):
    """One evaluated configuration of a model family (the scope); all are counted, for ever."""

    trial_id: str
    parameters: str
    """Canonical JSON of the configuration."""
    score: float
    data_hash: str


class CandidateTrained(Fact, frozen=True, kw_only=True):
    """A model that wants to serve; the scope is its family."""

    version: str
    content_hash: str
    rows: int
    trained_until_ns: int
    validation_loss: float = 0.0
    """Mean loss on rows that training had not seen, by which its live losses are measured; 0 for
    families that forecast nothing."""


class GateReport(Fact, frozen=True, kw_only=True):
    """The verdict on a candidate; a refusal names the test that failed.

    A candidate that has passed on the past may have to forecast in shadow before it weighs. Then
    there are two verdicts: one that names the earliest end of the shadow, and one at its end.
    """

    version: str
    is_promoted: bool
    failed_gate: str
    detail: str
    shadow_until_ns: int = 0
    """When a candidate that has passed may begin to serve, if its shadow finds nothing; 0 where it
    was refused or serves at once."""
    shadow_since_ns: int = 0
    """Since when it was in shadow, where this is the verdict at its end; else 0."""


class TrainingSkipped(Fact, frozen=True, kw_only=True):
    """No candidate was trained, and why."""

    reason: str
    have: int
    need: int


class ModelPromoted(Effective, Fact, frozen=True, kw_only=True):
    """A candidate serves from `effective_from_ns` on."""

    version: str
    content_hash: str
    effective_from_ns: int


class ModelRolledBack(Effective, Fact, frozen=True, kw_only=True):
    """An earlier version, or the baseline, serves again."""

    version: str
    replaced_version: str
    reason: str
    effective_from_ns: int


class ModelFailed(Fact, frozen=True, kw_only=True):
    """A promoted model (the scope is its family) cannot be used by whoever would serve it."""

    version: str
    reason: str
    """What the store or the loader says, or what the model said."""
    was_serving: bool
    """Whether it had served: then nothing that is learned is trusted until another serves."""


class FeatureShift(Fact, frozen=True, kw_only=True):
    """How far a model's inputs have moved from its training rows, once a trading day.

    The scope is the family; a feature counts as moved where its population stability index is
    beyond three times the critical value.
    """

    version: str
    features: int
    """Features that were looked at; each symbol's count on their own where each has its own."""
    moved_frac: float
    """Share of them that has moved."""
    rows: int
    """Rows behind each feature's index, the fewest."""
    farthest: str
    """Name of the feature that is farthest beyond its threshold, or nearest to it."""
    psi: float
    """Index of that feature."""
    psi_max: float
    """Threshold of that feature."""

    def __post_init__(self) -> None:
        within("moved_frac", self.moved_frac, 0.0, 1.0)


class DriftDetected(Fact, frozen=True, kw_only=True):
    """A stream of losses or features has changed; the scope is the model or feature."""

    statistic: str
    value: float
    threshold: float
