"""The way of a transformer from the hub to a vote, with a tiny BERT that the test makes itself."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from agents.requests import HeadlinesRead, ReadHeadlines
from blackboard.errors import ArtefactRefused
from config.agents import AgentsSection
from config.sentiment import SentimentSection
from config.settings import Settings
from config.texts import TextsSection
from models.opinion.sentiment import score_with_tone
from models.opinion.tone import BEARISH, BULLISH, NEUTRAL, macro_f1, tones_of
from models.opinion.tone_network import NetworkScorer, columns_of
from runtime.feeds.headlines import HeadlinesFile
from runtime.feeds.scored import ScoredHeadlines
from runtime.texts.fetching import fetch_model
from runtime.texts.hub_folder import hub_folder
from runtime.texts.known_models import WEIGHTS, wanted_model
from runtime.texts.labelled import read_labelled_texts
from runtime.texts.scoring import TextScorers
from runtime.texts.transformer import open_transformer, scorer_of
from tests.hub_server import Hub, serving
from tests.tiny_transformer import save_tiny_bert

REVISION = "89abcdef0123456789abcdef0123456789abcdef"
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
POSTS = DATA / "clean_licence" / "sentiment" / "twitter_fin_valid.csv"
HEADLINES = "time,text\n2025-03-05T10:00:00Z,ECB speaks\n2025-03-05T10:00:01Z,Dollar falls\n"
SECTION = TextsSection()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model with labels in mixed order and case."""
    return save_tiny_bert(tmp_path_factory.mktemp("tiny"))


def settings_of(home: Path, hub_url: str) -> Settings:
    """Return settings that name the tiny model on a hub."""
    texts = TextsSection(
        scorer="transformer", model="somebody/tiny", model_revision=REVISION, hub_url=hub_url
    )
    return Settings(home=home, agents=AgentsSection(sentiment=SentimentSection(texts=texts)))


def test_a_model_goes_from_the_hub_to_scored_headlines(tiny: Path, tmp_path: Path) -> None:
    """Fetched, verified, opened offline, and named in every score with owner and revision."""
    files = {
        f"somebody/tiny/resolve/{REVISION}/{path.name}": path.read_bytes()
        for path in tiny.iterdir()
    }
    with serving(Hub(files)) as hub:
        settings = settings_of(tmp_path, hub.url)
        section = settings.agents.sentiment.texts
        folder = hub_folder(settings)
        fetch_model(wanted_model(section), section, folder, lambda name, size: None)
    (tmp_path / "wire.csv").write_text(HEADLINES, encoding="utf-8")
    scorers = TextScorers(settings, None, is_virtual=True)
    source = ScoredHeadlines(HeadlinesFile(tmp_path / "wire.csv"), scorers)

    answer = source.read(ReadHeadlines(after_ns=0, limit=10), 2**62)

    assert isinstance(answer, HeadlinesRead)
    assert answer.note == ""
    assert {each.scorer for each in answer.headlines} == {"somebody/tiny@89abcdef"}
    network = open_transformer(wanted_model(section), section, folder)
    tones = tones_of(network.probabilities(["ECB speaks", "Dollar falls"])).tolist()
    for each, tone in zip(answer.headlines, tones, strict=True):
        assert dict(each.scores) == score_with_tone(each.text, tone, 0.5)


def test_a_model_that_was_changed_is_not_opened(tiny: Path, tmp_path: Path) -> None:
    """One byte of its weights, and the lexicon scores instead."""
    files = {
        f"somebody/tiny/resolve/{REVISION}/{path.name}": path.read_bytes()
        for path in tiny.iterdir()
    }
    with serving(Hub(files)) as hub:
        settings = settings_of(tmp_path, hub.url)
        section = settings.agents.sentiment.texts
        folder = hub_folder(settings)
        fetch_model(wanted_model(section), section, folder, lambda name, size: None)
    weights = folder.place(wanted_model(section)) / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    scoring = TextScorers(settings, None, is_virtual=True).score(["Euro rises"])

    assert scoring.texts[0].scorer == "lexicon-2-vader"
    assert "ArtefactRefused" in scoring.note
    with pytest.raises(ArtefactRefused, match="not what was fetched"):
        open_transformer(wanted_model(section), section, folder)


