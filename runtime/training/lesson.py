"""What a training is given: bars, settings, a seed, and the model that serves now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import Settings
from models.market.bars import BarArray

Advance = Callable[[float, str], None]
"""Takes the share that is done, in 0..1, and a word about it."""


def tell_nobody(_share: float, _word: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training of one family."""

    bars: Mapping[str, BarArray]
    """Closed bars of the trading timeframe by symbol, oldest first."""
    settings: Settings
    seed: int
    champion: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the model of the family that serves now; empty where none does."""
    now_ns: int = 0
    """Market time of the attempt; the wall's where a family learns from no market."""
    checkpoints: Path | None = None
    """Folder in which an interrupted training leaves what the next one can go on from."""
    advance: Advance = tell_nobody

    @property
    def device(self) -> str:
        """Where a network is trained, as torch names it: auto takes a graphics card if it has one.

        What was trained on one device is loaded on any other.
        """
        device = self.settings.agents.learner.device
        if device != "auto":
            return device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
