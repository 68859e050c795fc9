"""The market's part of an observation, from the latest bars and votes alone.

The learner agent computes it from live facts and a training from recorded columns; both call this
one function on the same number of bars, so that a feature means the same in both.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from models.market.bars import FloatArray
from models.market.sessions import HOUR_NS, WEEK_NS, week_open_ns

CONTEXT_BARS: Final = 240
"""Latest bars of each symbol that are looked at."""
LATEST_BARS: Final = 16
"""Of these, what counts as the present."""
RSI_BARS: Final = 14
RETURN_BARS: Final = 96
SESSION_NS: Final = 8 * HOUR_NS
"""Length of a session: three in a trading day, from 17:00 New York, roughly one a continent."""
LEAN_SCALE: Final = 10.0
SENTIMENT_SCALE: Final = 5.0
SPREAD_FLOOR: Final = 0.5
"""Points added to spreads before they are compared, so that 0 to 1 is not infinitely much."""


class SymbolTail(NamedTuple):
    """A symbol's latest bars, oldest first, at most `CONTEXT_BARS`."""

    close: FloatArray
    range: FloatArray
    """High less low."""
    spread_points: FloatArray


def market_context(
    tails: Sequence[SymbolTail], lean: float, sentiment: float, week_frac: float
) -> FloatArray:
    """Return the features of `observation.FEATURES`; NaN where there are too few bars.

    Parameters
    ----------
    tails : sequence of SymbolTail
        Of all symbols, up to the close at which parameters are chosen.
    lean : float
        Mean chance of the voted side over the rules' votes of the close, in [½, 1].
    sentiment : float
        Mean chance of up over the sentiment's votes, ½ without any.
    week_frac : float
        Share of the trading week that is over.
    """
    angle = 2.0 * np.pi * week_frac
    return np.array(
        [
            _mean([rsi_distance(tail.close) for tail in tails]),
            _mean([_ratio_log(tail.range, 0.0) for tail in tails]),
            (lean - 0.5) * LEAN_SCALE,
            _correlation_abs(tails),
            (sentiment - 0.5) * SENTIMENT_SCALE,
            _mean([_ratio_log(tail.spread_points, SPREAD_FLOOR) for tail in tails]),
            np.sin(angle),
            np.cos(angle),
        ]
    )


def lean_of(probability_up: FloatArray, abstains: np.ndarray) -> float:
    """Return the mean chance of the voted side over the votes that speak, ½ if none does."""
    spoken = probability_up[~abstains]
    return float(0.5 + np.abs(spoken - 0.5).mean()) if len(spoken) else 0.5


def week_frac(close_ns: int) -> float:
    """Return the share of the trading week that is over at a close; its last close counts as 1."""
    return (close_ns - week_open_ns(close_ns - 1)) / WEEK_NS


def rsi_distance(close: FloatArray) -> float:
    """Return |RSI − 50| / 50 of the latest `RSI_BARS` moves, simple means; NaN if there are fewer.

    Simple and not smoothed for ever, so that it is the same whoever started when.
    """
    moves = np.diff(close[-RSI_BARS - 1 :])
    if len(moves) < RSI_BARS:
        return float("nan")
    gains, total = float(moves[moves > 0.0].sum()), float(np.abs(moves).sum())
    return abs(2.0 * gains / total - 1.0) if total > 0.0 else 0.0


def _ratio_log(values: FloatArray, floor: float) -> float:
    if len(values) < CONTEXT_BARS:
        return float("nan")
    latest, usual = float(values[-LATEST_BARS:].mean()), float(values.mean())
    if not usual + floor > 0.0 or not latest + floor > 0.0:
        return float("nan")
    return float(np.log((latest + floor) / (usual + floor)))


def _correlation_abs(tails: Sequence[SymbolTail]) -> float:
    closes = [tail.close[-RETURN_BARS - 1 :] for tail in tails]
    if len(closes) < 2 or min(map(len, closes)) <= RETURN_BARS:
        return float("nan")
    returns = np.diff(np.log(np.stack(closes)), axis=1)
    moving = returns[returns.std(axis=1) > 0.0]
    if len(moving) < 2:
        return float("nan")
    correlation = np.abs(np.corrcoef(moving))
    return float(correlation[np.triu_indices(len(moving), 1)].mean())


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
