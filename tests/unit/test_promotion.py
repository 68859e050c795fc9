"""The gates: what passes, and that every refusal names the test that failed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.training.terms import gate_terms
from config.gates import GatesSection
from models.learning.candidate import ForecastEvidence, Trial
from models.learning.promotion import (
    LiveRecord,
    demotion_findings,
    excess_errors,
    rollback_findings,
    shadow_findings,
)
from models.learning.verdict import DAY_NS, GateTerms, Registry, Serving, quarter_of
from tests.candidates import (
    DAYS,
    FRESH,
    HOUR_NS,
    TRAINED_UNTIL_NS,
    YEAR,
    a_candidate,
    a_rehearsal,
    best_of,
    forecast_evidence,
    strategy_evidence,
    verdict_on,
)

RETURNS = np.random.default_rng(3).standard_normal(DAYS)
EDGE = 0.01 * (RETURNS - RETURNS.mean() + 3.5 / YEAR * RETURNS.std())
"""Three years of days whose Sharpe ratio is 3.5 in the sample."""


def test_a_better_forecaster_is_promoted_by_name_of_every_gate() -> None:
    """Saving a fifth of the loss every hour for 25 days is no luck."""
    verdict = verdict_on(a_candidate(forecast_evidence()))

    assert verdict.is_promoted
    assert verdict.failed is None
    assert verdict.failed_gate == ""
    assert verdict.gates_passed == ("sanity", "alpha_spending", "forecast", "baseline")
    assert "tests of sanity, alpha_spending" in verdict.detail


def test_a_strategy_with_an_edge_is_promoted() -> None:
    """One trial, three years, Sharpe 3.5."""
    verdict = verdict_on(a_candidate(strategy_evidence(EDGE)))

    assert verdict.is_promoted
    assert verdict.gates_passed == ("sanity", "alpha_spending", "strategy")


@pytest.mark.parametrize(
    ("changes", "test"),
    [
        ({"feature_schema": ("y",)}, "schema"),
        ({"saved": np.array([0.4, np.nan])}, "finite"),
        ({"saved": np.empty(0), "loaded": np.empty(0)}, "finite"),
        ({"low": 0.5}, "low"),
        ({"high": 0.5}, "high"),
        ({"loaded": np.array([0.4, 0.6 + 1e-15])}, "golden_batch"),
        ({"latency_ms": np.array([1.0, 150.0])}, "latency_ms"),
    ],
)
def test_sanity_names_what_is_broken(changes: dict[str, Any], test: str) -> None:
    """A model that forecasts well and serves badly does not serve."""
    candidate = a_candidate(forecast_evidence())

    verdict = verdict_on(candidate, rehearsal=a_rehearsal(**changes))

    assert verdict.failed_gate == f"sanity.{test}"
    assert verdict.serving is Serving.BASELINE


def test_nothing_is_promoted_unrehearsed() -> None:
    """Whoever only looks at a training sees its evidence judged, and no promotion."""
    verdict = verdict_on(a_candidate(forecast_evidence()), rehearsal=None)

    assert verdict.failed_gate == "sanity.rehearsal"
    assert "forecast" in verdict.gates_passed


def test_a_training_on_no_rows_is_refused() -> None:
    """The first test of all."""
    verdict = verdict_on(a_candidate(forecast_evidence(), rows=0))

    assert verdict.failed_gate == "sanity.rows"
    assert verdict.gates_passed == ()


def _broken(**changes: Any) -> ForecastEvidence:
    return replace(forecast_evidence(), **changes)


GOOD = forecast_evidence()


@pytest.mark.parametrize(
    ("evidence", "test"),
    [
        (_broken(loss=np.where(np.arange(len(GOOD.loss)) == 7, np.nan, GOOD.loss)), "losses"),
        (_broken(loss=GOOD.loss[1:]), "losses"),
        (_broken(settled_ns=GOOD.settled_ns[1:]), "losses"),
        (forecast_evidence(days=18), "days"),
        (_broken(close_ns=GOOD.close_ns - 2 * HOUR_NS), "purged_ns"),
        (_broken(loss=0.995 * GOOD.baseline_loss), "loss_ratio"),
        (_broken(loss=GOOD.loss + 0.18), "p_value"),
    ],
    ids=["nan", "rows", "outcomes", "days", "purged", "ratio", "p"],
)
def test_forecast_gate_names_what_failed(evidence: ForecastEvidence, test: str) -> None:
    """Losses that were seen in training, of too few days, too small a gain, or luck."""
    if test == "p_value":  # a gain of 2 % in an ocean of noise
        noise = 2.0 * np.random.default_rng(5).standard_normal(len(evidence.loss))
        evidence = replace(evidence, loss=evidence.loss + noise - noise.mean())
    verdict = verdict_on(a_candidate(evidence))

    assert verdict.failed_gate == f"forecast.{test}"
    assert verdict.failed is not None
    assert not verdict.failed.is_passed


def test_a_gain_of_one_day_is_not_enough() -> None:
    """A mean that a single day carries is no record: QLIKE has no upper bound."""
    rows = np.arange(len(GOOD.loss))
    spike = np.where(rows < 20, 40.0, 0.0)
    evidence = replace(
        GOOD,
        loss=GOOD.baseline_loss + 0.001,
        baseline_loss=GOOD.baseline_loss + spike,
        champion_loss=GOOD.baseline_loss + 2.0,
    )

    verdict = verdict_on(a_candidate(evidence))

    assert verdict.failed_gate == "baseline.loss_ratio_without_best_day"


def test_a_refreshed_model_may_be_no_worse_than_the_champion() -> None:
    """Not so a challenger: for a change of models there must be a reason."""
    champion = GOOD.loss * 1.001
    evidence = replace(GOOD, champion_loss=champion)

    refreshed = verdict_on(a_candidate(evidence), has_champion=True, is_refresh=True)
    challenger = verdict_on(a_candidate(evidence), has_champion=True)

    assert refreshed.is_promoted
    assert challenger.failed_gate == "forecast.loss_ratio"
    assert challenger.serving is Serving.INCUMBENT


def test_a_refreshed_model_that_may_be_worse_is_refused() -> None:
    """The upper bound of its excess lies above 1 %."""
    evidence = replace(GOOD, champion_loss=GOOD.loss / 1.02)

    verdict = verdict_on(a_candidate(evidence), has_champion=True, is_refresh=True)

    assert verdict.failed_gate == "forecast.loss_excess_bound"


def test_who_beats_the_champion_and_not_the_baseline_brings_the_baseline_back() -> None:
    """Then neither of the two deserves to serve."""
    evidence = replace(GOOD, baseline_loss=GOOD.loss - 0.1, champion_loss=GOOD.loss + 0.2)

    verdict = verdict_on(a_candidate(evidence), has_champion=True)

    assert verdict.failed_gate == "baseline.loss_ratio"
    assert verdict.serving is Serving.BASELINE


def test_the_champion_stays_where_only_the_candidate_is_unproven() -> None:
    """A refusal is no demotion."""
    evidence = replace(
        GOOD,
        loss=GOOD.loss + 0.199,
        champion_loss=GOOD.loss + 0.198,
    )

    verdict = verdict_on(a_candidate(evidence), has_champion=True, is_refresh=True)

    assert verdict.failed_gate.startswith("baseline.")
    assert verdict.serving is Serving.INCUMBENT


def test_configurations_of_one_training_share_its_level() -> None:
    """A gain at p just below an attempt's level is none if 200 forecasters were tried."""
    evidence = forecast_evidence(gain=0.06)
    evidence = replace(
        evidence,
        loss=evidence.loss + 0.4 * np.random.default_rng(6).standard_normal(len(GOOD.loss)),
    )
    alone = a_candidate(evidence)
    of_many = replace(alone, trials=tuple(Trial(f'{{"n":{n}}}', 1.0) for n in range(200)))

    p_values = [each.value for each in verdict_on(alone).findings if each.name == "p_value"]

    assert 0.0 < p_values[0] < GateTerms().level
    assert verdict_on(of_many).failed_gate == "forecast.p_value"


