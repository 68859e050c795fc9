"""Builders of candidates: valid evidence that passes every gate, with any part of it changed."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.learning.candidate import (
    Candidate,
    FloatArray,
    ForecastEvidence,
    StrategyEvidence,
    Trial,
)
from models.learning.promotion import judge
from models.learning.returns import TRADING_DAYS_A_YEAR
from models.learning.verdict import GateTerms, Registry, Rehearsal, Verdict

HOUR_NS = 3_600_000_000_000
TRAINED_UNTIL_NS = 1_514_851_200_000_000_000
"""2018-01-02 00:00 UTC, a Tuesday."""
YEAR = np.sqrt(TRADING_DAYS_A_YEAR)
DAYS = 3 * TRADING_DAYS_A_YEAR
FRESH = Registry(effective_trials=0.0, attempts=0)


def a_rehearsal(**changes: Any) -> Rehearsal:
    """Return a candidate's flawless behaviour in the store."""
    said = np.array([0.4, 0.6])
    flawless = Rehearsal(("x",), said, said.copy(), 0.0, 1.0, np.array([1.0, 2.0]))
    return flawless._replace(**changes)


def forecast_evidence(gain: float = 0.2, days: int = 25, seed: int = 0) -> ForecastEvidence:
    """Return hourly losses around 1, by `gain` below those of the baseline, which serves."""
    hours = 24 * days
    close_ns = TRAINED_UNTIL_NS + HOUR_NS * np.arange(1, hours + 1)
    close_ns = close_ns[(close_ns // (24 * HOUR_NS) + 3) % 7 < 5]
    generator = np.random.default_rng(seed)
    baseline = 1.0 + 0.3 * generator.random(len(close_ns))
    loss = baseline - gain + 0.1 * generator.standard_normal(len(close_ns))
    return ForecastEvidence(
        close_ns=close_ns,
        settled_ns=close_ns + HOUR_NS,
        loss=loss,
        baseline_loss=baseline,
        champion_loss=baseline,
    )


def strategy_evidence(returns: FloatArray, **changes: Any) -> StrategyEvidence:
    """Return evidence for day returns that fails no test but those of luck."""
    evidence = StrategyEvidence(
        day_returns=returns,
        champion_day_returns=np.zeros(len(returns)),
        trades=200,
        fold_scores=np.ones(6),
        drawdown_frac=0.04,
        champion_drawdown_frac=0.04,
        neighbour_scores=np.array([1.0, 0.9, 1.1]),
        score=1.0,
    )
    return replace(evidence, **changes)


def a_candidate(evidence: ForecastEvidence | StrategyEvidence, **changes: Any) -> Candidate:
    """Return a candidate of one trial."""
    candidate = Candidate(
        family="test",
        files={"model.json": b"{}"},
        feature_schema=("x",),
        rows=1000,
        trained_until_ns=TRAINED_UNTIL_NS,
        data_hash="0" * 64,
        evidence=evidence,
        trials=(Trial("{}", 1.0),),
    )
    return replace(candidate, **changes)


def best_of(returns: FloatArray, **changes: Any) -> Candidate:
    """Return the best of a search by its Sharpe ratio; columns are trials, rows are days."""
    sharpes = returns.mean(axis=0) / returns.std(axis=0)
    trials = tuple(
        Trial(f'{{"cell":{place}}}', float(sharpe), column)
        for place, (sharpe, column) in enumerate(zip(sharpes, returns.T, strict=True))
    )
    chosen = returns[:, int(np.argmax(sharpes))]
    return a_candidate(strategy_evidence(chosen, **changes), trials=trials)


def verdict_on(candidate: Candidate, registry: Registry = FRESH, **changes: Any) -> Verdict:
    """Judge a candidate as a challenger of the baseline, by the default terms."""
    occasion: dict[str, Any] = {
        "rehearsal": a_rehearsal(),
        "has_champion": False,
        "is_refresh": False,
        "terms": GateTerms(),
        "seed": 1,
    }
    return judge(candidate, registry=registry, **(occasion | changes))
