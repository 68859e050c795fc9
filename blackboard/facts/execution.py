"""What happened at the broker: posted by the ExecutionAgent, who alone talks to it."""

from enum import StrEnum
from typing import Final

from blackboard.facts.decision import Side
from blackboard.facts.fact import Fact, above, within

_HEDGING: Final = 2
"""Margin mode of an account on which every entry makes a position of its own."""


class Purpose(StrEnum):
    """What a request to the broker is for."""

    ENTRY = "entry"
    EXIT = "exit"
    AMEND = "amend"
    CANCEL = "cancel"


class OrderSubmitting(Fact, frozen=True, kw_only=True):
    """Journaled before the send; no proof that the broker has it. One per intent id, ever."""

    intent_id: str
    purpose: Purpose
    side: Side
    lots: float
    stop_price: float
    target_price: float
    position_ticket: int
    """Position that is closed or amended, 0 for an entry."""
    magic: int
    """Strategy number above the intent's sequence; never used twice."""
    comment: str
    limit_price: float = 0.0
    """Price at which an entry rests; 0 at the market."""
    expires_ns: int = 0
    """Market time at which a resting entry ends by itself, 0 for everything else."""
    order_ticket: int = 0
    """Resting order that is taken back, 0 for everything else."""

    def __post_init__(self) -> None:
        within("limit_price", self.limit_price, 0.0, 1e12)
        within("lots", self.lots, 0.0, 1e9)
        within("stop_price", self.stop_price, 0.0, 1e12)
        if self.purpose is Purpose.ENTRY:
            above("stop_price", self.stop_price, 0.0)
            above("target_price", self.target_price, 0.0)
        within("magic", self.magic, 1, 2**63 - 1)
        within("length of comment", len(self.comment), 1, 16)


class Outcome(StrEnum):
    """What became of an intent at the broker; the latest one holds."""

    NOT_SENT = "NOT_SENT"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    UNKNOWN = "UNKNOWN"
    NOT_EXECUTED = "NOT_EXECUTED"

    @property
    def is_settled(self) -> bool:
        """Whether no further outcome of the same intent can follow."""
        return self not in {Outcome.UNKNOWN, Outcome.ACCEPTED}


class OrderOutcome(Fact, frozen=True, kw_only=True):
    """The classified reply to one send."""

    intent_id: str
    purpose: Purpose
    outcome: Outcome
    retcode: int
    """The terminal's return code, or its last error if there was no result."""
    reason: str
    lots: float
    """What was filled."""
    price: float
    order_ticket: int
    deal_ticket: int
    may_retry: bool = False
    """Whether a new intent for the same decision is allowed."""
    absent_polls: int = 0
    """Readings of the broker so far in which the order was searched for and not found."""


class DealEntry(StrEnum):
    """Whether a deal opened or closed."""

    IN = "IN"
    OUT = "OUT"


class Fill(Fact, frozen=True, kw_only=True):
    """An executed part of an order: one deal of the terminal."""

    intent_id: str
    """Empty for a deal that the broker or somebody else made."""
    side: Side
    entry: DealEntry
    lots: float
    price: float
    profit: float
    commission: float
    swap: float
    fee: float
    reason: str
    """What made the deal: expert, stop, target, stop_out, client."""
    deal_ticket: int
    position_ticket: int

    def __post_init__(self) -> None:
        above("lots", self.lots, 0.0)
        above("price", self.price, 0.0)


class Origin(StrEnum):
    """Whose position it is."""

    OWN = "own"
    EXTERNAL = "external"


class PositionChanged(Fact, frozen=True, kw_only=True):
    """A position as the broker has it now; zero lots mean that it is closed."""

    ticket: int
    side: Side
    lots: float
    open_price: float
    stop_price: float
    """0 means that there is no stop at the broker."""
    target_price: float
    opened_ns: int
    origin: Origin
    intent_id: str
    broker_ticket: int = 0
    """How a request names it since the broker has renamed it; 0 while `ticket` does."""

    def __post_init__(self) -> None:
        within("lots", self.lots, 0.0, 1e9)
        above("open_price", self.open_price, 0.0)
        within("open_price", self.open_price, 0.0, 1e12)
        # A NaN would count as a stop, and as one that costs nothing when it is hit.
        within("stop_price", self.stop_price, 0.0, 1e12)
        within("target_price", self.target_price, 0.0, 1e12)


class TradeClosed(Fact, frozen=True, kw_only=True):
    """A position from its first deal to its last, in account currency."""

    ticket: int
    intent_id: str
    side: Side
    lots: float
    open_price: float
    close_price: float
    opened_ns: int
    profit: float
    swap: float
    commission: float
    fee: float
    pnl: float
    """Profit + swap + commission + fee."""
    r_multiple: float
    """P&L over the risk at entry; 0 where no approval is known."""
    reason: str
    origin: Origin

    def __post_init__(self) -> None:
        total = self.profit + self.swap + self.commission + self.fee
        within("pnl less its parts", self.pnl - total, -0.005, 0.005)


class AccountSnapshot(Fact, frozen=True, kw_only=True):
    """The account as the broker has it, and who the broker says we are."""

    login: int
    server: str
    currency: str
    trade_mode: int
    """0 demo, 1 contest, 2 real."""
    margin_mode: int
    balance: float
    equity: float
    margin: float
    margin_free: float
    leverage: int
    deposits: float
    """Paid in less paid out so far, what the broker lends (credit) included, as in the equity."""
    open_positions: int
    fifo_close: bool = False
    """Whether positions of a symbol must be closed in the order in which they were opened."""
    credit: float = 0.0
    """Part of `equity` and `deposits` that the broker lends; the balance does not hold it."""
    peak_balance: float = 0.0
    """Highest that balance and credit have been over all deals, moved by what was paid in and out
    since; 0 where nobody has summed it."""
    is_explained: bool = True
    """Whether the deals add up to the balance; `peak_balance` is worth nothing otherwise."""

    def __post_init__(self) -> None:
        for name in (
            *("balance", "equity", "margin", "margin_free", "deposits"),
            *("credit", "peak_balance"),
        ):
            within(name, getattr(self, name), -1e12, 1e12)

    @property
    def is_netting(self) -> bool:
        """Whether a symbol has one position at most: netting and exchange accounts."""
        return self.margin_mode != _HEDGING


class Reconciled(Fact, frozen=True, kw_only=True):
    """Our book was compared with the broker's; before the first one no order leaves."""

    positions: int
    adopted: int
    """Positions or deals of the broker that the board did not know."""
    settled: int
    """Intents without an outcome that were settled by reading."""
    is_clean: bool
    """Whether all that the broker has was explained; orders in `frozen` symbols aside."""
    reason: str
    frozen: tuple[str, ...] = ()
    """Symbols in which nothing is entered until the fate of an order is known."""
    sequence_floor: int = 0
    """Highest sequence of an order of ours at the broker that the board knows nothing of, as after
    the repair of a journal; no magic number up to it is given again. 0 where there is none."""
    mends: bool = False
    """Whether it is clean after one that was not."""

    @property
    def lasts(self) -> bool:
        """What was not clean restricts until it is mended or longer; a floor holds for ever."""
        return not self.is_clean or self.mends or self.sequence_floor > 0
