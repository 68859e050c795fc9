"""What the supervisor wants: a Decision for every symbol and close, and the intents it leads to.

An intent is a wish, not an order. `OrderIntent` raises risk and needs an approval. `ExitIntent`,
`AmendIntent` and `CancelIntent` need none, because an instance that does not reduce risk cannot be
built.
"""

from enum import StrEnum

from blackboard.facts.fact import FOREVER_NS, Fact, above, within
from blackboard.facts.market import Timeframe


class Side(StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The side that closes a position opened by this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell, as compiled code has it."""
        return 1 if self is Side.BUY else -1


class Action(StrEnum):
    """What a decision comes to."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class Gate(Fact, frozen=True, kw_only=True):
    """A named test that a decision passed or failed; the scope is the symbol."""

    name: str
    passed: bool
    value: float
    threshold: float
    detail: str = ""


class VoterShare(Fact, frozen=True, kw_only=True):
    """What one voter said and weighed in a decision; the scope is the voter."""

    probability_up: float
    weight: float
    """Normalised over those who did not abstain, the constant-0.5 expert included."""
    abstains: bool

    def __post_init__(self) -> None:
        within("weight", self.weight, 0.0, 1.0)


class Decision(Fact, frozen=True, kw_only=True):
    """The arbitration of one symbol and close; posted for a hold too."""

    timeframe: Timeframe
    action: Action
    probability_up: float
    """Pooled chance of the upper symmetric barrier."""
    confidence: float
    """The same for the chosen side: max(p, 1 − p)."""
    expected_value_r: float
    """Expected profit in units of the risk at the stop, after costs."""
    blocked_by: str
    """Name of the first gate that failed, empty if none did."""
    gates: tuple[Gate, ...]
    """In the order in which they were tested, up to the first that failed."""
    shares: tuple[VoterShare, ...]

    def __post_init__(self) -> None:
        within("probability_up", self.probability_up, 0.0, 1.0)
        within("confidence", self.confidence, 0.5, 1.0)

    @property
    def lead(self) -> VoterShare | None:
        """The voter that weighed most for the side, None if all abstained or nothing was chosen.

        One weighs its share times the distance of its probability from ignorance; ties go to who
        comes first.
        """
        speaking = [share for share in self.shares if not share.abstains]
        if self.action is Action.HOLD or not speaking:
            return None
        sign = 1.0 if self.action is Action.BUY else -1.0
        return max(speaking, key=lambda share: sign * share.weight * (share.probability_up - 0.5))


class OrderIntent(Fact, frozen=True, kw_only=True):
    """The wish to open a position; RiskAgent answers with RiskApproved or RiskRefused."""

    intent_id: str
    timeframe: Timeframe
    side: Side
    attempt: int
    reference_price: float
    stop_distance: float
    """From the fill to the stop, in quote currency."""
    target_distance: float
    confidence: float
    expected_value_r: float
    break_even_r: float = 0.0
    """Terms of the exit, which stay with the trade whatever is set or learned later: excursion in
    R at a close from which the stop stands at entry plus costs; a zero switches a measure off."""
    trail_from_r: float = 0.0
    """Excursion in R at a close from which the stop trails; 0 is from the entry on."""
    trail_multiplier: float = 0.0
    """Chandelier's distance in average true ranges; 0 takes the levels as they are told."""
    hold_bars_max: int = 0
    """Closes of the timeframe after which the position is closed."""
    jump_sigmas: float = 0.0
    """Jump to expect of an event, in standard deviations of the volatility forecast."""
    closes_before_jump: bool = False
    """Whether it is closed, not tightened, before an event whose jump would pass its stop."""
    lock_atr: float = 0.0
    """Distance in average true ranges at which its stop is locked before such an event."""
    reduces_before_jump: bool = False
    """Whether so much of it is closed instead that such a jump costs what its stop would."""
    limit_price: float = 0.0
    """Price at which it rests until it is filled; 0 enters at the market."""
    expires_ns: int = 0
    """Market time at which it rests no longer; 0 for an entry at the market."""

    @property
    def rests(self) -> bool:
        """Whether it waits at a limit."""
        return self.limit_price > 0.0

    def __post_init__(self) -> None:
        within("limit_price", self.limit_price, 0.0, 1e12)
        within("expires_ns", self.expires_ns, int(self.rests), FOREVER_NS if self.rests else 0)
        for name in ("break_even_r", "trail_from_r", "trail_multiplier", "jump_sigmas", "lock_atr"):
            within(name, getattr(self, name), 0.0, 100.0)
        within("hold_bars_max", self.hold_bars_max, 0, 1_000_000)
        within("attempt", self.attempt, 1, 3)
        above("reference_price", self.reference_price, 0.0)
        above("stop_distance", self.stop_distance, 0.0)
        above("target_distance", self.target_distance, 0.0)
        within("confidence", self.confidence, 0.5, 1.0)


class ExitIntent(Fact, frozen=True, kw_only=True):
    """The wish to close a position in whole or part; it can only reduce."""

    intent_id: str
    position_ticket: int
    position_side: Side
    """Side of the order that opened the position."""
    position_lots: float
    side: Side
    lots: float
    reason: str

    def __post_init__(self) -> None:
        above("lots", self.lots, 0.0)
        within("lots", self.lots, 0.0, self.position_lots)
        if self.side is not self.position_side.opposite:
            reducing = self.position_side.opposite
            raise ValueError(f"side must be {reducing} to reduce, was {self.side}")


class AmendIntent(Fact, frozen=True, kw_only=True):
    """The wish to move a stop; it can only tighten it, or set one where none is."""

    intent_id: str
    position_ticket: int
    position_side: Side
    stop_price: float
    current_stop_price: float
    """Stop that the position has now; 0 means none."""
    target_price: float
    """Target that the position has now and keeps: an SLTP request without it would delete it."""
    reason: str

    def __post_init__(self) -> None:
        above("stop_price", self.stop_price, 0.0)
        within("current_stop_price", self.current_stop_price, 0.0, 1e12)
        within("target_price", self.target_price, 0.0, 1e12)
        looser = (self.stop_price - self.current_stop_price) * self.position_side.sign < 0.0
        if self.current_stop_price > 0.0 and looser:
            current = self.current_stop_price
            raise ValueError(f"stop_price must not be looser than {current}, was {self.stop_price}")


class CancelIntent(Fact, frozen=True, kw_only=True):
    """The wish to take back an order that rests; it can only reduce, because it names nothing else.

    A fill may come first. Then there is a position, and the entry's outcome says so.
    """

    intent_id: str
    entry_intent_id: str
    """The OrderIntent whose order rests."""
    order_ticket: int
    side: Side
    """Side of the resting order."""
    reason: str

    def __post_init__(self) -> None:
        within("order_ticket", self.order_ticket, 1, 2**63 - 1)
