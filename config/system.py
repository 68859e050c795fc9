"""Sections that belong to no agent: trading, market, terminal, board, cluster."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import FROM_TEXT, LIMIT, PAIRS_FROM_TEXT, Section


class ExitsSection(Section):
    """When a position is left before its stop or target; a trade keeps the terms of its entry."""

    break_even_r: float = Field(1.5, ge=0.0, le=10.0)
    """Favourable excursion at a close, in units of the planned stop distance (R), from which the
    stop stands at entry plus commissions; 0 is off. Half the way to the default target: nearer, the
    noise of an hour ends what was right."""
    trail_from_r: float = Field(2.0, ge=0.0, le=10.0)
    """Favourable excursion at a close, in R, from which the stop trails the chandelier; 0 is from
    the entry on. The earlier it trails, the less of the expected value is left by which the trade
    was chosen: on a drifting random walk 41 % from the entry on, 65 % from 1 R, 76 % from 2 R."""
    hold_bars_max: int = Field(192, ge=0, le=100_000)
    """Closes of the trading timeframe after which a position is closed; 0 is off. Three horizons of
    a vote, and four times what a driftless price needs from entry to stop or target: what is still
    open then is no longer the bet that was made, and pays swap."""
    jump_sigmas: float = Field(2.0, ge=0.0, le=20.0)
    """Jump that a blackout's event is expected to bring, in standard deviations of the first
    forecast horizon; 0 is off. At the close before the blackout a stop that lies nearer is dealt
    with. At 2, a convention, a fresh stop lies just outside, one that is half lost inside."""
    before_jump: Literal["tighten", "close", "reduce"] = "tighten"
    """What happens to a position whose stop lies inside the expected jump: the stop is moved to
    lock_atr from the price, the position is closed, or so much of it is closed that the jump costs
    what the stop would (not in compiled backtests). A tightened one may live on to the event."""
    lock_atr: float = Field(0.5, ge=0.0, le=10.0)
    """Distance at which such a stop is locked, in average true ranges, at least the broker's level;
    half a bar's range keeps most of what is there without being hit by the spread alone."""


class EntriesSection(Section):
    """How a position is entered: at the market, or at a limit that rests while it is calm."""

    style: Literal["market", "adaptive"] = "market"
    """`market` takes the price there is, within agents.execution.deviation_points; `adaptive` does
    so too where the forecast is high or missing, and lets a limit rest where it is calm."""
    calm_vol_ratio_max: float = Field(1.0, gt=0.0, le=5.0)
    """Volatility forecast over the symbol's own usual level up to which it is calm. 1 is the usual
    level: about half of the closes of early 2018 lay below it, and a quarter below 0.75."""
    limit_atr: float = Field(0.25, gt=0.0, le=5.0)
    """Distance of the limit from the price that a market order would get, in average true ranges;
    a quarter is about what a round trip costs: a limit that is filled has earned it back."""
    limit_bars: int = Field(4, ge=1, le=96)
    """Closes of the trading timeframe after which an unfilled limit expires, earlier where a
    weekend comes first: the first horizon of the forecast, beyond which nobody said it was calm."""


class TradingSection(Section):
    """What a decision needs; the first six are parameters that the learner may set."""

    min_confidence: float = Field(0.51, ge=0.5, le=0.65, json_schema_extra=LIMIT)
    """Least pooled chance of the symmetric barrier on the chosen side; 0.5 is ignorance. The pool
    holds the constant expert, so a single voter's lean counts for about a third of itself."""
    min_rr_ratio: float = Field(3.0, ge=2.5, le=4.0)
    """Distance of the target over the distance of the stop."""
    atr_multiplier: float = Field(2.5, ge=1.0, le=4.0)
    """Distance of the stop in average true ranges, before the volatility forecast scales it.
    Closer stops lose to costs: at 1.5 ranges of M15 a round trip costs a quarter of the risk."""
    risk_frac: float = Field(0.005, ge=0.002, le=0.01)
    """Share of equity at the stop before the sizing chain."""
    target_atr_multiplier: float = Field(0.0, ge=0.0, le=16.0)
    """Distance of the target in average true ranges, scaled as the stop is, where that is more than
    min_rr_ratio asks for; 0 leaves the target to min_rr_ratio."""
    confluence_min: float = Field(0.0, ge=0.0, le=1.0)
    """Least share of its timeframes that must point to a vote's side; a vote with less counts as an
    abstention. Votes that are not made of readings have no such share and always count."""
    expected_value_margin_r: float = Field(0.02, ge=0.0, le=1.0, json_schema_extra=LIMIT)
    """Least expected value after costs, in units of the risk at the stop."""
    families_min: int = Field(2, ge=1, le=10, json_schema_extra=LIMIT)
    """Families of proven skill that must agree; capped by how many are proven, at least one."""
    entries: EntriesSection = EntriesSection()
    exits: ExitsSection = ExitsSection()


