"""`models fetch`, `doctor` and `train sentiment` as an operator types them."""

import csv
import json
from pathlib import Path

import pytest

from models.opinion.tone import CLASSES
from tests.command_line import CommandLine
from tests.hub_server import Hub, serving
from tests.tiny_transformer import save_tiny_bert
from tests.unit.test_tone_tfidf import invented_texts

REVISION = "fedcba9876543210fedcba9876543210fedcba98"
TEXTS = "agents.sentiment.texts"


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line on a state of its own."""
    return CommandLine(tmp_path / "var", monkeypatch, capsys)


def scorer_line(quorum: CommandLine, *arguments: str) -> dict[str, str]:
    """Return what doctor says of the scorer of texts."""
    findings: list[dict[str, str]] = json.loads(quorum("doctor", "--json", *arguments).out)
    return next(each for each in findings if each["subject"] == "text scorer")


def test_doctor_says_who_scores_texts(quorum: CommandLine) -> None:
    """Out of the box the lexicon, and how a better one is had."""
    line = scorer_line(quorum)

    assert line["verdict"] == "OK"
    assert line["detail"].startswith("lexicon-2-vader scores texts")
    assert line["mend"] == "python launch.py models fetch sentiment"


def test_doctor_warns_of_a_scorer_that_is_not_there(quorum: CommandLine) -> None:
    """An operator who named one does not get it silently replaced."""
    line = scorer_line(quorum, "--set", f"{TEXTS}.scorer=transformer")

    assert line["verdict"] == "WARN"
    assert "ProsusAI/finbert is not fetched" in line["detail"]


def test_a_model_is_fetched_once_and_active_then(quorum: CommandLine, tmp_path: Path) -> None:
    """From a hub on this machine: what is recorded is told, and doctor names it."""
    folder = save_tiny_bert(tmp_path / "made")
    files = {
        f"somebody/tiny/resolve/{REVISION}/{path.name}": path.read_bytes()
        for path in folder.iterdir()
    }
    named = ("--set", f"{TEXTS}.model=somebody/tiny", "--set", f"{TEXTS}.model_revision={REVISION}")
    with serving(Hub(files)) as hub:
        said = quorum("models", "fetch", "sentiment", *named, "--set", f"{TEXTS}.hub_url={hub.url}")

    assert said.code == 0
    assert f"somebody/tiny at {REVISION}" in said.out
    assert "recorded now, trusted on first use" in said.out
    line = scorer_line(quorum, *named)
    assert line["detail"] == "somebody/tiny@fedcba98 scores texts"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("FinGPT/fingpt-forex-sentiment-v1.0", "FinGPT lists no such model"),
        ("mr8488/distilroberta-finetuned-financial-news-sentiment-analysis", "looks like mrm8488"),
    ],
)
def test_a_name_that_is_refused_is_refused_before_anything_is_asked(
    quorum: CommandLine, model: str, reason: str
) -> None:
    """With the reason, and the exit code of a wrong configuration."""
    with serving(Hub({})) as hub:
        arguments = ("--set", f"{TEXTS}.model={model}", "--set", f"{TEXTS}.hub_url={hub.url}")
        said = quorum("models", "fetch", "sentiment", *arguments)
        assert hub.asked == []

    assert said.code == 3
    assert reason in " ".join((said.out + said.error).split())


def test_word_frequencies_are_trained_from_a_labelled_file(
    quorum: CommandLine, tmp_path: Path
) -> None:
    """Judged out of fold, promoted, and active from then on."""
    path = tmp_path / "labelled.csv"
    texts, labels = invented_texts()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(
            (text, CLASSES[label]) for text, label in zip(texts, labels.tolist(), strict=True)
        )

    said = quorum("train", "sentiment", "--json", "--set", f"{TEXTS}.labelled_file={path}")

    (outcome,) = json.loads(said.out)
    assert outcome["is_promoted"], outcome
    assert outcome["score"].startswith("macro-F1 0.9")
    assert scorer_line(quorum)["detail"].startswith(outcome["version"])


def test_without_a_labelled_file_nothing_is_trained(quorum: CommandLine) -> None:
    """The product has no labelled texts of its own, and says so."""
    (outcome,) = json.loads(quorum("train", "sentiment", "--json").out)

    assert not outcome["version"]
    assert "labelled_file is empty" in outcome["reason"]


def test_a_label_that_is_none_is_told_by_its_row(quorum: CommandLine, tmp_path: Path) -> None:
    """All of them at once."""
    path = tmp_path / "labelled.csv"
    path.write_text("text,label\nEuro rises,1\nEuro falls,seven\nYen,9\n", encoding="utf-8")

    said = quorum("train", "sentiment", "--set", f"{TEXTS}.labelled_file={path}")

    assert said.code == 3
    assert "row 2" in said.out + said.error
    assert "row 3" in said.out + said.error
