"""The agents' and the driver's way to the board, wherever Ray has placed it.

Ray says where the board is; posts and polls go over a connection of their own, which costs both
processors a fifth of a call through Ray. Posts are idempotent by key and turns by construction, so
calls that were interrupted are repeated here, and nowhere else, until the deadline; the board may
be restarting meanwhile.
"""

import asyncio
from typing import Final

import msgspec
import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError

from blackboard.entry import Ack, Post
from blackboard.errors import BoardUnavailable
from blackboard.reading import Filter, Joined
from runtime.board_link import BoardLink
from runtime.board_plan import BoardPulse
from runtime.board_port import ReadAnswer
from runtime.board_wire import Address, Call, JoinCall, PostCall, PulseCall, ReadCall, TurnCall
from runtime.clock import process_s
from runtime.supersteps import Told, Turn

BOARD_NAME: Final = "blackboard"
_PAUSE_S_MIN, _PAUSE_S_MAX = 0.05, 1.0


_acks = msgspec.msgpack.Decoder(tuple[Ack, ...])
_joined = msgspec.msgpack.Decoder(Joined)
_read = msgspec.msgpack.Decoder(ReadAnswer)
_pulse = msgspec.msgpack.Decoder(BoardPulse)
_told = msgspec.msgpack.Decoder(Told)
_address = msgspec.msgpack.Decoder(Address)


class BoardClient:
    """Calls the board by its name, through restarts; raises BoardUnavailable after the deadline."""

    def __init__(self, deadline_s: float, name: str = BOARD_NAME) -> None:
        self._name = name
        self._deadline_s = deadline_s
        self._link: BoardLink | None = None
        self._finding = asyncio.Lock()

    async def join(self, author: str) -> Joined:
        """Admit this instance of an author."""
        return _joined.decode(await self._call(JoinCall(author)))

    async def post(self, post: Post) -> tuple[Ack, ...]:
        """Post; raises PostRefused if the board says no."""
        return _acks.decode(await self._call(PostCall(post)))

    async def read(
        self,
        after: int,
        wanted: Filter,
        limit: int,
        timeout_s: float = 0.0,
        linger_s: float = 0.0,
    ) -> ReadAnswer:
        """Read after a cursor, waiting up to `timeout_s` for something new, see `BoardPort`."""
        call = ReadCall(after, wanted, limit, timeout_s, linger_s)
        return _read.decode(await self._call(call))

    async def turn(self, turn: Turn, deadline_s: float) -> Told:
        """Wait for the next turn in virtual time."""
        return _told.decode(await self._call(TurnCall(turn), deadline_s))

    async def pulse(self) -> BoardPulse:
        """Return how far the run has come and how much each author has said."""
        return _pulse.decode(await self._call(PulseCall()))

    def close(self) -> None:
        """End the connection; the next call opens another."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    async def _call(self, call: Call, deadline_s: float = 0.0) -> msgspec.Raw:
        deadline_s = deadline_s or self._deadline_s
        end_s = process_s() + deadline_s
        pause_s, reason = _PAUSE_S_MIN, ""
        while (left_s := end_s - process_s()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    return await self._ask(call)
            except BoardUnavailable as error:  # it lives, and its journal does not answer
                reason = f": {error}"
            except TimeoutError:
                self.close()  # it hangs: the next call looks for it anew
            except (ActorUnavailableError, ActorDiedError, OSError):
                pass  # it has gone, and the connection with it
            await asyncio.sleep(min(pause_s, max(0.0, end_s - process_s())))
            pause_s = min(_PAUSE_S_MAX, pause_s * 2)
        raise BoardUnavailable(
            f"the board did not answer {call.__struct_config__.tag} within {deadline_s} s{reason}"
        )

    async def _ask(self, call: Call) -> msgspec.Raw:
        async with self._finding:
            if self._link is None or self._link.is_lost:
                self._link = await self._found()
            link = self._link
        return await link.call(call)

    async def _found(self) -> BoardLink:
        # By name each time: the board may have been created anew, elsewhere.
        try:
            board = ray.get_actor(self._name)
        except ValueError as error:
            raise ConnectionRefusedError(str(error)) from error
        return await BoardLink.open(_address.decode(await board.address.remote()))
