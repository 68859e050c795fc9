"""Trainings as facts: begun, judged, promoted, taken back, and the store that follows."""

from collections.abc import Sequence

import pytest

from agents.agent import Outbox
from agents.learner import LearnerAgent
from agents.requests import Request, Unanswered
from agents.training.requests import (
    Champion,
    ChampionsRead,
    ModelServed,
    ReadChampions,
    ServeModel,
    Train,
    Trained,
    TriedConfiguration,
)
from blackboard.entry import Draft
from blackboard.facts import (
    CandidateTrained,
    DriftDetected,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    RetrainRequested,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
)
from config.agent import Mode
from config.agents import AgentsSection, LearnerSection
from config.settings import Settings
from config.training import TrainingSection
from models.market.sessions import HOUR_NS
from tests.random_bars import random_bars
from tests.stage import Stage, bar_drafts

BARS = {"EURUSD": random_bars(400)}
CLOSES_NS: list[int] = BARS["EURUSD"]["close_ns"].tolist()
FIRST, SECOND = "har/aaaaaaaaaaaa", "har/bbbbbbbbbbbb"


def settings_of(
    when: str = "always", mode: Mode = Mode.ENABLED, daily: tuple[str, ...] = ("har",)
) -> Settings:
    """Return settings of one symbol and one family."""
    training = TrainingSection.model_validate(
        {"when": when, "families": ("har",), "daily_families": daily}
    )
    learner = LearnerSection(enabled=mode, training=training)
    return Settings(symbols=("EURUSD",), agents=AgentsSection(learner=learner))


class School:
    """The learner with a world that trains as the test says."""

    def __init__(
        self, when: str = "always", mode: Mode = Mode.ENABLED, daily: tuple[str, ...] = ("har",)
    ) -> None:
        self.stage = Stage(lambda: LearnerAgent(settings_of(when, mode, daily)))
        self.row = -1
        self.asked: list[Request] = []

    def close(self) -> int:
        """Post the next close and let the learner answer; return its time."""
        self.row += 1
        now_ns = CLOSES_NS[self.row]
        self.stage.post("data", now_ns, *bar_drafts(BARS, self.row))
        self.turn()
        return now_ns

    def turn(self, *replies: object) -> None:
        """Let the learner step until it is at rest."""
        now_ns = CLOSES_NS[self.row]
        given: Sequence[object] = replies
        for _ in range(6):
            outbox: Outbox = self.stage.turn(now_ns, given)  # type: ignore[arg-type]
            self.asked += outbox.requests
            given = ()

    def tell(self, author: str, fact: object) -> None:
        """Let somebody post and the learner see it."""
        now_ns = CLOSES_NS[self.row]
        draft = Draft(fact=fact, ts_event_ns=now_ns, ordinal=str(len(self.asked)))  # type: ignore[arg-type]
        self.stage.post(author, now_ns, draft)
        self.turn()

    def training(self) -> Train:
        """Return the latest training that was asked for."""
        return [request for request in self.asked if isinstance(request, Train)][-1]

    def graduate(self, version: str, *, has_passed: bool, is_baseline_due: bool = False) -> None:
        """End the training with a candidate."""
        self.turn(
            Trained(
                request=self.training(),
                version=version,
                content_hash="c" * 64,
                rows=5000,
                trained_until_ns=1,
                data_hash="d" * 64,
                trials=(TriedConfiguration(trial_id="t" * 16, parameters="{}", score=-0.3),),
                has_passed=has_passed,
                is_baseline_due=is_baseline_due,
                failed_gate="" if has_passed else "forecast.loss_ratio",
                detail="told",
            )
        )
        for request in self.asked:
            if isinstance(request, ServeModel):
                self.turn(ModelServed(request=request))

    def promoted(self, version: str) -> None:
        """Train and promote one version."""
        self.tell("supervisor", RetrainRequested(scope="har", reason="by hand", evidence=""))
        self.graduate(version, has_passed=True)
        self.close()


@pytest.fixture
def school() -> School:
    """Return a school that has begun its first training."""
    school = School()
    school.close()
    return school


def test_the_first_close_begins_the_first_training(school: School) -> None:
    """The fact stands before the request, which names the same attempt."""
    (started,) = school.stage.entries(TrainingStarted)

    assert started.fact.reason == "first"
    assert school.training().attempt_ns == started.ts_event_ns
    assert [isinstance(each, Train) for each in school.asked].count(True) == 1


