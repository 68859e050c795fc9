"""One section for each agent: whether it takes part, and what only it needs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from blackboard.facts.market import Timeframe
from config.adaptation import AdaptationSection
from config.agent import AgentSection
from config.gates import GatesSection
from config.section import FROM_TEXT, LIMIT, Section
from config.sentiment import SentimentSection
from config.training import TrainingSection
from config.walkforward import WalkforwardSection


class DataSection(AgentSection):
    """Validated bars and quotes."""

    stale_after_bars: int = Field(3, ge=1, le=100, json_schema_extra=LIMIT)
    """Bars of the trading timeframe without a new bar in an open market before a feed is stale."""
    jump_atr_max: float = Field(40.0, gt=1.0, le=1000.0, json_schema_extra=LIMIT)
    """Largest distance of a bar's extremes from the close before it, in average true ranges."""
    read_attempts_max: int = Field(4, ge=1, le=100)
    """Readings of one close before it counts as having no bar of any symbol."""
    read_retry_s: int = Field(5, ge=1, le=300)
    """Market seconds between two readings of one close."""
    catch_up_bars_max: int = Field(960, ge=1, le=100_000)
    """Bars of each symbol posted after an absence; what is older comes as history only."""
    second_source: Literal["none", "twelvedata"] = "none"
    """Who gives bars and prices where the terminal fails or its spread is above its limit, and
    whose closes the terminal's are compared with. Nothing is entered by its prices."""
    compare_every_bars: int = Field(4, ge=0, le=1000)
    """Closes from one comparison of both sources to the next, 0 for none."""
    divergence_frac_max: float = Field(0.0025, gt=0.0, le=0.1, json_schema_extra=LIMIT)
    """Largest distance between the closes of one bar at both sources, as a share of the price."""
    healthy_closes: int = Field(3, ge=1, le=100)
    """Closes in a row at which the terminal must be sound before it is followed again."""
    assumed_spread_factor: float = Field(2.0, ge=1.0, le=20.0)
    """Spread of a price of the second source, which has none, in median spreads of the terminal."""


