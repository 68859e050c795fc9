"""The LSTM on HAR's residual: one network for all symbols, which serves once it has earned that.

A symbol keeps its own season and HAR; the networks, one a horizon and seed, add the mean of their
corrections to HAR's log forecast, and all that follows, level, band and limit, is measured on the
corrected forecast. Inputs are HAR's terms, standardised on the rows of the fit, the bar's return
in units of its own deviation, and the time of day. Expect HAR or a few percent better, never more;
the gates decide.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.market.bars import BarArray
from models.market.sessions import DAY_NS
from models.opinion.har import model_of, values_of
from models.opinion.recital import recited
from models.opinion.recurrent import WINDOW_BARS, Network, network_of
from models.opinion.variance import parkinson_variance
from models.opinion.volatility import HAR_WINDOWS_BARS, VolatilityModel
from models.opinion.volatility_filter import VolatilityFilter

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FAMILY: Final = "lstm"
MODEL_FILE: Final = "lstm.json"
NETWORK_FILE: Final = "lstm.safetensors"
FEATURES: Final = (
    *(f"ln_mean_x_{bars}" for bars in HAR_WINDOWS_BARS),
    "return_in_deviations",
    "sin_time_of_day",
    "cos_time_of_day",
)
RETURN_DEVIATIONS_MAX: Final = 3.0
RECITED_CLOSES: Final = 64
"""Closes of each symbol in a golden batch."""
FIRST_ROW: Final = HAR_WINDOWS_BARS[-1] + WINDOW_BARS
"""First row whose window of bars is full of full terms."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and deviation of HAR's terms over the rows of the fit, shape (5,) each."""

    mean: FloatArray
    deviation: FloatArray


@dataclass(frozen=True, slots=True)
class VolatilityLSTM:
    """What is trained on all symbols together."""

    models: Mapping[str, VolatilityModel]
    """Season and HAR of each symbol; level, errors and limit are those of the corrected forecast.
    Their order is that of the embedding."""
    scales: Mapping[str, Scale]
    networks: tuple[tuple[Network, ...], ...]
    """For each horizon, in the models' order, one network a seed."""
    version: str
    """Content hash."""


def network_inputs(
    terms: FloatArray, scale: Scale, deviations: FloatArray, positions: IntArray, length_ns: int
) -> FloatArray:
    """Return the network's inputs, shape (n_bars, 8), NaN where a term is.

    Parameters
    ----------
    terms : ndarray of shape (n_bars, 5), float64
        HAR's terms. Row t uses bars ≤ t.
    scale : Scale
        Of these terms.
    deviations : ndarray of shape (n_bars,), float64
        ln close/open over the root of the bar's variance.
    positions : ndarray of shape (n_bars,), int64
        Place of each bar in its trading week.
    length_ns : int
        Length of a bar.
    """
    slots = DAY_NS // length_ns
    angle = 2.0 * np.pi * (positions % slots) / slots
    clipped = np.clip(deviations, -RETURN_DEVIATIONS_MAX, RETURN_DEVIATIONS_MAX)
    standard = (terms - scale.mean) / scale.deviation
    return np.column_stack((standard, clipped, np.sin(angle), np.cos(angle)))


def scale_of(terms: FloatArray) -> Scale:
    """Return the scale of full terms."""
    return Scale(terms.mean(axis=0), np.maximum(terms.std(axis=0), 1e-9))


class LSTMFilter(VolatilityFilter):
    """A symbol's season, HAR and networks carried through the bars of a week.

    Parameters
    ----------
    lstm : VolatilityLSTM
        What serves.
    symbol : str
        One of its symbols.
    from_row : int
        First row that is asked for. Rows before it are NaN and cost nothing.
    """

    def __init__(self, lstm: VolatilityLSTM, symbol: str, from_row: int = 0) -> None:
        super().__init__(lstm.models[symbol])
        self._networks = lstm.networks
        self._symbol = list(lstm.models).index(symbol)
        self._scale = lstm.scales[symbol]
        self._from_row = max(from_row, FIRST_ROW)
        self._deviations: FloatArray = np.empty(0)
        self._inputs = np.empty((0, len(FEATURES)))

    def extend_prices(
        self,
        close_ns: IntArray,
        opened: FloatArray,
        high: FloatArray,
        low: FloatArray,
        close: FloatArray,
    ) -> None:
        """Take the bars that follow those taken so far."""
        variance = np.maximum(parkinson_variance(high, low), self.model.variance_floor)
        self._deviations = log_returns(opened, close) / np.sqrt(variance)
        super().extend_prices(close_ns, opened, high, low, close)

    def correction(self, place: int, terms: FloatArray, start: int) -> FloatArray:
        """Return the mean of the networks' corrections of a horizon, NaN before `from_row`."""
        if place == 0:
            self._take_inputs(terms, start)
        first = start + len(terms) - len(self._inputs)
        rows = range(min(max(self._from_row, start), start + len(terms)) - first, len(self._inputs))
        corrections = np.full(len(terms), np.nan)
        if rows:
            corrections[len(terms) - len(rows) :] = mean_correction(
                self._networks[place], self._inputs, self._symbol, rows
            )
        return corrections

    def _take_inputs(self, terms: FloatArray, start: int) -> None:
        # Windows reach back, so the latest rows of the last block stay.
        positions = self._positions[start:]
        new = network_inputs(
            terms, self._scale, self._deviations, positions, self.model.seasonality.length_ns
        )
        self._inputs = np.concatenate((self._inputs[1 - WINDOW_BARS :], new))