class SyntheticSection(Section):
    """The seeded synthetic market."""

    start: str = "2025-03-03T12:00:00+00:00"
    """First moment of a new market, ISO 8601 with offset; its history reaches back from here."""
    history_weeks: int = Field(20, ge=1, le=104)
    """Weeks of history before the start."""
    seed: int = Field(20250303, ge=0, le=2**31)
    """Seed of the market; the same seed gives the same prices and events."""


class HistorySection(Section):
    """Recorded bars instead of the synthetic market."""

    path: str = ""
    """Folder of bars as Parquet, MT5 export, HistData, Dukascopy, Twelve Data or FMP, a symbol a
    file; empty means the synthetic market."""
    zone: str = "auto"
    """Zone of files whose times do not state theirs, such as UTC-05:00 or America/New_York; auto
    finds it by the weeks in each file, and refuses a file in which they do not tell."""
    start: str = ""
    """First moment to trade, ISO 8601; empty means when the warm-up is complete."""
    end: str = ""
    """Last moment to trade, ISO 8601, a bare date counts whole; empty means the end of the data."""


class StressSection(Section):
    """How a simulated market is made worse on purpose; as delivered it is not."""

    volatility_factor: float = Field(1.0, ge=1.0, le=10.0)
    """Factor on every move of prices, the history's included."""
    gaps_a_week: float = Field(0.0, ge=0.0, le=50.0)
    """Jumps of a currency between two minutes, on average; none stands in a calendar."""
    gap_frac: float = Field(0.01, gt=0.0, le=0.5)
    """Size of a jump, either way."""
    crashes_a_week: float = Field(0.0, ge=0.0, le=50.0)
    """Flash crashes of a currency, on average: down in minutes, most of it back within the hour."""
    crash_frac: float = Field(0.04, gt=0.0, le=0.5)
    """Depth of a flash crash."""
    crash_spread_factor: float = Field(8.0, ge=1.0, le=100.0)
    """Factor on spreads while one runs."""
    seed: int = Field(1, ge=0, le=2**31)
    """Seed of when and where it strikes."""

    @property
    def is_neutral(self) -> bool:
        """Whether nothing is made worse."""
        return self.volatility_factor == 1.0 and not (self.gaps_a_week or self.crashes_a_week)


class MarketSection(Section):
    """Where the simulated terminal's prices come from."""

    synthetic: SyntheticSection = SyntheticSection()
    history: HistorySection = HistorySection()
    stress: StressSection = StressSection()


class PaperSection(Section):
    """Real prices without real money."""

    fills: Literal["simulated", "demo"] = "simulated"
    """With MetaTrader 5 under profile paper: orders filled here against its prices, in a ledger
    of our own, or orders to a demo account at the broker."""


