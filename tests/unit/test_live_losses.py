"""Models since they were let in: shadow, rollback and demotion, from facts to facts."""

import math
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from agents.learner import LearnerAgent
from agents.requests import ModelRead, ReadModel, Unanswered
from agents.training.live_losses import Tenure
from agents.training.outcomes import Outcome
from agents.training.requests import NoteShadow, ServeModel, ShadowNoted, Train, Trained
from agents.training.succession import Reign
from blackboard.entry import Draft
from blackboard.facts import (
    DriftDetected,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    RetrainRequested,
    TrainingStarted,
    VolatilityForecast,
    Vote,
)
from blackboard.facts.opinion import ModelWord, RivalForecast
from config.settings import Settings
from models.learning.drift import RenewedStream
from models.market.sessions import DAY_NS
from models.opinion.variance import parkinson_variance
from tests.chamber import M15, a_forecast
from tests.random_bars import M15_NS, random_bars
from tests.stage import Stage, bar_drafts
from tests.unit.test_lstm_vol import (
    SYMBOLS,
    WEEK_BARS,
    a_stage,
    begin_week,
    close_bar,
    trained_files,
)

BARS = random_bars(3_500, seed=5)
CLOSES_NS: list[int] = BARS["close_ns"].tolist()
VARIANCE = parkinson_variance(BARS["high"], BARS["low"])
HORIZON_BARS = 4
WEEKLY = "har/0123456789ab"
FIRST, SECOND = "lstm/aaaaaaaaaaaa", "lstm/bbbbbbbbbbbb"


def settings_of(families: tuple[str, ...], **gates: object) -> Settings:
    """Return settings of one symbol whose families train on weekends only."""
    return Settings.model_validate(
        {
            "symbols": ("EURUSD",),
            "agents": {
                "learner": {
                    "gates": gates,
                    "training": {"when": "always", "families": families, "daily_families": ()},
                }
            },
        }
    )


class Desk:
    """The learner, the closes of a market, and what the models say of each."""

    def __init__(self, families: tuple[str, ...] = ("lstm",), **gates: object) -> None:
        self.stage = Stage(lambda: LearnerAgent(settings_of(families, **gates)))
        self.row = -1
        self.asked: list[object] = []
        self.close({})

    def close(self, errors: Mapping[str, float]) -> None:
        """Let a bar close, at which each model errs by a factor on the variance to come.

        The first answers, `shadow:` marks the one that does not count; with none nobody speaks.
        """
        self.row += 1
        now_ns = CLOSES_NS[self.row]
        self.stage.post("data", now_ns, *bar_drafts({"EURUSD": BARS}, self.row))
        if errors:
            ahead = float(VARIANCE[self.row + 1 : self.row + 1 + HORIZON_BARS].sum())
            sigmas = {name: math.sqrt(ahead * error) for name, error in errors.items()}
            self.stage.post("lstm_vol", now_ns, self._forecast(sigmas, now_ns))
        self.turn()

    def _forecast(self, sigmas: Mapping[str, float], now_ns: int) -> Draft:
        (model, sigma), *others = sigmas.items()
        shadow = [(name[7:], each) for name, each in others if name.startswith("shadow:")]
        fact = a_forecast(
            HORIZON_BARS,
            sigma_frac=sigma,
            sigma_low_frac=sigma / 2.0,
            sigma_high_frac=sigma * 2.0,
            model=model,
            rivals=tuple(
                RivalForecast(scope=name, sigma_frac=each)
                for name, each in others
                if not name.startswith("shadow:")
            ),
            challenger=shadow[0][0] if shadow else "",
            challenger_sigma_frac=shadow[0][1] if shadow else 0.0,
        )
        return Draft(fact=fact, ts_event_ns=now_ns, timeframe="M15", ordinal="4")

    def turn(self, *replies: object) -> None:
        """Let the learner step until it is at rest."""
        for _ in range(4):
            outbox = self.stage.turn(CLOSES_NS[self.row], replies)  # type: ignore[arg-type]
            self.asked += outbox.requests
            replies = tuple(
                ShadowNoted(request=each)
                for each in outbox.requests
                if isinstance(each, NoteShadow)
            )

    def run(self, days: float, errors: Mapping[str, float], *, noise: float = 0.0) -> None:
        """Let days go by; with noise the errors of those that are wrong vary by close."""
        rng = np.random.default_rng(self.row)
        until_ns = CLOSES_NS[self.row] + int(days * DAY_NS)
        while CLOSES_NS[self.row + 1] <= until_ns:
            drawn = {
                name: error * math.exp(noise * float(rng.normal())) if error != 1.0 else 1.0
                for name, error in errors.items()
            }
            self.close(drawn)

    def graduate(self, version: str, loss: float = 0.0) -> None:
        """End the latest training with a candidate that has passed every gate."""
        training = [each for each in self.asked if isinstance(each, Train)][-1]
        self.turn(
            Trained(
                request=training,
                version=version,
                content_hash="c" * 64,
                rows=5000,
                trained_until_ns=1,
                validation_loss=loss,
                has_passed=True,
                detail="told",
            )
        )

    def promote(self, version: str) -> None:
        """Let a version serve, as an operator would."""
        now_ns = CLOSES_NS[self.row]
        fact = ModelPromoted(
            scope=version.partition("/")[0],
            version=version,
            content_hash="c" * 64,
            effective_from_ns=now_ns + 1,
        )
        draft = Draft(fact=fact, ts_event_ns=now_ns, ordinal=version)
        self.stage.post("learner", now_ns, draft)
        self.turn()


