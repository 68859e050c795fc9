"""What must be refused, tried on the running system: bad posts, floods, bad settings, no token.

What is let through where it must not be is a violation of its own.
"""

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from starlette.responses import PlainTextResponse
from starlette.types import Message

from blackboard.entry import Draft, Post
from blackboard.errors import BoardUnavailable, PostRefused
from blackboard.facts import AgentHealth, AnyFact, Vote
from blackboard.facts.control import Health
from config.settings import Settings
from models.market.sessions import HOUR_NS
from runtime.simulation.outages import Event
from runtime.simulation.plan import PlannedFault
from runtime.simulation.process import Process
from runtime.terminals.server import Guard

if TYPE_CHECKING:
    from runtime.simulation.world import SimulatedSystem

POSTS: Final = 4
DRAFTS: Final = 250
"""A thousand facts in one moment; ten times as many only take ten times as long."""
TOKEN: Final = "CANARY-token-of-the-simulated-terminal"  # noqa: S105 - it opens nothing
UNAUTHORIZED: Final = 401
HOST: Final = "127.0.0.1:5000"


async def _flood(system: "SimulatedSystem", fault: PlannedFault) -> None:
    now_ns = system.clock.now_ns()
    for post in range(POSTS):
        drafts = tuple(
            _draft(_vote(system, fault.scope), now_ns - HOUR_NS, f"flood.{now_ns}.{post}.{place}")
            for place in range(DRAFTS)
        )
        if await _post(system, fault.scope, drafts, now_ns):
            system.faults.note(fault)


async def _post_badly(system: "SimulatedSystem", fault: PlannedFault) -> None:
    now_ns = system.clock.now_ns()
    health = AgentHealth(
        scope="risk", health=Health.HEALTHY, mode="true", restarts=0, reason="says so itself"
    )
    bad = {
        "a kind that is not its own": _draft(health, now_ns, f"bad.{now_ns}"),
        "an event in the future": _draft(
            _vote(system, fault.scope), now_ns + HOUR_NS, f"bad.{now_ns}"
        ),
    }
    system.faults.note(fault)
    for what, draft in bad.items():
        if await _post(system, fault.scope, (draft,), now_ns):
            system.broke("P8", "bad_posts_are_refused", f"{fault.scope} posted {what}")
    try:
        _vote(system, fault.scope, probability_up=float("nan"))
    except ValueError:
        return
    system.broke("P8", "bad_posts_are_refused", "a vote without a number was made")


async def _start_with_bad_settings(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    values: dict[str, Any] = {"unknown": 1, "agents": {"risk": {"risk_frac_max": 0.2}}}
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        if error.error_count() == len(values):
            return
    system.broke("P12", "bad_settings_are_refused", "not every error was named")


async def _call_without_token(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    system.recorder.secrets.append(TOKEN)
    answers: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    guard = Guard(PlainTextResponse("inside"), TOKEN, frozenset({HOST}))
    for given in (None, b"Bearer", b"Bearer " + TOKEN[:-1].encode(), b"Basic " + TOKEN.encode()):
        headers = [(b"host", HOST.encode())]
        headers += [] if given is None else [(b"authorization", given)]
        scope = {"type": "http", "method": "POST", "path": "/call", "headers": headers}
        await guard(scope, receive, send)
    if any(status != UNAUTHORIZED for status in answers):
        system.broke("P11", "calls_without_token_are_refused", f"answers were {answers}")


async def _post(
    system: "SimulatedSystem", author: str, drafts: tuple[Draft, ...], now_ns: int
) -> bool:
    service = system.board.service
    if service is None:
        return False
    post = Post(
        author=author,
        epoch=service.board.epoch(author),
        drafts=drafts,
        read_to=service.board.head,
        now_ns=now_ns,
    )
    try:
        await system.line(Process(author)).post(post)
    except (PostRefused, BoardUnavailable):
        return False
    return True


def _draft(fact: AnyFact, ts_event_ns: int, ordinal: str) -> Draft:
    return Draft(fact=fact, ts_event_ns=ts_event_ns, timeframe="M15", ordinal=ordinal)


def _vote(system: "SimulatedSystem", voter: str, probability_up: float = 0.5) -> Vote:
    return Vote(
        scope=system.settings.symbols[0],
        voter=f"{voter}.flood",
        timeframe=system.settings.timeframe,
        probability_up=probability_up,
        abstains=True,
        reason="flood",
        horizon_bars=1,
        reference_price=1.0,
        barrier_distance=0.001,
        model="none",
    )


EVENTS: Final[dict[str, Event]] = {
    "board_flooded": _flood,
    "bad_posts": _post_badly,
    "config_refused": _start_with_bad_settings,
    "port_probed": _call_without_token,
}