def test_a_promotion_stands_at_the_end_of_its_causes(school: School) -> None:
    """From the promotion `why` leads to the report, the candidate, the attempt and the bar."""
    school.graduate(FIRST, has_passed=True)

    (promoted,) = school.stage.facts(ModelPromoted)
    assert promoted.version == FIRST
    assert promoted.effective_from_ns > CLOSES_NS[school.row]
    entry = school.stage.board.history(ModelPromoted, limit=1)[0]
    kinds = {each.kind for each in school.stage.board.lineage(entry.seq)}
    assert kinds >= {"ModelPromoted", "GateReport", "CandidateTrained", "TrainingStarted", "Bar"}
    assert len(school.stage.facts(TrialRecorded)) == 1
    asked = [each for each in school.asked if isinstance(each, ServeModel)]
    assert [(each.version, each.reason) for each in asked] == [(FIRST, "")]


def test_a_refused_candidate_changes_nothing_that_serves(school: School) -> None:
    """The report names the gate, and the next training waits for its time."""
    school.graduate(FIRST, has_passed=False)
    school.close()

    (report,) = school.stage.facts(GateReport)
    assert (report.is_promoted, report.failed_gate) == (False, "forecast.loss_ratio")
    assert len(school.stage.facts(CandidateTrained)) == 1
    assert school.stage.facts(ModelPromoted) == []
    assert len(school.stage.facts(TrainingStarted)) == 1


@pytest.mark.parametrize(
    "reason", ["over time: more than 900 s", "over memory: more than 3000 MB", "not_finite: w"]
)
def test_a_failed_training_is_a_fact_and_leaves_the_champion(school: School, reason: str) -> None:
    """Why there is nothing is told, and what served serves."""
    school.graduate(FIRST, has_passed=True)
    school.tell("supervisor", RetrainRequested(scope="har", reason="by hand", evidence=""))
    school.turn()
    school.close()
    school.tell("supervisor", RetrainRequested(scope="har", reason="by hand", evidence=""))
    school.turn(Unanswered(request=school.training(), reason=reason))

    assert school.stage.facts(TrainingSkipped)[-1].reason == reason
    assert [fact.version for fact in school.stage.facts(ModelPromoted)] == [FIRST]
    assert school.stage.facts(ModelRolledBack) == []


def test_too_little_history_says_how_much_is_missing(school: School) -> None:
    """Reason, have and need stand in the fact."""
    school.turn(Trained(request=school.training(), reason="too few bars", have=960, need=2000))

    (skipped,) = school.stage.facts(TrainingSkipped)
    assert (skipped.reason, skipped.have, skipped.need) == ("too few bars", 960, 2000)


def test_a_learner_in_shadow_judges_and_never_promotes() -> None:
    """The verdict stands, its failed gate is the shadow, and nothing serves."""
    school = School(mode=Mode.SHADOW)
    school.close()
    school.graduate(FIRST, has_passed=True)

    (report,) = school.stage.facts(GateReport)
    assert (report.is_promoted, report.failed_gate) == (False, "shadow")
    assert school.stage.facts(ModelPromoted) == []


@pytest.mark.parametrize("when", ["auto", "never"])
def test_without_training_nothing_is_asked(when: str) -> None:
    """A run over history asks nothing of models, so it is what it was."""
    school = School(when=when)
    for _ in range(3):
        school.close()

    assert school.asked == []
    assert school.stage.facts(TrainingStarted) == []


def test_drift_takes_a_fresh_model_back_and_makes_its_family_due() -> None:
    """By the version before it, within three days; trained again a day after the last time."""
    school = School(daily=())
    school.close()
    school.graduate(FIRST, has_passed=True)
    school.close()
    school.promoted(SECOND)
    drift = DriftDetected(scope="har", statistic="adwin", value=1.0, threshold=0.1)
    school.tell("learner", drift)

    (back,) = school.stage.facts(ModelRolledBack)
    assert (back.version, back.replaced_version) == (FIRST, SECOND)
    assert back.reason == "drift: shadow.days_until_drift: 0.01042 not within 3"
    begun = school.stage.entries(TrainingStarted)
    while len(school.stage.facts(TrainingStarted)) == len(begun):
        school.close()
    again = school.stage.entries(TrainingStarted)[-1]
    assert again.fact.reason == "drift"
    assert again.ts_event_ns - begun[-1].ts_event_ns == 24 * HOUR_NS


def test_the_emergency_rule_asks_for_every_family(school: School) -> None:
    """A mean R below 0 beyond chance is a reason; few winners alone are none."""
    school.graduate(FIRST, has_passed=False)
    school.close()
    warning = DriftDetected(scope="account", statistic="win_rate", value=0.3, threshold=0.4)
    school.tell("learner", warning)
    assert len(school.stage.facts(TrainingStarted)) == 1

    proof = DriftDetected(scope="account", statistic="expectancy", value=0.01, threshold=0.05)
    school.tell("learner", proof)
    assert school.stage.facts(TrainingStarted)[-1].reason == "emergency"
    assert not school.training().is_refresh


