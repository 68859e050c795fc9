"""A ready-made forecaster: what is loaded, what is refused, and what its path says."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from transformers import TimesFmConfig, TimesFmModelForPrediction

from agents.requests import ModelRead, ReadModel, Unanswered
from models.opinion.forecaster import (
    CONFIG_FILE,
    FAMILY,
    WEIGHTS_FILE,
    barrier_probability,
    load_forecaster,
    standardised,
)
from runtime import forecaster_folder
from runtime.forecaster_folder import read_forecaster
from tests.tiny_forecaster import (
    CONTEXT_BARS,
    HORIZON_BARS,
    persistent_returns,
    saved_forecaster,
    tiny_config,
    trained_forecaster,
)

REQUEST = ReadModel(family=FAMILY, version="", feature_schema=())


@pytest.fixture(scope="module")
def trained() -> tuple[Any, list[float]]:
    """Give a network that was trained for a moment, and its losses."""
    return trained_forecaster(tiny_config())


@pytest.fixture
def folder(tmp_path: Path, trained: tuple[Any, list[float]]) -> Path:
    """Give the folder in which it was saved."""
    return saved_forecaster(tmp_path / "forecaster", lambda: trained[0])


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what is read of a folder."""
    reply = read_forecaster(REQUEST, str(folder))
    assert isinstance(reply, ModelRead), reply
    return dict(reply.files)


def why_refused(folder: Path) -> str:
    """Return why a folder is refused."""
    reply = read_forecaster(REQUEST, str(folder))
    assert isinstance(reply, Unanswered)
    assert "\n" not in reply.reason
    return reply.reason


def test_what_was_saved_says_the_same_once_it_is_loaded(
    folder: Path, trained: tuple[Any, list[float]]
) -> None:
    """The tiny network learned something, and its loaded copy gives its path to the last bit."""
    model, losses = trained
    past = persistent_returns(8, seed=900)[:, :CONTEXT_BARS]
    with torch.inference_mode():
        own = model(past_values=torch.from_numpy(past.astype(np.float32))[:, :, None])
    forecaster = load_forecaster(files_of(folder))

    path = forecaster.path(past, horizon_bars=64)

    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    expected = own.prediction_outputs[:, :, 0].double().numpy().mean(axis=1)
    assert np.array_equal(path.drift, expected)
    assert path.variance.tolist() == [1.0] * 8
    assert (forecaster.context_bars, forecaster.horizon_bars) == (CONTEXT_BARS, HORIZON_BARS)
    assert load_forecaster(files_of(folder)).version == forecaster.version


def test_returns_that_carry_on_are_continued(folder: Path) -> None:
    """After a rise the trained path goes up, after a fall down."""
    past = persistent_returns(200, seed=901)[:, :CONTEXT_BARS]

    drift = load_forecaster(files_of(folder)).path(past, HORIZON_BARS).drift

    assert np.corrcoef(drift, past[:, -1])[0, 1] > 0.5


def test_a_distribution_gives_its_variance_too() -> None:
    """A network of Student's t says how wide its path is."""
    config = tiny_config(loss="nll", distribution_output="student_t")
    model, _ = trained_forecaster(config, steps=2)
    files = {
        CONFIG_FILE: json.dumps(config.to_dict()).encode(),
        WEIGHTS_FILE: save(model.state_dict()),
    }

    path = load_forecaster(files).path(persistent_returns(3, seed=1)[:, :CONTEXT_BARS], 4)

    assert np.isfinite(path.drift).all()
    assert (path.variance > 0.0).all()
    assert (path.variance != 1.0).all()


