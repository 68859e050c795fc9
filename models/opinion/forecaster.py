"""A ready-made time-series transformer as a voter: where its path of returns leads.

The model is one of the transformers library, made and trained by whoever put it into a folder. It
gets the latest log returns of a symbol, in units of their own root mean square, and continues them.
The mean μ of the continued returns and their variance σ² make a random walk with drift, whose
chance to reach a barrier at distance a above before one as far below is

    p = 1 / (1 + exp(−2 μ a / σ²))

(Karlin, Taylor, "A first course in stochastic processes", 1975, 7.5). A path without a variance
has that of its input, which is 1. What that is worth is found out as for every other voter.

The class is built here from a checked description and filled from safetensors: nothing in the files
is code, nothing is looked up by a name in them, and nothing is fetched. Row t uses bars ≤ t. A
symbol keeps its place in a batch of constant size and probabilities are rounded, because a product
of matrices may give other last bits for one row than for many.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

FloatArray = NDArray[np.float64]

FAMILY: Final = "forecaster"
CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"
PATCHTST: Final = "patchtst"
TIMESFM: Final = "timesfm"
CONTEXT_BARS: Final = (8, 2048)
"""Least and most returns that a model may want to see."""
HORIZON_BARS: Final = (1, 512)
"""Fewest and most returns that it may continue."""
LAYERS_MAX: Final = 64
PROBABILITY_DIGITS: Final = 6
CODE_KEYS: Final = ("auto_map", "custom_pipelines", "quantization_config")
"""What a description may not hold: code of its own, or numbers that need code to be read."""
DISTRIBUTIONS: Final = ("student_t", "normal")
"""Distributions of a return; the library's third is one of counts."""


class Path(NamedTuple):
    """A continuation of several symbols' standardised returns, each of shape (n_symbols,)."""

    drift: FloatArray
    """Mean of the continued returns of a bar."""
    variance: FloatArray
    """Mean of their variances; 1 where the model gives none."""


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A loaded model."""

    kind: str
    context_bars: int
    """Returns that it looks at."""
    horizon_bars: int
    """Returns that it continues."""
    version: str
    """Content hash."""
    model: Any

    def path(self, standard: FloatArray, horizon_bars: int) -> Path:
        """Return how returns go on.

        Parameters
        ----------
        standard : ndarray of shape (n_symbols, context_bars), float64
            Standardised returns, oldest first, finite.
        horizon_bars : int
            Bars that are asked for; the model's own number where it gives fewer.
        """
        import torch

        asked = min(horizon_bars, self.horizon_bars)
        with torch.inference_mode():
            past = torch.from_numpy(standard.astype(np.float32))
            continued = _continued_by_timesfm if self.kind == TIMESFM else _continued_by_patchtst
            mean, variance = continued(self.model, past)  # (symbol, step) each
        return Path(
            drift=mean[:, :asked].double().numpy().mean(axis=1),
            variance=variance[:, :asked].double().numpy().mean(axis=1),
        )


def standardised(close: FloatArray, context_bars: int) -> tuple[FloatArray, float]:
    """Return the latest log returns over their root mean square, and that.

    Parameters
    ----------
    close : ndarray of shape (n_bars,), float64, oldest first, in quote currency
        More than `context_bars` of them. Row t's opinion uses closes ≤ t.

    Returns
    -------
    ndarray of shape (context_bars,), and the unit
        Zeros and 0 where the price has not moved.
    """
    # Contiguous, and from the closes alone, so that a longer history gives the same bits.
    latest = np.ascontiguousarray(close[-context_bars - 1 :])
    returns = np.diff(np.log(latest))
    unit = math.sqrt(float(np.mean(returns * returns)))
    return (returns / unit if unit > 0.0 else np.zeros(context_bars)), unit


def barrier_probability(drift: float, variance: float, distance: float) -> float:
    """Return the chance of the upper of two symmetric barriers; NaN where anything is.

    Parameters
    ----------
    drift, variance : float
        Of one bar, in units of the returns' root mean square.
    distance : float
        Of the barriers in the same unit, > 0.
    """
    if not (math.isfinite(drift) and math.isfinite(variance) and variance > 0.0):
        return math.nan
    logit = 2.0 * drift * distance / variance
    odds = math.exp(-abs(logit))
    return round((1.0 if logit >= 0.0 else odds) / (1.0 + odds), PROBABILITY_DIGITS)


def load_forecaster(files: Mapping[str, bytes]) -> Forecaster:
    """Return the model of a description and its weights; ValueError for whatever is wrong.

    Parameters
    ----------
    files : mapping of str to bytes
        `CONFIG_FILE` and `WEIGHTS_FILE`, as the library's `save_pretrained` writes them.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    described = _description(files)
    digest = hashlib.sha256(files[CONFIG_FILE] + files[WEIGHTS_FILE])
    try:
        model, context_bars, horizon_bars = _BUILDERS[described["model_type"]](described)
        model.load_state_dict(load(files[WEIGHTS_FILE]), strict=True)
    except (*_REFUSALS, SafetensorError, _refusal_of_the_library()) as error:
        raise ValueError(f"these files are no {described['model_type']}: {error}") from error
    model.eval()
    if not all(bool(each.isfinite().all()) for each in model.state_dict().values()):
        raise ValueError("every weight must be finite")
    return Forecaster(
        kind=described["model_type"],
        context_bars=context_bars,
        horizon_bars=horizon_bars,
        version=f"{FAMILY}/{digest.hexdigest()[:12]}",
        model=model,
    )


