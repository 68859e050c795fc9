"""What the market did: posted by the DataAgent, read by everybody."""

from enum import StrEnum
from typing import Final

from blackboard.facts.fact import Fact, above, within

POINT_MIN = 1e-12
STEP_MIN_LOTS = 1e-6
FIGURE_MAX = 1e9
"""Bounds beyond which a price, a size or a contract belongs to no market: with them every quotient
of two figures stays finite, and every count of steps a number."""


_MINUTES: Final = {"M1": 1, "M5": 5, "M15": 15, "M30": 30, "H1": 60, "H4": 240, "D1": 1440}


class Timeframe(StrEnum):
    """Length of a bar."""

    minutes: int
    length_ns: int

    M1 = "M1"
    M5 = "M5"
    M15 = "M15"
    M30 = "M30"
    H1 = "H1"
    H4 = "H4"
    D1 = "D1"

    def __init__(self, text: str) -> None:
        self.minutes = _MINUTES[text]
        self.length_ns = self.minutes * 60_000_000_000


class SymbolSpec(Fact, frozen=True, kw_only=True):
    """What the broker says of a symbol; scope is the symbol's canonical name."""

    terminal_name: str
    """The broker's own name for it, such as ``EURUSD.m``."""
    digits: int
    point: float
    """Smallest price step, in quote currency."""
    pip: float
    """What traders count in: ten points on five- and three-digit quotes, else one."""
    contract_size: float
    """Units of the base currency in one lot."""
    currency_base: str
    currency_profit: str
    volume_min_lots: float
    volume_max_lots: float
    volume_step_lots: float
    stops_level_points: int
    freeze_level_points: int
    filling_mask: int
    """Bits of the allowed fillings: 1 fill-or-kill, 2 immediate-or-cancel, 4 book-or-cancel."""
    trade_mode: int
    swap_long_points: float
    swap_short_points: float

    def __post_init__(self) -> None:
        within("point", self.point, POINT_MIN, FIGURE_MAX)
        within("pip", self.pip, self.point, FIGURE_MAX)
        above("contract_size", self.contract_size, 0.0)
        within("contract_size", self.contract_size, 0.0, FIGURE_MAX)
        above("volume_min_lots", self.volume_min_lots, 0.0)
        within("volume_step_lots", self.volume_step_lots, STEP_MIN_LOTS, FIGURE_MAX)
        within("volume_max_lots", self.volume_max_lots, self.volume_min_lots, 1e9)


class Quote(Fact, frozen=True, kw_only=True):
    """Bid and ask at an instant; at most one a minute and symbol."""

    bid: float
    ask: float
    account_per_quote: float
    """Value in account currency of one unit of the symbol's profit currency at this instant."""
    source: str
    tick_ns: int = 0
    """When the source says that it was made, UTC; 0 where an older journal does not say."""
    rate_source: str = ""
    """Who told `account_per_quote` where no price of the terminal did; else empty."""
    rate_ns: int = 0
    """When that rate was made, UTC; 0 where the terminal told it."""

    def __post_init__(self) -> None:
        above("bid", self.bid, 0.0)
        above("ask", self.ask, self.bid)
        within("ask", self.ask, 0.0, FIGURE_MAX)
        above("account_per_quote", self.account_per_quote, 0.0)
        within("account_per_quote", self.account_per_quote, 0.0, FIGURE_MAX)
        within("rate_ns", self.rate_ns, 0, 2**63 - 1)


class Bar(Fact, frozen=True, kw_only=True):
    """One closed bar, bid prices; the entry's ``ts_event_ns`` is its close."""

    timeframe: Timeframe
    open: float
    high: float
    low: float
    close: float
    tick_volume: int
    spread_points: int
    source: str

    def __post_init__(self) -> None:
        above("low", self.low, 0.0)
        within("open", self.open, self.low, self.high)
        within("close", self.close, self.low, self.high)
        within("tick_volume", self.tick_volume, 0, 2**62)
        within("spread_points", self.spread_points, 0, 2**31)


class BarHistory(Fact, frozen=True, kw_only=True):
    """Where the columns of a symbol start; the bars themselves come in the reply to ReadBars.

    Posted at the first close of each trading week. A window is the history from `anchor_ns` to
    `last_close_ns` followed by every later `Bar`, so it does not depend on who asks or when.
    """

    timeframe: Timeframe
    anchor_ns: int
    """Open of the first bar of the window."""
    last_close_ns: int
    """Close of the last bar that belongs to the history."""
    bar_count: int
    source: str

    def __post_init__(self) -> None:
        within("bar_count", self.bar_count, 0, 2**31)
        within("anchor_ns", self.anchor_ns, 0, self.last_close_ns)


class FeedState(StrEnum):
    """What can be said of a source of data."""

    LIVE = "live"
    STALE = "stale"
    CLOSED = "closed"
    FALLBACK = "fallback"
    """Another source gives the prices, or the terminal is sound again but not for long enough.
    Opinions and the care of positions go on; nothing is entered."""
    DIVERGED = "diverged"
    """Terminal and second source contradict each other, so neither is entered by."""
    UNVALUED = "unvalued"
    """Prices are sound, but nothing tells what their profit currency is worth to the account."""


class FeedStatus(Fact, frozen=True, kw_only=True):
    """Whether a symbol's prices can be trusted; absence of data is a fact too."""

    state: FeedState
    source: str
    reason: str
    last_bar_ns: int
    """Close of the newest valid bar, 0 if there is none."""
    rejected_bars: int = 0
    """Bars of this delivery that failed validation and were not posted."""
    healthy_closes: int = 0
    """Closes in a row at which the terminal has been sound since it was left for another source."""

    def __post_init__(self) -> None:
        within("healthy_closes", self.healthy_closes, 0, 2**31)