class TerminalSection(Section):
    """The terminal process and its account."""

    kind: Literal["simulated", "metatrader"] = "simulated"
    """The simulated terminal, or MetaTrader 5 (Windows)."""
    real_account: bool = False
    """Whether the account may hold real money; every start then asks for its number too."""
    url: str = Field("", pattern=r"^(https?://[^/\s]+)?$")
    """Where a terminal process answers that a person started, on the Windows machine say; empty
    means that the system starts its own."""
    token_file: str = ""
    """File with the token of that process; TERMINAL_TOKEN goes before it."""
    connect_timeout_s: float = Field(60.0, ge=1.0, le=300.0)
    """Process time that connecting to MetaTrader 5 may take; it may start the program for it."""
    hang_deadline_s: float = Field(30.0, ge=1.0, le=600.0)
    """Process time without a sign of life after which a terminal process is ended as hung."""
    host: str = "127.0.0.1"
    """Address on which the terminal process listens; every request needs its token."""
    port: int = Field(0, ge=0, le=65_535)
    """Port of the terminal process; 0 takes a free one."""
    read_timeout_s: float = Field(10.0, gt=0.0, le=120.0)
    """Process time after which a read counts as unanswered."""
    send_timeout_s: float = Field(20.0, gt=0.0, le=120.0)
    """Process time after which a send counts as unknown."""
    read_tries: int = Field(3, ge=1, le=100)
    """Tries of one read, following the clock, before it counts as unanswered; sends have one."""
    read_pause_s: float = Field(0.2, ge=0.0, le=30.0)
    """Process time between two tries of a read; history may still be loading at the first."""
    bars_per_read_max: int = Field(10_000, ge=100, le=1_000_000)
    """Bars asked for in one call at most; longer ranges are read in parts, each also shorter than
    what the terminal keeps in a chart."""
    calls_parallel_max: int = Field(5, ge=1, le=64)
    """Requests of one agent that are on their way to the terminal at the same time."""
    requests_per_s: float = Field(20.0, gt=0.0, le=10_000.0)
    """Requests of one agent a second, following the clock. At once pass one second's worth, or what
    one close asks for where that is more: bars and history of every symbol, and quotes."""
    backoff_s: float = Field(1.0, gt=0.0, le=60.0)
    """Pause after the broker's first 'too many requests'; it doubles while that goes on."""
    backoff_max_s: float = Field(30.0, gt=0.0, le=600.0)
    """Longest such pause."""
    server_zone: str = "new_york+7"
    """Zone of the server's clock: new_york+7 (EET with US dates), UTC, UTC+03:00, an IANA name, or
    auto: found from the bars of the terminal and proven by its ticks."""
    symbol_names: Annotated[dict[str, str], PAIRS_FROM_TEXT] = Field(default_factory=dict)
    """The broker's names where they are not found by themselves, such as {EURUSD: EURUSD.m}."""
    symbols_auto_max: int = Field(12, ge=1, le=200)
    """Symbols that `symbols: auto` takes at most, the most traded currencies first."""
    conversion_age_max_min: int = Field(60, ge=1, le=1440)
    """Market minutes after which a price is too old to value the profit currency by."""
    conversion_sources: Annotated[tuple[Literal["twelvedata", "fixer"], ...], FROM_TEXT] = ()
    """Who is asked, in this order, for the worth of a currency that no price of the terminal
    tells; none where empty, and nothing is entered then."""
    deposit: float = Field(10_000.0, gt=0.0, le=1e9)
    """First deposit of the simulated account, in its currency."""
    currency: str = Field("USD", pattern="^[A-Z]{3}$")
    """Currency of the simulated account."""
    leverage: int = Field(30, ge=1, le=1000)
    """Leverage of the simulated account."""
    commission_per_lot: float = Field(3.5, ge=0.0, le=100.0)
    """Commission of the simulated account for one lot and side, in account currency."""
    spread_factor: float = Field(1.0, gt=0.0, le=20.0)
    """Factor on the simulated spreads."""
    margin_mode: Literal["hedging", "netting", "exchange"] = "hedging"
    """Whether each entry of the simulated account opens a position, or a symbol has one."""
    execution: Literal["request", "instant", "market", "exchange"] = "market"
    """How the simulated broker executes orders; request and instant may requote."""
    positions_max: int = Field(200, ge=1, le=10_000)
    """Open positions that the simulated broker allows."""
    working_orders_max: int = Field(200, ge=0, le=10_000)
    """Waiting orders that the simulated broker allows, 0 without a limit."""
    broker_requests_per_s_max: int = Field(1000, ge=1, le=1_000_000)
    """Requests in one second of market time that the simulated broker takes."""
    stops_level_points: int = Field(0, ge=0, le=100_000)
    """Least distance of stops and waiting orders from the simulated price."""
    freeze_level_points: int = Field(0, ge=0, le=100_000)
    """Distance to its activation within which the simulated broker changes nothing any more."""
    margin_call_percent: float = Field(50.0, ge=0.0, le=1000.0)
    """Margin level at which the simulated broker warns; shown only."""
    stop_out_percent: float = Field(30.0, ge=0.0, le=1000.0)
    """Margin level below which the simulated broker closes the largest loser."""
    fifo_close: bool = False
    """Whether the simulated broker has the oldest position of a symbol closed first."""
    hedge_prohibited: bool = False
    """Whether a hedging account at the simulated broker may not hold both sides of a symbol."""
    bars_max: int = Field(100_000, ge=1000, le=10_000_000)
    """Bars that one call of the simulated terminal returns at most."""


class RedisSection(Section):
    """The Redis server that keeps the journal of `board.journal: redis`."""

    url: str = Field("redis://127.0.0.1:6379/0", pattern=r"^rediss?://[^/@\s]+(/\d{1,4})?$")
    """Where it answers, without user and password; rediss:// is encrypted."""
    user: str = ""
    """User of the server's access list; empty is the default one."""
    password_file: str = ""
    """Private file with the password; REDIS_PASSWORD goes before it."""
    ca_file: str = ""
    """Certificate of the authority that signed the server's own; empty takes the system's."""
    fsync: Literal["always", "everysec"] = "always"
    """The least appendfsync of the server that is accepted: with everysec a power cut may take the
    last second, orders included."""
    timeout_s: float = Field(2.0, ge=0.05, le=60.0)
    """Process time in which it must answer one call; then posts fail until it answers again."""
    patience_s: float = Field(60.0, ge=0.0, le=600.0)
    """Process time for which a board that starts again waits for it."""


