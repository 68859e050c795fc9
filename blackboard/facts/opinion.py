"""What the voters and advisers think of one symbol at one close."""

from blackboard.facts.fact import Effective, Fact, above, within
from blackboard.facts.market import Timeframe

PROBABILITY_MIN, PROBABILITY_MAX = 0.02, 0.98
"""No voter may claim certainty: a log loss of a wrong certainty is infinite."""


class Evidence(Fact, frozen=True, kw_only=True):
    """One component behind a vote; the scope is its timeframe."""

    name: str
    value: float
    """Reading in −1..1, positive for up."""
    weight: float

    def __post_init__(self) -> None:
        within(f"value of {self.name}", self.value, -1.0, 1.0)
        within(f"weight of {self.name}", self.weight, 0.0, 1.0)


class ModelWord(Fact, frozen=True, kw_only=True):
    """What one model said of a close; the scope is its version."""

    probability_up: float
    """0.5 where it abstains."""
    abstains: bool
    counts: bool
    """Whether the vote is made of it; a model in shadow is heard and not counted."""

    def __post_init__(self) -> None:
        within("probability_up", self.probability_up, 0.0, 1.0)


class Vote(Fact, frozen=True, kw_only=True):
    """A voter's opinion on one symbol and close, an abstention included.

    `probability_up` is the chance that the price moves `barrier_distance` up before it moves as
    far down from `reference_price` (at the end of `horizon_bars` the sign decides). Symmetric
    barriers give every voter the same scale, on which 0.5 is ignorance.
    """

    voter: str
    """Directional voter, such as ``technical.trend``; each is a family of its own."""
    timeframe: Timeframe
    probability_up: float
    abstains: bool
    reason: str
    """Why it abstains, or what speaks loudest."""
    horizon_bars: int
    reference_price: float
    barrier_distance: float
    """Half-width of the barriers, in quote currency."""
    model: str
    """What computed it, with its version or content hash."""
    evidence: tuple[Evidence, ...] = ()
    agreement: float = 0.0
    """Share of the evidence's weight that points to the vote's side."""
    confluence: float = 0.0
    """Share of the timeframes whose evidence together points to the vote's side."""
    heard: tuple[ModelWord, ...] = ()
    """What each model said that was asked, those in shadow and the one before the one that serves
    among them."""

    def __post_init__(self) -> None:
        within("probability_up", self.probability_up, PROBABILITY_MIN, PROBABILITY_MAX)
        within("horizon_bars", self.horizon_bars, 1, 10_000)
        above("reference_price", self.reference_price, 0.0)
        above("barrier_distance", self.barrier_distance, 0.0)
        within("agreement", self.agreement, 0.0, 1.0)
        within("confluence", self.confluence, 0.0, 1.0)


class ComponentScore(Fact, frozen=True, kw_only=True):
    """What one component of a voter has been worth; the scope is its timeframe.

    An edge is −1 for always wrong, 0 for a coin, 1 for always right.
    """

    voter: str
    name: str
    day_edge: float
    """Over the outcomes settled in the latest 24 hours."""
    day_outcomes: float
    """Independent outcomes behind it."""
    month_edge: float
    """Over the outcomes settled in the latest 30 days, as far as the window reaches."""
    month_outcomes: float
    weight: float
    """From now on, in multiples of a component without a record."""

    def __post_init__(self) -> None:
        within(f"day_edge of {self.name}", self.day_edge, -1.0, 1.0)
        within(f"month_edge of {self.name}", self.month_edge, -1.0, 1.0)
        within(f"day_outcomes of {self.name}", self.day_outcomes, 0.0, 1e9)
        within(f"month_outcomes of {self.name}", self.month_outcomes, 0.0, 1e9)
        within(f"weight of {self.name}", self.weight, 0.0, 1e3)


class ComponentScores(Fact, frozen=True, kw_only=True):
    """The nightly record of all components of the rule voters in one symbol."""

    timeframe: Timeframe
    components: tuple[ComponentScore, ...]


class RivalForecast(Fact, frozen=True, kw_only=True):
    """What another model would have said of the same close; the scope is its name."""

    sigma_frac: float

    def __post_init__(self) -> None:
        above("sigma_frac", self.sigma_frac, 0.0)
        within("sigma_frac", self.sigma_frac, 0.0, 1.0)


class VolatilityForecast(Fact, frozen=True, kw_only=True):
    """How far a symbol is expected to move by the horizon; one per symbol, close and horizon."""

    timeframe: Timeframe
    horizon_bars: int
    sigma_frac: float
    """Standard deviation of the log return over the horizon, in (0, 1)."""
    sigma_low_frac: float
    sigma_high_frac: float
    vol_ratio: float
    """Forecast variance over its seasonal norm; 1 is a usual hour."""
    vol_ratio_limit: float
    """95 % quantile of the trailing ratios; above it reversals are vetoed."""
    vetoes_reversal: bool
    atr_scale: float
    """Factor for stop distances, sqrt(vol_ratio) within 0.7..1.6."""
    abstains: bool
    reason: str
    model: str
    challenger: str = ""
    """Version of the model in shadow that looked at the same close; empty where there is none."""
    challenger_sigma_frac: float = 0.0
    """What it would have said; nobody acts upon it. 0 where it says nothing."""
    rivals: tuple[RivalForecast, ...] = ()
    """What would answer in the place of a trained model that serves: the version before it, the
    family below it, and the regression of the week. Nobody acts upon it."""

    def __post_init__(self) -> None:
        within("challenger_sigma_frac", self.challenger_sigma_frac, 0.0, 1.0)
        above("sigma_frac", self.sigma_frac, 0.0)
        within("sigma_frac", self.sigma_frac, 0.0, 1.0)
        within("sigma_low_frac", self.sigma_low_frac, 0.0, self.sigma_frac)
        within("sigma_high_frac", self.sigma_high_frac, self.sigma_frac, 10.0)
        above("vol_ratio", self.vol_ratio, 0.0)
        above("vol_ratio_limit", self.vol_ratio_limit, 0.0)
        within("atr_scale", self.atr_scale, 0.7, 1.6)


class TrailingStop(Fact, frozen=True, kw_only=True):
    """Chandelier levels of a symbol at a close; the supervisor turns them into AmendIntents."""

    timeframe: Timeframe
    long_stop_price: float
    """Stop of a long position: highest high of the window less a multiple of the ATR."""
    short_stop_price: float
    """Stop of a short position: lowest low of the window plus a multiple of the ATR."""
    atr: float
    """Average true range of the timeframe, in quote currency."""
    multiplier: float = 0.0
    """The multiple behind both levels, so that a trade can keep its own; 0 where it is not told."""

    def __post_init__(self) -> None:
        above("long_stop_price", self.long_stop_price, 0.0)
        above("short_stop_price", self.short_stop_price, 0.0)
        above("atr", self.atr, 0.0)
        within("multiplier", self.multiplier, 0.0, 100.0)


class SymbolCorrelation(Fact, frozen=True, kw_only=True):
    """Correlation of the scope's returns with another symbol's, signed."""

    other: str
    correlation: float

    def __post_init__(self) -> None:
        within("correlation", self.correlation, -1.0, 1.0)


class PortfolioBudget(Effective, Fact, frozen=True, kw_only=True):
    """How much of the usual risk a symbol deserves beside the others."""

    multiplier: float
    """Factor on the risk fraction, 1 is an equal share; in 0.5..1.5."""
    method: str
    reason: str
    effective_from_ns: int
    correlations: tuple[SymbolCorrelation, ...] = ()

    def __post_init__(self) -> None:
        within("multiplier", self.multiplier, 0.5, 1.5)
