"""Laws of every synthetic market, whatever its seed, symbols and start."""

from datetime import date
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from config.system import SyntheticSection
from models.market.sessions import MINUTE_NS, WEEK_NS
from runtime.terminals.simulated.economy import Economy
from runtime.terminals.simulated.regimes import WEEK_MINUTES, draw_spells
from runtime.terminals.simulated.synthetic import SyntheticMarket, open_of_week_ns, week_of

CURRENCIES = ("AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "NZD", "SEK", "USD", "XAU")

symbols = (
    st.permutations(CURRENCIES)
    .map(lambda codes: codes[0] + codes[1])
    .filter(lambda symbol: not symbol.endswith("XAU"))  # which is refused: nobody quotes in gold
)
seeds = st.integers(0, 2**31)
starts = st.dates(min_value=date(2001, 1, 1), max_value=date(2099, 12, 31))


@settings(max_examples=25)
@given(symbol=symbols, seed=seeds, start=starts)
def test_every_bar_is_sound(symbol: str, seed: int, start: date) -> None:
    """Prices are positive and on the grid, the range holds open and close, times rise."""
    section = SyntheticSection(seed=seed, start=str(start), history_weeks=1)
    market = SyntheticMarket((symbol,), section)

    minutes = market.minutes(symbol, market.first_ns, market.first_ns + 2 * WEEK_NS)

    point = market.traits()[0].point
    assert len(minutes) >= WEEK_MINUTES
    assert (minutes["low"] > 0.0).all()
    assert (minutes["low"] <= np.minimum(minutes["open"], minutes["close"])).all()
    assert (minutes["high"] >= np.maximum(minutes["open"], minutes["close"])).all()
    assert (np.diff(minutes["open_ns"]) >= MINUTE_NS).all()
    assert (minutes["spread_points"] >= 1).all()
    assert (minutes["tick_volume"] >= 1).all()
    off_grid = np.abs(minutes["close"] / point - np.rint(minutes["close"] / point))
    assert off_grid.max() < 1e-3


@settings(max_examples=50)
@given(seed=seeds)
def test_spells_fill_the_week(seed: int) -> None:
    """Spells follow each other without gap or overlap, and no regime follows itself."""
    spells = draw_spells(np.random.default_rng(seed))

    assert spells[0].from_minute == 0
    assert spells[-1].until_minute == WEEK_MINUTES
    for earlier, later in pairwise(spells):
        assert earlier.until_minute == later.from_minute
        assert earlier.regime is not later.regime


@settings(max_examples=50)
@given(seed=seeds, week=st.integers(1_700, 5_000))
def test_releases_lie_in_their_week(seed: int, week: int) -> None:
    """Every release of a week lies in its open market, and the next week has others."""
    surprises = Economy(seed).week(week)

    assert {week_of(one.event.scheduled_ns) for one in surprises} <= {week}
    last_ns = open_of_week_ns(week) + WEEK_MINUTES * MINUTE_NS
    assert all(one.event.scheduled_ns < last_ns for one in surprises)
    assert all(abs(one.jump) < 0.02 for one in surprises)