@pytest.mark.parametrize(
    ("changes", "test"),
    [
        ({"trades": 99}, "trades"),
        ({"fold_scores": np.array([1.0, -1.0, 1.0, -1.0])}, "folds_positive"),
        ({"fold_scores": np.empty(0)}, "folds_positive"),
        ({"drawdown_frac": 0.13, "champion_drawdown_frac": 0.10}, "drawdown"),
        ({"neighbour_scores": np.array([0.2, 0.7, 1.0]), "score": 1.0}, "neighbours"),
        ({"day_returns": np.where(np.arange(DAYS) == 5, np.nan, EDGE)}, "returns"),
        ({"day_returns": EDGE[1:]}, "returns"),
        ({"day_returns": EDGE - EDGE.mean()}, "dsr"),
        ({"champion_day_returns": EDGE + 0.001}, "spa_p_value"),
    ],
)
def test_strategy_gate_names_what_failed(changes: dict[str, Any], test: str) -> None:
    """Each test refuses by itself what passes all the others."""
    verdict = verdict_on(a_candidate(replace(strategy_evidence(EDGE), **changes)))

    assert verdict.failed_gate == f"strategy.{test}"
    assert verdict.serving is Serving.BASELINE


def test_a_champion_that_hardly_trades_is_no_measure_of_drawdown() -> None:
    """Less than half of what stops trading is never too much."""
    evidence = strategy_evidence(EDGE, drawdown_frac=0.05, champion_drawdown_frac=0.0)

    assert verdict_on(a_candidate(evidence)).is_promoted


