"""Fixer: what currencies are worth, by one table of all of them.

``{"success": true, "timestamp": 1741168744, "base": "EUR", "rates": {"USD": 1.0673, ...}}``; an
error comes with status 200 and ``{"success": false, "error": {"code": 104, ...}}`` (fixer.io,
documentation). Which base a plan gives differs, so the worth is the quotient of two rates.
"""

from typing import Final

import msgspec

from models.market.sessions import SECOND_NS
from runtime.feeds.answers import Refused
from runtime.feeds.feed_client import FeedCall, FeedClient
from runtime.feeds.json_answers import decode_json
from runtime.terminals.conversion import Price

SOURCE: Final = "fixer"


class _Latest(msgspec.Struct):
    success: bool
    timestamp: int = 0
    base: str = ""
    rates: dict[str, float] = {}


class Fixer:
    """Asks Fixer; a failure is no rate."""

    def __init__(self, client: FeedClient, json_depth_max: int) -> None:
        self._client = client
        self._depth_max = json_depth_max

    def price(self, symbol: str, now_ns: int) -> Price | None:
        """Return a rate of two currencies such as EURUSD and when it was made, None without one."""
        call = FeedCall(url=self._client.url)
        answer = self._client.get(call, now_ns)
        if isinstance(answer, Refused):
            return None
        latest = decode_json(answer, _Latest, self._depth_max)
        if isinstance(latest, Refused) or not latest.success:
            return None
        if not 0 < latest.timestamp * SECOND_NS <= now_ns:
            return None
        self._client.keep(call, answer)
        rates = {**latest.rates, latest.base: 1.0}
        one, other = rates.get(symbol[:3], 0.0), rates.get(symbol[3:], 0.0)
        if not (one > 0.0 and other > 0.0):
            return None
        return Price(other / one, latest.timestamp * SECOND_NS)