def mean_correction(
    networks: tuple[Network, ...], inputs: FloatArray, symbol: int, rows: range
) -> FloatArray:
    """Return the mean of what the networks add to the log forecast, shape (len(rows),).

    NaN where the window would begin before row 0 of the inputs, or holds a NaN.
    """
    needed = max(rows.start - WINDOW_BARS + 1, 0)
    shifted = range(rows.start - needed, rows.stop - needed)
    total = np.zeros(len(rows))
    for network in networks:
        gates = network.project(inputs[needed : rows.stop], symbol)
        total += network.outputs(gates, shifted, WINDOW_BARS)
    return total / len(networks)


def load_lstm(files: Mapping[str, bytes]) -> VolatilityLSTM:
    """Return the model of some files; ValueError if they are not ones of this family."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        read = json.loads(files[MODEL_FILE])
        tensors = load(files[NETWORK_FILE])
        models = {symbol: model_of(values) for symbol, values in read["models"].items()}
        scales = {
            symbol: Scale(np.array(values["mean"]), np.array(values["deviation"]))
            for symbol, values in read["scales"].items()
        }
        horizons = len(next(iter(models.values())).fits)
        networks = tuple(
            tuple(
                network_of(_under(f"{place}/{each}/", tensors)) for each in range(read["networks"])
            )
            for place in range(horizons)
        )
    except (KeyError, TypeError, AttributeError, StopIteration, SafetensorError) as error:
        raise ValueError(f"these files are no volatility network: {error!r}") from error
    _check(models, scales, networks, tuple(read["features"]))
    return VolatilityLSTM(models, scales, networks, version_of(files))


def _check(
    models: Mapping[str, VolatilityModel],
    scales: Mapping[str, Scale],
    networks: tuple[tuple[Network, ...], ...],
    features: tuple[str, ...],
) -> None:
    if features != FEATURES:
        raise ValueError(f"inputs must be {FEATURES}, were {features}")
    numbers = [each for scale in scales.values() for each in (scale.mean, scale.deviation)]
    if list(scales) != list(models) or not all(
        each.shape == (len(HAR_WINDOWS_BARS),) and np.isfinite(each).all() for each in numbers
    ):
        raise ValueError("every symbol needs a finite mean and deviation of each term")
    for network in (each for row in networks for each in row):
        inputs = len(network.weight_input) - network.embedding.shape[1]
        if inputs != len(FEATURES) or len(network.embedding) != len(models):
            raise ValueError("a network was made for other inputs or symbols")
    if not all(networks):
        raise ValueError("every horizon needs a network")


def log_returns(opened: FloatArray, close: FloatArray) -> FloatArray:
    """Return ln close/open of each bar, shape (n_bars,)."""
    # Contiguous, as in `parkinson_variance`: strided input may give another last bit.
    ratio: FloatArray = np.log(np.ascontiguousarray(close) / np.ascontiguousarray(opened))
    return ratio


def lstm_forecasts(
    lstm: VolatilityLSTM, symbol: str, rows: BarArray, horizon_bars: int, from_row: int
) -> FloatArray:
    """Return the forecast variance of each bar's horizon, shape (n_bars,); NaN before `from_row`.

    Row t uses bars ≤ t.
    """
    filtered = LSTMFilter(lstm, symbol, from_row)
    filtered.extend_prices(
        np.ascontiguousarray(rows["close_ns"]),
        *(rows[name] for name in ("open", "high", "low", "close")),
    )
    fit = next(fit for fit in filtered.model.fits if fit.horizon_bars == horizon_bars)
    sigma = filtered.columns(fit, len(rows)).sigma_frac
    forecast: FloatArray = sigma * sigma
    return forecast


def recite_lstm(
    files: Mapping[str, bytes], bars: Mapping[str, BarArray], horizon_bars: int
) -> FloatArray:
    """Return what a stored model says to a golden batch of its latest closes; see `recited`."""
    lstm = load_lstm(files)
    filters = {symbol: LSTMFilter(lstm, symbol, FIRST_ROW) for symbol in lstm.models}
    return recited(filters, bars, horizon_bars, FIRST_ROW, RECITED_CLOSES)


def files_of(
    models: Mapping[str, VolatilityModel],
    scales: Mapping[str, Scale],
    networks: tuple[tuple[Network, ...], ...],
) -> dict[str, bytes]:
    """Return a model as files that hold no code."""
    from safetensors.numpy import save

    described: dict[str, Any] = {
        "features": FEATURES,
        "networks": len(networks[0]),
        "models": {symbol: values_of(model) for symbol, model in models.items()},
        "scales": {
            symbol: {"mean": scale.mean.tolist(), "deviation": scale.deviation.tolist()}
            for symbol, scale in scales.items()
        },
    }
    tensors = {
        f"{place}/{each}/{name}": values
        for place, row in enumerate(networks)
        for each, network in enumerate(row)
        for name, values in network.tensors().items()
    }
    return {
        MODEL_FILE: json.dumps(described, allow_nan=False).encode(),
        NETWORK_FILE: save(tensors),
    }


def version_of(files: Mapping[str, bytes]) -> str:
    """Return the name of a content."""
    digest = hashlib.sha256(files[MODEL_FILE] + files[NETWORK_FILE])
    return f"{FAMILY}/{digest.hexdigest()[:12]}"


def _under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): values
        for name, values in tensors.items()
        if name.startswith(prefix)
    }
