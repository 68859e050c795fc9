"""What one unit of a currency is worth in the account's, by live prices of the same terminal.

Directly, inversely, or in one step over dollars or euros, at bids. A price that is missing or old
gives no worth at all: a size that rests on a guessed rate is a guessed size.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

BRIDGES: Final = ("USD", "EUR")
"""Currencies over which two others are compared, the more traded one first."""

AGREEMENT_FRAC: Final = 0.005
"""How far the terminal's own tick value may lie from the live rate and still be taken: it is the
figure that the broker books by, with a rounding and a side of its own."""
CONTRADICTION_FRAC: Final = 0.1
"""Beyond this they do not speak of the same contract."""


class Price(NamedTuple):
    """A symbol's latest bid, and when it was made."""

    bid: float
    tick_ns: int


PriceOf = Callable[[str], Price | None]
"""The price of two currencies, such as EURUSD; None where there is none."""


def live_rate(currency: str, into: str, price_of: PriceOf, oldest_ns: int) -> float | None:
    """Return the worth of one unit of `currency` in `into`, None where no fresh price tells it.

    Parameters
    ----------
    currency, into : str
        The currency to value, and the account's.
    price_of : callable
        Gives the prices of the terminal.
    oldest_ns : int
        Prices made before it count as missing.
    """
    for way in _ways(currency, into):
        rate = 1.0
        for step_from, step_into in way:
            step = _step(step_from, step_into, price_of, oldest_ns)
            if step is None:
                break
            # Divided or multiplied one after the other, as brokers do it, to the last digit.
            rate = rate / step[0] if step[1] else rate * step[0]
        else:
            return rate
    return None


def _ways(currency: str, into: str) -> Iterator[tuple[tuple[str, str], ...]]:
    if currency == into:
        yield ()
        return
    yield ((currency, into),)
    for bridge in BRIDGES:
        if bridge not in (currency, into):
            yield ((currency, bridge), (bridge, into))


def _step(currency: str, into: str, price_of: PriceOf, oldest_ns: int) -> tuple[float, bool] | None:
    """Return a bid and whether to divide by it."""
    for symbol, is_inverse in ((currency + into, False), (into + currency, True)):
        price = price_of(symbol)
        if price is not None and price.bid > 0.0 and price.tick_ns >= oldest_ns:
            return price.bid, is_inverse
    return None


def settled_rate(told: float, live: float | None) -> float | None:
    """Return the rate to size by, from the terminal's own tick value and the live one.

    None where either is missing, or they contradict each other.
    """
    if live is None or not (math.isfinite(told) and told > 0.0):
        return None
    distance_frac = abs(told / live - 1.0)
    if distance_frac <= AGREEMENT_FRAC:
        return told
    return live if distance_frac <= CONTRADICTION_FRAC else None