def test_probabilities_follow_the_models_own_table_of_labels(tmp_path: Path) -> None:
    """The same weights under another order of labels give the same columns in another order."""
    first = scorer_of(save_tiny_bert(tmp_path / "a"), "a", SECTION)
    order = ("neutral", "positive", "NEGATIVE")
    second = scorer_of(save_tiny_bert(tmp_path / "b", order), "b", SECTION)
    texts = ["Euro rises", "the dollar falls of shares", "", "\u202e" * 50, "misses " * 400]

    one, other = first.probabilities(texts), second.probabilities(texts)

    assert one.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert other[:, NEUTRAL] == pytest.approx(one[:, BULLISH], abs=1e-6)  # outputs 0
    assert other[:, BULLISH] == pytest.approx(one[:, BEARISH], abs=1e-6)  # outputs 1
    assert other[:, BEARISH] == pytest.approx(one[:, NEUTRAL], abs=1e-6)  # outputs 2


def test_weights_that_are_no_numbers_give_no_score(tmp_path: Path) -> None:
    """A network that was damaged in training says NaN; the lexicon scores instead."""
    from safetensors.numpy import load_file, save_file

    place = save_tiny_bert(tmp_path / "nan")
    tensors = load_file(place / WEIGHTS)
    tensors["classifier.bias"] = np.full_like(tensors["classifier.bias"], np.nan)
    save_file(tensors, place / WEIGHTS, metadata={"format": "pt"})

    with pytest.raises(ValueError, match="not finite"):
        scorer_of(place, "nan", SECTION).probabilities(["Euro rises"])


def test_two_classes_are_enough_and_nameless_ones_are_none() -> None:
    """Neutral may be missing; LABEL_0 says nothing."""
    assert columns_of({0: "NEGATIVE", 1: "POSITIVE"}) == {"NEGATIVE": 0, "POSITIVE": 2}
    with pytest.raises(ValueError, match="must be one of"):
        columns_of({0: "LABEL_0", 1: "LABEL_1"})


def test_texts_reach_the_network_in_batches_and_clean() -> None:
    """Three texts in batches of two, control characters gone, an empty one said as such."""
    batches: list[list[str]] = []

    def classifier(texts: list[str]) -> list[list[dict[str, object]]]:
        batches.append(texts)
        return [[{"label": "pos", "score": 0.7}, {"label": "neg", "score": 0.3}] for _ in texts]

    scorer = NetworkScorer(classifier, {0: "neg", 1: "pos"}, "x", 2)

    said = scorer.probabilities(["Euro\u202e rises", "", "a" * 9000])

    assert batches == [["Euro rises", "(nothing)"], ["a" * 512]]
    assert said[0].tolist() == [0.3, 0.0, 0.7]


@pytest.mark.skipif(not POSTS.exists(), reason="../shared/data is not there")
def test_the_whole_path_is_measured_on_labelled_posts(tiny: Path) -> None:
    """A random network is no scorer, but every post goes through it: one class of three."""
    texts, labels = read_labelled_texts(POSTS, ("bearish", "bullish", "neutral"))

    rows = scorer_of(tiny, "tiny", SECTION).probabilities(texts[:256])

    assert rows.shape == (256, 3)
    assert 0.0 < macro_f1(labels[:256], rows.argmax(axis=1)) < 0.5


def test_checksums_of_known_models_are_sha256() -> None:
    """None of them is invented text."""
    checksums = wanted_model(SECTION).checksums.values()

    assert all(len(each) == len(hashlib.sha256().hexdigest()) for each in checksums)
