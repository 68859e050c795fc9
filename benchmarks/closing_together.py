"""What becomes of 28 symbols that close together: every pair of eight currencies."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from benchmarks.sections import table

CURRENCIES: Final = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "JPY")
SYMBOLS: Final = tuple(f"{base}{quote}" for base, quote in combinations(CURRENCIES, 2))
DECISION_MS_MAX: Final = 250.0
VOTES_MS_MAX: Final = 60.0
"""Goals at the 99th percentile, from the bars told."""
WORDS: Final = (
    ("close", "bar", "close → bars told"),
    ("bar", "vote technical", "bars told → all technical votes"),
    ("bar", "vote sentiment", "bars told → all other votes"),
    ("bar", "forecast", "bars told → all forecasts"),
    ("bar", "decision", "bars told → last decision"),
    ("bar", "permission", "bars told → last permission"),
    ("bar", "order", "bars told → last order journaled"),
)

Round = dict[str, float]


def between(rounds: Sequence[Round], first: str, last: str) -> list[float]:
    """Return the milliseconds from one word to another, of the rounds that have both."""
    return [each[last] - each[first] for each in rounds if first in each and last in each]


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the 90th and the 99th percentile; NaN where there is no value."""
    if not values:
        return float("nan"), float("nan"), float("nan")
    p50, p90, p99 = np.percentile(values, (50, 90, 99))
    return float(p50), float(p90), float(p99)


def row(name: str, values: Sequence[float]) -> list[str]:
    """Return a row: how many, and their percentiles."""
    return [name, f"{len(values):,}", *(f"{value:.1f}" for value in percentiles(values))]


def rows_of(rounds: Sequence[Round]) -> str:
    """Return the table of rounds in which all symbols closed together."""
    rows = [row(name, between(rounds, first, last)) for first, last, name in WORDS]
    return table(("28 symbols together", "rounds", "p50 ms", "p90 ms", "p99 ms"), rows)


def verdict_on(rounds: Sequence[Round]) -> str:
    """Return what the goals say of them."""
    *_, votes_ms = percentiles(between(rounds, "bar", "vote technical"))
    *_, decision_ms = percentiles(between(rounds, "bar", "decision"))
    return (
        f"{len(SYMBOLS)} symbols closing together, {len(rounds)} rounds: all technical votes after "
        f"{votes_ms:.0f} ms at the 99th percentile (goal {VOTES_MS_MAX:g}, "
        f"{'met' if votes_ms <= VOTES_MS_MAX else 'missed'}), the last decision after "
        f"{decision_ms:.0f} ms (goal {DECISION_MS_MAX:g}, "
        f"{'met' if decision_ms <= DECISION_MS_MAX else 'missed'})."
    )
