"""The messenger of a simulation: the production's outbox and sender before a false Telegram."""

from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import SecretStr
from telegram.error import NetworkError
from telegram.request import BaseRequest, RequestData

from blackboard.errors import BoardUnavailable, PostRefused
from blackboard.facts import Summary, kind_of
from blackboard.reading import Filter
from config.telegram import TelegramSection
from runtime.board_port import BoardPort
from runtime.notify.link import Link
from runtime.notify.outbox import Note, Outbox
from runtime.notify.sending import INTERVAL_S, Sender
from runtime.simulation.faults import Faults
from runtime.simulation.recorder import Recorder

TOKEN: Final = "7700113355:CANARY-of-the-simulated-messenger"  # noqa: S105 - it opens nothing
BATCH_MAX: Final = 1000
ATTEMPTS_MAX: Final = 20
"""Messages that one look sends at most."""

TAKEN: Final = (
    b'{"ok": true, "result": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}}}'
)


class FalseTelegram(BaseRequest):
    """Takes every message, or fails as the plan says; it never touches a network."""

    read_timeout = None

    def __init__(self, faults: Faults, recorder: Recorder) -> None:
        self._faults = faults
        self._recorder = recorder

    async def initialize(self) -> None:
        """Do nothing."""

    async def shutdown(self) -> None:
        """Do nothing."""

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        """Return what Telegram would answer."""
        del method
        if fault := self._faults.strike("messenger_down"):
            if fault.value:
                body = {"ok": False, "description": f"{fault.value:g}"}
                return int(fault.value), msgspec.json.encode(body)
            raise NetworkError(f"no route to host: {url}")
        self._recorder.told("telegram", str(request_data and request_data.json_payload))
        return 200, TAKEN


class Messenger:
    """Sends what the council reports, and survives what Telegram answers."""

    def __init__(self, folder: Path, board: BoardPort, faults: Faults, recorder: Recorder) -> None:
        self._board = board
        self._cursor = 0
        recorder.secrets.append(TOKEN)
        self._outbox = Outbox(folder)
        link = Link(SecretStr(TOKEN), SecretStr("4711"), TelegramSection())
        line = FalseTelegram(faults, recorder)
        self._sender = Sender(link.bot(line, line), link, self._outbox, "SIM")

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
                self._outbox.post(Note(title=entry.fact.title, text=entry.fact.text))
        for _ in range(ATTEMPTS_MAX):
            attempt = await self._sender.deliver()
            if attempt is None or attempt.wait_s > INTERVAL_S:
                break