class BoardSection(Section):
    """The blackboard and its journal."""

    journal: Literal["diskcache", "redis"] = "diskcache"
    """Where the journal of a book is: in its folder, or on a Redis server, so that the board may
    move to another machine. Runs over history always write into their folder."""
    redis: RedisSection = RedisSection()
    tail_entries_max: int = Field(20_000, ge=1000, le=10_000_000)
    """Entries kept in memory; a reader that lags further, and a slot that is asked for later, is
    looked up in the journal."""
    snapshot_entries: int = Field(20_000, ge=100, le=10_000_000)
    """Entries after which a snapshot is stored; a start reads it and what follows, no more."""
    drafts_per_post_max: int = Field(10_000, ge=10, le=1_000_000, json_schema_extra=LIMIT)
    """Drafts in one post."""
    author_entries_per_min_max: int = Field(
        20_000, ge=1000, le=1_000_000_000, json_schema_extra=LIMIT
    )
    """Entries that one author may add in a market minute; what an order came to and what only
    reduces risk is taken beyond it."""
    read_batch_max: int = Field(5_000, ge=10, le=1_000_000)
    """Entries in one answer."""
    poll_timeout_s: float = Field(5.0, gt=0.1, le=60.0)
    """Longest wait of one long poll; jitter is added."""
    linger_s: float = Field(0.25, ge=0.0, le=5.0)
    """Process time for which news gather that nobody's answer is waited for: all that the learner,
    the console and the view read, quotes for the risk agent, and the like. Each answer of the board
    costs its processor what the decision needs."""
    call_deadline_s: float = Field(30.0, gt=1.0, le=600.0)
    """Longest wait for the board, restarts included, before an agent reports it unavailable; at
    least twice `poll_timeout_s`."""
    journal_bytes_max: int = Field(50_000_000_000, ge=1_000_000, le=10**15, json_schema_extra=LIMIT)
    """Size of a journal beyond which nothing is accepted."""


class ClusterSection(Section):
    """Ray, and the watch over the agents."""

    address: str = Field("", pattern=r"^([^/@\s]+:\d{1,5})?$")
    """Address of a Ray cluster to join, as 10.0.0.5:6379, on one of whose nodes this is started;
    empty starts one on this machine."""
    placement: Annotated[dict[str, str], PAIRS_FROM_TEXT] = Field(default_factory=dict)
    """Custom resources of Ray by what is placed: board, training, or an agent's name, such as
    {board: quorum_board}. It runs on nodes that have it; other agents are dealt out in turn."""
    dashboard: bool = True
    """Whether the Ray dashboard is started."""
    dashboard_port: int = Field(8265, ge=0, le=65_535)
    """Port of the dashboard on loopback; taken ones are passed over."""
    metrics_port: int = Field(0, ge=0, le=65_535)
    """Port on which Ray tells its own metrics and those of the agents' processes, to whoever can
    reach this machine, without a token; 0 leaves those of the agents out."""
    object_store_mb: int = Field(256, ge=80, le=65_536)
    """Size of Ray's object store in mebibytes."""
    health_timeout_s: float = Field(2.0, gt=0.1, le=60.0)
    """Time in which an agent must answer the watch."""
    loop_age_max_s: float = Field(30.0, gt=1.0, le=3600.0)
    """Age of an agent's last turn beyond which it counts as stuck."""
    watch_interval_s: float = Field(1.0, gt=0.1, le=60.0)
    """Time between two rounds of the watch."""
    restarts_max: int = Field(5, ge=0, le=1000)
    """Restarts of one agent within the window before it is left down."""
    restarts_window_s: float = Field(600.0, gt=1.0, le=86_400.0)
    """Window of the restart budget."""
    shutdown_timeout_s: float = Field(8.0, gt=0.5, le=120.0)
    """Longest time for an ordered stop."""


class LogSection(Section):
    """Diagnostic output."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written."""
    file_bytes_max: int = Field(20_000_000, ge=100_000, le=10_000_000_000)
    """Size at which a log file is rotated."""
    files_max: int = Field(5, ge=1, le=100)
    """Rotated files that are kept for each agent."""