def test_a_tiny_timesfm_continues_too() -> None:
    """The other architecture that is taken gives a finite path for every symbol."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = TimesFmConfig(
            patch_length=8, context_length=CONTEXT_BARS, horizon_length=8, hidden_size=16,
            intermediate_size=16, head_dim=8, num_hidden_layers=1, num_attention_heads=2,
        )  # fmt: skip
        model = TimesFmModelForPrediction(config)
    files = {
        CONFIG_FILE: json.dumps(config.to_dict()).encode(),
        WEIGHTS_FILE: save(model.state_dict()),
    }

    path = load_forecaster(files).path(persistent_returns(3, seed=1)[:, :CONTEXT_BARS], 64)

    assert path.drift.shape == (3,)
    assert np.isfinite(path.drift).all()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling.py", "old/weights.PKL", "a.pt"])
def test_a_folder_with_code_in_it_is_refused(folder: Path, name: str) -> None:
    """A pickle or a program beside sound files is enough, and the reason names it."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")

    assert name in why_refused(folder)


def test_a_folder_that_is_not_whole_is_refused(folder: Path, tmp_path: Path) -> None:
    """No folder, no weights: one line with the reason."""
    (folder / WEIGHTS_FILE).unlink()

    assert "no such folder" in why_refused(tmp_path / "nowhere")
    assert f"no {WEIGHTS_FILE}" in why_refused(folder)


def test_without_the_library_there_is_a_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing package is told of by its name."""
    monkeypatch.setattr(forecaster_folder, "LIBRARIES", ("no_such_library",))

    assert "no_such_library" in why_refused(folder)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("auto_map", {"AutoModel": "modeling.Model"}, "auto_map"),
        ("model_type", "bert", "model_type must be patchtst or timesfm, was 'bert'"),
        ("context_length", 1_000_000, "context_length must be in"),
        ("context_length", None, "context_length must be in"),
        ("prediction_length", 0, "prediction_length must be in"),
        ("num_input_channels", 7, "num_input_channels must be in"),
        ("d_model", 32, "no patchtst"),
        ("d_model", "wide", "no patchtst"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    folder: Path, key: str, value: object, said: str
) -> None:
    """Code, another kind, lengths out of bounds and weights of another shape are named."""
    files = files_of(folder)
    files[CONFIG_FILE] = json.dumps({**json.loads(files[CONFIG_FILE]), key: value}).encode()

    with pytest.raises(ValueError, match=said):
        load_forecaster(files)


def test_broken_weights_are_refused(folder: Path) -> None:
    """Cut off, or not finite: no model comes of it."""
    files = files_of(folder)
    tensors = load(files[WEIGHTS_FILE])
    name = next(each for each in tensors if tensors[each].is_floating_point())
    spoiled = {**tensors, name: torch.full_like(tensors[name], torch.nan)}

    with pytest.raises(ValueError, match="no patchtst"):
        load_forecaster({**files, WEIGHTS_FILE: files[WEIGHTS_FILE][:500]})
    with pytest.raises(ValueError, match="finite"):
        load_forecaster({**files, WEIGHTS_FILE: save(spoiled)})


def test_returns_are_in_units_of_their_root_mean_square() -> None:
    """Up 1 % and down 1 % are one unit each, whatever came before."""
    close = np.array([50.0, 100.0, 100.0 * math.exp(0.01), 100.0])

    standard, unit = standardised(close, 2)

    assert unit == pytest.approx(0.01)
    assert standard == pytest.approx([1.0, -1.0])
    assert standardised(np.full(4, 1.1), 3)[1] == 0.0


def test_the_chance_of_a_barrier_by_hand() -> None:
    """Two barriers 3 away, drift 0.1 and variance 1: 1 / (1 + exp(−0.6)); none without numbers."""
    assert barrier_probability(0.1, 1.0, 3.0) == round(1.0 / (1.0 + math.exp(-0.6)), 6)
    assert barrier_probability(-0.1, 1.0, 3.0) == round(1.0 / (1.0 + math.exp(0.6)), 6)
    assert barrier_probability(0.0, 1.0, 3.0) == 0.5
    assert math.isnan(barrier_probability(math.nan, 1.0, 3.0))
    assert math.isnan(barrier_probability(0.1, 0.0, 3.0))