class TechnicalSection(AgentSection):
    """Rule ensembles and chandelier levels."""

    voters = (
        "technical.trend",
        "technical.reversion",
        "technical.learned",
        "technical.currency_strength",
        "technical.forecaster",
    )
    timeframes: Annotated[tuple[Timeframe, ...], FROM_TEXT] = Field(
        (Timeframe.M15, Timeframe.H1, Timeframe.H4), min_length=1, max_length=6
    )
    """Timeframes that are read beside the trading timeframe, as far as they are longer. M1 and M5
    are read where the trading timeframe is that short."""
    rsi_period: int = Field(14, ge=2, le=200)
    """Bars of the relative strength index."""
    macd_fast: int = Field(12, ge=2, le=100)
    """Bars of the fast average of MACD."""
    macd_slow: int = Field(26, ge=3, le=200)
    """Bars of the slow average of MACD."""
    macd_signal: int = Field(9, ge=2, le=100)
    """Bars of the signal line of MACD."""
    atr_period: int = Field(14, ge=2, le=200)
    """Bars of the average true range."""
    adx_period: int = Field(14, ge=2, le=200)
    """Bars of the average directional index."""
    bollinger_period: int = Field(20, ge=2, le=200)
    """Bars of the Bollinger bands."""
    bollinger_deviations: float = Field(2.0, gt=0.0, le=5.0)
    """Half-width of the Bollinger bands in standard deviations."""
    supertrend_period: int = Field(10, ge=2, le=200)
    """Bars of SuperTrend's range."""
    supertrend_multiplier: float = Field(3.0, gt=0.0, le=10.0)
    """SuperTrend's band in average true ranges."""
    ichimoku_tenkan: int = Field(9, ge=2, le=100)
    """Bars of Ichimoku's conversion line."""
    ichimoku_kijun: int = Field(26, ge=2, le=200)
    """Bars of Ichimoku's base line."""
    ichimoku_senkou: int = Field(52, ge=2, le=400)
    """Bars of Ichimoku's slow span."""
    chandelier_period: int = Field(22, ge=2, le=400)
    """Bars of the chandelier's highest high and lowest low."""
    chandelier_multiplier: float = Field(3.0, gt=0.5, le=10.0)
    """Chandelier's distance in average true ranges."""
    donchian_period: int = Field(20, ge=2, le=400)
    """Bars of the channel whose break the Donchian reading follows."""
    barrier_atr: float = Field(2.5, gt=0.1, le=10.0)
    """Half-width of the symmetric barriers on which votes are judged, in average true ranges.
    The same as trading.atr_multiplier, so that a vote speaks of the distance that is at risk."""
    horizon_bars: int = Field(64, ge=1, le=1000)
    """Bars after which an undecided vote is judged by the sign of the move."""
    calibration_rows_min: int = Field(300, ge=50, le=100_000)
    """Judged warm-up rows that a calibration needs; below it the voter abstains."""
    calibration_ridge: float = Field(50.0, ge=0.0, le=1e6)
    """Strength of the pull of a calibration towards ignorance, in rows."""
    skill_errors_min: float = Field(0.0, ge=0.0, le=5.0)
    """Standard errors by which a family's slope on the history must exceed 0; below it the voter
    abstains. 0 lets every positive slope vote, and leaves it to the record who is heard."""
    currency_strength: bool = False
    """Whether a further voter ranks the currencies by their smoothed strength over all symbols; it
    abstains where fewer than three symbols have a bar."""
    currency_strength_period: int = Field(96, ge=2, le=2000)
    """Bars over which strength is smoothed: a day of M15."""
    forecaster_folder: str = ""
    """Folder of a ready-made PatchTST or TimesFM of the transformers library (config.json and
    model.safetensors), trained on standardised log returns; empty means none. Its votes are scored
    and weigh nothing."""
    component_shrinkage: float = Field(50.0, ge=0.0, le=1e6)
    """Strength of the pull of a component's weight towards that of one without a record, in
    independent outcomes; a month has about a hundred."""
    component_weight_min: float = Field(0.0, ge=0.0, le=1.0)
    """Least weight of a component, however bad its record; one without a record weighs 1."""
    signal_score_min: float = Field(0.25, gt=0.0, lt=1.0)
    """Size of the rules' common score, in −1..1, from which on they point to a side. Where they
    begin to, the learned voter is asked whether that side is right."""

    @model_validator(mode="after")
    def _fast_before_slow(self) -> "TechnicalSection":
        # The other way round a crossing would mean its opposite, and every vote with it.
        if not self.macd_fast < self.macd_slow:
            raise ValueError(
                f"agents.technical.macd_fast must be below macd_slow ({self.macd_slow}), "
                f"was {self.macd_fast}"
            )
        if not self.ichimoku_tenkan < self.ichimoku_kijun < self.ichimoku_senkou:
            raise ValueError(
                "agents.technical.ichimoku_tenkan, ichimoku_kijun and ichimoku_senkou must rise, "
                f"was {self.ichimoku_tenkan}, {self.ichimoku_kijun}, {self.ichimoku_senkou}"
            )
        return self


class LSTMVolSection(AgentSection):
    """The volatility forecast."""

    horizons_bars: Annotated[tuple[Annotated[int, Field(ge=1, le=480)], ...], FROM_TEXT] = Field(
        (4, 16), min_length=1, max_length=4
    )
    """Forecast horizons in bars of the trading timeframe: one and four hours on M15."""
    fit_rows_min: int = Field(480, ge=100, le=100_000)
    """Rows that a fit needs beyond its longest window; below it the agent abstains."""
    band_coverage: float = Field(0.8, gt=0.1, lt=1.0)
    """Share of outcomes that the published band should hold."""
    veto_quantile: float = Field(0.95, gt=0.5, lt=1.0)
    """Quantile of the trailing vol_ratio above which reversals are vetoed."""


class PortfolioSection(AgentSection):
    """Risk budgets per symbol."""

    method: Literal["erc", "minimum_variance", "max_sharpe", "inverse_volatility"] = "erc"
    """Equal risk contribution, least variance, most expected value for its risk (expected values
    shrunk, no weight above 35 %), or inverse volatility. What cannot be solved is equal."""
    window_bars: int = Field(960, ge=50, le=100_000)
    """Bars of returns behind the covariance."""
    refresh_timeframe: Timeframe = Timeframe.H4
    """How often budgets are computed again."""


