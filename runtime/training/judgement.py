"""How a training is judged under the settings: the gates' terms, and their verdict."""

from config.gates import GatesSection
from models.learning.candidate import Candidate
from models.learning.promotion import judge
from models.learning.verdict import GateTerms, Registry, Rehearsal, Verdict
from runtime.training.lesson import Lesson

UNTRIED = Registry(effective_trials=0.0, attempts=0)
"""A family of which nothing was ever tried."""


def gate_terms(gates: GatesSection) -> GateTerms:
    """Return what the operator asks of a candidate."""
    return GateTerms(
        alpha_a_quarter=gates.alpha_a_quarter,
        attempts_a_quarter=gates.attempts_a_quarter,
        trades_min=gates.trades_min,
        deflated_sharpe_min=gates.deflated_sharpe_min,
        overfitting_max=gates.overfitting_max,
        spa_p_max=gates.spa_p_max,
        shadow_days_min=gates.shadow_days_min,
        shadow_outcomes_min=gates.shadow_outcomes_min,
    )


def judged(
    candidate: Candidate,
    lesson: Lesson,
    registry: Registry = UNTRIED,
    rehearsal: Rehearsal | None = None,
    *,
    is_refresh: bool = False,
) -> Verdict:
    """Return the gates' verdict on what came of a lesson."""
    return judge(
        candidate,
        rehearsal,
        registry,
        has_champion=bool(lesson.champion),
        is_refresh=is_refresh,
        terms=gate_terms(lesson.settings.agents.learner.gates),
        seed=lesson.seed,
    )
