"""Rows of direction models with a known answer, and terms for small ones."""

import numpy as np

from agents.technical import rule_settings
from config.settings import Settings
from models.market.sessions import HOUR_NS
from models.opinion.direction_features import CHANNELS, SEQUENCE_BARS
from models.opinion.direction_rows import DirectionRows, DirectionTerms, Inputs

FEATURES = 6
SYMBOLS = ("AUDUSD", "EURUSD", "USDJPY")
TERMS = DirectionTerms(
    rules=rule_settings(Settings().timeframe, Settings().agents.technical),
    signal_min=0.25,
    rows_min=300,
    leak_auc_max=0.6,
)


def made_up_rows(count: int, seed: int, edge: float = 0.0) -> DirectionRows:
    """Return rows of three symbols, five hours apart, whose first feature is worth an edge.

    The chance of the target is 1 / (1 + exp(−edge · feature)); an edge of 0 is a coin.
    """
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, FEATURES))
    chance = 1.0 / (1.0 + np.exp(-edge * features[:, 0]))
    sequences = rng.normal(size=(count, SEQUENCE_BARS, len(CHANNELS)))
    sequences[:, -1, 0] = features[:, 0]
    close_ns = 1_735_689_600_000_000_000 + 5 * HOUR_NS * np.arange(count)
    return DirectionRows(
        Inputs(tuple(SYMBOLS[row % 3] for row in range(count)), features, sequences),
        close_ns,
        close_ns + rng.integers(1, 16, count) * HOUR_NS,
        (rng.uniform(size=count) < chance).astype(np.float64),
        rng.uniform(0.4, 1.0, count),
    )