class RiskSection(AgentSection):
    """Limits. Each refuses orders or changes the trading state."""

    risk_frac_min: float = Field(0.002, ge=0.0005, le=0.01)
    """Smallest share of equity at the stop that the sizing chain gives; half risk halves it too."""
    risk_frac_max: float = Field(0.01, ge=0.002, le=0.01)
    """Largest share of equity at the stop."""
    heat_max: float = Field(0.02, gt=0.0, le=0.10)
    """Largest sum of risk at all open stops, as a share of equity: four entries of the usual risk,
    and what is lost if every stop is hit is one bad day (daily_loss_max)."""
    correlated_heat_max: float = Field(0.012, gt=0.0, le=0.10)
    """Largest risk at all open stops with their correlations, halfway stressed, as a share of
    equity. Correlations that nobody knows count as 1, as if all were one bet."""
    currency_risk_max: float = Field(0.015, gt=0.0, le=0.10)
    """Largest net risk at open stops in one currency, as a share of equity: three entries of the
    usual risk on the same side of it."""
    slipped_heat_max: float = Field(0.06, gt=0.0, le=0.50)
    """Largest loss, as a share of equity, if every stop is filled slip_factor times as far away."""
    slip_factor: float = Field(3.0, ge=1.0, le=20.0)
    """How many times its distance a stop is taken to be filled away, for slipped_heat_max: gaps of
    that size open over weekends and at interventions."""
    correlation_max: float = Field(0.8, gt=0.0, le=1.0)
    """Signed correlation with an open position's side above which an entry is the same bet again:
    correlation_mode says what becomes of it."""
    correlation_mode: Literal["refuse", "share"] = "refuse"
    """Whether such an entry is refused, or shares the position's budget: it may risk what the
    position, its stop drawn up, no longer does."""
    daily_loss_max: float = Field(0.02, gt=0.0, le=0.20)
    """Loss since the trading day's start, as a share of its equity, at which entries stop: as much
    as all stops of a full book cost, so one bad hour ends the day."""
    weekly_loss_max: float = Field(0.05, gt=0.0, le=0.30)
    """Loss since the trading week's start at which entries stop: two and a half bad days."""
    drawdown_reducing: float = Field(0.10, gt=0.0, lt=0.5)
    """Drawdown at which only reducing orders may leave, and a retraining is asked for: two bad
    weeks, which chance seldom makes of a strategy that works."""
    drawdown_halted: float = Field(0.15, gt=0.0, lt=0.6)
    """Drawdown at which everything stops until a person resumes: judgement, cooldown and half risk
    did not help."""
    drawdown_sizing: float = Field(0.10, gt=0.0, lt=0.5)
    """Drawdown at which the sizing chain would reach nothing; it shrinks risk on the way."""
    margin_use_max: float = Field(0.8, gt=0.0, lt=1.0)
    """Share of equity bound as margin at which entries stop: 0.8 is a margin level of 125 %."""
    spread_pips_max: float = Field(15.0, gt=0.0, le=100.0)
    """Largest spread at which a symbol may be entered: half of a usual stop."""
    spread_majors_pips_max: float = Field(3.0, gt=0.0, le=100.0)
    """The same for the seven majors, whose spreads are a tenth of that."""
    spread_median_max: float = Field(1.5, ge=1.0, le=100.0)
    """Largest spread at which a symbol may be entered, as a multiple of the median of the latest
    spreads in the same hour of the trading day."""
    spread_samples_min: int = Field(20, ge=1, le=120)
    """Quotes of an hour of the day, five days on M15, below which spread_median_max says
    nothing."""
    positions_max: int = Field(8, ge=1, le=100)
    """Largest number of open positions."""
    positions_per_symbol_max: int = Field(1, ge=1, le=10)
    """Largest number of open positions in one symbol."""
    entries_per_hour_max: int = Field(10, ge=1, le=1000)
    """Largest number of approved entries in an hour of market time: more than one close can ask
    for by itself, fewer than a loop that has gone wrong."""
    entries_per_day_max: int = Field(30, ge=1, le=1000)
    """Largest number of approved entries in a trading day."""
    consecutive_losses_max: int = Field(6, ge=2, le=100)
    """Losing trades in a row after which entries rest."""
    losses_cooldown_min: int = Field(240, ge=0, le=10_080)
    """Market minutes that entries rest after too many losses in a row."""
    entry_cooldown_min: int = Field(30, ge=0, le=10_080)
    """Market minutes without an entry in a symbol after a position of it closed: two closes of
    M15, so that nothing is closed and opened again at the cost of two spreads."""
    stop_cooldown_min: int = Field(60, ge=0, le=10_080)
    """The same after it closed at its stop: what threw us out is still under way."""
    stop_side_cooldown_min: int = Field(120, ge=0, le=10_080)
    """The same for the side that was stopped out; the other side may be entered earlier."""
    slippage_pips_max: float = Field(5.0, ge=0.0, le=1000.0)
    """Pips by which an entry may be filled worse than its intent's price before its symbol rests:
    what is lost at the entry comes on top of the risk at the stop."""
    slippage_cooldown_min: int = Field(60, ge=0, le=10_080)
    """Market minutes that a symbol rests after such a fill."""
    leverage_max: float = Field(20.0, gt=0.0, le=500.0)
    """Largest gross notional as a multiple of equity."""
    leverage_profile: Literal["none", "esma"] = "none"
    """Rules of a regulator by which margin is counted beside the broker's: esma, for retail clients
    in the European Union, 30:1 for pairs of USD, EUR, JPY, GBP, CAD and CHF, 20:1 for others."""
    quote_age_max_min: int = Field(20, ge=1, le=1440)
    """Market minutes after which a quote is too old to size with."""
    friday_flat_min: int = Field(60, ge=0, le=1440)
    """Minutes before the weekend close in which nothing is entered."""
    week_open_rest_min: int = Field(60, ge=0, le=1440)
    """Minutes after the week's open, Sunday 17:00 New York, in which nothing is entered: few trade,
    spreads are wide, and gaps are still filling."""
    rollover_min: int = Field(10, ge=0, le=240)
    """Minutes before and after 17:00 New York in which nothing is entered: swaps are booked and
    spreads are widest. On M15 that is one close a day."""


