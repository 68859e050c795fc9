"""The proof of the limits: it holds, it looks at every limit, and it sees what is missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import launch
from agents.limits import rules
from agents.limits.reasons import Reason
from agents.limits.stakes import below_minimum_lot, heat
from config.agent import AgentSection
from config.agents import RiskSection
from config.limits import limit_settings
from config.loading import flatten
from config.settings import Settings
from models.decision import sizing
from runtime.proof.safety import proof
from runtime.proof.safety.case import Case
from runtime.proof.safety.proof import CASES, GUARDS, Finding, prove, prove_guards, summary
from runtime.proof.safety.scene import Answer
from runtime.terminals.gate import LastGate

ROOT = Path(__file__).parents[2]
SIZED = [case for case in CASES if case.reason == "below_minimum_lot"]
JUDGED = [case for case in CASES if case.limit.startswith("agents.risk.") and case not in SIZED]


def settings(**risk: Any) -> Settings:
    """Return the defaults with some of the risk section changed."""
    return Settings.model_validate({"agents": {"risk": risk}})


def finding_of(case: Case, found: list[Finding]) -> Finding:
    """Return what was found of one case."""
    (finding,) = [each for each in found if each.scenario == case.scenario]
    return finding


def problems(found: list[Finding]) -> dict[str, str]:
    """Return what is not as it must be, by limit."""
    return {finding.limit: finding.problem for finding in found if finding.problem}


@pytest.mark.parametrize(
    "configured",
    [
        settings(),
        settings(
            heat_max=0.035,
            correlated_heat_max=0.02,
            currency_risk_max=0.03,
            slipped_heat_max=0.1,
            slip_factor=2.0,
            daily_loss_max=0.01,
            drawdown_reducing=0.2,
            drawdown_halted=0.25,
            spread_median_max=2.0,
            spread_samples_min=5,
            entries_per_hour_max=3,
            positions_max=2,
            positions_per_symbol_max=3,
            leverage_max=5.0,
            leverage_profile="esma",
        ),
        settings(
            drawdown_reducing=0.05,
            drawdown_halted=0.3,
            daily_loss_max=0.15,
            weekly_loss_max=0.29,
        ),
        settings(
            entry_cooldown_min=0,
            stop_cooldown_min=0,
            stop_side_cooldown_min=0,
            losses_cooldown_min=0,
            slippage_cooldown_min=0,
            friday_flat_min=0,
            week_open_rest_min=0,
            rollover_min=0,
            correlation_max=1.0,
            correlation_mode="share",
        ),
    ],
    ids=["defaults", "others", "far-apart", "switched-off"],
)
def test_every_limit_refuses_what_is_beyond_it(configured: Settings) -> None:
    """Whatever is configured: within a limit an order passes, beyond it none does."""
    found = prove(configured)

    assert problems(found) == {}
    assert all(finding.passed_order and finding.refused_order for finding in found)


def test_every_limit_of_the_schema_is_proven() -> None:
    """All of the risk section, and whatever is marked elsewhere; each is counted once."""
    keys = [limit.key for limit in limit_settings()]

    own = RiskSection.model_fields.keys() - AgentSection.model_fields.keys()
    assert {f"agents.risk.{name}" for name in own} <= set(keys)
    assert {finding.limit for finding in prove(Settings())} == set(keys)
    assert summary(prove(Settings()))["limits"] == len(keys) == len(set(keys))


SHOWN_ELSEWHERE = {
    "terminal.conversion_age_max_min": "tests/unit/test_conversion.py",
    "terminal.real_account": "tests/unit/test_real_account.py",
    "agents.lstm_vol.veto_quantile": "tests/unit/test_lstm_vol.py",
    "cluster.restarts_max": "tests/unit/test_terminal_watch.py",
}
"""Settings that refuse too, but need a terminal's rates, a person, a market or processes for it."""

