"""The verb ``train``: which families, on which bars, and what a person and a program see."""

import json
from pathlib import Path

import pytest

from blackboard.facts import GateReport, TrainingStarted
from models.market.sessions import SECOND_NS
from runtime.training.checkpoint_folder import CheckpointFolder
from runtime.training.trainers import RECITALS, TRAINERS
from tests.command_line import CommandLine, bars_folder

ONE = ("--symbols", "EURUSD")


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line with an empty state folder."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


def test_a_family_is_trained_on_the_synthetic_history(quorum: CommandLine) -> None:
    """A program reads rows, trials and both losses."""
    said = quorum("train", "har", *ONE, "--json")

    (outcome,) = json.loads(said.out)
    assert outcome["family"] == "har"
    assert outcome["rows"] > 480
    assert outcome["trials"] == 1
    assert outcome["score"].startswith("loss ")
    assert outcome["baseline"].startswith("loss ")


def test_a_person_sees_what_was_too_little(quorum: CommandLine, tmp_path: Path) -> None:
    """Three weeks of recorded bars train nothing, which is said and no error."""
    bars = bars_folder(tmp_path / "bars", "EURUSD")

    said = quorum("train", "har", *ONE, "--history", bars)

    assert said.code == 0
    assert "too few bars" in said.out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("oracle",), "har"),
        (("har", "--from", "yesterday"), "--from"),
        (("har", "--from", "2030-01-01"), "--to"),
    ],
)
def test_what_cannot_be_trained_is_a_configuration_error(
    quorum: CommandLine, arguments: tuple[str, ...], word: str
) -> None:
    """The message names what is allowed."""
    said = quorum("train", *ONE, *arguments)

    assert said.code == 3
    assert word in said.error


@pytest.mark.slow
def test_the_network_is_trained_on_the_synthetic_history(quorum: CommandLine) -> None:
    """Losses of candidate and baseline, and the gate that it would fail, if any."""
    said = quorum("train", "lstm", *ONE, "--json")

    (outcome,) = json.loads(said.out)
    assert outcome["family"] == "lstm"
    assert outcome["score"].startswith("loss ")
    assert outcome["baseline"].startswith("loss ")


def test_checkpoints_are_files_of_a_folder(tmp_path: Path) -> None:
    """What is written is found by another reader, what is not there is missing."""
    folder = CheckpointFolder(tmp_path / "state")
    assert list(folder) == []

    folder["a.safetensors"] = b"one"
    folder["a.safetensors"] = b"two"

    again = CheckpointFolder(tmp_path / "state")
    assert dict(again) == {"a.safetensors": b"two"}
    del again["a.safetensors"]
    assert "a.safetensors" not in folder
    with pytest.raises(KeyError):
        del folder["a.safetensors"]


def test_a_run_trains_only_if_it_says_so(quorum: CommandLine) -> None:
    """At full speed nothing is trained; with --learn a child of the run trains, and is judged."""
    short = ("--duration", "2h", *ONE, "--set", "agents.learner.training.families=har")
    due = ("--set", "agents.learner.training.duration_s=1800")
    assert quorum.trade(*short, *due).code == 0
    assert not any(isinstance(entry.fact, TrainingStarted) for entry in quorum.entries())

    said = quorum.trade(*short, *due, "--learn", "--book", "pupil")

    assert said.code == 0, said.error
    learned = [entry for entry in quorum.entries("pupil") if entry.author == "learner"]
    (begun,) = [each for each in learned if isinstance(each.fact, TrainingStarted)]
    (report,) = [each for each in learned if isinstance(each.fact, GateReport)]
    assert report.now_ns - begun.now_ns == 1800 * SECOND_NS
    assert begun.seq in report.causes
    (line,) = json.loads(quorum("models", "--json").out)
    assert (line["family"], line["judged"]) == ("har", 1)
    (family,) = [
        one
        for one in json.loads(quorum("learn", "status", "--json").out)["families"]
        if one["family"] == "har"
    ]
    assert family["attempts"] == 1


def test_every_family_that_is_trained_can_be_promoted() -> None:
    """What has no rehearsal would be judged for ever and serve never."""
    assert RECITALS.keys() == TRAINERS.keys()