class ExecutionSection(AgentSection):
    """Orders."""

    deviation_points: int = Field(20, ge=0, le=1000, json_schema_extra=LIMIT)
    """Largest difference between the asked and the filled price, in points."""
    hedging_allowed: bool = Field(True, json_schema_extra=LIMIT)
    """Whether the broker takes an entry against an open position of the same symbol. Accounts that
    must be closed first in, first out never do, whatever stands here."""
    strategy_magic: int = Field(4711, ge=1, le=65_535)
    """Upper 16 bits of the magic number of every order of ours."""
    reconcile_minutes: int = Field(15, ge=1, le=1440)
    """Market minutes between two comparisons with the broker's book."""
    snapshot_timeframe: Timeframe = Timeframe.M15
    """How often the account is read, besides every change at the broker."""
    absence_polls: int = Field(3, ge=3, le=20)
    """Readings in which an order must be absent before it counts as not executed."""
    broker_poll_s: float = Field(0.25, ge=0.05, le=60.0)
    """Process seconds between two looks at the broker's book while following the clock."""
    history_hours: int = Field(24, ge=1, le=168)
    """How far deals are read back beyond the oldest open question."""


class LearnerSection(AgentSection):
    """Scores, weights and calibration of the voters."""

    hedge_rate: float = Field(0.4, gt=0.0, le=5.0)
    """Learning rate of the weights on the Brier score, for an outcome that overlaps no other."""
    hedge_share: float = Field(0.0005, ge=0.0, le=0.1)
    """Share of the weight that is spread evenly after every outcome."""
    hearing_prior: float = Field(0.8, gt=0.0, lt=1.0)
    """Chance that a voter without a record is worth hearing; a voter weighs by that chance."""
    hearing_rate: float = Field(3.0, ge=0.0, le=20.0)
    """Rate at which a voter's losses against 0.5 move that chance."""
    calibration_prior_slope: float = Field(0.5, ge=0.0, le=2.0)
    """Slope towards which a voter's calibration is pulled."""
    calibration_outcomes_min: int = Field(60, ge=10, le=100_000)
    """Outcomes before a calibration is judged."""
    proof_outcomes_min: int = Field(100, ge=10, le=100_000)
    """Outcomes before a voter's skill can count as proven."""
    direction_signals_min: int = Field(300, ge=100, le=1_000_000)
    """Judged signals of all symbols together that a direction model is trained on, at least."""
    leak_auc_max: float = Field(0.6, gt=0.5, le=1.0)
    """Area under the curve out of sample, 0.5 for a coin, beyond which a direction model is thrown
    away: nothing known foretells intraday prices so well, so its data must have leaked."""
    component_alarm_errors: float = Field(3.0, gt=0.0, le=20.0)
    """Standard errors by which a component's latest 24 hours, pooled over the symbols, must fall
    below its 30 days before that is told."""
    publish_timeframe: Timeframe = Timeframe.H4
    """How often weights are published."""
    outcomes_per_voter_max: int = Field(3000, ge=100, le=1_000_000)
    """Latest outcomes kept for calibration and skill, of about the latest 6,000 closes."""
    gates: GatesSection = GatesSection()
    training: TrainingSection = TrainingSection()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks are trained; auto takes a graphics card if torch finds one."""
    recent_trades: int = Field(50, ge=10, le=10_000)
    """Latest closed trades that the emergency rule looks at."""
    recent_trades_min: int = Field(30, ge=5, le=10_000)
    """Fewest of them without which it says nothing."""
    win_rate_min: float = Field(0.40, ge=0.0, le=1.0)
    """Share of winners below which it warns; a reward-to-risk of 3 lives at 35 %."""
    loss_level: float = Field(0.05, gt=0.0, lt=0.5)
    """One-sided level at which their mean R counts as below 0; together with a low win rate that
    asks for new models."""
    adaptation: AdaptationSection = AdaptationSection()
    walkforward: WalkforwardSection = WalkforwardSection()


class SupervisorSection(AgentSection):
    """Rounds, states and messages."""

    decision_deadline_ms: int = Field(10_000, ge=100, le=60_000)
    """Process time after the bars of a round at which it is decided without the rest.
    The first round of a process waits for compilation and the fit of a week, some seconds."""
    retry_pause_s: float = Field(5.0, gt=0.0, le=60.0)
    """Process time that an entry waits before it is asked for again, where the broker had too
    many requests."""
    quorum: int = Field(2, ge=1, le=20, json_schema_extra=LIMIT)
    """Fewest answers, abstentions included, without which the decision is to hold."""
    cooldown_hours: int = Field(24, ge=0, le=720, json_schema_extra=LIMIT)
    """Market hours between the verdict on a candidate and probation."""
    probation_hours: int = Field(72, ge=1, le=2160, json_schema_extra=LIMIT)
    """Market hours at half risk before full activity."""
    summary_hour_new_york: int = Field(17, ge=0, le=23)
    """Hour in New York after which the daily summary is posted; it tells the trading day that ended
    last, at 17:00."""
    week_summary_hour_new_york: int = Field(12, ge=0, le=16)
    """Hour of Sunday in New York at which the summary of the week is posted: after the weekend's
    training, before the market opens at 17."""
    session_summaries: Annotated[tuple[Literal["Tokyo", "London", "New York"], ...], FROM_TEXT] = (
        "Tokyo",
        "London",
        "New York",
    )
    """Centres of the market at whose close a summary is posted; none where empty."""
    friday_flat: bool = True
    """Whether own positions are closed before the weekend, whose gaps go through stops."""


class AgentsSection(Section):
    """The nine, in the order in which their outboxes are committed.

    An agent is registered here and nowhere else: the council is made of these fields, and votes
    are summed in their order.
    """

    data: DataSection = DataSection()
    technical: TechnicalSection = TechnicalSection()
    lstm_vol: LSTMVolSection = LSTMVolSection()
    sentiment: SentimentSection = SentimentSection()
    portfolio: PortfolioSection = PortfolioSection()
    risk: RiskSection = RiskSection()
    execution: ExecutionSection = ExecutionSection()
    learner: LearnerSection = LearnerSection()
    supervisor: SupervisorSection = SupervisorSection()
