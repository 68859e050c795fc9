"""The voter of the direction models: it says whether the side that the rules point to is right.

It speaks where the rules begin to point, and abstains everywhere else, while no model has been
promoted, and wherever a model does: for want of skill, or before a market unlike its training. What
the rules themselves say stands in votes of their own, so SAFE has something to use, and both are
scored. Where several families serve, the mean of those that speak is the vote.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from agents.agent import Outbox
from agents.challenger import Challenger
from agents.feature_shift import shift_draft
from agents.requests import Reply
from agents.served_model import BASELINE, ServedModel, Serving
from blackboard.entry import Draft, Entry
from blackboard.facts import Vote
from blackboard.facts.opinion import ModelWord
from config.settings import Settings
from models.market.bars import FloatArray
from models.opinion.direction import IGNORANCE, Answer, DirectionModel, load_direction
from models.opinion.direction_rows import DirectionTerms, Inputs, inputs_of
from models.opinion.meta_label import ensemble_scores, signal_sides
from models.opinion.rules import Opinion, RuleSettings, WeekRules
from models.opinion.signals import Reading

VOTER: Final = "learned"
FAMILIES: Final = ("rf", "xgboost", "logistic", "direction_lstm")
"""Families that may serve, in the order in which their words are averaged."""
UNPROMOTED: Final = "no model is promoted"
NO_SIGNAL: Final = "the rules begin to point to no side"
_NOBODY: Final = "none"


class Learned(NamedTuple):
    """The voter's opinion, what computed it, and the promotions that it follows from."""

    opinion: Opinion
    model: str
    causes: tuple[int, ...]
    heard: tuple[ModelWord, ...] = ()
    """What every model said that was asked, whether it counts or not."""


class _Asked(NamedTuple):
    """Who answers at a close, and whose words are only noted."""

    serving: dict[str, Serving[DirectionModel]]
    beside: dict[str, DirectionModel]
    close_ns: int