def test_a_candidate_that_passed_is_in_shadow_and_weighs_nothing() -> None:
    """The verdict names until when; the store is told; nothing is promoted meanwhile."""
    desk = Desk()
    desk.graduate(FIRST)

    (report,) = desk.stage.facts(GateReport)
    assert (report.is_promoted, report.failed_gate, report.detail) == (False, "", "told")
    assert report.shadow_until_ns - CLOSES_NS[1] == 5 * DAY_NS
    noted = [each for each in desk.asked if isinstance(each, NoteShadow)]
    assert [(each.version, each.until_ns) for each in noted] == [(FIRST, report.shadow_until_ns)]
    desk.run(4.0, {WEEKLY: 2.0, f"shadow:{FIRST}": 1.0})
    assert desk.stage.facts(ModelPromoted) == []


def test_a_good_shadow_is_promoted_after_its_days_and_outcomes() -> None:
    """Five days and thirty outcomes later: a second verdict, then the promotion that follows it."""
    desk = Desk()
    desk.graduate(FIRST)

    desk.run(7.5, {WEEKLY: 2.0, f"shadow:{FIRST}": 1.0}, noise=0.1)

    first, second = desk.stage.entries(GateReport)
    (promoted,) = desk.stage.entries(ModelPromoted)
    assert (second.fact.is_promoted, second.fact.version) == (True, FIRST)
    assert second.fact.shadow_since_ns == CLOSES_NS[0]
    assert second.ts_event_ns >= first.fact.shadow_until_ns
    assert promoted.fact.content_hash == "c" * 64
    assert promoted.fact.effective_from_ns > promoted.ts_event_ns
    entry = desk.stage.board.history(ModelPromoted, limit=1)[0]
    kinds = {each.kind for each in desk.stage.board.lineage(entry.seq)}
    assert kinds >= {"GateReport", "CandidateTrained", "TrainingStarted", "VolatilityForecast"}
    assert [each.version for each in desk.asked if isinstance(each, ServeModel)] == [FIRST]


