"""The agents' and the driver's way to the board actor.

Posts are idempotent by key and turns by construction, so calls that were interrupted are repeated
here, and nowhere else, until the deadline; the board may be restarting meanwhile.
"""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError

from blackboard.entry import Ack, Post
from blackboard.errors import BoardUnavailable
from blackboard.reading import Filter, Joined
from runtime.board_plan import BoardPulse
from runtime.board_port import ReadAnswer
from runtime.clock import process_s
from runtime.supersteps import Told, Turn

BOARD_NAME = "blackboard"
_PAUSE_S_MIN, _PAUSE_S_MAX = 0.05, 1.0


_acks = msgspec.msgpack.Decoder(tuple[Ack, ...])
_joined = msgspec.msgpack.Decoder(Joined)
_read = msgspec.msgpack.Decoder(ReadAnswer)
_pulse = msgspec.msgpack.Decoder(BoardPulse)
_told = msgspec.msgpack.Decoder(Told)


class BoardClient:
    """Calls the board by its name, through restarts; raises BoardUnavailable after the deadline."""

    def __init__(self, deadline_s: float, name: str = BOARD_NAME) -> None:
        self._name = name
        self._deadline_s = deadline_s
        self._board: Any = None

    async def join(self, author: str) -> Joined:
        """Admit this instance of an author."""
        return _joined.decode(await self._call("join", author))

    async def post(self, post: Post) -> tuple[Ack, ...]:
        """Post; raises PostRefused (as a RayTaskError that is one) if the board says no."""
        return _acks.decode(await self._call("post", msgspec.msgpack.encode(post)))

    async def read(
        self,
        after: int,
        wanted: Filter,
        limit: int,
        timeout_s: float = 0.0,
        linger_s: float = 0.0,
    ) -> ReadAnswer:
        """Read after a cursor, waiting up to `timeout_s` for something new, see `BoardPort`."""
        encoded = msgspec.msgpack.encode(wanted)
        return _read.decode(await self._call("read", after, encoded, limit, timeout_s, linger_s))

    async def turn(self, turn: Turn, deadline_s: float) -> Told:
        """Wait for the next turn in virtual time."""
        encoded = msgspec.msgpack.encode(turn)
        return _told.decode(await self._call("turn", encoded, deadline_s=deadline_s))

    async def pulse(self) -> BoardPulse:
        """Return how far the run has come and how much each author has said."""
        return _pulse.decode(await self._call("pulse"))

    async def _call(self, method: str, *args: object, deadline_s: float = 0.0) -> Any:
        end_s = process_s() + (deadline_s or self._deadline_s)
        pause_s, reason = _PAUSE_S_MIN, ""
        while (left_s := end_s - process_s()) > 0:
            try:
                if (board := self._found()) is not None:
                    return await asyncio.wait_for(getattr(board, method).remote(*args), left_s)
            except (ActorUnavailableError, ActorDiedError):
                self._board = None
            except BoardUnavailable as error:  # it lives, and its journal does not answer
                reason = f": {getattr(error, 'cause', error)}"  # Ray's own text is a traceback
            except TimeoutError:
                break
            await asyncio.sleep(pause_s)
            pause_s = min(_PAUSE_S_MAX, pause_s * 2)
        raise BoardUnavailable(
            f"the board did not answer {method} within {self._deadline_s} s{reason}"
        )

    def _found(self) -> Any:
        # By name each time the old handle fails: the board may have been created anew.
        if self._board is None:
            with suppress(ValueError):
                self._board = ray.get_actor(self._name)
        return self._board
