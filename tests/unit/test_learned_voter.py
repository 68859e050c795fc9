"""The voter of the direction models: silent without one, and then about the side of the rules."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from agents import learned_voter
from agents.agent import Outbox
from agents.learned_voter import NO_SIGNAL, UNPROMOTED, LearnedVoter
from agents.requests import ModelRead, ReadModel
from agents.technical import rule_settings
from blackboard.entry import Entry
from blackboard.facts import AnyFact, ModelFailed, ModelPromoted, Timeframe, Vote
from config.settings import Settings
from models.learning.candidate import Candidate
from models.market.sessions import HOUR_NS
from models.opinion import direction_training
from models.opinion.direction import NO_SKILL, Answer
from models.opinion.direction_rows import DirectionRows, DirectionTerms, Inputs, inputs_of
from models.opinion.meta_label import ensemble_scores, signal_sides
from models.opinion.rules import WeekRules
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars

SETTINGS = Settings()
RULES = rule_settings(SETTINGS.timeframe, SETTINGS.agents.technical)
BARS = random_bars(1_900, seed=3)


class Says:
    """A model that always gives one answer."""

    def __init__(self, probability: float, reason: str = "") -> None:
        self.given = Answer(probability, probability, bool(reason), reason)

    def answer(self, inputs: Inputs) -> Answer:
        """Return it, for one row of the market that has features."""
        assert inputs.features.shape[0] == 1
        assert np.isfinite(inputs.features).all()
        return self.given


class Desk:
    """The voter with models that a test promotes, and the rules of a symbol."""

    def __init__(self, rules: WeekRules) -> None:
        self.voter = LearnedVoter(SETTINGS, RULES)
        self.rules = rules
        self.seq = 0

    def see(self, fact: AnyFact, ts_event_ns: int = 0, author: str = "learner") -> None:
        """Let the voter see a fact."""
        self.seq += 1
        self.voter.see(
            Entry(
                seq=self.seq, author=author, epoch=1, key=f"{author}/{self.seq}", fact=fact,
                ts_event_ns=ts_event_ns, known_at_ns=ts_event_ns, read_to=0, now_ns=ts_event_ns,
            )
        )  # fmt: skip

    def promote(self, family: str, version: str, files: str) -> None:
        """Promote a version that holds what `files` names."""
        self.see(
            ModelPromoted(scope=family, version=version, content_hash="h", effective_from_ns=1)
        )
        outbox = Outbox()
        self.voter.act(outbox)
        (asked,) = [each for each in outbox.requests if isinstance(each, ReadModel)]
        assert asked.family == family
        self.voter.hear(ModelRead(request=asked, files=((files, b""),)))

    def at(self, row: int) -> learned_voter.Learned:
        """Return what the voter says of a row."""
        return self.voter.opinion("EURUSD", self.rules, int(BARS["close_ns"][row]))


@pytest.fixture(scope="module")
def rules() -> WeekRules:
    """Give the rules over all bars."""
    return WeekRules(BARS, RULES)


@pytest.fixture(scope="module")
def sides(rules: WeekRules) -> np.ndarray:
    """Give the side of every row at which the rules begin to point."""
    scores = ensemble_scores(rules.window.said(slice(None)))
    return signal_sides(scores, SETTINGS.agents.technical.signal_score_min)


@pytest.fixture
def desk(rules: WeekRules, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Give a voter whose models are what their file is called."""

    def load(files: Mapping[str, bytes]) -> Any:
        (name,) = files
        models = {"sure": Says(0.7), "doubt": Says(0.4), "silent": Says(0.5, NO_SKILL)}
        if name == "broken":
            raise ValueError("not a model")
        return models.get(name, Says(float("nan")))

    monkeypatch.setattr(learned_voter, "load_direction", load)
    return Desk(rules)


def row_of(sides: np.ndarray, side: float) -> int:
    """Return a late row at which the rules begin to point to a side."""
    return int(np.flatnonzero(sides == side)[-1])


def test_without_a_promoted_model_it_abstains(desk: Desk, sides: np.ndarray) -> None:
    """The normal state is an abstention that says why, on the barriers of the rules."""
    row = row_of(sides, 1.0)

    said = desk.at(row)

    assert desk.voter.is_ready(int(BARS["close_ns"][row]))
    assert (said.opinion.abstains, said.opinion.reason) == (True, UNPROMOTED)
    assert (said.model, said.causes) == ("none", ())
    assert said.opinion.reference_price == BARS["close"][row]
    assert said.opinion.barrier_distance > 0.0


@pytest.mark.parametrize(("side", "expected"), [(1.0, 0.7), (-1.0, 0.3)])
def test_chance_of_the_side_becomes_the_chance_of_a_rise(
    desk: Desk, sides: np.ndarray, side: float, expected: float
) -> None:
    """0.7 for a long is 0.7 up, 0.7 for a short is 0.3; the vote names model and promotion."""
    desk.promote("rf", "rf/0123", "sure")

    said = desk.at(row_of(sides, side))

    assert not said.opinion.abstains
    assert said.opinion.probability_up == pytest.approx(expected)
    assert (said.model, said.causes) == ("rf/0123", (1,))
    assert [each.name for each in said.opinion.readings] == ["signal"]
    assert said.opinion.agreement == 1.0


