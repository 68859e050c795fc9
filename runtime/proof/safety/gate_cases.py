"""Cases of the last gate, inside the process that holds the account, with nothing else running."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from agents.requests import SendOrder
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from config.settings import Settings
from runtime.book import write_durably
from runtime.clock import VirtualClock
from runtime.proof.safety.case import Case
from runtime.proof.safety.scene import Answer
from runtime.terminals import constants as mt5
from runtime.terminals.gate import STOP_FILE_NAME
from runtime.terminals.port import TerminalRefused
from runtime.terminals.requests import order_request
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.terminal import SimulatedTerminal

_SYMBOL: Final = "EURUSD"
_LOTS: Final = 0.1
_EPOCH: Final = 2
_STOP_FRAC: Final = 0.01
"""Distance of stop and target from the price: far enough for any broker's level."""


class GateScene:
    """The simulated terminal over the synthetic market, and a state folder of its own."""

    def __init__(self, _: Settings) -> None:
        self._folder = TemporaryDirectory()
        self._settings = Settings(symbols=(_SYMBOL,))
        self._source = open_market(self._settings).source
        self._ledger = MemoryLedger()
        self._sent = 0
        self._epoch = _EPOCH
        self.restart()

    @property
    def stop_file(self) -> Path:
        """The kill switch of this scene."""
        return Path(self._folder.name) / STOP_FILE_NAME

    def restart(self) -> None:
        """End the terminal's process and begin another on the same records."""
        self._terminal = SimulatedTerminal(
            self._source,
            self._ledger,
            self._settings,
            VirtualClock(self._source.start_ns).now_ns,
            stop_file=self.stop_file,
        )
        self._terminal.initialize()

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    def enter(self, epoch: int = _EPOCH) -> Answer:
        """Send an entry to the terminal itself; return what it said."""
        self._sent += 1
        self._epoch = epoch
        info = self._terminal.symbol_info(_SYMBOL)
        assert info is not None, "the synthetic market has its own symbols"
        order = SendOrder(
            needs="",
            intent_id=f"proof-{self._sent}",
            purpose=Purpose.ENTRY,
            symbol=_SYMBOL,
            side=Side.BUY,
            lots=_LOTS,
            stop_price=round(info.bid * (1.0 - _STOP_FRAC), info.digits),
            target_price=round(info.bid * (1.0 + _STOP_FRAC), info.digits),
            position_ticket=0,
            magic=self._sent,
            comment="proof",
            deviation_points=100,
        )
        request = order_request(order, info)
        answer = self._terminal.order_send(request, request_id=order.intent_id, epoch=epoch)
        text = f"BUY {_SYMBOL} {_LOTS} lots, epoch {epoch}"
        match answer:
            case TerminalRefused():
                return Answer(text, answer.refusal.value)
            case None:
                return Answer(text, str(self._terminal.last_error()))
            case _:
                is_done = answer.retcode == mt5.TRADE_RETCODE_DONE
                return Answer(text, "" if is_done else str(answer.retcode))

    def ask_again(self) -> Answer:
        """Send an entry like the latest."""
        return self.enter(self._epoch)


def _stopped(scene: GateScene, _: object) -> Answer:
    write_durably(scene.stop_file, b"halt\n")
    return scene.enter()


def _from_an_older_life(scene: GateScene, _: object) -> Answer:
    scene.enter()
    return scene.enter(_EPOCH - 1)


CASES: Final = (
    Case(
        limit="stop_file",
        scenario="the kill switch is set, by whom and with whatever dead: the terminal refuses",
        reason="stop_file",
        inside=lambda scene, _: scene.enter(),
        beyond=_stopped,
        stage=GateScene,
    ),
    Case(
        limit="stale_epoch",
        scenario="an instance that was thought dead sends after its successor did",
        reason="stale_epoch",
        inside=lambda scene, _: scene.enter(),
        beyond=_from_an_older_life,
        stage=GateScene,
    ),
)
