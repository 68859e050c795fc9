"""A direction model: the chance that the side to which the rules point is right, or an abstention.

It is a classifier with what makes its word usable: a sigmoid fitted on later rows, the record of
its training's walk-forward, and the look of its training rows. Without skill in that record, and in
front of rows unlike its own, it abstains, and what it publishes is 0.5. To abstain is the normal
state of such a model, so the reason is part of the answer.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from models.learning.drift import FeatureDrift, Reference, feature_drift, reference_from
from models.learning.skill import Skill
from models.market.bars import FloatArray
from models.opinion.classifiers import Boosted, Classifier, Forest, Line
from models.opinion.direction_lstm import SequenceNet
from models.opinion.direction_rows import Inputs
from models.opinion.novelty import Familiarity, familiarity_from

FILE: Final = "direction.json"
"""What stands beside the classifier's own file."""
IGNORANCE: Final = 0.5
NO_SKILL: Final = "no skill out of sample"
NOVEL: Final = "unlike the training rows"

LOADERS: Final[Mapping[str, tuple[str, Callable[[bytes], Classifier]]]] = {
    "rf": (Forest.file, Forest.load),
    "xgboost": (Boosted.file, Boosted.load),
    "logistic": (Line.file, Line.load),
    "direction_lstm": (SequenceNet.file, SequenceNet.load),
}
"""Family to the name of its file, and what reads it."""


class Sigmoid(NamedTuple):
    """Platt's calibration of a raw probability p: 1 ÷ (1 + exp(−intercept − slope · logit p))."""

    intercept: float
    slope: float

    def probability(self, raw: FloatArray) -> FloatArray:
        """Return the calibrated chance in each row."""
        logit = self.intercept + self.slope * np.log(raw / (1.0 - raw))
        chance: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0)))
        return chance


class Answer(NamedTuple):
    """What a model says of one row."""

    probability: float
    """Chance that the side's barrier is touched first; 0.5 where it abstains."""
    calibrated: float
    """The same before the question whether it may speak."""
    abstains: bool
    reason: str
    """Why it abstains, empty where it does not."""


@dataclass(frozen=True, slots=True)
class DirectionModel:
    """A trained direction model of one family."""

    family: str
    schema: tuple[str, ...]
    """Names of the features, the terms of the signals last; see `DirectionTerms.schema`."""
    classifier: Classifier
    sigmoid: Sigmoid
    familiarity: Familiarity
    skill: Skill
    """Out of sample, in the walk-forward of its training."""
    references: tuple[Reference, ...]
    """What each feature looked like in training, by which drift is told."""

    @property
    def is_skilled(self) -> bool:
        """Whether its record is better than saying 0.5, beyond luck."""
        return self.skill.brier_skill_low > 0.0

    def calibrated(self, inputs: Inputs) -> FloatArray:
        """Return the calibrated chance in each row, whether the model may speak or not."""
        return self.sigmoid.probability(self.classifier.probability(inputs))

    def published(self, inputs: Inputs) -> FloatArray:
        """Return what the model says in each row: 0.5 where it abstains."""
        if not self.is_skilled:
            return np.full(len(inputs.features), IGNORANCE)
        is_novel = self.familiarity.is_novel(inputs.features)
        return np.where(is_novel, IGNORANCE, self.calibrated(inputs))

    def answer(self, inputs: Inputs) -> Answer:
        """Return what the model says of the only row of some inputs."""
        is_novel = bool(self.familiarity.is_novel(inputs.features)[0])
        calibrated = IGNORANCE if is_novel else float(self.calibrated(inputs)[0])
        if not self.is_skilled:
            return Answer(IGNORANCE, calibrated, True, NO_SKILL)
        if is_novel:
            return Answer(IGNORANCE, calibrated, True, NOVEL)
        return Answer(calibrated, calibrated, False, "")

    def feature_drifts(self, features: FloatArray) -> tuple[FeatureDrift, ...]:
        """Return how far each feature of some rows has moved from the training rows."""
        return tuple(
            feature_drift(reference, features[:, place])
            for place, reference in enumerate(self.references)
        )

    def files(self) -> dict[str, bytes]:
        """Return the model as files, none of which is code."""
        content = self.classifier.content()
        about = {
            "family": self.family,
            "sha256": hashlib.sha256(content).hexdigest(),
            "schema": self.schema,
            "sigmoid": self.sigmoid._asdict(),
            "familiarity": self.familiarity.plain(),
            "skill": {**self.skill._asdict(), "reliability": []},
            "references": [each._asdict() for each in self.references],
        }
        described = json.dumps(about, sort_keys=True, allow_nan=False).encode()
        return {FILE: described, LOADERS[self.family][0]: content}


def load_direction(files: Mapping[str, bytes]) -> DirectionModel:
    """Return a model from its files.

    The classifier's file is held to its hash before it is opened, because XGBoost ends the whole
    process on a file that was cut off.

    Raises
    ------
    ValueError
        If a file is missing, of another family, cut off, or holds a figure that is not finite.
    """
    try:
        about = json.loads(files[FILE])
        family = str(about["family"])
        name, load = LOADERS[family]
        content = files[name]
        if hashlib.sha256(content).hexdigest() != about["sha256"]:
            raise ValueError(f"{name} is not the file that {FILE} was written with")
        model = DirectionModel(
            family=family,
            schema=tuple(map(str, about["schema"])),
            classifier=load(content),
            sigmoid=Sigmoid(**_finite(about["sigmoid"])),
            familiarity=familiarity_from(about["familiarity"]),
            skill=Skill(**{**_finite(about["skill"]), "reliability": ()}),
            references=tuple(reference_from(each) for each in about["references"]),
        )
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"no direction model: {error!r}") from error
    if len(model.schema) != len(model.familiarity.centre) + 1:
        raise ValueError(f"{FILE} names {len(model.schema)} columns of another number of features")
    return model


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in figures.items() if name != "reliability"}
    if not all(math.isfinite(value) for value in numbers.values()):
        raise ValueError(f"figures must be finite, were {numbers}")
    return numbers
