"""A whole learning week: trained, promoted, drifted, taken back, trained again and refused."""

from itertools import pairwise
from pathlib import Path

import pytest

from blackboard.board import Board
from blackboard.entry import Entry
from blackboard.facts import (
    CandidateTrained,
    Decision,
    DriftDetected,
    Fact,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    TrainingStarted,
    VolatilityForecast,
)
from models.market.sessions import DAY_NS
from runtime.model_store import ModelStore
from tests.learning_week import START_NS, learning_host, learning_settings, planted_bars

STORM_NS = START_NS + 29 * DAY_NS // 24
"""Early on Tuesday: soon enough that the alarm comes within three days of the promotion."""
END_NS = START_NS + 140 * DAY_NS // 24
"""Saturday, after the weekend's trainings."""


class Week:
    """A week that has been run."""

    def __init__(self, board: Board, models: Path) -> None:
        self.board = board
        self.models = models

    def entries(self, kind: type[Fact]) -> list[Entry]:
        """Return all entries of a kind, oldest first."""
        return list(self.board.history(kind, limit=1_000_000))

    def lineage(self, entry: Entry) -> dict[str, Entry]:
        """Return what `why` tells of an entry, by kind the newest."""
        return {each.kind: each for each in reversed(self.board.lineage(entry.seq))}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    """Run the council over the week."""
    home = tmp_path_factory.mktemp("home")
    bars = {"EURUSD": planted_bars(END_NS + DAY_NS, STORM_NS, seed=1)}
    settings = learning_settings(home, daily_families=())
    host = learning_host(settings, bars, home / "models", END_NS)
    host.run()
    return Week(host.board, home / "models")


def test_the_week_is_told_as_facts(week: Week) -> None:
    """First training promoted, alarm, taken back, candidate refused, and the weekend's refused."""
    story = (TrainingStarted, CandidateTrained, ModelPromoted, DriftDetected, ModelRolledBack)
    reports = [entry.fact for entry in week.entries(GateReport)]
    counts = [len(week.entries(kind)) for kind in story]

    assert counts == [3, 3, 1, 1, 1]
    reasons = [getattr(entry.fact, "reason", "") for entry in week.entries(TrainingStarted)]
    assert reasons == ["first", "drift", "weekly"]
    assert all(isinstance(report, GateReport) for report in reports)
    assert [getattr(report, "is_promoted", None) for report in reports] == [True, False, False]
    assert [bool(getattr(report, "failed_gate", "")) for report in reports] == [False, True, True]
    versions = [getattr(entry.fact, "version", "") for entry in week.entries(CandidateTrained)]
    assert versions == [getattr(report, "version", "") for report in reports]
    assert len(set(versions)) == 3


def test_the_alarm_follows_from_forecasts_that_went_wrong(week: Week) -> None:
    """It comes after the storm, and names a forecast of the promoted model and its last bar."""
    (alarm,) = week.entries(DriftDetected)
    (promoted,) = week.entries(ModelPromoted)
    causes = [week.board.entry(seq) for seq in alarm.causes]

    assert isinstance(alarm.fact, DriftDetected)
    assert alarm.fact.value > alarm.fact.threshold
    assert alarm.ts_event_ns > STORM_NS
    assert [cause.kind for cause in causes] == ["VolatilityForecast", "Bar"]
    assert getattr(causes[0].fact, "model", "") == getattr(promoted.fact, "version", None)
    assert promoted.seq in causes[0].causes


def test_a_fresh_model_that_drifts_is_taken_back(week: Week) -> None:
    """The rollback's causes are the alarm and the promotion; so is the next training's."""
    (alarm,) = week.entries(DriftDetected)
    (promoted,) = week.entries(ModelPromoted)
    (back,) = week.entries(ModelRolledBack)

    assert isinstance(back.fact, ModelRolledBack)
    assert back.fact.version == ""
    assert back.fact.reason.startswith("drift: shadow.days_until_drift: 2.")
    assert set(back.causes) == {alarm.seq, promoted.seq}
    assert alarm.seq in week.entries(TrainingStarted)[1].causes
    assert alarm.ts_event_ns - promoted.known_at_ns < 3 * DAY_NS


def test_why_leads_from_a_decision_to_what_the_model_came_from(week: Week) -> None:
    """A decision under the model leads to its promotion, verdict, candidate and training."""
    (promoted,) = week.entries(ModelPromoted)
    (back,) = week.entries(ModelRolledBack)
    assert isinstance(promoted.fact, ModelPromoted)
    under = [
        week.lineage(entry)
        for entry in week.entries(Decision)
        if promoted.known_at_ns < entry.ts_event_ns < back.known_at_ns
    ]

    chain = ("ModelPromoted", "GateReport", "CandidateTrained", "TrainingStarted", "Bar")
    assert under
    for lineage in under:
        assert lineage.keys() >= {*chain, "VolatilityForecast"}
        assert lineage["ModelPromoted"] == promoted
    refused = week.lineage(week.entries(GateReport)[1])
    assert refused.keys() >= {"CandidateTrained", "TrainingStarted", "DriftDetected"}


def test_every_close_is_forecast_by_who_serves_at_it(week: Week) -> None:
    """The model from the close on at which its promotion takes effect, until its rollback's."""
    (promoted,) = week.entries(ModelPromoted)
    (back,) = week.entries(ModelRolledBack)
    assert isinstance(promoted.fact, ModelPromoted)
    assert isinstance(back.fact, ModelRolledBack)
    version = promoted.fact.version
    closes = [entry.ts_event_ns for entry in week.entries(Decision)]
    by_close: dict[int, list[VolatilityForecast]] = {}
    for entry in week.entries(VolatilityForecast):
        assert isinstance(entry.fact, VolatilityForecast)
        by_close.setdefault(entry.ts_event_ns, []).append(entry.fact)

    assert list(by_close) == closes
    assert all(earlier < later for earlier, later in pairwise(closes))
    for close_ns, forecasts in by_close.items():
        serves = promoted.fact.effective_from_ns <= close_ns < back.fact.effective_from_ns
        assert [forecast.horizon_bars for forecast in forecasts] == [4, 16]
        assert {forecast.model == version for forecast in forecasts} == {serves}


def test_the_store_has_the_same_record(week: Week) -> None:
    """All three trials and verdicts stand in it, and the baseline serves at the end."""
    registry = ModelStore(week.models).registry()

    assert registry.champion("har") == ""
    assert [row.is_promoted for row in registry.judged("har")] == [True, False, False]
    assert [bool(row.version) for row in registry.served("har")] == [True, False]
