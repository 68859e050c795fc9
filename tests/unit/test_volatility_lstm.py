"""The volatility network as a family: its files, its evidence, and that it sees no future."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.learning.candidate import Candidate, ForecastEvidence, Untrained
from models.market.bars import BarArray
from models.opinion.har import HarTerms, train_har
from models.opinion.lstm_training import train_lstm
from models.opinion.volatility_filter import VolatilityColumns
from models.opinion.volatility_lstm import (
    FEATURES,
    FIRST_ROW,
    MODEL_FILE,
    NETWORK_FILE,
    LSTMFilter,
    load_lstm,
    recite_lstm,
)
from tests.random_bars import M15_NS, random_bars

TERMS = HarTerms(horizons_bars=(4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480)
ROWS = 480 * 8


@pytest.fixture(scope="module")
def bars() -> dict[str, BarArray]:
    """Return eight weeks of two symbols."""
    return {"EURUSD": random_bars(ROWS, seed=1), "USDJPY": random_bars(ROWS, seed=2)}


@pytest.fixture(scope="module")
def checkpoints() -> dict[str, bytes]:
    """Return where the training leaves its state, so that a second one has nothing to do."""
    return {}


@pytest.fixture(scope="module")
def candidate(bars: dict[str, BarArray], checkpoints: dict[str, bytes]) -> Candidate:
    """Return what an epoch makes of them."""
    trained = train_lstm(bars, M15_NS, TERMS, {}, epochs=1, checkpoints=checkpoints)
    assert isinstance(trained, Candidate)
    return trained


def columns(candidate: Candidate, rows: BarArray, blocks: list[int]) -> list[VolatilityColumns]:
    """Return both horizons' forecasts of EURUSD, taken in blocks that end at these rows."""
    filtered = LSTMFilter(load_lstm(candidate.files), "EURUSD", ROWS - 60)
    start = 0
    for end in blocks:
        part = rows[start:end]
        filtered.extend_prices(
            np.ascontiguousarray(part["close_ns"]),
            *(part[name] for name in ("open", "high", "low", "close")),
        )
        start = end
    return [filtered.columns(fit, len(filtered)) for fit in filtered.model.fits]


def test_a_candidate_names_its_inputs_and_holds_no_code(candidate: Candidate) -> None:
    """Weights are safetensors, the rest JSON."""
    assert candidate.feature_schema == FEATURES
    assert sorted(candidate.files) == [MODEL_FILE, NETWORK_FILE]
    assert candidate.files[MODEL_FILE].startswith(b"{")
    assert len(candidate.trials) == 1


def test_evidence_is_on_the_rows_that_judge_har(
    bars: dict[str, BarArray], candidate: Candidate
) -> None:
    """Closes, outcomes and yardstick are those of HAR trained on the same bars."""
    har = train_har(bars, M15_NS, TERMS, {})
    assert isinstance(har, Candidate)
    assert isinstance(har.evidence, ForecastEvidence)
    assert isinstance(candidate.evidence, ForecastEvidence)

    assert (candidate.evidence.close_ns == har.evidence.close_ns).all()
    assert candidate.evidence.close_ns.min() > candidate.trained_until_ns
    assert candidate.evidence.baseline_loss.mean() == pytest.approx(
        har.evidence.loss.mean(), rel=0.02
    )  # the floors of their variances differ by the rows that they were fitted on
    assert np.isfinite(candidate.evidence.loss).all()
    assert (candidate.evidence.champion_loss == candidate.evidence.baseline_loss).all()


def test_rows_are_the_same_whatever_follows_and_however_they_came(
    bars: dict[str, BarArray], candidate: Candidate
) -> None:
    """Bar by bar, in blocks, or with another future: the same bits in every column."""
    altered = bars["EURUSD"].copy()
    altered["high"][ROWS - 20 :] *= 1.01
    whole = columns(candidate, bars["EURUSD"], [ROWS])
    stepwise = columns(candidate, bars["EURUSD"], [ROWS - 90, *range(ROWS - 89, ROWS + 1)])
    other = columns(candidate, altered, [ROWS - 40, ROWS])

    for name in ("sigma_frac", "sigma_low_frac", "sigma_high_frac", "vol_ratio"):
        for horizon in range(2):
            rows = getattr(whole[horizon], name)
            assert np.isnan(rows[: ROWS - 60]).all()
            assert np.isfinite(rows[ROWS - 60 :]).all()
            assert (rows[ROWS - 60 :] == getattr(stepwise[horizon], name)[ROWS - 60 :]).all()
            before = slice(ROWS - 60, ROWS - 20)
            assert (rows[before] == getattr(other[horizon], name)[before]).all()


