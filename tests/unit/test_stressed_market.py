"""A market made worse on purpose is still a market: sound, the same whoever asks, agreeing."""

import numpy as np
import pytest

from config.loading import load_settings
from config.system import StressSection, SyntheticSection
from models.market.sessions import DAY_NS, HOUR_NS, is_open
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.source import MinuteArray
from runtime.terminals.simulated.stressed import CRASH, GAP, StressedMarket
from runtime.terminals.simulated.synthetic import SyntheticMarket

SYMBOLS = ("EURUSD", "GBPUSD", "EURGBP")


def stressed(**settings: float) -> tuple[SyntheticMarket, StressedMarket]:
    """Return a synthetic market and the same made worse."""
    market = SyntheticMarket(SYMBOLS, SyntheticSection(history_weeks=2))
    return market, StressedMarket(market, StressSection.model_validate(settings))


def returns(minutes: MinuteArray) -> np.ndarray:
    """Return the log returns from close to close."""
    return np.diff(np.log(minutes["close"]))


def test_volatility_is_multiplied() -> None:
    """Twice the moves, of the history before the start too."""
    market, worse = stressed(volatility_factor=2.0)
    for from_ns in (market.start_ns - 3 * DAY_NS, market.start_ns):
        span = from_ns, from_ns + 4 * HOUR_NS
        before, after = (one.minutes("GBPUSD", *span) for one in (market, worse))
        assert returns(after).std() == pytest.approx(2.0 * returns(before).std(), rel=0.02)


def test_gaps_strike_open_markets_after_the_start() -> None:
    """Each gap is a jump between two minutes of its size; before the start there is none."""
    market, worse = stressed(gaps_a_week=6.0, gap_frac=0.02)
    until_ns = market.start_ns + 4 * DAY_NS
    gaps = worse.shocks("EURUSD", GAP, 0, until_ns)

    assert gaps
    for gap in gaps:
        assert gap.at_ns >= market.start_ns
        assert is_open(gap.at_ns)
        span = gap.at_ns - HOUR_NS, gap.at_ns + HOUR_NS
        extra = returns(worse.minutes("EURUSD", *span)) - returns(market.minutes("EURUSD", *span))
        assert np.abs(extra).max() == pytest.approx(0.02, rel=0.01)


def test_crosses_agree_with_their_majors() -> None:
    """A gap of the euro moves EURUSD and EURGBP alike."""
    market, worse = stressed(gaps_a_week=6.0, crashes_a_week=6.0)
    span = market.start_ns, market.start_ns + 4 * DAY_NS
    euro, pound, cross = (worse.minutes(symbol, *span)["close"] for symbol in SYMBOLS)

    assert np.abs(np.log(cross) - np.log(euro / pound)).max() < 3e-4


def test_crashes_widen_spreads() -> None:
    """While one runs the spread is eight times as wide, and the price has fallen by its depth."""
    market, worse = stressed(crashes_a_week=6.0, crash_frac=0.05)
    crash = worse.shocks("GBPUSD", CRASH, 0, market.start_ns + 4 * DAY_NS)[0]
    span = crash.at_ns - HOUR_NS, crash.at_ns + HOUR_NS
    before, after = (one.minutes("GBPUSD", *span) for one in (market, worse))

    widened = after["spread_points"] / before["spread_points"]
    assert widened.max() == 8.0
    assert widened[0] == 1.0
    depth = np.log(after["low"] / before["low"]).min(), np.log(after["high"] / before["high"]).max()
    assert max(abs(depth[0]), abs(depth[1])) == pytest.approx(0.05, rel=0.05)


def test_the_same_whoever_asks() -> None:
    """Minutes do not depend on what was asked before, and bars are sound."""
    settings = {"volatility_factor": 1.5, "gaps_a_week": 3.0, "crashes_a_week": 3.0}
    market, worse = stressed(**settings)
    _, again = stressed(**settings)
    start_ns = market.start_ns
    whole = worse.minutes("EURUSD", start_ns, start_ns + 2 * DAY_NS)
    half = again.minutes("EURUSD", start_ns + DAY_NS, start_ns + 2 * DAY_NS)

    assert (whole[-len(half) :] == half).all()
    assert (whole["high"] >= np.maximum(whole["open"], whole["close"])).all()
    assert (whole["low"] <= np.minimum(whole["open"], whole["close"])).all()


def test_the_settings_open_it_and_the_manifest_names_it() -> None:
    """As delivered nothing is made worse; else provenance and notes say what."""
    plain = open_market(load_settings(None, {}).settings)
    worse = open_market(load_settings(None, {"market.stress.gaps_a_week": 1}).settings)

    assert "stress" not in plain.provenance
    assert "gaps_a_week 1" in worse.provenance["stress"]
    assert any("made worse on purpose" in note for note in worse.notes)
