"""A PatchTST small enough to be trained in a test, on returns whose next one can be foretold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PatchTSTConfig, PatchTSTForPrediction

FloatArray = NDArray[np.float64]

CONTEXT_BARS: Final = 32
HORIZON_BARS: Final = 4
PERSISTENCE: Final = 0.8
"""Correlation of a return with the next one in the training."""
STEPS: Final = 60
BATCH_ROWS: Final = 64


def persistent_returns(rows: int, seed: int) -> FloatArray:
    """Return windows whose returns carry on, shape (rows, CONTEXT_BARS + HORIZON_BARS)."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=(rows, CONTEXT_BARS + HORIZON_BARS)) * (1 - PERSISTENCE**2) ** 0.5
    returns: FloatArray = np.empty_like(shocks)
    returns[:, 0] = rng.normal(size=rows)
    for step in range(1, returns.shape[1]):
        returns[:, step] = PERSISTENCE * returns[:, step - 1] + shocks[:, step]
    return returns


def tiny_config(**changes: Any) -> PatchTSTConfig:
    """Return the description of a network of some thousand weights."""
    described = {
        "num_input_channels": 1,
        "context_length": CONTEXT_BARS,
        "prediction_length": HORIZON_BARS,
        "patch_length": 4,
        "patch_stride": 4,
        "d_model": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "ffn_dim": 16,
        "loss": "mse",
        "scaling": None,
    }
    return PatchTSTConfig(**{**described, **changes})


def trained_forecaster(config: PatchTSTConfig, steps: int = STEPS) -> tuple[Any, list[float]]:
    """Train a network for a moment, and return it with its losses."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = PatchTSTForPrediction(config)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        losses = []
        for step in range(steps):
            returns = torch.from_numpy(persistent_returns(BATCH_ROWS, step).astype(np.float32))
            past, future = returns[:, :CONTEXT_BARS, None], returns[:, CONTEXT_BARS:, None]
            loss = model(past_values=past, future_values=future).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    model.train(mode=False)
    return model, losses


def saved_forecaster(folder: Path, train: Callable[[], Any] | None = None) -> Path:
    """Save a trained network as the library does, and return its folder."""
    model = trained_forecaster(tiny_config())[0] if train is None else train()
    model.save_pretrained(folder)
    return folder
