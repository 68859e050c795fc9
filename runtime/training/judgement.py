"""How a training is judged under the settings: the gates' verdict."""

from agents.training.terms import gate_terms
from models.learning.candidate import Candidate
from models.learning.promotion import judge
from models.learning.verdict import Registry, Rehearsal, Verdict
from runtime.training.lesson import Lesson


def judged(
    candidate: Candidate,
    lesson: Lesson,
    registry: Registry,
    rehearsal: Rehearsal | None,
    *,
    is_refresh: bool,
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
