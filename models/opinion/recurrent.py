"""A small LSTM, run forward without torch: one row at a time, each from its own window of bars.

Whoever serves it needs neither the library nor its threads, and row t is bit-identical whatever
follows it, because no product of matrices is blocked by how many rows were asked for. Gates stand
in torch's order: input, forget, cell, output (Hochreiter, Schmidhuber, "Long short-term memory",
1997).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

WINDOW_BARS: Final = 64
"""Bars that a network sees before it speaks."""


@dataclass(frozen=True, slots=True)
class Network:
    """Weights of one trained network, float32, C order."""

    embedding: Float32Array
    """Shape (n_symbols, n_embedding): what tells a symbol from the others."""
    weight_input: Float32Array
    """Shape (n_inputs + n_embedding, 4 · n_hidden)."""
    weight_hidden: Float32Array
    """Shape (n_hidden, 4 · n_hidden)."""
    bias: Float32Array
    """Shape (4 · n_hidden,)."""
    weight_head: Float32Array
    """Shape (n_hidden,)."""
    bias_head: Float32Array
    """Shape (1,)."""

    def project(self, inputs: FloatArray, symbol: int) -> Float32Array:
        """Return what each bar adds to the gates, shape (n_bars, 4 · n_hidden).

        Parameters
        ----------
        inputs : ndarray of shape (n_bars, n_inputs), float64
            NaN in a row makes NaN of every output whose window holds it.
        symbol : int
            Row of the embedding.
        """
        gates: Float32Array = _project(
            inputs.astype(np.float32), self.embedding[symbol], self.weight_input, self.bias
        )
        return gates

    def outputs(self, gates: Float32Array, rows: range, window_bars: int) -> FloatArray:
        """Return the head's value at some rows, NaN where a window would begin before row 0."""
        values: FloatArray = _outputs(
            gates, rows.start, rows.stop, window_bars, self.weight_hidden, self.weight_head,
            self.bias_head[0],
        )  # fmt: skip
        return values

    def tensors(self) -> dict[str, Float32Array]:
        """Return the weights by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def network_of(tensors: Mapping[str, NDArray[np.float32]]) -> Network:
    """Return the network of named weights; raise ValueError if they do not belong together."""
    found = {
        field.name: np.ascontiguousarray(tensors[field.name], dtype=np.float32)
        for field in fields(Network)
    }
    network = Network(**found)
    hidden = len(network.weight_head)
    inputs = len(network.weight_input) - network.embedding.shape[1]
    shapes = (network.weight_input.shape[1:], network.weight_hidden.shape, network.bias.shape)
    if shapes != ((4 * hidden,), (hidden, 4 * hidden), (4 * hidden,)) or inputs < 1:
        raise ValueError(f"weights of an LSTM with {hidden} units do not have shapes {shapes}")
    if not all(np.isfinite(weights).all() for weights in found.values()):
        raise ValueError("a weight of the network is not finite")
    return network


@njit(cache=True)
def _project(
    inputs: Float32Array, embedding: Float32Array, weights: Float32Array, bias: Float32Array
) -> Float32Array:
    bars, columns = inputs.shape
    gates = np.empty((bars, len(bias)), dtype=np.float32)
    for bar in range(bars):
        for gate in range(len(bias)):
            gates[bar, gate] = bias[gate]
        for column in range(columns):
            for gate in range(len(bias)):
                gates[bar, gate] += inputs[bar, column] * weights[column, gate]
        for place in range(len(embedding)):
            for gate in range(len(bias)):
                gates[bar, gate] += embedding[place] * weights[columns + place, gate]
    return gates


@njit(cache=True)
def _outputs(
    gates: Float32Array,
    start: int,
    stop: int,
    window_bars: int,
    weight_hidden: Float32Array,
    weight_head: Float32Array,
    bias_head: float,
) -> FloatArray:
    units = len(weight_head)
    values = np.full(stop - start, np.nan)
    sums = np.empty(4 * units, dtype=np.float32)
    hidden = np.empty(units, dtype=np.float32)
    cell = np.empty(units, dtype=np.float32)
    for row in range(max(start, window_bars - 1), stop):
        hidden[:] = 0.0
        cell[:] = 0.0
        for bar in range(row - window_bars + 1, row + 1):
            sums[:] = gates[bar]
            for unit in range(units):
                weights = weight_hidden[unit]
                for gate in range(4 * units):
                    sums[gate] += hidden[unit] * weights[gate]
            for unit in range(units):
                entered = _sigmoid(sums[unit])
                kept = _sigmoid(sums[units + unit])
                shown = _sigmoid(sums[3 * units + unit])
                cell[unit] = kept * cell[unit] + entered * _tanh(sums[2 * units + unit])
                hidden[unit] = shown * _tanh(cell[unit])
        value = float(bias_head)
        for unit in range(units):
            value += float(hidden[unit]) * float(weight_head[unit])
        values[row - start] = value
    return values


@njit(cache=True)
def _sigmoid(value: np.float32) -> np.float32:
    return np.float32(1.0) / (np.float32(1.0) + np.float32(math.exp(-value)))


@njit(cache=True)
def _tanh(value: np.float32) -> np.float32:
    # By the exponential: the library's hyperbolic tangent took three quarters of a row's time.
    return np.float32(2.0) * np.float32(_sigmoid(np.float32(2.0) * value)) - np.float32(1.0)