def test_a_model_that_fails_is_taken_back(school: School) -> None:
    """To the one before it; and if that one fails too, to the baseline."""
    school.graduate(FIRST, has_passed=True)
    school.close()
    school.promoted(SECOND)
    for version in (SECOND, FIRST):
        failed = ModelFailed(scope="har", version=version, reason="nan", was_serving=True)
        school.tell("lstm_vol", failed)
        school.close()

    backs = school.stage.facts(ModelRolledBack)
    assert [(back.replaced_version, back.version) for back in backs] == [
        (SECOND, FIRST),
        (FIRST, ""),
    ]


def test_what_the_baseline_beats_gives_its_place_up(school: School) -> None:
    """The verdict on a challenger can be that neither deserves to serve."""
    school.graduate(FIRST, has_passed=True)
    school.close()
    school.tell("supervisor", RetrainRequested(scope="har", reason="by hand", evidence=""))
    school.graduate(SECOND, has_passed=False, is_baseline_due=True)

    (back,) = school.stage.facts(ModelRolledBack)
    assert (back.version, back.reason) == ("", "beaten by the baseline")


def test_the_board_follows_an_operator_who_changed_the_store(school: School) -> None:
    """A rollback by hand is seen at the next close; a promotion by hand as well."""
    school.graduate(FIRST, has_passed=True)
    school.close()
    by_hand = Champion(family="har", version="", content_hash="", reason="by hand")
    asked = [each for each in school.asked if isinstance(each, ReadChampions)][-1]
    school.turn(ChampionsRead(request=asked, champions=(by_hand,)))

    (back,) = school.stage.facts(ModelRolledBack)
    assert (back.version, back.replaced_version, back.reason) == ("", FIRST, "by hand")

    school.close()
    trained = Champion(family="har", version=SECOND, content_hash="c" * 64, reason="")
    for request in school.asked:
        if isinstance(request, ServeModel):
            school.turn(ModelServed(request=request))
    school.turn(ChampionsRead(request=asked, champions=(trained,)))
    assert school.stage.facts(ModelPromoted)[-1].version == SECOND


def test_a_store_that_lags_behind_the_board_is_told_and_not_followed(school: School) -> None:
    """Until the store has noted a promotion, what it says is old."""
    school.turn(
        Trained(
            request=school.training(),
            version=FIRST,
            content_hash="c" * 64,
            has_passed=True,
        )
    )
    asked = [each for each in school.asked if isinstance(each, ReadChampions)][-1]
    old = Champion(family="har", version="", content_hash="", reason="by hand")
    school.turn(ChampionsRead(request=asked, champions=(old,)))

    assert school.stage.facts(ModelRolledBack) == []


def test_a_rebuilt_learner_asks_for_the_open_attempt_again(school: School) -> None:
    """The same attempt, so the world finds it done; nothing is begun twice."""
    now_ns = CLOSES_NS[school.row]
    before = school.training()
    outbox = school.stage.rebuild(now_ns)

    assert [each for each in outbox.requests if isinstance(each, Train)] == [before]
    assert len(school.stage.facts(TrainingStarted)) == 1


def test_a_day_later_the_daily_family_is_due_again(school: School) -> None:
    """After 17:00 New York, which is where the trading day ends."""
    school.graduate(FIRST, has_passed=False)
    for _ in range(4 * 48):
        school.close()

    reasons = [fact.reason for fact in school.stage.facts(TrainingStarted)]
    assert reasons == ["first", "daily"]
    begun_ns = school.stage.entries(TrainingStarted)[-1].ts_event_ns
    assert (begun_ns // HOUR_NS) % 24 == 22  # 17:00 in New York's winter


def test_who_asks_for_all_is_answered_when_all_are_judged(school: School) -> None:
    """The verdict waits for the models' trainings, and is dated by its own time."""
    school.graduate(FIRST, has_passed=False)
    school.close()
    asked_ns = CLOSES_NS[school.row]
    request = RetrainRequested(scope="all", reason="drawdown_reducing", evidence="")
    school.tell("supervisor", request)
    school.close()
    assert [fact.scope for fact in school.stage.facts(GateReport)] == ["har"]

    school.graduate(SECOND, has_passed=False)

    reports = school.stage.entries(GateReport)
    assert [said.fact.scope for said in reports] == ["har", "har", "all"]
    assert reports[-1].ts_event_ns > asked_ns
    for _ in range(3):
        school.close()
    assert len(school.stage.facts(GateReport)) == 3


def test_without_trainings_a_request_is_answered_at_once() -> None:
    """By the calibrations alone, at the time of the request."""
    school = School(when="never")
    school.close()
    school.tell("supervisor", RetrainRequested(scope="all", reason="by hand", evidence=""))

    (report,) = school.stage.entries(GateReport)
    assert (report.fact.scope, report.ts_event_ns) == ("all", CLOSES_NS[0])