def test_files_give_the_same_forecast_again(
    bars: dict[str, BarArray], candidate: Candidate
) -> None:
    """What was loaded twice forecasts alike, and names itself alike."""
    first, second = load_lstm(candidate.files), load_lstm(dict(candidate.files))

    assert first.version == second.version
    assert first.version.startswith("lstm/")
    assert list(first.models) == ["EURUSD", "USDJPY"]
    one, two = (columns(candidate, bars["EURUSD"], [ROWS]) for _ in range(2))
    assert (one[0].sigma_frac[-60:] == two[0].sigma_frac[-60:]).all()


def test_a_golden_batch_is_recited_alike(bars: dict[str, BarArray], candidate: Candidate) -> None:
    """The latest 64 closes of both symbols, all usable, and the same each time it is loaded."""
    said = recite_lstm(candidate.files, bars, 4)

    assert said.shape == (128,)
    assert ((said > 0.0) & (said < 0.5)).all()
    assert (said == recite_lstm(candidate.files, bars, 4)).all()


def test_the_model_that_serves_is_judged_on_the_same_rows(
    bars: dict[str, BarArray], candidate: Candidate, checkpoints: dict[str, bytes]
) -> None:
    """Trained again from its checkpoints it is the same, and against itself gains nothing."""
    again = train_lstm(bars, M15_NS, TERMS, candidate.files, epochs=1, checkpoints=checkpoints)

    assert isinstance(again, Candidate)
    assert isinstance(again.evidence, ForecastEvidence)
    assert again.files == candidate.files
    assert (again.evidence.champion_loss == again.evidence.loss).all()


def test_too_short_a_history_trains_nothing() -> None:
    """Six weeks less twenty judged days leave too few rows, which is said."""
    answer = train_lstm({"EURUSD": random_bars(480 * 6)}, M15_NS, TERMS, {})

    assert isinstance(answer, Untrained)
    assert answer.reason == "EURUSD: too few bars"
    assert answer.need == FIRST_ROW + 16 + 480
    assert train_lstm({}, M15_NS, TERMS, {}) == Untrained("no symbols", 0, 1)


def _without_model(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {NETWORK_FILE: files[NETWORK_FILE]}


def _cut(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {**files, NETWORK_FILE: files[NETWORK_FILE][:-10]}


def _other_inputs(files: Mapping[str, bytes]) -> dict[str, bytes]:
    changed = files[MODEL_FILE].replace(b"sin_time_of_day", b"cosine_of_something")
    return {**files, MODEL_FILE: changed}


def _no_number(files: Mapping[str, bytes]) -> dict[str, bytes]:
    from safetensors.numpy import load, save

    tensors = load(files[NETWORK_FILE])
    tensors["0/0/weight_head"] = tensors["0/0/weight_head"] * np.float32("nan")
    return {**files, NETWORK_FILE: save(tensors)}


def _one_symbol_less(files: Mapping[str, bytes]) -> dict[str, bytes]:
    import json

    read = json.loads(files[MODEL_FILE])
    del read["models"]["USDJPY"], read["scales"]["USDJPY"]
    return {**files, MODEL_FILE: json.dumps(read).encode()}


@pytest.mark.parametrize(
    "damage", [_without_model, _cut, _other_inputs, _no_number, _one_symbol_less]
)
def test_damaged_files_are_refused(candidate: Candidate, damage: object) -> None:
    """Missing, cut off, of other inputs, without numbers or of other symbols: ValueError."""
    assert callable(damage)

    with pytest.raises(ValueError, match=r"network|inputs|finite|shapes"):
        load_lstm(damage(candidate.files))
