"""Trains the network that corrects HAR: one for all symbols, from zero, with the loss that counts.

What is learned is the correction c of a log forecast whose error is e = ln(outcome / forecast). The
loss exp(z) − z − 1 with z = e − c is the QLIKE of the corrected forecast. The head begins at zero,
so training begins at HAR and can only move away from it where that helps (HARNet, arXiv
2205.07719). The epoch that did best on later, purged rows is kept.

An epoch's order of rows comes from the seed and the epoch alone, so a training that goes on from a
checkpoint ends with the same weights as one that was never interrupted.
"""

import hashlib
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.opinion.recurrent import WINDOW_BARS, Network, network_of

if TYPE_CHECKING:
    import torch

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HIDDEN_UNITS: Final = 32
EMBEDDING_SIZE: Final = 4
EPOCHS: Final = 12
BATCH_ROWS: Final = 256
LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-4
GRADIENT_NORM_MAX: Final = 1.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """One symbol's rows."""

    inputs: FloatArray
    """Shape (n_bars, n_inputs); finite over every window of the rows below."""
    error: FloatArray
    """ln(outcome / forecast) of the forecast to correct, shape (n_bars,); finite on those rows."""
    fit_rows: IntArray
    """Rows to learn from; each has WINDOW_BARS − 1 bars before it."""
    stop_rows: IntArray
    """Later rows that choose the epoch, purged of what the fit has seen."""


def train_network(
    lessons: Sequence[Lesson],
    seed: int,
    *,
    epochs: int = EPOCHS,
    device: str = "cpu",
    checkpoints: MutableMapping[str, bytes] | None = None,
    name: str = "network",
) -> Network:
    """Train on all symbols at once.

    Parameters
    ----------
    lessons : sequence of Lesson
        In the order of the embedding's rows.
    seed : int
        Of the first weights and of the order of rows. The result is a function of lessons, seed,
        device and the library's number of threads.
    epochs : int
        Passes over the rows.
    device : str
        As torch names it.
    checkpoints : mutable mapping of name to content, optional
        Where the state after each epoch is kept; a state of these lessons and seed is gone on
        from, any other ignored.
    name : str
        What this network's state is called there.
    """
    training = _Training(lessons, seed, device)
    print_of_lessons = _fingerprint(lessons, seed)
    kept = checkpoints if checkpoints is not None else {}
    if name in kept:
        training.restore(kept[name], print_of_lessons)
    while training.epoch < epochs:
        training.run_epoch()
        kept[name] = training.state(print_of_lessons)
    return training.best_network()


