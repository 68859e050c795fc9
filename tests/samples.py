"""One valid fact of every kind, built from the types of its fields; the golden file holds them."""

from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin

import msgspec

from blackboard.facts import AnyFact
from blackboard.facts.control import ReasonCount, Restriction, TradingState
from blackboard.facts.decision import Gate, Side, VoterShare
from blackboard.facts.execution import DealEntry
from blackboard.facts.learning import VoterWeight
from blackboard.facts.news import DroppedTexts
from blackboard.facts.opinion import (
    ComponentScore,
    Evidence,
    ModelWord,
    RivalForecast,
    SymbolCorrelation,
)
from blackboard.facts.permission import CurrencyExposure, RiskFactor

_SPECIAL: dict[str, dict[str, Any]] = {
    "TextsRead": {"dropped": (DroppedTexts(scope="repeated", count=3),)},
    "Quote": {"bid": 1.1, "ask": 1.1001},
    "Bar": {"open": 1.1, "high": 1.2, "low": 1.0, "close": 1.15},
    "BarHistory": {"anchor_ns": 1, "last_close_ns": 2},
    "SymbolSpec": {"volume_max_lots": 100.0, "volume_min_lots": 0.01},
    "EntryBlackout": {"from_ns": 1, "valid_until_ns": 2},
    "VolatilityForecast": {
        "sigma_frac": 0.001,
        "sigma_low_frac": 0.0005,
        "sigma_high_frac": 0.002,
        "atr_scale": 1.0,
        "rivals": (RivalForecast(scope="har/0", sigma_frac=0.001),),
    },
    "Decision": {
        "confidence": 0.6,
        "gates": (Gate(scope="EURUSD", name="quorum", passed=True, value=3.0, threshold=2.0),),
        "shares": (VoterShare(scope="sentiment", probability_up=0.5, weight=0.25, abstains=True),),
    },
    "OrderIntent": {"confidence": 0.6, "attempt": 1},
    "ExitIntent": {"side": Side.SELL, "position_side": Side.BUY, "lots": 0.1, "position_lots": 0.1},
    "AmendIntent": {"position_side": Side.BUY, "stop_price": 1.1, "current_stop_price": 1.09},
    "RiskApproved": {
        "risk_frac": 0.005,
        "factors": (RiskFactor(scope="EURUSD", name="m_dd", value=1.0),),
    },
    "Exposure": {"currencies": (CurrencyExposure(scope="EUR", notional_frac=1.5),)},
    "PortfolioBudget": {
        "multiplier": 1.0,
        "correlations": (SymbolCorrelation(scope="EURUSD", other="GBPUSD", correlation=0.6),),
    },
    "ComponentScores": {
        "components": (
            ComponentScore(
                scope="H1",
                voter="technical.trend",
                name="supertrend",
                day_edge=-0.2,
                day_outcomes=3.5,
                month_edge=0.1,
                month_outcomes=90.0,
                weight=1.2,
            ),
        ),
    },
    "Vote": {
        "evidence": (Evidence(scope="M15", name="supertrend", value=1.0, weight=0.5),),
        "probability_up": 0.55,
        "heard": (ModelWord(scope="rf/0", probability_up=0.55, abstains=False, counts=True),),
    },
    "Fill": {"entry": DealEntry.IN},
    "TradeClosed": {"profit": 10.0, "swap": -1.0, "commission": -2.0, "fee": 0.0, "pnl": 7.0},
    "DayStatistics": {
        "day": "2025-03-05",
        "trades": 2,
        "wins": 1,
        "pnl": 10.0,
        "gross_profit": 30.0,
        "gross_loss": 20.0,
        "held_by": (ReasonCount(scope="min_confidence", count=3),),
        "refused_by": (ReasonCount(scope="heat_max", count=1),),
        "bars_expected": 96,
        "bars_on_time": 95,
    },
    "TradingStateChanged": {
        "restrictions": (
            Restriction(
                scope="operator",
                state=TradingState.REDUCING,
                since_ns=1,
                evidence="pause",
                way_out="resume",
            ),
        )
    },
    "VoterWeights": {
        "weights": (
            VoterWeight(
                scope="constant", weight=1.0, brier=0.25, skill=0.0, outcomes=0, is_proven=False
            ),
        )
    },
    "ParametersChanged": {"risk_frac": 0.005, "min_confidence": 0.52},
}


def sample(kind: type[AnyFact]) -> AnyFact:
    """Return a valid fact of a kind."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            fields[field.name] = _value(field.name, field.type)
    fields |= _SPECIAL.get(kind.__name__, {})
    return kind(**fields)


def _value(name: str, kind: Any) -> Any:
    if name == "scope":
        return "EURUSD"
    origin = get_origin(kind)
    if origin is tuple:
        return ()
    if origin is UnionType:
        return _value(name, get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind is bool:
        return False
    if kind is int:
        return 1
    if kind is float:
        return 0.25
    return name


SAMPLES: dict[str, AnyFact] = {kind.__name__: sample(kind) for kind in get_args(AnyFact)}
"""By kind."""