def test_a_bad_shadow_is_refused_with_its_figure() -> None:
    """Losses beyond two standard errors above those of what serves: it never weighs."""
    desk = Desk()
    desk.graduate(FIRST)

    desk.run(7.5, {WEEKLY: 1.0, f"shadow:{FIRST}": 2.0}, noise=0.1)

    _, report = desk.stage.facts(GateReport)
    assert (report.is_promoted, report.failed_gate) == (False, "shadow.excess_errors")
    assert report.detail.startswith("shadow.excess_errors: ")
    assert report.detail.endswith(" not within 2")
    assert desk.stage.facts(ModelPromoted) == []
    noted = [each for each in desk.asked if isinstance(each, NoteShadow)][-1]
    assert (noted.until_ns, noted.failed_gate) == (0, "shadow.excess_errors")


def test_a_shadow_that_is_never_asked_ends_too() -> None:
    """With too few outcomes after its longest time it is refused for want of them."""
    desk = Desk(shadow_days_min=1.0, shadow_days_max=3.0, shadow_outcomes_min=400)
    desk.graduate(FIRST)

    desk.run(7.5, {WEEKLY: 2.0, f"shadow:{FIRST}": 1.0})

    report = desk.stage.facts(GateReport)[1]
    assert report.failed_gate == "shadow.outcomes"


def test_a_shadow_of_which_nothing_is_heard_ends_in_time() -> None:
    """A candidate that cannot be loaded says nothing, and keeps nobody waiting for ever."""
    desk = Desk(shadow_days_min=1.0, shadow_days_max=3.0)
    desk.graduate(FIRST)

    desk.run(3.5, {})

    report = desk.stage.facts(GateReport)[1]
    assert report.failed_gate == "shadow.outcomes"
    assert report.detail == "shadow.outcomes: 0 not within 30"


def test_a_family_with_a_candidate_in_shadow_waits_with_its_next_training() -> None:
    """The weekend's is left out, or no candidate would ever have its days; a request is not."""
    desk = Desk(shadow_days_min=9.0)
    desk.graduate(FIRST)
    desk.run(8.0, {WEEKLY: 2.0, f"shadow:{FIRST}": 1.0})
    assert len(desk.stage.facts(TrainingStarted)) == 1

    asked = RetrainRequested(scope="lstm", reason="operator", evidence="")
    now_ns = CLOSES_NS[desk.row]
    desk.stage.post("supervisor", now_ns, Draft(fact=asked, ts_event_ns=now_ns))
    desk.turn()

    assert [fact.reason for fact in desk.stage.facts(TrainingStarted)] == ["first", "requested"]


def test_the_regression_of_volatility_has_no_shadow() -> None:
    """What is the baseline itself serves from the next close."""
    desk = Desk(("har",))
    desk.graduate("har/cccccccccccc")

    (report,) = desk.stage.facts(GateReport)
    assert (report.is_promoted, report.shadow_until_ns) == (True, 0)
    assert [fact.version for fact in desk.stage.facts(ModelPromoted)] == ["har/cccccccccccc"]


def test_a_rebuilt_learner_comes_to_the_same_verdict() -> None:
    """Killed in the middle of a shadow, it folds the outcomes and posts nothing twice."""
    errors = {WEEKLY: 2.0, f"shadow:{FIRST}": 1.0}
    steady, killed = Desk(), Desk()
    for desk in (steady, killed):
        desk.graduate(FIRST)
        desk.run(3.0, errors)
        if desk is killed:
            desk.stage.rebuild(CLOSES_NS[desk.row])
        desk.run(4.5, errors)

    assert len(steady.stage.facts(ModelPromoted)) == 1
    for kind in (GateReport, ModelPromoted):
        assert killed.stage.entries(kind) == steady.stage.entries(kind)


