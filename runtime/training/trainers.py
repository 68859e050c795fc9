"""The families of models that can be trained, and how.

A family is one line of the table. What it names is loaded when the family is trained, so a family
that nobody asks for costs nothing.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from blackboard.errors import ConfigError
from config.settings import Settings
from models.learning.candidate import Candidate, Untrained
from runtime.training.lesson import Lesson

if TYPE_CHECKING:
    from models.opinion.har import HarTerms

Trainer = Callable[[Lesson], Candidate | Untrained]
"""Trains one family; what it cannot do is `Untrained`, never an exception."""

ALL: Final = "all"


def _har(lesson: Lesson) -> Candidate | Untrained:
    from models.opinion.har import train_har

    length_ns = lesson.settings.timeframe.length_ns
    return train_har(lesson.bars, length_ns, _har_terms(lesson.settings), lesson.champion)


def _lstm(lesson: Lesson) -> Candidate | Untrained:
    from models.opinion.lstm_training import train_lstm
    from runtime.training.checkpoint_folder import CheckpointFolder

    return train_lstm(
        lesson.bars,
        lesson.settings.timeframe.length_ns,
        _har_terms(lesson.settings),
        lesson.champion,
        seed=lesson.seed,
        checkpoints=CheckpointFolder(lesson.checkpoints) if lesson.checkpoints else None,
    )


def _har_terms(settings: Settings) -> "HarTerms":
    from models.opinion.har import HarTerms

    section = settings.agents.lstm_vol
    return HarTerms(
        horizons_bars=section.horizons_bars,
        coverage=section.band_coverage,
        veto_quantile=section.veto_quantile,
        rows_min=section.fit_rows_min,
    )


def _direction(family: str, lesson: Lesson) -> Candidate | Untrained:
    from agents.technical import rule_settings
    from models.opinion.direction_rows import DirectionTerms
    from models.opinion.direction_training import train_direction

    settings, agents = lesson.settings, lesson.settings.agents
    terms = DirectionTerms(
        rules=rule_settings(settings.timeframe, agents.technical),
        signal_min=agents.technical.signal_score_min,
        rows_min=agents.learner.direction_signals_min,
        leak_auc_max=agents.learner.leak_auc_max,
    )
    length_ns = settings.timeframe.length_ns
    return train_direction(family, lesson.bars, length_ns, terms, lesson.seed, lesson.champion)


TRAINERS: Final[Mapping[str, Trainer]] = MappingProxyType(
    {
        "har": _har,
        "lstm": _lstm,
        "rf": partial(_direction, "rf"),
        "xgboost": partial(_direction, "xgboost"),
        "logistic": partial(_direction, "logistic"),
        "direction_lstm": partial(_direction, "direction_lstm"),
    }
)
"""Family to what trains it, in the order in which `all` trains them."""


def families_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the families that names ask for, in the table's order; ConfigError if one is none."""
    unknown = [name for name in names if name != ALL and name not in TRAINERS]
    if unknown:
        known = ", ".join((*TRAINERS, ALL))
        raise ConfigError(f"a family must be one of {known}, was {', '.join(unknown)}")
    if not names or ALL in names:
        return tuple(TRAINERS)
    return tuple(family for family in TRAINERS if family in names)
