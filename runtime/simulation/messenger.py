"""The messenger of a simulation: the production's outbox and sender before a false Telegram."""

from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from blackboard.board import Filter
from blackboard.errors import BoardUnavailable, PostRefused
from blackboard.facts import Summary, kind_of
from runtime.board_port import BoardPort
from runtime.notify.outbox import Outbox
from runtime.notify.telegram import TelegramNotifier
from runtime.simulation.faults import Faults
from runtime.simulation.recorder import Recorder

TOKEN: Final = "7700113355:CANARY-of-the-simulated-messenger"  # noqa: S105 - it opens nothing
BATCH_MAX: Final = 1000
ATTEMPTS_MAX: Final = 20
"""Messages that one look sends at most."""


class Messenger:
    """Sends what the council reports, and survives what Telegram answers."""

    def __init__(self, folder: Path, board: BoardPort, faults: Faults, recorder: Recorder) -> None:
        self._board = board
        self._faults = faults
        self._recorder = recorder
        self._cursor = 0
        recorder.secrets.append(TOKEN)
        self._notifier = TelegramNotifier(
            SecretStr(TOKEN),
            SecretStr("4711"),
            Outbox(folder),
            "SIM",
            client=httpx.Client(transport=httpx.MockTransport(self._answer), trust_env=False),
        )

    async def look(self) -> None:
        """Post the newest summaries, and send what waits."""
        wanted = Filter(kinds=frozenset({kind_of(Summary)}))
        try:
            answer = await self._board.read(self._cursor, wanted, BATCH_MAX)
        except BoardUnavailable:
            return
        except PostRefused:  # the journal was cut: what comes again is told again
            self._cursor = 0
            return
        self._cursor = answer.read_to
        for entry in answer.entries:
            if isinstance(entry.fact, Summary):
                self._notifier.post(f"{entry.fact.title}\n{entry.fact.text}")
        for _ in range(ATTEMPTS_MAX):
            attempt = self._notifier.deliver()
            if attempt is None or attempt.wait_s > 1.0:
                break

    def close(self) -> None:
        """Let go of the client; what waits stays in the outbox."""
        self._notifier.close(0.0)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if fault := self._faults.strike("messenger_down"):
            if fault.value:
                body = {"ok": False, "description": f"{fault.value:g}"}
                return httpx.Response(int(fault.value), json=body)
            raise httpx.ConnectError("no route to host", request=request)
        self._recorder.told("telegram", request.content.decode())
        return httpx.Response(200, json={"ok": True})