def test_the_same_candidate_passes_with_few_trials_and_fails_with_many() -> None:
    """What a result is worth depends on how much was tried for it, whenever that was."""
    candidate = a_candidate(strategy_evidence(0.01 * RETURNS + (EDGE - 0.01 * RETURNS) * 0.8))

    few = verdict_on(candidate, Registry(effective_trials=3.0, attempts=0))
    many = verdict_on(candidate, Registry(effective_trials=5_000.0, attempts=0))

    assert few.is_promoted
    assert many.failed_gate == "strategy.dsr"


def test_cells_that_move_together_count_as_few() -> None:
    """320 cells of 16 ideas: the raw number would refuse the edge, the effective one keeps it."""
    generator = np.random.default_rng(12)
    ideas = 0.01 * generator.standard_normal((DAYS, 16))
    ideas[:, 0] += 0.01 * (2.9 / YEAR - ideas[:, 0].mean() / ideas[:, 0].std())
    cells = np.repeat(ideas, 20, axis=1)
    cells += 0.0005 * generator.standard_normal(cells.shape)
    candidate = best_of(cells)
    silent = tuple(replace(each, returns=np.empty(0)) for each in candidate.trials)

    effective = verdict_on(candidate)
    raw = verdict_on(replace(candidate, trials=silent))

    assert 10.0 < effective.effective_trials < 17.0
    assert effective.is_promoted
    assert raw.effective_trials == 320.0
    assert raw.failed_gate == "strategy.dsr"


def test_a_trial_that_cannot_be_read_counts_singly() -> None:
    """A NaN among a trial's returns takes nothing from their number."""
    generator = np.random.default_rng(9)
    candidate = best_of(0.01 * generator.standard_normal((DAYS, 4)))
    spoilt = replace(candidate.trials[0], returns=np.full(DAYS, np.nan))

    verdict = verdict_on(replace(candidate, trials=(spoilt, *candidate.trials[1:])))

    assert verdict.effective_trials == pytest.approx(4.0, abs=0.05)


def test_the_choice_must_hold_where_it_matters() -> None:
    """Trials that all earn make PBO a half and are no overfitting: money says so."""
    generator = np.random.default_rng(8)
    common = generator.standard_normal((DAYS, 1)) + 3.5 / YEAR
    alike = 0.01 * (common + 0.2 * generator.standard_normal((DAYS, 12)))

    verdict = verdict_on(best_of(alike))

    found = {each.name: each for each in verdict.findings}
    assert verdict.is_promoted
    assert "pbo" not in found
    assert found["pbo_money_loss"].value == 0.0


def test_a_quarter_has_only_so_many_attempts() -> None:
    """Refused ones count: what was looked at has been looked at."""
    candidate = a_candidate(forecast_evidence())

    last = verdict_on(candidate, Registry(0.0, attempts=12))
    beyond = verdict_on(candidate, Registry(0.0, attempts=13))

    assert last.is_promoted
    assert beyond.failed_gate == "alpha_spending.attempts"
    assert beyond.detail == "alpha_spending.attempts: 14 not within 13"


def test_an_attempt_spends_its_share() -> None:
    """0.05 a quarter over 13 weeks; daily looks ask for more each."""
    assert GateTerms().level == pytest.approx(0.05 / 13)  # 0.00385
    assert GateTerms(attempts_a_quarter=65).level == pytest.approx(0.05 / 65)  # 0.00077


