"""A book that trains and serves models has parity, and what was changed in it is found."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import msgspec
import pytest

from blackboard.entry import Entry
from blackboard.facts import (
    CandidateTrained,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
    VolatilityForecast,
    VoterWeights,
)
from runtime.book import Book
from runtime.model_store import ModelStore
from runtime.proof.divergence import NOT_POSTED
from runtime.proof.parity import Certificate, certify
from runtime.proof.recording import Recording, open_recording
from tests.command_line import CommandLine
from tests.recorded_run import field_changed, of_blocks, sealed

SHORT = ("--learn", "--symbols", "EURUSD", "--duration", "2h")
SET = ("--set", "agents.learner.training.families=har,oracle")
DUE = ("--set", "agents.learner.training.duration_s=1800")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the state of a book that promoted a model, which a person took back between starts."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("learning") / "home"
        quorum = CommandLine(folder, patch, _Nobody())  # type: ignore[arg-type]
        assert quorum.trade(*SHORT, *SET, *DUE).code == 0
        (promoted,) = [each for each in quorum.entries() if _is(each, ModelPromoted)]
        ModelStore(folder / "models/synthetic").roll_back("har", "by hand", promoted.now_ns + 1)
        assert quorum.trade(*SHORT, *SET, *DUE).code == 0
        yield folder


class _Nobody:
    """Takes what a verb prints."""

    def readouterr(self) -> tuple[str, str]:
        """Return nothing."""
        return "", ""


def _is(entry: Entry, kind: type) -> bool:
    return isinstance(entry.fact, kind)


@contextmanager
def opened(home: Path) -> Iterator[Recording]:
    """Give the recording of the book."""
    with open_recording(Book(home / "books/embedded")) as recording:
        yield recording


def certified(
    home: Path, change: Callable[[Entry], Entry] | None = None, models: Path | None = None
) -> Certificate:
    """Return the certificate of the book with entries changed, its chain sealed anew."""
    with opened(home) as recording:
        commits = [[change(each) if change else each for each in c] for c in recording.commits()]
        again = of_blocks(sealed(commits), recording.starts, recording.head)
        return certify(again, "book", models=models or home / "models/synthetic")


def first(home: Path, kind: type) -> Entry:
    """Return the first entry of a kind."""
    with opened(home) as recording:
        return next(each for each in recording.entries(recording.head) if _is(each, kind))


def test_a_book_that_learns_has_parity(home: Path) -> None:
    """Trained, judged, skipped, promoted, served, taken back by a person: all is said again."""
    certificate = certified(home)

    with opened(home) as recording:
        entries = list(recording.entries(recording.head))
    promoted = next(each.fact for each in entries if isinstance(each.fact, ModelPromoted))
    forecasts = [each.fact for each in entries if isinstance(each.fact, VolatilityForecast)]
    assert {each.model == promoted.version for each in forecasts} == {True, False}
    assert any(_is(each, TrainingSkipped) for each in entries)
    (back,) = [each.fact for each in entries if isinstance(each.fact, ModelRolledBack)]
    assert back.reason == "by hand"
    assert certificate.divergence is None
    assert certificate.unproven == ()
    assert certificate.holds
    assert certificate.starts == 2


def test_the_verbs_hold_for_a_book_that_learns(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`parity` finds the store of the book by itself, and `audit` finds nothing."""
    quorum = CommandLine(home, monkeypatch, capsys)

    parity, audit = quorum("parity", "--json"), quorum("audit", "--json")

    assert (parity.code, audit.code) == (0, 0), parity.out + audit.out
    assert json.loads(parity.out)["holds"]
    assert json.loads(audit.out)["holds"]


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        (CandidateTrained, {"version": "har/000000000000"}, "version"),
        (CandidateTrained, {"rows": 7}, "rows"),
        (TrialRecorded, {"score": 0.0}, "score"),
        (GateReport, {"detail": "passed"}, "detail"),
        (ModelPromoted, {"content_hash": "0" * 64}, "content_hash"),
    ],
)
def test_a_changed_end_of_a_training_is_found(
    home: Path, kind: type, changes: dict[str, object], field: str
) -> None:
    """What is played back is held against what is stored."""
    entry = first(home, kind)

    divergence = certified(home, field_changed(entry.seq, **changes)).divergence

    assert divergence is not None
    assert (divergence.seq, divergence.kind, divergence.field) == (entry.seq, entry.kind, field)


def test_a_verdict_that_was_turned_is_found_without_a_store(home: Path, tmp_path: Path) -> None:
    """By a report that refuses nobody would have posted the promotion."""
    entry = first(home, GateReport)
    turned = field_changed(entry.seq, is_promoted=False, failed_gate="forecast")

    certificate = certified(home, turned, tmp_path / "nowhere")

    assert certificate.divergence is not None
    assert certificate.divergence.kind == "ModelPromoted"
    assert certificate.divergence.rerun == NOT_POSTED


def test_a_changed_weight_is_found(home: Path) -> None:
    """What the learner works out itself is compared, not played back."""
    entry = first(home, VoterWeights)
    assert isinstance(entry.fact, VoterWeights)
    one, other, *rest = entry.fact.weights
    heavier = msgspec.structs.replace(one, weight=one.weight + 0.01)
    lighter = msgspec.structs.replace(other, weight=other.weight - 0.01)

    divergence = certified(
        home, field_changed(entry.seq, weights=(heavier, lighter, *rest))
    ).divergence

    assert divergence is not None
    assert (divergence.seq, divergence.field) == (entry.seq, "weights[0].weight")


def test_the_end_of_a_training_that_is_missing_is_found(home: Path) -> None:
    """An attempt that was begun in virtual time ends when it is due."""
    begun = first(home, TrainingStarted)
    with opened(home) as recording:
        commits = [list(commit) for commit in recording.commits()]
        starts = recording.starts
    place = next(n for n, c in enumerate(commits) if any(_is(e, CandidateTrained) for e in c))
    later = msgspec.structs.replace(
        commits[place][0],
        author="data",
        key="data/other",
        fact=msgspec.structs.replace(first(home, TrainingSkipped).fact, reason="other"),
    )
    cut = of_blocks(sealed([*commits[:place], [later]]), starts, later.seq)

    divergence = certify(cut, "book", models=home / "models/synthetic").divergence

    assert divergence is not None
    assert (divergence.author, divergence.kind) == ("learner", "TrainingSkipped")
    assert divergence.ts_event_ns == begun.ts_event_ns


def test_a_model_that_is_no_longer_stored_passes_nobody(home: Path, tmp_path: Path) -> None:
    """Whoever served it is not shown, the version is named; everybody else is compared."""
    promoted = first(home, ModelPromoted).fact
    assert isinstance(promoted, ModelPromoted)
    emptied = tmp_path / "models"
    rmtree(emptied, ignore_errors=True)

    certificate = certified(home, models=emptied)

    assert not certificate.holds
    assert certificate.divergence is None
    (line,) = certificate.unproven
    assert line.startswith("lstm_vol: from seq ")
    assert line.endswith(f": model {promoted.version} is no longer stored")
    assert certificate.by_agent["learner"] > 0
