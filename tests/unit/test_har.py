"""The trained HAR: its file, its evidence, and what it refuses."""

import json

import numpy as np
import pytest

from models.learning.candidate import Candidate, ForecastEvidence, Untrained
from models.market.bars import BarArray
from models.market.sessions import DAY_NS
from models.opinion.har import FILE, HarTerms, load_har, train_har
from tests.random_bars import M15_NS, random_bars

TERMS = HarTerms(horizons_bars=(4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480)
WEEKS = 7


@pytest.fixture(scope="module")
def bars() -> dict[str, BarArray]:
    """Return seven weeks of two symbols."""
    return {"EURUSD": random_bars(480 * WEEKS, seed=1), "USDJPY": random_bars(480 * WEEKS, seed=2)}


@pytest.fixture(scope="module")
def candidate(bars: dict[str, BarArray]) -> Candidate:
    """Return what is trained on them."""
    trained = train_har(bars, M15_NS, TERMS, {})
    assert isinstance(trained, Candidate)
    return trained


def test_a_trained_model_comes_back_from_its_file(candidate: Candidate) -> None:
    """What is loaded has both horizons of both symbols, and writes the same bytes again."""
    models = load_har(candidate.files)

    assert sorted(models) == ["EURUSD", "USDJPY"]
    assert [fit.horizon_bars for fit in models["EURUSD"].fits] == [4, 16]


def test_evidence_lies_after_what_training_saw(candidate: Candidate) -> None:
    """The first judged close comes after the last outcome of training, and 20 days are judged."""
    evidence = candidate.evidence
    assert isinstance(evidence, ForecastEvidence)

    assert evidence.close_ns.min() > candidate.trained_until_ns
    assert (evidence.settled_ns > evidence.close_ns).all()
    assert len(np.unique(evidence.close_ns // DAY_NS)) >= 20
    assert len(evidence.loss) == len(evidence.baseline_loss) == len(evidence.champion_loss)
    assert np.isfinite(evidence.loss).all()


def test_later_bars_change_no_earlier_loss(bars: dict[str, BarArray], candidate: Candidate) -> None:
    """A judged row depends on nothing that follows its outcome."""
    altered = {symbol: rows.copy() for symbol, rows in bars.items()}
    for rows in altered.values():
        rows["high"][-5:] *= 1.01

    other = train_har(altered, M15_NS, TERMS, {})

    assert isinstance(other, Candidate)
    assert isinstance(other.evidence, ForecastEvidence)
    assert isinstance(candidate.evidence, ForecastEvidence)
    assert other.files == candidate.files
    half = len(candidate.evidence.loss) // 2
    assert (
        other.evidence.loss[: half - 16].tolist() == candidate.evidence.loss[: half - 16].tolist()
    )


def test_a_model_that_serves_is_judged_on_the_same_rows(
    bars: dict[str, BarArray], candidate: Candidate
) -> None:
    """A candidate that is the champion has the champion's losses, to the last bit."""
    again = train_har(bars, M15_NS, TERMS, candidate.files)

    assert isinstance(again, Candidate)
    assert isinstance(again.evidence, ForecastEvidence)
    assert again.evidence.loss.tolist() == again.evidence.champion_loss.tolist()


def test_too_little_history_is_a_result() -> None:
    """Four weeks leave nothing to train on once twenty days are set aside."""
    result = train_har({"EURUSD": random_bars(480 * 4)}, M15_NS, TERMS, {})

    assert isinstance(result, Untrained)
    assert result.have < result.need


@pytest.mark.parametrize("damage", ["nan", "missing", "not json", "no fits"])
def test_a_damaged_file_is_refused(candidate: Candidate, damage: str) -> None:
    """Whatever is wrong with the file is a ValueError that names it."""
    values = json.loads(candidate.files[FILE])
    match damage:
        case "nan":
            values["EURUSD"]["fits"][0]["smear"] = float("nan")
        case "missing":
            del values["EURUSD"]["factors"]
        case "no fits":
            values["EURUSD"]["fits"] = []
        case _:
            pass
    content = b"{" if damage == "not json" else json.dumps(values).encode()

    with pytest.raises(ValueError, match=r"har\.json|Expecting"):
        load_har({FILE: content})
