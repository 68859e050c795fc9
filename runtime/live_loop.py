"""The loop of an agent that follows the real clock, apart from whatever process hosts it.

It reads the board by long poll, steps, posts, and hands requests to the world off the loop. A host
gives it the way to the board, the clock and the settings; an actor on Ray is one, the simulation of
the whole system in one process another. Nothing that was sent is ever sent again by it: a reply
that does not come in time is `Unanswered`, and what became of the order is for its agent to find.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from agents.agent import Agent, Inbox, Outbox
from agents.requests import (
    AwaitBroker,
    BrokerChanged,
    Reply,
    Request,
    SendOrder,
    Unanswered,
    Wake,
    Woken,
)
from agents.training.requests import Train
from blackboard.entry import Entry, Post
from blackboard.errors import BoardUnavailable, QuorumError, StaleEpoch
from blackboard.facts import OrderOutcome, kind_of
from blackboard.reading import Filter, Joined
from config.settings import Settings
from runtime.board_port import BoardPort, ReadAnswer, read_past
from runtime.clock import ScaledClock, process_s
from runtime.council import load_agent
from runtime.fault_sites import reach
from runtime.seat import STANDING
from runtime.step import guarded_fold, guarded_step
from runtime.world import World

_log = structlog.get_logger()
_FAULT_PAUSE_S: Final = 1.0
_PAUSES_MAX: Final = 10
_REASON_LENGTH_MAX: Final = 500
TRAINING_GRACE_S: Final = 120.0
"""Time beyond a training's own, in which its place tells how it ended."""


class LiveHost(Protocol):
    """What surrounds one agent."""

    name: str
    clock: ScaledClock
    settings: Settings
    poll_timeout_s: float
    """Longest wait of one long poll; not the same for two agents, or they would poll in step."""
    has_ended: bool

    @property
    def board(self) -> BoardPort:
        """The way to the board."""

    def open_world(self) -> World:
        """Open the way to the world; blocks."""

    def beat(self) -> None:
        """Note that the loop is alive."""

    def well(self) -> None:
        """Note that the agent has worked since its last fault."""

    def turned(self, seconds: float, inbox: int, posted: int) -> None:
        """Note how long a turn took, and how much it took in and handed to the board."""

    def failed(self, reason: str) -> int:
        """Note a fault after which the agent is rebuilt; return how many there were."""

    def waits(self, reason: str) -> None:
        """Note that the board stays away; the agent is rebuilt, and nothing of it has failed."""

    def fenced(self, reason: str) -> None:
        """Note that a younger instance has taken over: this one ends for good."""


async def reside(
    host: LiveHost,
    follow: Callable[[Agent, World], Awaitable[None]],
    errors: tuple[type[Exception], ...] = (QuorumError, OSError),
) -> None:
    """Host an agent until it has ended: rebuild it after every fault, with growing pauses."""
    while not host.has_ended:
        world: World | None = None
        try:
            world = await asyncio.to_thread(host.open_world)
            await follow(load_agent(host.name, host.settings), world)
        except StaleEpoch as error:
            # A younger instance has taken over; joining again would fence that one in turn.
            reason = str(error)[:_REASON_LENGTH_MAX]
            host.fenced(reason)
            _log.error("agent_fenced_off", agent=host.name, reason=reason)
        except BoardUnavailable as error:
            # However long that takes: an agent that cannot post does no harm.
            reason = str(error)[:_REASON_LENGTH_MAX]
            host.waits(reason)
            _log.warning("agent_waiting", agent=host.name, reason=reason)
            await asyncio.sleep(_FAULT_PAUSE_S)
        except errors as error:
            reason = str(error)[:_REASON_LENGTH_MAX]
            faults = host.failed(reason)
            _log.error("agent_rebuilding", agent=host.name, reason=reason, faults=faults)
            await asyncio.sleep(_FAULT_PAUSE_S * min(faults, _PAUSES_MAX))
        finally:
            if world is not None:
                await asyncio.to_thread(world.close)


