"""The vocabulary: every fact that may stand on the board, by subject.

`AnyFact` is the closed union of all kinds; decoding refuses whatever is not in it.
"""

from blackboard.facts.control import (
    AgentHealth,
    DayStatistics,
    OperatorCommand,
    RetrainRequested,
    Summary,
    TradingStateChanged,
)
from blackboard.facts.decision import AmendIntent, CancelIntent, Decision, ExitIntent, OrderIntent
from blackboard.facts.execution import (
    AccountSnapshot,
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Reconciled,
    TradeClosed,
)
from blackboard.facts.fact import ACCOUNT, FOREVER_NS, MARKET, Fact, kind_of
from blackboard.facts.learning import (
    Calibration,
    CandidateTrained,
    DriftDetected,
    FeatureShift,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    ParametersChanged,
    TradeStatistics,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
    VoterWeights,
)
from blackboard.facts.market import Bar, BarHistory, FeedStatus, Quote, SymbolSpec, Timeframe
from blackboard.facts.news import (
    CalendarCoverage,
    EconomicEvent,
    EntryBlackout,
    Headline,
    SentimentScore,
    TextsRead,
)
from blackboard.facts.opinion import (
    ComponentScores,
    PortfolioBudget,
    TrailingStop,
    VolatilityForecast,
    Vote,
)
from blackboard.facts.permission import (
    DayCounters,
    EquityMark,
    Exposure,
    LimitBreached,
    Lock,
    LockReleased,
    RiskApproved,
    RiskRefused,
)

AnyFact = (
    SymbolSpec
    | Quote
    | Bar
    | BarHistory
    | FeedStatus
    | EconomicEvent
    | Headline
    | CalendarCoverage
    | SentimentScore
    | TextsRead
    | EntryBlackout
    | Vote
    | ComponentScores
    | VolatilityForecast
    | TrailingStop
    | PortfolioBudget
    | Decision
    | OrderIntent
    | ExitIntent
    | AmendIntent
    | CancelIntent
    | RiskApproved
    | RiskRefused
    | LimitBreached
    | Exposure
    | EquityMark
    | Lock
    | LockReleased
    | DayCounters
    | OrderSubmitting
    | OrderOutcome
    | Fill
    | PositionChanged
    | TradeClosed
    | AccountSnapshot
    | Reconciled
    | AgentHealth
    | TradingStateChanged
    | OperatorCommand
    | RetrainRequested
    | Summary
    | DayStatistics
    | VoterWeights
    | Calibration
    | TradeStatistics
    | ParametersChanged
    | TrainingStarted
    | TrialRecorded
    | CandidateTrained
    | GateReport
    | TrainingSkipped
    | ModelPromoted
    | ModelRolledBack
    | ModelFailed
    | DriftDetected
    | FeatureShift
)

__all__ = [
    "ACCOUNT",
    "FOREVER_NS",
    "MARKET",
    "AccountSnapshot",
    "AgentHealth",
    "AmendIntent",
    "AnyFact",
    "Bar",
    "BarHistory",
    "CalendarCoverage",
    "Calibration",
    "CancelIntent",
    "CandidateTrained",
    "ComponentScores",
    "DayCounters",
    "DayStatistics",
    "Decision",
    "DriftDetected",
    "EconomicEvent",
    "EntryBlackout",
    "EquityMark",
    "ExitIntent",
    "Exposure",
    "Fact",
    "FeatureShift",
    "FeedStatus",
    "Fill",
    "GateReport",
    "Headline",
    "LimitBreached",
    "Lock",
    "LockReleased",
    "ModelFailed",
    "ModelPromoted",
    "ModelRolledBack",
    "OperatorCommand",
    "OrderIntent",
    "OrderOutcome",
    "OrderSubmitting",
    "ParametersChanged",
    "PortfolioBudget",
    "PositionChanged",
    "Quote",
    "Reconciled",
    "RetrainRequested",
    "RiskApproved",
    "RiskRefused",
    "SentimentScore",
    "Summary",
    "SymbolSpec",
    "TextsRead",
    "Timeframe",
    "TradeClosed",
    "TradeStatistics",
    "TradingStateChanged",
    "TrailingStop",
    "TrainingSkipped",
    "TrainingStarted",
    "TrialRecorded",
    "VolatilityForecast",
    "Vote",
    "VoterWeights",
    "kind_of",
]
