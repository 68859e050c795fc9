"""The state of the system itself: posted by the supervisor and the driver."""

from enum import StrEnum

from blackboard.facts.fact import Fact, above, within


class Health(StrEnum):
    """What the driver's watch says of an agent."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    QUARANTINED = "quarantined"
    """Out of restarts; it stays down until a person restarts it."""
    OFF = "off"
    """Switched off by configuration or by a person: nobody waits for it, and nothing is wrong."""


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
    SWITCH = "switch"
    """Let an agent take part in another mode; the argument is its name and ``true``, ``shadow`` or
    ``false``."""
    RESTART = "restart"
    """Start the process of the agent that the argument names anew."""
    CLOSE = "close"
    """Close one position, those of a symbol, or all, as the argument says; trading goes on."""


class OperatorCommand(Fact, frozen=True, kw_only=True):
    """A person's order to the system, by command line, console or Telegram."""

    command: Command
    origin: str
    argument: str = ""
    """What it is about: a family to retrain; a ticket, a symbol or ``all`` to close; why there is a
    pause; an agent, and its mode."""


class RetrainRequested(Fact, frozen=True, kw_only=True):
    """The supervisor asks for a candidate; the scope is the model or ``all``."""

    reason: str
    evidence: str


class Summary(Fact, frozen=True, kw_only=True):
    """A text for people: what happened and why."""

    event: str
    """What it reports: start, state, limit, opened, trade, unprotected, flatten, operator, agent,
    feed, training, drift, session, day, week."""
    title: str
    text: str

    def __post_init__(self) -> None:
        within("length of text", len(self.text), 0, 4000)


class ReasonCount(Fact, frozen=True, kw_only=True):
    """How often one reason, which is the scope, was given."""

    count: int

    def __post_init__(self) -> None:
        within("count", self.count, 1, 2**31)


class DayStatistics(Fact, frozen=True, kw_only=True):
    """One finished trading day in figures, once and at its end; amounts in account currency.

    The sums of several days make the figures of a longer time; so what is a quotient there, as a
    profit factor is, stands here in its two parts. What is known only after the day was told counts
    for the day after it.
    """

    day: str
    """ISO date on which it ended, at 17:00 New York."""
    equity_start: float
    """Equity as it was known when the day began; 0 before the first reading of the account."""
    equity_end: float
    deposits: float
    """Paid in less paid out in the course of the day."""
    drawdown_frac: float
    """Fall below the high-water mark at the end."""
    drawdown_frac_max: float
    """The deepest in the course of the day."""
    entries: int
    """Orders that opened something."""
    trades: int
    """Trades closed; the figures up to `unpriced` are theirs."""
    wins: int
    pnl: float
    gross_profit: float
    gross_loss: float
    """Amount ≥ 0 that the trades without a profit lost."""
    sum_r: float
    rated: int
    """Trades whose risk at entry is known, which make up `sum_r`."""
    held_min: float
    """Minutes for which they were held, together."""
    commission: float
    """Fees included, as an amount ≥ 0."""
    swap: float
    """As a cost: below 0 where it was income."""
    spread_cost: float
    """Half the quoted spread at each fill."""
    slippage: float
    """What fills were worse than the price that the simulator would have filled at, ≥ 0 or not."""
    unpriced: int
    """Trades of which some fill had no price to be held against; they are in neither of both."""
    decisions: int
    holds: int
    held_by: tuple[ReasonCount, ...]
    """Holds by the first gate that blocked, the most frequent first; rare ones may be left out."""
    refusals: int
    refused_by: tuple[ReasonCount, ...]
    """Refusals by their reason, likewise."""
    bars_expected: int
    """Closes of the trading timeframe that an open market owed, all symbols together."""
    bars_on_time: int
    """Those whose bar was on the board before the next close."""

    def __post_init__(self) -> None:
        above("length of day", len(self.day), 0)
        within("wins", self.wins, 0, self.trades)
        within("bars_on_time", self.bars_on_time, 0, self.bars_expected)
        within("pnl less its parts", self.pnl - self.gross_profit + self.gross_loss, -0.005, 0.005)
