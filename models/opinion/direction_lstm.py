"""The network among the direction models: an LSTM over the bars before a signal, one for all.

It reads two days of bars as the signal's side sees them, knows the symbol by a short embedding, and
says how likely the side is right. Symbols are pooled, because one alone has too few signals; one
that was not in the training gets a vector of its own, which stays what it was at the start. It
stands trial like the others and starts at 0.5: its head is zero before the first step.
Source: Hochreiter, Schmidhuber, "Long short-term memory" (1997).
"""

import json
from typing import Any, Final

import numpy as np

from models.learning.splits import purged_split
from models.market.bars import FloatArray
from models.opinion.direction_features import CHANNELS
from models.opinion.direction_rows import DirectionRows, Inputs

HIDDEN: Final = 16
EMBEDDING: Final = 4
RATE: Final = 2e-3
DECAY: Final = 1e-3
CLIP: Final = 1.0
BATCH: Final = 128
EPOCHS: Final = 15
STOP_FRAC: Final = 0.85
"""Share of the rows that are fitted; the epoch that is best on the later ones is kept."""
PROBABILITY_EDGE: Final = 1e-4
_OTHER: Final = 0
"""Place of a symbol that training did not know."""


class SequenceNet:
    """A trained network, with the symbols that it knows."""

    file: Final = "net.safetensors"

    def __init__(self, net: Any, symbols: tuple[str, ...]) -> None:
        self._net = net
        self._symbols = symbols

    @classmethod
    def fit(cls, rows: DirectionRows, weight: FloatArray, seed: int) -> "SequenceNet":
        """Return a network fitted on the earlier rows, of the epoch that the later ones prefer."""
        import torch

        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        symbols = tuple(sorted(set(rows.inputs.symbols)))
        fresh = cls(_net_of(len(symbols)), symbols)
        split = purged_split(
            rows.close_ns, rows.settled_ns, int(np.quantile(rows.close_ns, STOP_FRAC))
        )
        read = fresh._read(rows.inputs)
        outcome = torch.tensor(rows.target_first, dtype=torch.float32)
        weights = torch.tensor(weight / weight.mean(), dtype=torch.float32)
        optimiser = torch.optim.Adam(fresh._net.parameters(), lr=RATE, weight_decay=DECAY)
        best_loss, best = np.inf, _state(fresh._net)
        for _ in range(EPOCHS):
            order = rng.permutation(split.train)
            for start in range(0, len(order), BATCH):
                batch = torch.tensor(order[start : start + BATCH])
                optimiser.zero_grad()
                loss = _loss(fresh._net, read, outcome, weights, batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(fresh._net.parameters(), CLIP)
                optimiser.step()
            with torch.no_grad():
                later = float(_loss(fresh._net, read, outcome, weights, torch.tensor(split.test)))
            if later < best_loss:
                best_loss, best = later, _state(fresh._net)
        fresh._net.load_state_dict(best)
        return fresh

    @classmethod
    def load(cls, content: bytes) -> "SequenceNet":
        """Return a network from its file; ValueError if that is none, or not finite."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            size = int.from_bytes(content[:8], "little")
            about = json.loads(content[8 : 8 + size])["__metadata__"]
            symbols = tuple(map(str, json.loads(about["symbols"])))
            net = _net_of(len(symbols))
            state = load(content)
            net.load_state_dict(state)
        except (SafetensorError, KeyError, TypeError, UnicodeDecodeError, RuntimeError) as error:
            raise ValueError(f"{cls.file} holds no network of this shape: {error!r}") from error
        if not all(bool(each.isfinite().all()) for each in state.values()):
            raise ValueError(f"{cls.file} must hold finite weights")
        return cls(net, symbols)

    def probability(self, inputs: Inputs) -> FloatArray:
        """Return the raw chance of a yes in each row."""
        import torch

        with torch.no_grad():
            logits = _logits(self._net, *self._read(inputs))
            chance = torch.sigmoid(logits.double()).numpy()
        inside: FloatArray = np.clip(chance, PROBABILITY_EDGE, 1.0 - PROBABILITY_EDGE)
        return inside

    def content(self) -> bytes:
        """Return the network as safetensors, with the symbols in its head."""
        from safetensors.torch import save

        written: bytes = save(_state(self._net), {"symbols": json.dumps(self._symbols)})
        return written

    def _read(self, inputs: Inputs) -> tuple[Any, Any]:
        import torch

        places = {symbol: place + 1 for place, symbol in enumerate(self._symbols)}
        known = [places.get(symbol, _OTHER) for symbol in inputs.symbols]
        sequences = torch.tensor(inputs.sequences, dtype=torch.float32)  # (row, step, channel)
        return sequences, torch.tensor(known, dtype=torch.int64)


def _net_of(symbols: int) -> Any:
    import torch

    head = torch.nn.Linear(HIDDEN, 1)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    return torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(symbols + 1, EMBEDDING),
            "lstm": torch.nn.LSTM(len(CHANNELS) + EMBEDDING, HIDDEN, batch_first=True),
            "head": head,
        }
    )


def _logits(net: Any, sequences: Any, symbols: Any) -> Any:
    import torch

    embedded = net["embedding"](symbols)[:, None, :]
    embedded = embedded.expand(-1, sequences.shape[1], -1)  # (row, step, embedding)
    states, _ = net["lstm"](torch.cat((sequences, embedded), dim=2))
    return net["head"](states[:, -1])[:, 0]


def _loss(net: Any, read: tuple[Any, Any], outcome: Any, weights: Any, rows: Any) -> Any:
    import torch

    logits = _logits(net, read[0][rows], read[1][rows])
    return torch.nn.functional.binary_cross_entropy_with_logits(
        logits, outcome[rows], weight=weights[rows]
    )


def _state(net: Any) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}