def _description(files: Mapping[str, bytes]) -> dict[str, Any]:
    if files.keys() < {CONFIG_FILE, WEIGHTS_FILE}:
        raise ValueError(f"a forecaster needs {CONFIG_FILE} and {WEIGHTS_FILE}")
    try:
        described = json.loads(files[CONFIG_FILE])
    except ValueError as error:
        raise ValueError(f"{CONFIG_FILE} is no JSON: {error}") from error
    if not isinstance(described, dict):
        raise ValueError(f"{CONFIG_FILE} must describe one model")
    coded = [key for key in CODE_KEYS if described.get(key)]
    if coded:
        raise ValueError(f"{CONFIG_FILE} asks for code of its own: {', '.join(coded)}")
    kind = described.get("model_type")
    if kind not in _BUILDERS:
        raise ValueError(f"model_type must be {' or '.join(_BUILDERS)}, was {kind!r}")
    return described


def _patchtst(described: Mapping[str, Any]) -> tuple[Any, int, int]:
    from transformers import PatchTSTConfig, PatchTSTForPrediction

    _within(described, "num_hidden_layers", 1, LAYERS_MAX)
    context_bars = _within(described, "context_length", *CONTEXT_BARS)
    horizon_bars = _within(described, "prediction_length", *HORIZON_BARS)
    _within(described, "num_input_channels", 1, 1)
    if described.get("loss") != "mse" and described.get("distribution_output") not in DISTRIBUTIONS:
        raise ValueError(
            f"distribution_output must be {' or '.join(DISTRIBUTIONS)}, "
            f"was {described.get('distribution_output')!r}"
        )
    config = PatchTSTConfig.from_dict(dict(described))
    return PatchTSTForPrediction(config), context_bars, horizon_bars


def _timesfm(described: Mapping[str, Any]) -> tuple[Any, int, int]:
    from transformers import TimesFmConfig, TimesFmModelForPrediction

    _within(described, "num_hidden_layers", 1, LAYERS_MAX)
    context_bars = _within(described, "context_length", *CONTEXT_BARS)
    horizon_bars = _within(described, "horizon_length", *HORIZON_BARS)
    config = TimesFmConfig.from_dict(dict(described))
    return TimesFmModelForPrediction(config), context_bars, horizon_bars


_REFUSALS: Final = (KeyError, TypeError, ValueError, AttributeError, RuntimeError)
"""What the library raises for a description or weights that do not fit."""


def _refusal_of_the_library() -> type[Exception]:
    # Its later versions check a description's types, and say so by an error of their own.
    from huggingface_hub import errors

    found: type[Exception] = getattr(errors, "StrictDataclassError", ValueError)
    return found


_BUILDERS: Final = {PATCHTST: _patchtst, TIMESFM: _timesfm}


def _within(described: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = described.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be in [{least}, {most}], was {value!r}")
    return value


def _continued_by_patchtst(model: Any, past: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    found = model(past_values=past[:, :, None])  # (symbol, step, channel)
    if model.config.loss == "mse":
        mean = found.prediction_outputs[:, :, 0]  # (symbol, step)
        return mean, torch.ones_like(mean)
    spread = model.distribution_output.distribution(
        found.prediction_outputs, loc=found.loc, scale=found.scale
    )
    return spread.mean[:, :, 0], spread.variance[:, :, 0]  # (symbol, step)


def _continued_by_timesfm(model: Any, past: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    frequency: Sequence[int] = [0] * len(past)  # the library's word for minutes to days
    mean = model(past_values=list(past), freq=frequency).mean_predictions  # (symbol, step)
    return mean, torch.ones_like(mean)
