"""The second source of prices behind one port."""

from typing import Protocol

from agents.requests import ReadSecondPrices, SecondPricesRead, Unanswered


class SecondPrices(Protocol):
    """Where bars come from beside the terminal."""

    def read(
        self, request: ReadSecondPrices, currency: str, now_ns: int
    ) -> SecondPricesRead | Unanswered:
        """Answer a request; `currency` is the account's, empty where nobody knows it yet."""


class NoSecondPrices:
    """The operator's choice to have no second source."""

    def read(self, request: ReadSecondPrices, currency: str, now_ns: int) -> Unanswered:
        """Say that none is configured."""
        del currency, now_ns
        return Unanswered(request=request, reason="agents.data.second_source is none")