def test_where_the_rules_do_not_begin_to_point_it_abstains(desk: Desk, sides: np.ndarray) -> None:
    """A model is asked where it was trained: at signals, and nowhere else."""
    desk.promote("rf", "rf/0123", "sure")
    row = int(np.flatnonzero(sides == 0.0)[-1])

    assert desk.at(row).opinion.reason == NO_SIGNAL
    assert desk.at(0).opinion.abstains


def test_families_that_speak_are_averaged(desk: Desk, sides: np.ndarray) -> None:
    """One says 0.7, one 0.4, one is silent: 0.55, and all three are named."""
    desk.promote("rf", "rf/a", "sure")
    desk.promote("xgboost", "xgboost/b", "doubt")
    desk.promote("logistic", "logistic/c", "silent")

    said = desk.at(row_of(sides, 1.0))

    assert said.opinion.probability_up == pytest.approx(0.55)
    assert said.model == "rf/a+xgboost/b+logistic/c"
    assert said.causes == (1, 2, 3)


def test_model_that_abstains_makes_an_abstention_with_its_reason(
    desk: Desk, sides: np.ndarray
) -> None:
    """A model without skill is heard saying so."""
    desk.promote("rf", "rf/a", "silent")

    said = desk.at(row_of(sides, 1.0))

    assert (said.opinion.abstains, said.opinion.reason) == (True, NO_SKILL)
    assert said.opinion.probability_up == 0.5


@pytest.mark.parametrize(("files", "was_serving"), [("broken", False), ("nonsense", True)])
def test_model_that_cannot_be_used_is_a_fact_and_no_vote(
    desk: Desk, sides: np.ndarray, files: str, was_serving: bool
) -> None:
    """One that does not load, or says NaN, is told of; the voter abstains."""
    desk.promote("rf", "rf/a", files)

    said = desk.at(row_of(sides, 1.0))
    outbox = Outbox()
    desk.voter.act(outbox)

    assert said.opinion.abstains
    (failed,) = [draft.fact for draft in outbox.drafts]
    assert isinstance(failed, ModelFailed)
    assert (failed.version, failed.was_serving) == ("rf/a", was_serving)


def test_close_that_was_answered_stays_with_its_model(desk: Desk, sides: np.ndarray) -> None:
    """A voter rebuilt in the middle of a round goes on with what its votes name."""
    row = row_of(sides, 1.0)
    close_ns = int(BARS["close_ns"][row])
    desk.promote("rf", "rf/a", "sure")
    vote = Vote(
        scope="GBPUSD", voter="technical.learned", timeframe=Timeframe.M15, probability_up=0.7,
        abstains=False, reason="", horizon_bars=64, reference_price=1.1, barrier_distance=0.001,
        model="none",
    )  # fmt: skip
    desk.see(vote, close_ns, "technical")

    assert desk.at(row).model == "none"
    assert desk.at(row_of(sides, -1.0)).model == "rf/a"


def test_a_trained_model_is_read_and_heard(
    rules: WeekRules, sides: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From rows of this market to files, to a promotion, to a vote that names the version."""
    rows = np.arange(1_300, 1_900)
    inputs = inputs_of(rules.window, "EURUSD", M15_NS, rows, np.ones(len(rows)))
    chance = 1.0 / (1.0 + np.exp(-2.0 * inputs.features[:, 3]))
    close_ns = SUNDAY_OPEN_NS + 5 * HOUR_NS * np.arange(len(rows))
    judged = DirectionRows(
        inputs,
        close_ns,
        close_ns + HOUR_NS,
        (np.random.default_rng(1).uniform(size=len(rows)) < chance).astype(np.float64),
        np.ones(len(rows)),
    )
    monkeypatch.setattr(direction_training, "direction_rows", lambda *_: judged)
    terms = DirectionTerms(RULES, SETTINGS.agents.technical.signal_score_min, 300, 1.0)
    candidate = direction_training.train_direction("logistic", {}, M15_NS, terms, 1, {})
    assert isinstance(candidate, Candidate)
    desk = Desk(rules)
    desk.see(
        ModelPromoted(scope="logistic", version="logistic/1", content_hash="h", effective_from_ns=1)
    )
    outbox = Outbox()
    desk.voter.act(outbox)
    (asked,) = [each for each in outbox.requests if isinstance(each, ReadModel)]
    row = 1_300 + row_of(sides[1_300:1_700], 1.0)  # one that it has learned from

    waiting = desk.voter.is_ready(int(BARS["close_ns"][row]))
    desk.voter.hear(ModelRead(request=asked, files=tuple(candidate.files.items())))
    said = desk.at(row)

    assert asked.feature_schema == candidate.feature_schema
    assert not waiting
    assert said.model == "logistic/1"
    assert not said.opinion.abstains
    assert said.opinion.reason.startswith("up is right: logistic 0.")
    assert said.opinion.probability_up != 0.5
