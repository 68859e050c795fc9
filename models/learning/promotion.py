"""Whether a candidate may serve: the gates, one after the other, and the first test that it fails.

A model of nothing passes a test at 5 % one time in twenty, and who trains every week makes fifty of
them a year. So an attempt may spend only its share of a quarter's alpha, every configuration that
was tried counts, and what is refused has spent its share all the same.

Whoever passes was judged on the past. In shadow its forecasts are made and not counted; once it
weighs, a few bad days bring the model before it back; and whoever serves is held against the
baseline from time to time.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learning import forecast_gate, strategy_gate, text_gate
from models.learning.candidate import (
    Candidate,
    ForecastEvidence,
    StrategyEvidence,
    TextEvidence,
)
from models.learning.forecast_gate import closes_of, difference_of
from models.learning.scoring import group_means
from models.learning.strategy_gate import Search, search_of
from models.learning.verdict import (
    DAY_NS,
    DEMOTION_LEVEL,
    FORECAST_DAYS_MIN,
    LATENCY_MS_MAX,
    ROLLBACK_DAYS,
    ROLLBACK_ERRORS,
    STALE_ERRORS,
    Finding,
    GateTerms,
    Registry,
    Rehearsal,
    Serving,
    Verdict,
    at_least,
    at_most,
    holds,
    until_failure,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SANITY: Final = "sanity"
SPENDING: Final = "alpha_spending"
SHADOW: Final = "shadow"
EXCESS: Final = "excess_errors"


def judge(
    candidate: Candidate,
    rehearsal: Rehearsal | None,
    registry: Registry,
    *,
    has_champion: bool,
    is_refresh: bool,
    terms: GateTerms,
    seed: int,
) -> Verdict:
    """Return who serves, which gates were passed, and the first test that failed.

    Parameters
    ----------
    candidate : Candidate
        What a training made.
    rehearsal : Rehearsal or None
        How it behaved when it was saved and loaded. Without one nothing is promoted: the last test
        fails, after all others were made.
    registry : Registry
        What its family has tried before.
    has_champion : bool
        Whether a promoted model serves; otherwise the baseline does, and is the champion.
    is_refresh : bool
        Whether a schedule or an alarm of drift asked for it. Then a forecaster may take a
        champion's place if it is not worse; what it must prove against the baseline stays.
    terms : GateTerms
        Thresholds.
    seed : int
        Of the bootstrap.
    """
    search = search_of(candidate)
    findings = tuple(
        until_failure(_findings(candidate, search, rehearsal, registry, is_refresh, terms, seed))
    )
    gates = list(dict.fromkeys(each.gate for each in findings))
    is_passed = findings[-1].is_passed
    return Verdict(
        gates_passed=tuple(g for g in gates if is_passed or g != findings[-1].gate),
        findings=findings,
        serving=_serving(candidate, findings[-1], has_champion=has_champion),
        effective_trials=search.effective_trials,
    )


def _findings(
    candidate: Candidate,
    search: Search,
    rehearsal: Rehearsal | None,
    registry: Registry,
    is_refresh: bool,
    terms: GateTerms,
    seed: int,
) -> Iterator[Finding]:
    yield at_least(SANITY, "rows", candidate.rows, 1)
    if rehearsal is not None:
        yield from _sanity(candidate, rehearsal)
    yield at_most(SPENDING, "attempts", registry.attempts + 1, terms.attempts_a_quarter)
    match candidate.evidence:
        case ForecastEvidence() as evidence:
            yield from forecast_gate.findings(
                evidence,
                trained_until_ns=candidate.trained_until_ns,
                trials=max(1, len(candidate.trials)),
                is_refresh=is_refresh,
                level=terms.level,
            )
        case StrategyEvidence() as evidence:
            yield from strategy_gate.findings(
                evidence, search, registry.effective_trials, terms, seed
            )
        case TextEvidence() as evidence:
            yield from text_gate.findings(
                evidence, trials=max(1, len(candidate.trials)), level=terms.level, seed=seed
            )
    yield holds(SANITY, "rehearsal", is_true=rehearsal is not None)


def _sanity(candidate: Candidate, rehearsal: Rehearsal) -> Iterator[Finding]:
    yield holds(SANITY, "schema", is_true=candidate.feature_schema == rehearsal.feature_schema)
    said = np.concatenate((rehearsal.saved.ravel(), rehearsal.loaded.ravel()))
    yield holds(SANITY, "finite", is_true=bool(np.isfinite(said).all()) and len(said) > 0)
    yield at_least(SANITY, "low", float(said.min()), rehearsal.low)
    yield at_most(SANITY, "high", float(said.max()), rehearsal.high)
    is_same = np.array_equal(rehearsal.saved, rehearsal.loaded)
    yield holds(SANITY, "golden_batch", is_true=is_same)
    if len(rehearsal.latency_ms):
        slow = float(np.percentile(rehearsal.latency_ms, 99))
        yield at_most(SANITY, "latency_ms", slow, LATENCY_MS_MAX)


def _serving(candidate: Candidate, last: Finding, *, has_champion: bool) -> Serving:
    # A challenger may beat the champion and still not the baseline: then neither deserves to serve.
    if last.is_passed:
        return Serving.CANDIDATE
    evidence = candidate.evidence
    if not has_champion:
        return Serving.BASELINE
    if isinstance(evidence, ForecastEvidence) and last.gate == forecast_gate.BASELINE:
        is_beaten = bool(np.mean(evidence.champion_loss) > np.mean(evidence.baseline_loss))
        return Serving.BASELINE if is_beaten else Serving.INCUMBENT
    return Serving.INCUMBENT


class LiveRecord(NamedTuple):
    """Losses of a model since it was promoted, beside those of the model before it."""

    since_ns: int
    now_ns: int
    close_ns: IntArray
    """Closes of the forecasts whose outcomes are known, shape (n_outcomes,)."""
    settled_ns: IntArray
    loss: FloatArray
    champion_loss: FloatArray
    """Of the model that it replaces, on the same outcomes."""


def shadow_findings(record: LiveRecord, terms: GateTerms) -> tuple[Finding, ...]:
    """Return what the shadow gate finds, up to the first that is not met; time may still mend it.

    It asks for days and outcomes, and that nothing would have to be taken back.
    """
    return tuple(until_failure(_shadow(record, terms)))


def _shadow(record: LiveRecord, terms: GateTerms) -> Iterator[Finding]:
    days = (record.now_ns - record.since_ns) / DAY_NS
    yield at_least(SHADOW, "days", days, terms.shadow_days_min)
    yield at_least(SHADOW, "outcomes", independent_outcomes(record), terms.shadow_outcomes_min)
    yield at_most(SHADOW, EXCESS, excess_errors(record), ROLLBACK_ERRORS)


def rollback_findings(record: LiveRecord, *, has_drifted: bool) -> tuple[Finding, ...]:
    """Return the tests that a fresh model passes or fails; who fails one is taken back.

    Parameters
    ----------
    record : LiveRecord
        Since it weighs.
    has_drifted : bool
        Whether the detector of drift has fired on its losses since then.
    """
    excess = at_most(SHADOW, EXCESS, excess_errors(record), ROLLBACK_ERRORS)
    days = (record.now_ns - record.since_ns) / DAY_NS
    settled = at_least(SHADOW, "days_until_drift", days if has_drifted else math.inf, ROLLBACK_DAYS)
    return tuple(until_failure((excess, settled)))


def staleness_findings(record: LiveRecord, validation_loss: float) -> tuple[Finding, ...]:
    """Return whether a model's latest losses are what its validation had promised.

    Parameters
    ----------
    record : LiveRecord
        Of the latest days.
    validation_loss : float
        Mean loss on rows that its training had not seen; with 0, or with fewer than two outcomes
        that do not overlap, nothing is found.
    """
    means = group_means(record.close_ns, record.settled_ns, record.loss)
    if len(means) < 2 or validation_loss <= 0.0:
        return ()
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    mean = float(np.mean(means))
    return (at_most(SHADOW, "live_loss", mean, validation_loss + STALE_ERRORS * error),)


def independent_outcomes(record: LiveRecord) -> int:
    """Return how many outcomes of a record do not overlap; those of one close count once."""
    return len(group_means(record.close_ns, record.settled_ns, record.loss))


def excess_errors(record: LiveRecord) -> float:
    """Return by how many standard errors a model's losses lie above those of the one before it.

    Overlapping outcomes count once. 0 while there are fewer than two.
    """
    excess = record.loss - record.champion_loss
    means = group_means(record.close_ns, record.settled_ns, excess)
    if len(means) < 2:
        return 0.0
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    mean = float(np.mean(means))
    if error == 0.0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / error


def demotion_findings(evidence: ForecastEvidence) -> tuple[Finding, ...]:
    """Return whether the champion still keeps up with the baseline; who fails gives its place up.

    Parameters
    ----------
    evidence : ForecastEvidence
        Recent rows; the candidate's loss does not matter. With less than a month nothing is found.
    """
    closes = closes_of(evidence)
    if len(np.unique(closes.day)) < FORECAST_DAYS_MIN:
        return ()
    worse = difference_of(closes, closes.baseline_loss, closes.champion_loss)
    return (
        at_least(forecast_gate.BASELINE, "champion_worse_p_value", worse.p_value, DEMOTION_LEVEL),
    )
