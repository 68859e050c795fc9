"""What a currency is worth in the account's, where no price of the terminal tells.

The sources are asked in their order; the first whose rate is young enough is taken. A rate that is
older, or missing everywhere, is no rate: an order that rests on it is refused, and no default
stands in for it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from models.market.sessions import MINUTE_NS
from runtime.terminals.conversion import Price, settled_rate

NO_SOURCE: Final = "terminal.conversion_sources names nobody to ask"


class RateSource(Protocol):
    """Tells rates of two currencies."""

    def price(self, symbol: str, now_ns: int) -> Price | None:
        """Return a rate of two currencies such as EURUSD and when it was made."""


class OutsideRate(NamedTuple):
    """A rate, who told it, and when it was made."""

    rate: float
    source: str
    made_ns: int


class OutsideRates:
    """Sources of rates by their names, in the order in which they are asked."""

    def __init__(self, sources: Iterable[tuple[str, RateSource]], age_max_min: int) -> None:
        self._sources = tuple(sources)
        self._age_max_min = age_max_min

    def rate(self, currency: str, into: str, now_ns: int) -> OutsideRate | str:
        """Return the worth of one unit of `currency` in `into`, or why nobody tells it."""
        if not self._sources:
            return f"no price of the terminal values {currency} in {into}; {NO_SOURCE}"
        said = []
        for name, source in self._sources:
            price = source.price(currency + into, now_ns)
            if price is None:
                said.append(f"{name}: none")
                continue
            age_min = (now_ns - price.tick_ns) / MINUTE_NS
            if age_min <= self._age_max_min:
                return OutsideRate(price.bid, name, price.tick_ns)
            said.append(f"{name}: {age_min:.0f} min old, at most {self._age_max_min}")
        return f"no rate of {currency} in {into}: {', '.join(said)}"


def settled_outside(told: float, outside: OutsideRate) -> OutsideRate | str:
    """Return a rate from outside, unless the terminal's own tick value contradicts it.

    A terminal that cannot value a currency tells 0 or nonsense, which contradicts nothing.
    """
    if not told > 0.0 or settled_rate(told, outside.rate) is not None:
        return outside
    return f"{outside.source} and the terminal's tick value contradict each other"