BOUNDS_OF_WORK = {
    "trading.exits.hold_bars_max",
    "terminal.bars_per_read_max",
    "terminal.calls_parallel_max",
    "terminal.backoff_max_s",
    "terminal.symbols_auto_max",
    "terminal.positions_max",
    "terminal.working_orders_max",
    "terminal.broker_requests_per_s_max",
    "terminal.bars_max",
    "board.tail_entries_max",
    "board.read_batch_max",
    "cluster.loop_age_max_s",
    "log.file_bytes_max",
    "log.files_max",
    "telegram.commands_per_min_max",
    "telegram.update_age_max_s",
    "agents.data.read_attempts_max",
    "agents.data.catch_up_bars_max",
    "trading.confluence_min",
    "agents.technical.calibration_rows_min",
    "agents.technical.component_weight_min",
    "agents.technical.skill_errors_min",
    "agents.technical.signal_score_min",
    "agents.lstm_vol.fit_rows_min",
    "agents.sentiment.calendar_refresh_min",
    "agents.sentiment.headline_half_life_min",
    "agents.sentiment.release_half_life_min",
    "agents.sentiment.post_half_life_min",
    "agents.sentiment.headlines_per_read_max",
    "agents.sentiment.score_weight_min",
    "agents.sentiment.texts.tokens_max",
    "agents.sentiment.texts.fetch_bytes_max",
    "agents.sentiment.surprises_min",
    "agents.learner.calibration_outcomes_min",
    "agents.learner.walkforward.trades_min",
    "agents.learner.recent_trades_min",
    "agents.learner.win_rate_min",
    "agents.learner.training.backfill_parts_max",
    "agents.learner.training.bars_min",
    "agents.learner.proof_outcomes_min",
    "agents.learner.outcomes_per_voter_max",
    "agents.learner.direction_signals_min",
    "agents.learner.leak_auc_max",
    "agents.learner.gates.deflated_sharpe_min",
    "agents.learner.gates.overfitting_max",
    "agents.learner.gates.shadow_days_min",
    "agents.learner.gates.shadow_days_max",
    "agents.learner.gates.shadow_outcomes_min",
    "agents.learner.gates.spa_p_max",
    "agents.learner.gates.trades_min",
    "agents.sentiment.texts.age_max_min",
    "agents.sentiment.texts.cashtags_max",
    "agents.sentiment.texts.hashtags_max",
    "agents.sentiment.texts.links_max",
    "agents.sentiment.texts.poll_min",
    "agents.sentiment.texts.posts_per_author_max",
    "agents.sentiment.texts.waiting_max",
    "trading.entries.calm_vol_ratio_max",
}
"""Settings named like limits that refuse no order: what counts as calm; how much is read, kept,
asked for at once or needed for an opinion; the simulated broker's own; minutes that are an
interval."""
READS_ONLY = "feeds."
"""Section of what feeds may say and how often they are asked; what they do not say is judged by
others."""


