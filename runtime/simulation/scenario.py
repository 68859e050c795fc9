"""The market and the settings of one run, from its seed: one week of two symbols that trades often.

The settings are extreme on purpose. Costs are small, every lean is acted on and nothing cools down,
so that a week has some dozens of orders for the faults to meet.
"""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from blackboard.facts import Timeframe
from config.agents import (
    AgentsSection,
    ExecutionSection,
    RiskSection,
    SupervisorSection,
    TechnicalSection,
)
from config.sentiment import SentimentSection
from config.settings import Settings
from config.system import MarketSection, SyntheticSection, TerminalSection, TradingSection
from models.market.sessions import DAY_NS, WEEK_NS, week_close_ns, week_open_ns
from runtime.instants import instant_ns, iso

SYMBOLS: Final = (("EURUSD", "GBPUSD"), ("EURUSD", "USDJPY"), ("GBPUSD", "USDCAD"))
WEEKS: Final = (
    "2025-01-15T00:00:00Z",
    "2025-03-12T00:00:00Z",  # the first week of daylight saving in the US, before that of the EU
    "2025-04-02T00:00:00Z",
    "2025-06-18T00:00:00Z",
    "2025-09-10T00:00:00Z",
    "2025-10-29T00:00:00Z",  # the EU has left daylight saving, the US has not
    "2025-11-05T00:00:00Z",
)
OVER_WEEKEND: Final = ("2025-03-06T00:00:00Z", "2025-03-27T00:00:00Z", "2025-10-23T00:00:00Z")
"""Thursdays: runs from here to the Wednesday after lie over a switch of daylight saving."""
OVER_WEEKEND_SHARE: Final = 0.15
TIMEFRAMES: Final = (Timeframe.M15, Timeframe.M30, Timeframe.H1)
TIMEFRAME_SHARES: Final = (0.03, 0.17, 0.8)
"""An hour's rounds have a quarter of the steps, and trade often enough all the same."""
RESTING_SHARE: Final = 0.25
"""Share of the seeds whose entries rest where it is calm."""
RESTING_WEEKS: Final = {Timeframe.M15: 2, Timeframe.M30: 3, Timeframe.H1: 6}
"""Weeks of bars that a volatility forecast needs, without which nothing rests."""
FORECAST_ROWS_MIN: Final = 100
BROKER_POLL_S: Final = 60.0
HISTORY_HOURS: Final = 6


class Scenario(msgspec.Struct, frozen=True):
    """What one seed runs on."""

    settings: Settings
    start_ns: int
    end_ns: int


def scenario_of(seed: int, home: Path) -> Scenario:
    """Return market and settings of a seed; `home` is where its kill switch would lie."""
    rng = np.random.default_rng([seed, 0])
    if rng.random() < OVER_WEEKEND_SHARE:
        start_ns = instant_ns(OVER_WEEKEND[int(rng.integers(len(OVER_WEEKEND)))])
        end_ns = week_open_ns(start_ns + WEEK_NS) + 3 * DAY_NS
    else:
        inside_ns = instant_ns(WEEKS[int(rng.integers(len(WEEKS)))])
        start_ns, end_ns = week_open_ns(inside_ns), week_close_ns(inside_ns)
    symbols = SYMBOLS[int(rng.integers(len(SYMBOLS)))]
    timeframe = TIMEFRAMES[int(rng.choice(len(TIMEFRAMES), p=TIMEFRAME_SHARES))]
    # A draw of its own, so that everything else of a seed is as it was before there were limits.
    rests = np.random.default_rng([seed, 3]).random() < RESTING_SHARE
    settings = _settings(seed, home, symbols, timeframe, start_ns)
    return Scenario(resting(settings) if rests else settings, start_ns, end_ns)


def resting(settings: Settings) -> Settings:
    """Return settings under which entries rest wherever there is a forecast that is not high."""
    weeks = RESTING_WEEKS[settings.timeframe]
    values = settings.model_dump(mode="json")
    values["anchor_weeks"] = weeks
    values["market"]["synthetic"]["history_weeks"] = weeks + 1
    values["agents"]["lstm_vol"]["fit_rows_min"] = FORECAST_ROWS_MIN
    values["trading"]["entries"] = {"style": "adaptive", "calm_vol_ratio_max": 1.2}
    return Settings.model_validate(values)


def _settings(
    seed: int, home: Path, symbols: tuple[str, ...], timeframe: Timeframe, start_ns: int
) -> Settings:
    return Settings(
        home=home,
        symbols=symbols,
        timeframe=timeframe,
        book="simulated",
        speed=1.0,
        anchor_weeks=1,
        trading=TradingSection(
            min_confidence=0.5,
            min_rr_ratio=2.5,
            atr_multiplier=1.0,
            expected_value_margin_r=0.0,
            families_min=1,
        ),
        market=MarketSection(
            synthetic=SyntheticSection(start=iso(start_ns), seed=seed, history_weeks=2)
        ),
        terminal=TerminalSection(spread_factor=0.1, commission_per_lot=0.2),
        agents=AgentsSection(
            technical=TechnicalSection(calibration_rows_min=50, calibration_ridge=10.0),
            sentiment=SentimentSection(headline_half_life_min=60),
            risk=RiskSection(
                entry_cooldown_min=0,
                stop_cooldown_min=0,
                stop_side_cooldown_min=0,
                losses_cooldown_min=30,
                entries_per_hour_max=100,
                entries_per_day_max=100,
                consecutive_losses_max=20,
                daily_loss_max=0.06,
                weekly_loss_max=0.2,
            ),
            execution=ExecutionSection(
                broker_poll_s=BROKER_POLL_S,
                snapshot_timeframe=timeframe,
                reconcile_minutes=timeframe.minutes,
                history_hours=HISTORY_HOURS,
            ),
            supervisor=SupervisorSection(cooldown_hours=4, probation_hours=12),
        ),
    )
