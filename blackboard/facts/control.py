"""The state of the system itself: posted by the supervisor and the driver."""

from enum import StrEnum

from blackboard.facts.fact import Fact, within


class Health(StrEnum):
    """What the driver's watch says of an agent."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    QUARANTINED = "quarantined"
    """Out of restarts; it stays down until a person restarts it."""


class AgentHealth(Fact, frozen=True, kw_only=True):
    """Health of one agent, which is the scope."""

    health: Health
    mode: str
    """``true``, ``shadow`` or ``false``, as configured."""
    restarts: int
    reason: str

    def __post_init__(self) -> None:
        within("restarts", self.restarts, 0, 2**31)


class TradingState(StrEnum):
    """What may leave the system, from all to nothing."""

    ACTIVE = "ACTIVE"
    SAFE = "SAFE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"

    @property
    def strictness(self) -> int:
        """Rank: the strictest of all open restrictions holds."""
        return list(TradingState).index(self)


class Restriction(Fact, frozen=True, kw_only=True):
    """One reason for not being ACTIVE; the scope is its cause."""

    state: TradingState
    since_ns: int
    evidence: str
    way_out: str
    """What ends it, in words that an operator can act on."""
    cooldown_until_ns: int = 0
    is_probation: bool = False
    """ACTIVE at half risk, against a mark of its own."""


class TradingStateChanged(Fact, frozen=True, kw_only=True):
    """The trading state from now on: the strictest of the open restrictions."""

    state: TradingState
    previous: TradingState
    reason: str
    restrictions: tuple[Restriction, ...] = ()

    @property
    def halves_risk(self) -> bool:
        """Whether entries run at half risk: in SAFE, and while on probation."""
        return self.state is TradingState.SAFE or any(r.is_probation for r in self.restrictions)


class Command(StrEnum):
    """What an operator can ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    RETRAIN = "retrain"


class OperatorCommand(Fact, frozen=True, kw_only=True):
    """A person's order to the system, by command line, console or Telegram."""

    command: Command
    origin: str
    argument: str = ""


class RetrainRequested(Fact, frozen=True, kw_only=True):
    """The supervisor asks for a candidate; the scope is the model or ``all``."""

    reason: str
    evidence: str


class Summary(Fact, frozen=True, kw_only=True):
    """A text for people: what happened and why."""

    event: str
    """What it reports: day, week, state, trade, agent, limit, flatten, unprotected, start, stop."""
    title: str
    text: str

    def __post_init__(self) -> None:
        within("length of text", len(self.text), 0, 4000)