class _Training:
    # State of one training between two epochs.

    def __init__(self, lessons: Sequence[Lesson], seed: int, device: str) -> None:
        import torch

        self.epoch = 0
        self._seed = seed
        self._device = torch.device(device)
        self._best_loss = float("inf")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._modules = _modules(len(lessons), lessons[0].inputs.shape[1])
        self._modules.to(self._device)
        self._best = self._weights()
        self._optimizer = torch.optim.Adam(
            self._modules.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        bars = np.cumsum([0, *(len(lesson.inputs) for lesson in lessons)])
        self._inputs = self._tensor(np.concatenate([lesson.inputs for lesson in lessons]))
        self._error = self._tensor(np.concatenate([lesson.error for lesson in lessons]))
        # A row is its place among all symbols' bars; windows never cross, as the rows promise.
        self._symbol_starts = bars[1:-1]
        self._fit = np.concatenate(
            [start + each.fit_rows for start, each in zip(bars, lessons, strict=False)]
        )
        self._stop = np.concatenate(
            [start + each.stop_rows for start, each in zip(bars, lessons, strict=False)]
        )

    def run_epoch(self) -> None:
        """Learn from every row once, and keep the weights if they are the best so far."""
        import torch

        order = np.random.default_rng((self._seed, self.epoch)).permutation(self._fit)
        for rows in _batches(order):
            self._optimizer.zero_grad()
            self._loss(rows).mean().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._modules.parameters(), GRADIENT_NORM_MAX)
            self._optimizer.step()
        self.epoch += 1
        with torch.no_grad():
            losses = [float(self._loss(rows).sum()) for rows in _batches(self._stop)]
        loss = sum(losses) / len(self._stop)
        if loss < self._best_loss:
            self._best_loss, self._best = loss, self._weights()

    def best_network(self) -> Network:
        """Return the kept weights; those of the start if no epoch had a finite loss."""
        weights = {name: tensor.numpy() for name, tensor in self._best.items()}
        return network_of(
            {
                "embedding": weights["embedding.weight"],
                "weight_input": weights["lstm.weight_ih_l0"].T,
                "weight_hidden": weights["lstm.weight_hh_l0"].T,
                "bias": weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"],
                "weight_head": weights["head.weight"][0],
                "bias_head": weights["head.bias"],
            }
        )

    def state(self, fingerprint: str) -> bytes:
        """Return all that the next epoch depends on."""
        import torch
        from safetensors.torch import save

        tensors = {f"now/{name}": tensor for name, tensor in self._weights().items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self._best.items()}
        for place, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"adam/{place}/{name}": value.cpu() for name, value in moments.items()}
        tensors["epoch"] = torch.tensor([self.epoch])
        tensors["best_loss"] = torch.tensor([self._best_loss], dtype=torch.float64)
        tensors["lessons"] = torch.tensor(list(bytes.fromhex(fingerprint)), dtype=torch.uint8)
        content: bytes = save({name: tensor.contiguous() for name, tensor in tensors.items()})
        return content

    def restore(self, content: bytes, fingerprint: str) -> None:
        """Go on from a state, unless it is one of other lessons or cannot be read."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            tensors = load(content)
        except SafetensorError:
            return  # cut off while it was written: the training begins anew
        if bytes(tensors["lessons"].tolist()) != bytes.fromhex(fingerprint):
            return
        self._modules.load_state_dict(_under("now/", tensors))
        self._best = _under("best/", tensors)
        known = self._optimizer.state_dict()
        known["state"] = {
            place: _under(f"adam/{place}/", tensors)
            for place in range(len(known["param_groups"][0]["params"]))
        }
        self._optimizer.load_state_dict(known)
        self.epoch = int(tensors["epoch"][0])
        self._best_loss = float(tensors["best_loss"][0])

    def _loss(self, rows: IntArray) -> "torch.Tensor":
        import torch

        steps = rows[:, None] + np.arange(1 - WINDOW_BARS, 1)  # (batch, step)
        windows = self._inputs[torch.from_numpy(steps)]  # (batch, step, input)
        symbols = np.searchsorted(self._symbol_starts, rows, side="right")
        embedded = self._modules["embedding"](torch.from_numpy(symbols).to(self._device))
        spread = embedded[:, None, :].expand(-1, WINDOW_BARS, -1)  # (batch, step, embedding)
        hidden, _ = self._modules["lstm"](torch.cat((windows, spread), dim=2))
        correction = self._modules["head"](hidden[:, -1])[:, 0]  # (batch,)
        z = self._error[torch.from_numpy(rows)] - correction
        loss: torch.Tensor = torch.exp(z) - z - 1.0
        return loss

    def _weights(self) -> "dict[str, torch.Tensor]":
        return {
            name: tensor.detach().cpu().clone()
            for name, tensor in self._modules.state_dict().items()
        }

    def _tensor(self, values: FloatArray) -> "torch.Tensor":
        import torch

        return torch.from_numpy(values.astype(np.float32)).to(self._device)


def _modules(symbols: int, inputs: int) -> "torch.nn.ModuleDict":
    import torch

    head = torch.nn.Linear(HIDDEN_UNITS, 1)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    return torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(symbols, EMBEDDING_SIZE),
            "lstm": torch.nn.LSTM(inputs + EMBEDDING_SIZE, HIDDEN_UNITS, batch_first=True),
            "head": head,
        }
    )


def _batches(rows: IntArray) -> Iterator[IntArray]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def _under(prefix: str, tensors: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _fingerprint(lessons: Sequence[Lesson], seed: int) -> str:
    digest = hashlib.sha256(str(seed).encode())
    for lesson in lessons:
        for column in (lesson.inputs, lesson.error, lesson.fit_rows, lesson.stop_rows):
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
