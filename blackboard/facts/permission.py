"""What the RiskAgent permits, refuses and counts."""

from enum import StrEnum

from blackboard.facts.decision import Side
from blackboard.facts.fact import Fact, above, within


class RiskFactor(Fact, frozen=True, kw_only=True):
    """One factor of the sizing chain; the scope is the symbol."""

    name: str
    value: float


class RiskApproved(Fact, frozen=True, kw_only=True):
    """The permission to send one intent with exactly these lots; heat is reserved from here on."""

    intent_id: str
    side: Side
    lots: float
    risk_frac: float
    """Share of equity lost at the stop, costs included."""
    risk_account: float
    """The same in account currency."""
    factors: tuple[RiskFactor, ...] = ()

    def __post_init__(self) -> None:
        above("lots", self.lots, 0.0)
        within("risk_frac", self.risk_frac, 0.0, 0.01)
        above("risk_account", self.risk_account, 0.0)


class RiskRefused(Fact, frozen=True, kw_only=True):
    """The refusal of an intent, which always names its predicate."""

    intent_id: str
    reason: str
    """Standard code of the rule, such as ``heat_max``."""
    value: float
    limit: float
    detail: str = ""

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("reason must name the rule that refused, was empty")


class LimitBreached(Fact, frozen=True, kw_only=True):
    """A limit was crossed; the supervisor draws the consequence."""

    limit: str
    value: float
    threshold: float
    consequence: str


class CurrencyExposure(Fact, frozen=True, kw_only=True):
    """Signed notional in one currency (the scope), as a multiple of equity."""

    notional_frac: float


class Exposure(Fact, frozen=True, kw_only=True):
    """Risk at all open stops, approvals that are not yet settled included."""

    heat_frac: float
    reserved_frac: float
    """The part of heat that belongs to approvals without an outcome."""
    open_positions: int
    currencies: tuple[CurrencyExposure, ...] = ()

    def __post_init__(self) -> None:
        within("heat_frac", self.heat_frac, 0.0, 1e6)


class EquityMark(Fact, frozen=True, kw_only=True):
    """Equity against its highest value, floating loss included; the mark is never lowered."""

    equity: float
    high_water_mark: float
    """Highest equity so far, moved by deposits and withdrawals only otherwise."""
    drawdown_frac: float
    """1 − equity / high-water mark."""
    deposits: float
    """Sum of deposits less withdrawals that the mark accounts for."""
    probation_mark: float = 0.0
    """Mark that a probation runs against; it stays until the drawdown from the high-water mark is
    below every breached limit again, and is 0 otherwise."""

    def __post_init__(self) -> None:
        above("high_water_mark", self.high_water_mark, 0.0)
        within("drawdown_frac", self.drawdown_frac, 0.0, 1e6)

    @property
    def lasts(self) -> bool:
        """A probation's marks tell from when on it was run, however long that takes."""
        return self.probation_mark > 0.0


class LockSide(StrEnum):
    """Which entries a lock forbids."""

    BUY = "BUY"
    SELL = "SELL"
    BOTH = "BOTH"


class Lock(Fact, frozen=True, kw_only=True):
    """No entry in a symbol and side until ``valid_until_ns``."""

    side: LockSide
    reason: str


class LockReleased(Fact, frozen=True, kw_only=True):
    """A lock was lifted before it ran out."""

    side: LockSide
    reason: str


class DayCounters(Fact, frozen=True, kw_only=True):
    """What the trading day holds so far; it rolls at 17:00 New York."""

    day: str
    """ISO date on which the trading day ends."""
    start_equity: float
    week_start_equity: float
    entries: int
    """Intents approved since the day began."""
    realised: float
    """Profit of closed trades since the day began, in account currency, after costs."""
    consecutive_losses: int

    def __post_init__(self) -> None:
        above("start_equity", self.start_equity, 0.0)
        above("week_start_equity", self.week_start_equity, 0.0)
