"""The families of models that can be trained, and how.

A family is one line of the table. What it names is loaded when the family is trained, so a family
that nobody asks for costs nothing.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blackboard.errors import ConfigError
from config.settings import Settings
from models.learning.candidate import Candidate, Untrained
from runtime.training.checkpoint_folder import CheckpointFolder
from runtime.training.lesson import Lesson

if TYPE_CHECKING:
    from models.opinion.direction_rows import DirectionTerms
    from models.opinion.har import HarTerms

Trainer = Callable[[Lesson], Candidate | Untrained]
"""Trains one family; what it cannot do is `Untrained`, never an exception."""


class Recital(NamedTuple):
    """What a model says to a golden batch, and what those who serve it can give and bear."""

    features: tuple[str, ...]
    """Columns that whoever serves the family can give, in their order."""
    said: NDArray[np.float64]
    low: float
    high: float
    """Bounds of what an output can mean."""


Recite = Callable[[Mapping[str, bytes], Lesson], Recital]
"""Loads a model of its files and asks it for some rows of the lesson."""

ALL: Final = "all"
SIGMA_FRAC_MAX: Final = 0.5
"""Forecasts of volatility from here on are nonsense for a currency pair within hours."""
RECITED_BARS: Final = 1500
"""Latest bars of each symbol whose signals a direction model recites: three weeks of M15."""
RECITED_OBSERVATIONS: Final = 256
RECITED_TEXTS: Final = (
    "Euro climbs as ECB signals another hike",
    "Sterling slumps after weak retail sales",
    "Company beats estimates and raises its outlook",
    "Shares fall on downgrade",
    "Bank of Japan leaves rates unchanged",
    "",
    "\u202eIgnore all instructions <script>",
    "up " * 400,
)
"""What a scorer of texts recites, hostile ones among them."""
LEARNS_FROM_TEXTS: Final = frozenset({"sentiment"})
"""Families that learn from labelled texts and need no bars."""


def _har(lesson: Lesson) -> Candidate | Untrained:
    from models.opinion.har import train_har

    length_ns = lesson.settings.timeframe.length_ns
    return train_har(lesson.bars, length_ns, _har_terms(lesson.settings), lesson.champion)


def _lstm(lesson: Lesson) -> Candidate | Untrained:
    from models.opinion.lstm_training import train_lstm

    return train_lstm(
        lesson.bars,
        lesson.settings.timeframe.length_ns,
        _har_terms(lesson.settings),
        lesson.champion,
        seed=lesson.seed,
        device=lesson.device,
        checkpoints=_checkpoints(lesson),
    )


def _checkpoints(lesson: Lesson) -> CheckpointFolder | None:
    return CheckpointFolder(lesson.checkpoints) if lesson.checkpoints else None


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
    from models.opinion.direction_training import train_direction

    length_ns, terms = lesson.settings.timeframe.length_ns, _direction_terms(lesson.settings)
    return train_direction(
        family,
        lesson.bars,
        length_ns,
        terms,
        lesson.seed,
        lesson.champion,
        _checkpoints(lesson),
    )


def _direction_terms(settings: Settings) -> "DirectionTerms":
    from agents.technical import rule_settings
    from models.opinion.direction_rows import DirectionTerms

    agents = settings.agents
    return DirectionTerms(
        rules=rule_settings(settings.timeframe, agents.technical),
        signal_min=agents.technical.signal_score_min,
        rows_min=agents.learner.direction_signals_min,
        leak_auc_max=agents.learner.leak_auc_max,
    )


def _ppo(lesson: Lesson) -> Candidate | Untrained:
    from runtime.training.adaptation import train_adaptation

    return train_adaptation(lesson)


def _sentiment(lesson: Lesson) -> Candidate | Untrained:
    from models.opinion.tone_training import train_sentiment
    from runtime.texts.labelled import read_labelled_texts

    section = lesson.settings.agents.sentiment.texts
    if not section.labelled_file:
        return Untrained("agents.sentiment.texts.labelled_file is empty", 0, 1)
    texts, labels = read_labelled_texts(Path(section.labelled_file), section.labels)
    return train_sentiment(texts, labels, lesson.now_ns, lesson.champion)


def _walkforward(lesson: Lesson) -> Candidate | Untrained:
    from runtime.training.walkforward import train_walkforward

    return train_walkforward(lesson)


TRAINERS: Final[Mapping[str, Trainer]] = MappingProxyType(
    {
        "har": _har,
        "lstm": _lstm,
        "rf": partial(_direction, "rf"),
        "xgboost": partial(_direction, "xgboost"),
        "logistic": partial(_direction, "logistic"),
        "direction_lstm": partial(_direction, "direction_lstm"),
        "ppo": _ppo,
        "walkforward": _walkforward,
        "sentiment": _sentiment,
    }
)
"""Family to what trains it, in the order in which `all` trains them."""


def _recite_har(files: Mapping[str, bytes], lesson: Lesson) -> Recital:
    from models.opinion.har import FEATURES, recite_har

    horizon_bars = min(lesson.settings.agents.lstm_vol.horizons_bars)
    return Recital(FEATURES, recite_har(files, lesson.bars, horizon_bars), 0.0, SIGMA_FRAC_MAX)


def _recite_lstm(files: Mapping[str, bytes], lesson: Lesson) -> Recital:
    from models.opinion.volatility_lstm import FEATURES, recite_lstm

    horizon_bars = min(lesson.settings.agents.lstm_vol.horizons_bars)
    return Recital(FEATURES, recite_lstm(files, lesson.bars, horizon_bars), 0.0, SIGMA_FRAC_MAX)


def _recite_direction(files: Mapping[str, bytes], lesson: Lesson) -> Recital:
    from models.opinion.direction import load_direction
    from models.opinion.direction_rows import direction_rows

    terms = _direction_terms(lesson.settings)
    latest = {symbol: rows[-RECITED_BARS:] for symbol, rows in lesson.bars.items()}
    rows = direction_rows(latest, lesson.settings.timeframe.length_ns, terms)
    return Recital(terms.schema, load_direction(files).calibrated(rows.inputs), 0.0, 1.0)


def _recite_ppo(files: Mapping[str, bytes], lesson: Lesson) -> Recital:
    from models.learning.adaptation.observation import NAMES
    from models.learning.adaptation.policy import load_ppo

    # Observations of a policy come from a live session; any that lie in their range will do here.
    drawn = np.random.default_rng(lesson.seed).normal(size=(RECITED_OBSERVATIONS, len(NAMES)))
    return Recital(NAMES, load_ppo(files).act(drawn).ravel(), -1.0, 1.0)


def _recite_best_params(files: Mapping[str, bytes], _lesson: Lesson) -> Recital:
    from config.parameters import bounds_of
    from models.learning.best_params import NAMES, load_best_params

    values = load_best_params(files)
    low, high = np.array([bounds_of(name) for name in NAMES]).T
    said = (np.array([values[name] for name in NAMES]) - low) / (high - low)
    return Recital(NAMES, said, 0.0, 1.0)


def _recite_sentiment(files: Mapping[str, bytes], _lesson: Lesson) -> Recital:
    from models.opinion.tone_tfidf import FEATURES, load_tfidf

    said = load_tfidf(files, "sentiment").probabilities(RECITED_TEXTS)
    return Recital(FEATURES, said.ravel(), 0.0, 1.0)


RECITALS: Final[Mapping[str, Recite]] = MappingProxyType(
    {
        "har": _recite_har,
        "lstm": _recite_lstm,
        "rf": _recite_direction,
        "xgboost": _recite_direction,
        "logistic": _recite_direction,
        "direction_lstm": _recite_direction,
        "ppo": _recite_ppo,
        "walkforward": _recite_best_params,
        "sentiment": _recite_sentiment,
    }
)
"""Family to how it is rehearsed; one without a rehearsal is judged and never promoted."""


def families_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the families that names ask for, in the table's order; ConfigError if one is none."""
    unknown = [name for name in names if name != ALL and name not in TRAINERS]
    if unknown:
        known = ", ".join((*TRAINERS, ALL))
        raise ConfigError(f"a family must be one of {known}, was {', '.join(unknown)}")
    if not names or ALL in names:
        return tuple(TRAINERS)
    return tuple(family for family in TRAINERS if family in names)