def test_what_is_named_like_a_limit_is_one_or_is_known_not_to_be() -> None:
    """A setting that ends like a limit is marked, shown elsewhere, or a bound of work by name."""
    keys = {limit.key for limit in limit_settings()}
    named = {
        key
        for key in flatten(Settings().model_dump())
        if key.endswith(("_max", "_min")) or "_max_" in key.rpartition(".")[2]
        if not key.startswith(READS_ONLY)
    }

    assert named - keys - SHOWN_ELSEWHERE.keys() == BOUNDS_OF_WORK
    assert keys.isdisjoint(SHOWN_ELSEWHERE.keys() | BOUNDS_OF_WORK)
    assert all((ROOT / path).is_file() for path in SHOWN_ELSEWHERE.values())


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.limit)
def test_a_limit_without_its_rule_fails(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only account, time and the smallest lot are asked, its refusal does not come."""
    monkeypatch.setattr(rules, "RULES", (*rules.RULES[:2], below_minimum_lot))

    problem = finding_of(case, prove(Settings(), [case])).problem

    assert problem == "nothing reads it" or problem.startswith("beyond it")


@pytest.mark.parametrize("case", SIZED, ids=lambda case: case.limit)
def test_a_size_without_its_bounds_fails(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every entry has the same size, the limits of the sizing chain are not kept."""

    def same(*_: float) -> float:
        return 0.007

    monkeypatch.setattr(sizing, "risk_budget_frac", same)

    assert finding_of(case, prove(Settings(), [case])).problem


def test_only_the_limit_without_its_rule_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The removal of one rule is found at its own limit and at no other."""
    monkeypatch.setattr(rules, "RULES", tuple(rule for rule in rules.RULES if rule is not heat))

    assert list(problems(prove(Settings()))) == ["agents.risk.heat_max"]


def test_a_limit_without_a_case_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is added to the section must be shown; the verb says so and fails."""
    left = tuple(case for case in CASES if case.limit != "agents.risk.heat_max")
    found = prove(Settings(), left)
    monkeypatch.setattr(prove, "__defaults__", (left,))

    told = CliRunner().invoke(launch.app, ["prove-safety"])

    assert problems(found) == {"agents.risk.heat_max": "no case shows that anything reads it"}
    assert told.exit_code == 1
    assert "FAIL agents.risk.heat_max: no case shows that anything reads it" in told.output


def test_every_reason_of_a_refusal_is_shown() -> None:
    """What no setting moves is met as well: there is no code under which nothing was refused."""
    guards = prove_guards(Settings())
    shown = {finding.reason for finding in (*prove(Settings()), *guards)}

    assert problems(guards) == {}
    # A mark that cannot be rebuilt is posted as a breach; entries are refused for no_account.
    assert {reason.value for reason in Reason} - shown == {"high_water_mark"}
    assert {"stop_file", "stale_epoch"} <= shown


@pytest.mark.parametrize("case", GUARDS[1:], ids=lambda case: case.scenario)
def test_a_guard_without_its_rule_fails(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rule that refuses is gone, another refuses in its place or nothing does."""
    names = {"_" + case.reason, case.reason}
    left = tuple(rule for rule in rules.RULES if rule.__name__ not in names)
    monkeypatch.setattr(rules, "RULES", left)
    monkeypatch.setattr(LastGate, "refusal", lambda *_: None)

    (finding,) = prove_guards(Settings(), [case])

    assert finding.problem


class Deaf:
    """A stage whose answers come from nowhere."""

    def __init__(self, _: Settings) -> None:
        self.restarts = 0

    def restart(self) -> None:
        """Forget the refusal."""
        self.restarts += 1

    def ask_again(self) -> Answer:
        """Let everything pass."""
        return Answer("again", "")

    def close(self) -> None:
        """Leave nothing behind."""


def passes(_stage: Deaf, _limit: object) -> Answer:
    """Return a permission."""
    return Answer("order", "")


def refuses(reason: str) -> Callable[[Deaf, object], Answer]:
    """Return a story that is refused."""
    return lambda _stage, _limit: Answer("order", reason)


def reading(_stage: Deaf, _limit: object) -> Answer:
    """Read the limit, and be refused for it."""
    return Answer(f"{Settings().agents.risk.heat_max}", "heat_max")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"inside": passes, "beyond": refuses("heat_max")}, "nothing reads it"),
        ({"inside": reading, "beyond": reading}, "within it 0.02 is refused by heat_max"),
        ({"inside": passes, "beyond": passes, "keeps": ()}, "nothing reads it"),
        ({"inside": passes, "beyond": reading}, "after a restart its refusal becomes a permission"),
        ({"inside": passes, "beyond": reading, "survives": False}, ""),
        (
            {"inside": passes, "beyond": reading, "reason": "margin"},
            "beyond it 0.02 is refused by heat_max, not by margin",
        ),
    ],
)
def test_proof_sees_what_is_wrong(changes: dict[str, Any], problem: str) -> None:
    """Unread, too strict, too lax, for another reason, or forgotten by a restart."""
    (case,) = [case for case in CASES if case.limit == "agents.risk.heat_max"]

    finding = finding_of(case, prove(Settings(), [replace(case, stage=Deaf, **changes)]))

    assert finding.problem == problem


def test_a_case_of_no_limit_fails() -> None:
    """A case whose setting is gone would show nothing."""
    case = replace(CASES[0], limit="agents.risk.gone", scenario="gone")

    assert finding_of(case, prove(Settings(), [case])).problem == "the schema has no such limit"


def test_the_verb_lists_every_limit() -> None:
    """Limit, scenario, refused order and reason, the count, and no failure."""
    told = CliRunner().invoke(launch.app, ["prove-safety"])

    count = len(list(limit_settings()))
    assert told.exit_code == 0
    assert f"{count} of {count} limits hold" in told.output
    assert all(limit.key in told.output for limit in limit_settings())


def test_reads_are_noted_only_while_a_case_is_played() -> None:
    """The settings are as they were before."""
    plain = RiskSection.__getattribute__

    prove(Settings(), CASES[:1])

    assert RiskSection.__getattribute__ is plain
    assert proof.CASES == CASES