class LearnedVoter:
    """The promoted direction models, on their way through the rounds."""

    def __init__(self, settings: Settings, rules: RuleSettings) -> None:
        learner = settings.agents.learner
        self._terms = DirectionTerms(
            rules=rules,
            signal_min=settings.agents.technical.signal_score_min,
            rows_min=learner.direction_signals_min,
            leak_auc_max=learner.leak_auc_max,
        )
        self._timeframe = settings.timeframe
        self._served: Mapping[str, ServedModel[DirectionModel]] = {
            family: ServedModel(family, self._terms.schema, load_direction) for family in FAMILIES
        }
        # A refused candidate is not asked: opening it would load its library for nothing.
        self._shadows: Mapping[str, Challenger[DirectionModel]] = {
            family: Challenger(family, self._terms.schema, load_direction, hears_refused=False)
            for family in FAMILIES
        }

        self._asked: _Asked | None = None

    def see(self, entry: Entry) -> None:
        """Follow promotions, and note which models answered at a close."""
        self._asked = None
        fact = entry.fact
        if isinstance(fact, Vote):
            if fact.voter.endswith(f".{VOTER}"):
                versions = _versions_of(fact.model)
                for family, served in self._served.items():
                    served.said(entry.ts_event_ns, versions.get(family, BASELINE))
            return
        for each in self._all():
            each.see(entry)

    def hear(self, reply: Reply) -> None:
        """Take a model."""
        self._asked = None
        for family in self._all():
            family.hear(reply)

    def act(self, outbox: Outbox) -> None:
        """Ask for promoted models, and tell of those that cannot be used."""
        self._asked = None
        for family in self._all():
            family.act(outbox)

    def is_ready(self, close_ns: int) -> bool:
        """Whether it is known who answers at a close."""
        return all(served.is_ready(close_ns) for served in self._served.values())

    def serves(self, close_ns: int) -> bool:
        """Whether it is known who answers at a close, and a model does."""
        return self.is_ready(close_ns) and any(
            served.at(close_ns).model is not None for served in self._served.values()
        )

    def opinion(self, symbol: str, rules: WeekRules, close_ns: int) -> Learned:
        """Return what the models say of a close, an abstention with its reason included."""
        row = rules.row_of(close_ns)
        serving, beside, _ = self._whom_to_ask(close_ns)
        models = {family: one for family, one in serving.items() if one.model is not None}
        name = "+".join(one.version for one in models.values()) or _NOBODY
        causes = tuple(one.seq for one in serving.values() if one.seq)
        reason = NO_SIGNAL if models else UNPROMOTED
        silent = rules.abstention(row, reason)
        if not (models or beside) or row < 1 or silent.reason != reason:
            return Learned(silent, name, causes)
        window = rules.window
        scores = ensemble_scores(window.said(slice(row - 1, row + 1)))
        side = float(signal_sides(scores, self._terms.signal_min)[-1])
        if side == 0.0:
            return Learned(silent, name, causes)
        inputs = inputs_of(
            window, symbol, self._timeframe.length_ns, np.array([row]), np.array([side])
        )
        answers = {
            family: answer
            for family, one in models.items()
            if (answer := self._answer(family, one, inputs)) is not None
        }
        heard = (
            *(_word(models[each].version, one, side, counts=True) for each, one in answers.items()),
            *(
                _word(version, model.answer(inputs), side, counts=False)
                for version, model in beside.items()
            ),
        )
        if not models:
            return Learned(silent, name, causes, heard)
        reading = Reading("signal", self._timeframe.value, float(scores[-1]), 1.0)
        return Learned(_opinion(silent, side, reading, answers), name, causes, heard)

    def shifts(
        self, rules: Mapping[str, WeekRules], close_ns: int, causes: tuple[int, ...]
    ) -> list[Draft]:
        """Return how far the signals of the windows have moved from each model's training rows.

        Parameters
        ----------
        rules : mapping of str to WeekRules
            Of every symbol, carried to the close.
        close_ns : int
            The close, at which a model serves.
        causes : tuple of int
            Seqs of what the windows stand on.
        """
        serving = {family: served.at(close_ns) for family, served in self._served.items()}
        features = np.concatenate([self._signals(symbol, each) for symbol, each in rules.items()])
        return [
            draft
            for family, one in serving.items()
            if one.model is not None
            for draft in shift_draft(
                family,
                one.version,
                dict(zip(one.model.schema, one.model.feature_drifts(features), strict=False)),
                close_ns,
                self._timeframe.value,
                (*causes, one.seq),
            )
        ]

    def _signals(self, symbol: str, rules: WeekRules) -> FloatArray:
        window = rules.window
        sides = signal_sides(ensemble_scores(window.said(slice(None))), self._terms.signal_min)
        rows = np.flatnonzero(sides)
        length_ns = self._timeframe.length_ns
        return inputs_of(window, symbol, length_ns, rows, sides[rows]).features

    def _all(self) -> list[ServedModel[DirectionModel] | Challenger[DirectionModel]]:
        return [*self._served.values(), *self._shadows.values()]

    def _whom_to_ask(self, close_ns: int) -> _Asked:
        # The same for every symbol of a step, unless a model fails meanwhile.
        if self._asked is None or self._asked.close_ns != close_ns:
            serving = {family: served.at(close_ns) for family, served in self._served.items()}
            self._asked = _Asked(serving, self._beside(close_ns), close_ns)
        return self._asked

    def _beside(self, close_ns: int) -> dict[str, DirectionModel]:
        """Return the models that are asked and do not count: in shadow, or served before."""
        asked = [(each.version, each.model) for each in self._shadows.values()]
        for served in self._served.values():
            before = served.before(close_ns)
            asked.append((before.version, before.model))
        return {version: model for version, model in asked if model is not None}

    def _answer(
        self, family: str, serving: Serving[DirectionModel], inputs: Inputs
    ) -> Answer | None:
        assert serving.model is not None
        answer = serving.model.answer(inputs)
        if math.isfinite(answer.probability):
            return answer
        self._served[family].fail(serving.version, f"probability {answer.probability}")
        self._asked = None
        return None


def _opinion(
    silent: Opinion, side: float, reading: Reading, answers: Mapping[str, Answer]
) -> Opinion:
    speaking = {family: one for family, one in answers.items() if not one.abstains}
    if not speaking:
        reasons = dict.fromkeys(one.reason for one in answers.values())
        return silent._replace(reason=", ".join(reasons) or "no answer", readings=(reading,))
    chance = sum(one.probability for one in speaking.values()) / len(speaking)
    told = " ".join(f"{family} {one.probability:.3f}" for family, one in speaking.items())
    is_with = chance > 0.5
    return Opinion(
        probability_up=chance if side > 0.0 else 1.0 - chance,
        abstains=False,
        reason=f"{'up' if side > 0.0 else 'down'} is right: {told}",
        reference_price=silent.reference_price,
        barrier_distance=silent.barrier_distance,
        readings=(reading,),
        agreement=1.0 if is_with else 0.0,
        confluence=1.0 if is_with else 0.0,
    )


def _word(version: str, answer: Answer, side: float, *, counts: bool) -> ModelWord:
    is_finite = math.isfinite(answer.probability)
    chance = answer.probability if is_finite else IGNORANCE
    return ModelWord(
        scope=version,
        probability_up=chance if side > 0.0 else 1.0 - chance,
        abstains=answer.abstains or not is_finite,
        counts=counts,
    )


def _versions_of(model: str) -> dict[str, str]:
    # A version begins with its family.
    return {version.partition("/")[0]: version for version in model.split("+")}