def test_a_fresh_model_that_loses_to_the_one_before_is_taken_back() -> None:
    """At the end of a trading day, with the figure; its predecessor is asked on beside it."""
    desk = Desk()
    desk.promote(FIRST)
    desk.run(1.0, {FIRST: 1.0, WEEKLY: 2.0}, noise=0.1)
    desk.promote(SECOND)

    desk.run(4.0, {SECOND: 2.0, FIRST: 1.0, WEEKLY: 3.0}, noise=0.1)

    (back,) = desk.stage.facts(ModelRolledBack)
    assert (back.version, back.replaced_version) == (FIRST, SECOND)
    assert back.reason.startswith("rollback: shadow.excess_errors: ")
    assert back.reason.endswith(" not within 2")
    entry = desk.stage.board.history(ModelRolledBack, limit=1)[0]
    assert "VolatilityForecast" in {each.kind for each in desk.stage.board.lineage(entry.seq)}


def test_a_fresh_model_that_keeps_up_stays() -> None:
    """Better than the one before it, and as good as its validation had promised."""
    desk = Desk()
    desk.promote(FIRST)

    desk.run(6.0, {FIRST: 1.0, WEEKLY: 2.0}, noise=0.1)

    assert desk.stage.facts(ModelRolledBack) == []
    assert desk.stage.facts(DriftDetected) == []


def test_a_champion_that_loses_to_the_baseline_for_a_month_is_demoted() -> None:
    """As good as the one before it, which is no reason to stay; then nobody trained serves."""
    desk = Desk()
    desk.promote(FIRST)
    desk.run(1.0, {FIRST: 2.0, WEEKLY: 3.0}, noise=0.1)
    desk.promote(SECOND)

    desk.run(32.0, {SECOND: 2.0, FIRST: 2.0, WEEKLY: 1.6}, noise=0.1)

    (back,) = desk.stage.facts(ModelRolledBack)
    assert (back.version, back.replaced_version) == ("", SECOND)
    assert back.reason.startswith("demoted: baseline.champion_worse_p_value: ")


def test_losses_beyond_the_promise_of_validation_ask_for_a_training() -> None:
    """Three standard errors above it over five days; the model stays until one is better."""
    desk = Desk(shadow_days_min=0.0, shadow_outcomes_min=2)
    desk.graduate(FIRST, loss=1e-3)
    desk.run(1.0, {WEEKLY: 3.0, f"shadow:{FIRST}": 1.5})
    assert [fact.version for fact in desk.stage.facts(ModelPromoted)] == [FIRST]

    desk.run(9.0, {FIRST: 1.5, WEEKLY: 3.0}, noise=0.05)

    alarm = desk.stage.facts(DriftDetected)[0]
    assert (alarm.scope, alarm.statistic) == ("lstm", "loss")
    assert alarm.value > alarm.threshold > 1e-3
    assert desk.stage.facts(ModelRolledBack) == []
    weekly = [each for each in desk.asked if isinstance(each, Train)][-1]
    desk.turn(Unanswered(request=weekly, reason="over time"))
    desk.run(1.0, {FIRST: 1.5, WEEKLY: 3.0})
    assert "drift" in [fact.reason for fact in desk.stage.facts(TrainingStarted)]


def a_vote(words: Mapping[str, float], up: float, row: int) -> Draft:
    """Return a vote at a close whose barriers lie so near that the next bars touch one."""
    fact = Vote(
        scope="EURUSD",
        voter="technical.learned",
        timeframe=M15,
        probability_up=0.5,
        abstains=True,
        reason="test",
        horizon_bars=8,
        reference_price=float(BARS["close"][row]),
        barrier_distance=1e-4,
        model="none",
        heard=tuple(
            ModelWord(
                scope=name.removeprefix("served:"),
                probability_up=chance if up else 1.0 - chance,
                abstains=False,
                counts=name.startswith("served:"),
            )
            for name, chance in words.items()
        ),
    )
    return Draft(fact=fact, ts_event_ns=CLOSES_NS[row], timeframe="M15", ordinal="learned")


