"""The last gate before a broker: what the terminal process itself refuses to send.

It stands in the process that holds the account and asks nobody: a file and a number decide. While
the stop file exists nothing that may raise risk passes; a sender from an older epoch never does.
"""

from pathlib import Path
from typing import Final, Protocol

from runtime.terminals import constants as mt5
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.structures import TradePosition, TradeRequest

STOP_FILE_NAME: Final = "STOP"


class EpochFence(Protocol):
    """Where the highest epoch is kept, durably."""

    def epoch(self) -> int:
        """Return the highest epoch noted, 0 before the first."""

    def raise_epoch(self, epoch: int) -> None:
        """Note an epoch; a lower one than before changes nothing."""


class LastGate:
    """Refuses requests from stale epochs, and what may raise risk while the stop file exists.

    Without a stop file's path only epochs are judged.
    """

    def __init__(self, fence: EpochFence, stop_file: Path | None) -> None:
        self._fence = fence
        self._stop_file = stop_file

    def refusal(
        self, request: TradeRequest, epoch: int, position: TradePosition | None
    ) -> TerminalRefused | None:
        """Return why a request must not leave, None if it may.

        `position` is the open one that the request names, if there is such a one. An epoch that is
        let pass is noted first, so that after a crash an older one is refused still.
        """
        highest = self._fence.epoch()
        if epoch < highest:
            return TerminalRefused(
                Refusal.STALE_EPOCH, f"epoch must be at least {highest}, was {epoch}"
            )
        if epoch > highest:
            self._fence.raise_epoch(epoch)
        if (
            self._stop_file is not None
            and self._stop_file.exists()
            and not reduces_risk(request, position)
        ):
            return TerminalRefused(
                Refusal.STOP_FILE,
                f"{self._stop_file.name} exists: only what reduces risk may leave",
            )
        return None


def reduces_risk(request: TradeRequest, position: TradePosition | None) -> bool:
    """Whether a request can only reduce risk.

    A close must name a position that is there and has the volume: on a netting account anything
    else may open one. An amendment of a position that is gone passes, so that the broker says so.
    A stop may be set or tightened, never loosened or deleted.
    """
    match request.action:
        case mt5.TRADE_ACTION_REMOVE | mt5.TRADE_ACTION_CLOSE_BY:
            return True
        case mt5.TRADE_ACTION_DEAL:
            return position is not None and _closes(request, position)
        case mt5.TRADE_ACTION_SLTP:
            return position is None or _keeps_stop(request, position)
        case _:
            return False


def _closes(request: TradeRequest, position: TradePosition) -> bool:
    is_opposite = request.type == (
        mt5.ORDER_TYPE_SELL if position.type == mt5.POSITION_TYPE_BUY else mt5.ORDER_TYPE_BUY
    )
    return is_opposite and request.symbol == position.symbol and request.volume <= position.volume


def _keeps_stop(request: TradeRequest, position: TradePosition) -> bool:
    if position.sl == 0.0:
        return True
    if position.type == mt5.POSITION_TYPE_BUY:
        return request.sl >= position.sl
    return 0.0 < request.sl <= position.sl