def wanted_by(agent: Agent) -> Filter:
    """Return what the agent reads, its own entries included."""
    return Filter(
        kinds=agent.declaration().reads,
        author=agent.name,
        unhurried=frozenset(map(kind_of, agent.unhurried)),
    )


class LiveLoop:
    """One instance of an agent, from its rebuild until it is cancelled or fails."""

    def __init__(self, host: LiveHost, agent: Agent, world: World) -> None:
        self._host = host
        self._agent = agent
        self._world = world
        self._epoch = 0
        self._cursor = 0
        self._wanted = wanted_by(agent)
        self._at_work: dict[asyncio.Task[Reply], Request] = {}
        self._sends = asyncio.Lock()
        self._mark: tuple[object, ...] | None = None

    async def run(self) -> None:
        """Rebuild, then follow until cancelled."""
        host = self._host
        joined = await host.board.join(self._agent.name)
        self._epoch = joined.epoch
        now_ns = await self._rebuild(joined)
        entries: list[Entry] = []
        replies: list[Reply] = []
        is_new = True
        reading: asyncio.Task[ReadAnswer] | None = None
        try:
            while True:
                host.beat()
                if entries or replies or is_new:
                    # Never before what was seen, whichever clock has stepped back or lags.
                    seen_ns = max((entry.now_ns for entry in entries), default=0)
                    now_ns = max(now_ns, host.clock.now_ns(), seen_ns)
                    inbox = Inbox(entries=tuple(entries), replies=tuple(replies))
                    began_s = process_s()
                    outbox = await asyncio.to_thread(guarded_step, self._agent, now_ns, inbox)
                    posted_to = await self._post(outbox, now_ns)
                    host.well()
                    taken = len(entries) + len(replies)
                    host.turned(process_s() - began_s, taken, len(outbox.drafts))
                    is_new = False
                    if posted_to > self._cursor:
                        # Own entries are seen before the next step, or it would want them again.
                        entries, replies = await self._catch_up(reading, posted_to), []
                        reading = None
                        continue
                reading = reading or asyncio.create_task(self._read())
                entries, replies, reading = await self._wait(reading)
        finally:
            _cancel(reading)
            for task in self._at_work:
                task.cancel()

    async def _rebuild(self, joined: Joined) -> int:
        """Let the agent see what counts of the past; return the newest market time of it."""
        limit, seen_ns = self._host.settings.board.read_batch_max, 0
        async for past in read_past(self._host.board, self._wanted, joined, limit):
            await asyncio.to_thread(guarded_fold, self._agent, past.entries)
            self._cursor = past.read_to
            seen_ns = max([seen_ns, *(entry.now_ns for entry in past.entries)])
            self._host.beat()
        return seen_ns

    async def _read(self) -> ReadAnswer:
        host = self._host
        return await host.board.read(
            self._cursor,
            self._wanted,
            host.settings.board.read_batch_max,
            host.poll_timeout_s,
            host.settings.board.linger_s,
        )

    async def _catch_up(self, reading: asyncio.Task[ReadAnswer] | None, seq: int) -> list[Entry]:
        """Read up to an entry of one's own, with the poll that is under way if there is one."""
        entries: list[Entry] = []
        while self._cursor < seq:
            answer = await (reading or self._read())
            reading = None
            self._cursor = answer.read_to
            entries += answer.entries
        return entries

    async def _post(self, outbox: Outbox, now_ns: int) -> int:
        """Post and hand the requests on; return the last seq that the post stands at, or 0."""
        created: set[str] = set()
        posted_to = 0
        sends = any(isinstance(request, SendOrder) for request in outbox.requests)
        if outbox.drafts:
            post = Post(
                author=self._agent.name,
                epoch=self._epoch,
                drafts=tuple(outbox.drafts),
                read_to=self._cursor,
                now_ns=now_ns,
            )
            if sends:
                reach("send.before_post")
            acks = await self._host.board.post(post)
            created = {
                draft.slot for draft, ack in zip(outbox.drafts, acks, strict=True) if ack.created
            }
            # Also where a call that was cut off had it taken already, and this one created nothing.
            posted_to = max((ack.seq for ack in acks), default=0)
            if sends:
                reach("send.after_post")
            if any(isinstance(draft.fact, OrderOutcome) for draft in outbox.drafts):
                reach("send.after_outcome")
        for request in outbox.requests:
            if not request.needs or request.needs in created:
                self._start(request)
        return posted_to

    def _start(self, request: Request) -> None:
        under_way = list(self._at_work.items())
        if any(other == request for _, other in under_way):
            return
        for task, other in under_way:
            is_replaced = isinstance(request, STANDING) and type(other) is type(request)
            if is_replaced and not task.done():  # one that is done is still to be heard
                task.cancel()
                del self._at_work[task]
        self._at_work[asyncio.create_task(self._ask(request))] = request

    async def _ask(self, request: Request) -> Reply:
        if not isinstance(request, SendOrder):
            return await self._perform(request)
        last_s = process_s() + self._host.settings.terminal.send_timeout_s
        async with self._sends:  # in the order in which the agent asked
            if process_s() >= last_s:
                # Its author has given it up by now; sent late it would surprise everybody.
                return Unanswered(request=request, reason="its turn came too late: not sent")
            reach("send.before")
            reply = await self._perform(request)
            reach("send.after")
            return reply

    async def _perform(self, request: Request) -> Reply:
        clock, terminal = self._host.clock, self._host.settings.terminal
        if isinstance(request, Wake):
            await asyncio.sleep(clock.wait_s(request.at_ns))
            return Woken(request=request)
        if isinstance(request, AwaitBroker):
            return await self._await_broker(request)
        sends = isinstance(request, SendOrder)
        reads_s = terminal.read_timeout_s * terminal.read_tries
        deadline_s = terminal.send_timeout_s if sends else reads_s
        if isinstance(request, Train):
            deadline_s += self._host.settings.agents.learner.training.time_s + TRAINING_GRACE_S
        call = asyncio.to_thread(
            self._world.perform, request, now_ns=clock.now_ns(), epoch=self._epoch
        )
        try:
            return (await asyncio.wait_for(call, deadline_s)).reply
        except TimeoutError:
            return Unanswered(request=request, reason=f"no answer within {deadline_s:g} s")

    async def _await_broker(self, request: AwaitBroker) -> Reply:
        # The mark is kept over renewals: what changes between two of them is noticed too.
        poll_s = self._host.settings.agents.execution.broker_poll_s
        while (wait_s := self._host.clock.wait_s(request.until_ns)) > 0.0:
            mark = await asyncio.to_thread(self._world.broker_mark)
            changed, self._mark = self._mark not in (None, mark), mark
            if changed:
                break
            await asyncio.sleep(min(wait_s, poll_s))
        return BrokerChanged(request=request)

    async def _wait(
        self, reading: asyncio.Task[ReadAnswer]
    ) -> tuple[list[Entry], list[Reply], asyncio.Task[ReadAnswer] | None]:
        done, _ = await asyncio.wait({reading, *self._at_work}, return_when=asyncio.FIRST_COMPLETED)
        replies = []
        for task in [task for task in self._at_work if task in done]:
            del self._at_work[task]
            replies.append(task.result())
        if reading not in done:
            return [], replies, reading
        answer = reading.result()
        self._cursor = answer.read_to
        return answer.entries, replies, None


def _cancel(task: asyncio.Task[ReadAnswer] | None) -> None:
    # One that has failed meanwhile is heard here: the next read meets the same, and nobody else
    # would ask, which asyncio reports as an error that was lost.
    if task is not None and not task.cancel() and not task.cancelled():
        task.exception()