def test_a_version_that_serves_is_judged_by_what_is_not_too_old() -> None:
    """An outcome counts for its time, beside the version before and beside the baseline."""
    tenure = Tenure(Reign(FIRST, at_ns=0, effective_from_ns=0, seq=1), RenewedStream(DAY_NS))
    pairs = (tenure.beside_before, tenure.beside_baseline)
    for close_ns in range(4):
        outcome = Outcome(close_ns, close_ns + 10, ({FIRST: 0.5, WEEKLY: 1.0},), (1,))
        for pair in pairs:
            pair.add(outcome, FIRST, WEEKLY)

    tenure.forget(close_ns=112, kept_ns=100)

    for pair in pairs:
        assert pair.record(0, 112).settled_ns.tolist() == [12, 13]


@pytest.mark.parametrize(("chance", "gate"), [(0.8, ""), (0.2, "shadow.excess_errors")])
def test_a_direction_model_is_held_against_silence(chance: float, gate: str) -> None:
    """Right four times in five it is promoted after its shadow; wrong as often it is refused."""
    desk = Desk(("rf",))
    desk.graduate("rf/dddddddddddd")
    until_ns = CLOSES_NS[desk.row] + 7.5 * DAY_NS
    while CLOSES_NS[desk.row + 1] <= until_ns:
        desk.close({})
        ahead = BARS["close"][desk.row + 4] > BARS["close"][desk.row]
        words = {"rf/dddddddddddd": chance}
        desk.stage.post("technical", CLOSES_NS[desk.row], a_vote(words, float(ahead), desk.row))

    _, report = desk.stage.facts(GateReport)
    assert report.failed_gate == gate
    assert len(desk.stage.facts(ModelPromoted)) == (not gate)


def test_after_a_rollback_the_next_forecast_is_that_of_the_version_before() -> None:
    """From the outcomes to the forecaster: the close after next is answered by the predecessor.

    Until then the one that lost answers, and the predecessor and the regression beside it.
    """
    desk = Desk(("har",))
    first, second = "har/aaaaaaaaaaaa", "har/bbbbbbbbbbbb"
    desk.promote(first)
    desk.run(1.0, {first: 1.0, WEEKLY: 2.0}, noise=0.1)
    desk.promote(second)
    desk.run(4.0, {second: 2.0, first: 1.0, WEEKLY: 3.0}, noise=0.1)
    (back,) = desk.stage.facts(ModelRolledBack)

    market = {symbol: random_bars(4 * WEEK_BARS, seed) for seed, symbol in enumerate(SYMBOLS)}
    stage, row = a_stage(), 3 * WEEK_BARS
    now_ns = begin_week(stage, market)
    files = tuple(trained_files(market).items())
    for version in (first, second):
        fact = ModelPromoted(
            scope="har", version=version, content_hash="c" * 64, effective_from_ns=now_ns + 1
        )
        draft = Draft(fact=fact, ts_event_ns=now_ns, ordinal=version)
        stage.post("learner", now_ns, draft)
    asked = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
    stage.turn(now_ns, [ModelRead(request=each, files=files) for each in asked])
    now_ns = close_bar(stage, market, row + 1)
    before = stage.facts(VolatilityForecast)[-1]
    taken_back = msgspec.structs.replace(back, effective_from_ns=now_ns + M15_NS)
    stage.post("learner", now_ns, Draft(fact=taken_back, ts_event_ns=now_ns))
    close_bar(stage, market, row + 2)
    after = stage.facts(VolatilityForecast)[-1]

    assert (before.model, after.model) == (second, first)
    assert before.rivals[0].scope == first
    assert len(before.rivals) == 2
    assert before.rivals[1].scope not in (first, second)


def test_a_forecast_fact_refuses_a_rival_without_a_word() -> None:
    """A sigma of 0 says nothing and is left out."""
    with pytest.raises(ValueError, match="sigma_frac"):
        RivalForecast(scope=WEEKLY, sigma_frac=0.0)
