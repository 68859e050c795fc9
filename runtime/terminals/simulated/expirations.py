"""When a working order ends by itself, by the server's clock."""

from typing import Final

from models.market.sessions import DAY_NS, SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.server_time import ServerClock
from runtime.terminals.structures import TradeRequest

PASSED: Final = -1
"""Stands for a moment that has passed."""
_LATEST_S: Final = 2**62 // SECOND_NS


class Expirations:
    """Lifetimes of orders on one server; days end at its midnight."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock

    def of(self, request: TradeRequest, now_ns: int) -> int:
        """Return the moment, 0 for never and `PASSED` for one that has passed."""
        match request.type_time:
            case mt5.ORDER_TIME_DAY:
                return self._end_of_day_ns(self._clock.to_server_ns(now_ns))
            case mt5.ORDER_TIME_SPECIFIED:
                ends_ns = self._clock.to_utc_ns(_server_ns(request))
            case mt5.ORDER_TIME_SPECIFIED_DAY:
                ends_ns = self._end_of_day_ns(_server_ns(request))
            case _:
                return 0
        return ends_ns if ends_ns > now_ns else PASSED

    def _end_of_day_ns(self, server_ns: int) -> int:
        return self._clock.to_utc_ns((server_ns // DAY_NS + 1) * DAY_NS)


def _server_ns(request: TradeRequest) -> int:
    return min(max(request.expiration, 0), _LATEST_S) * SECOND_NS
