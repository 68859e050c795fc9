"""A whole council beside a ready-made forecaster: heard by the learner, and by nobody else."""

from pathlib import Path

from blackboard.entry import Entry
from blackboard.facts import Decision, Vote, VoterWeights
from config.loading import LoadedSettings
from config.settings import Settings
from runtime.council_run import run_council
from runtime.preparation import StartOptions, prepare
from runtime.proof.decisions_hash import decisions_hash
from runtime.proof.lineage import entries_of
from tests.tiny_forecaster import saved_forecaster

VOTER = "technical.forecaster"
HALF_A_DAY_S = 12 * 3600.0


def ran(home: Path, folder: str) -> list[Entry]:
    """Run the council over half a day of the embedded market and return its journal."""
    settings = Settings.model_validate(
        {
            "home": str(home),
            "symbols": ["EURUSD", "GBPUSD"],
            "agents": {"technical": {"forecaster_folder": folder}},
        }
    )
    options = StartOptions(speed="max", in_process=True, duration_s=HALF_A_DAY_S)
    start = prepare(LoadedSettings(settings=settings, origins={}), options)
    run_council(start, options, lambda done, word: None)
    return list(entries_of(start.plan.book.journal))


def test_its_votes_are_scored_and_change_nothing(tmp_path: Path) -> None:
    """It votes at every close, has outcomes and no weight, and every decision stays as it was."""
    beside = ran(tmp_path / "beside", str(saved_forecaster(tmp_path / "forecaster")))
    alone = ran(tmp_path / "alone", "")

    votes = [entry.fact for entry in beside if isinstance(entry.fact, Vote)]
    spoken = [vote for vote in votes if vote.voter == VOTER]
    closes = sum(vote.voter == "technical.trend" for vote in votes)
    assert len(spoken) == closes >= 90  # 48 closes of two symbols, less where the run ends
    assert not any(vote.abstains for vote in spoken)
    (*_, latest) = (entry.fact for entry in beside if isinstance(entry.fact, VoterWeights))
    (record,) = (each for each in latest.weights if each.scope == VOTER)
    assert record.outcomes > 0
    assert record.weight == 0.0
    decisions = [entry.fact for entry in beside if isinstance(entry.fact, Decision)]
    assert not any(share.scope == VOTER for each in decisions for share in each.shares)
    assert decisions_hash(beside) == decisions_hash(alone)