def test_quarters_begin_with_their_month() -> None:
    """Numbers differ across the border and nowhere else."""
    first_of_2018 = 1_514_764_800_000_000_000

    assert quarter_of(first_of_2018) == (2018 - 1970) * 4
    assert quarter_of(first_of_2018 - 1) == (2018 - 1970) * 4 - 1
    assert quarter_of(first_of_2018 + 89 * DAY_NS) == (2018 - 1970) * 4  # 31 March


def test_terms_come_from_the_settings() -> None:
    """The defaults of both are the same, and each setting arrives."""
    changed = GatesSection(alpha_a_quarter=0.02, shadow_outcomes_min=40)

    assert gate_terms(GatesSection()) == GateTerms()
    assert gate_terms(changed) == GateTerms(alpha_a_quarter=0.02, shadow_outcomes_min=40)


def a_record(excess: float, outcomes: int = 40, days: float = 6.0) -> LiveRecord:
    """Return losses above those of the model before by `excess` standard errors."""
    wiggle = np.where(np.arange(outcomes) % 2 == 0, 1.0, -1.0)
    error = float(np.std(wiggle, ddof=1)) / np.sqrt(outcomes)
    close_ns = TRAINED_UNTIL_NS + HOUR_NS * np.arange(outcomes)
    return LiveRecord(
        since_ns=TRAINED_UNTIL_NS,
        now_ns=TRAINED_UNTIL_NS + int(days * DAY_NS),
        close_ns=close_ns,
        settled_ns=close_ns + HOUR_NS,
        loss=1.0 + wiggle + excess * error,
        champion_loss=np.ones(outcomes),
    )


@pytest.mark.parametrize(
    ("record", "failed"),
    [
        (a_record(0.0), ""),
        (a_record(0.0, days=4.0), "days"),
        (a_record(0.0, outcomes=28), "outcomes"),
        (a_record(2.5), "excess_errors"),
    ],
)
def test_a_model_in_shadow_waits_for_days_and_outcomes(record: LiveRecord, failed: str) -> None:
    """And does not begin to weigh if it would have to be taken back."""
    last = shadow_findings(record, GateTerms())[-1]

    assert ("" if last.is_passed else last.name) == failed


@pytest.mark.parametrize(
    ("excess", "days", "has_drifted", "failed"),
    [
        (1.9, 10.0, False, ""),
        (2.1, 10.0, False, "excess_errors"),
        (0.0, 2.0, True, "days_until_drift"),
        (0.0, 3.5, True, ""),
    ],
)
def test_a_fresh_model_is_taken_back(
    excess: float, days: float, has_drifted: bool, failed: str
) -> None:
    """By two standard errors at any time, by an alarm of drift within three days."""
    last = rollback_findings(a_record(excess, days=days), has_drifted=has_drifted)[-1]

    assert ("" if last.is_passed else last.name) == failed


def test_excess_counts_overlapping_outcomes_once() -> None:
    """Twenty outcomes of one and the same four hours are one piece of luck."""
    record = a_record(0.0, outcomes=20)
    overlapping = record._replace(settled_ns=record.close_ns + 4 * HOUR_NS, loss=np.arange(20.0))

    # Rows 0, 4, 8, 12, 16 stand alone: mean 8, deviation √40, error √8; less the champion's 1.
    assert excess_errors(overlapping) == pytest.approx(7.0 / np.sqrt(8.0))
    assert excess_errors(record._replace(loss=record.champion_loss + 1.0)) == np.inf
    one = overlapping._replace(
        close_ns=record.close_ns[:1],
        settled_ns=record.settled_ns[:1],
        loss=np.array([9.0]),
        champion_loss=np.array([1.0]),
    )
    assert excess_errors(one) == 0.0


def test_a_champion_that_falls_behind_the_baseline_is_demoted() -> None:
    """Nobody has to challenge it; with less than a month nothing is said."""
    behind = replace(GOOD, champion_loss=GOOD.baseline_loss + 0.2 + 0.1 * RETURNS[: len(GOOD.loss)])

    (found,) = demotion_findings(behind)

    assert not found.is_passed
    assert demotion_findings(GOOD)[0].is_passed
    assert demotion_findings(forecast_evidence(days=18)) == ()


def test_attempts_do_not_change_what_was_found() -> None:
    """The same candidate, terms and seed give the same verdict."""
    candidate = a_candidate(strategy_evidence(EDGE))

    assert verdict_on(candidate).findings == verdict_on(candidate, FRESH).findings
