"""Stops move only tighter, by enough, and where a broker accepts them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision.exits import UNAGREED, ExitTerms
from models.decision.trailing import (
    KEPT,
    MEASURES,
    Levels,
    Stake,
    break_even_stop,
    protective_stop,
    stop_gap,
    tended_stop,
    to_tick,
    trailed_stop,
)

POINT = 0.00001
BID, ASK = 1.1, 1.1001


def trailed(side: int, current: float, proposed: float, atr: float = 0.001) -> float:
    """Trail a stop at a spread of one pip with a stops level of 5 points."""
    gap = stop_gap(BID, ASK, 5, POINT)
    return float(trailed_stop(side, current, proposed, atr, BID, ASK, gap, POINT))


def test_gap_is_spread_plus_stops_level() -> None:
    """One pip and five points are 0.00015."""
    assert stop_gap(BID, ASK, 5, POINT) == pytest.approx(0.00015)


def test_stop_follows_the_chandelier() -> None:
    """A level ten pips tighter is taken, on both sides."""
    assert trailed(1, 1.095, 1.096) == pytest.approx(1.096)
    assert trailed(-1, 1.105, 1.104) == pytest.approx(1.104)


@pytest.mark.parametrize(("side", "proposed"), [(1, 1.094), (-1, 1.106)])
def test_stop_never_loosens(side: int, proposed: float) -> None:
    """A level further from the market leaves the stop where it is."""
    current = 1.1 - side * 0.005

    assert trailed(side, current, proposed) == current


def test_small_moves_are_not_worth_a_request() -> None:
    """A tenth of an average true range of ten pips is one pip: 0.9 stays, 1.1 moves."""
    assert trailed(1, 1.095, 1.09509) == 1.095
    assert trailed(1, 1.095, 1.09511) == pytest.approx(1.09511)


def test_two_points_are_the_least_move_of_a_quiet_market() -> None:
    """With a tiny range one point stays and three move."""
    assert trailed(1, 1.095, 1.09501, atr=1e-9) == 1.095
    assert trailed(1, 1.095, 1.09503, atr=1e-9) == pytest.approx(1.09503)


@pytest.mark.parametrize(("side", "proposed"), [(1, 1.0999), (1, 1.101), (-1, 1.1002), (-1, 1.09)])
def test_stop_keeps_its_gap_to_the_market(side: int, proposed: float) -> None:
    """A level closer than 1.5 pips to the closing price, or beyond it, is not asked for."""
    current = 1.1 - side * 0.005

    assert trailed(side, current, proposed) == current


def test_missing_stop_is_set_as_planned() -> None:
    """Where the market allows the plan, the plan holds, on a tick."""
    assert protective_stop(1, 1.098, BID, ASK, 0.00015, POINT) == pytest.approx(1.098)
    assert protective_stop(-1, 1.102, BID, ASK, 0.00015, POINT) == pytest.approx(1.102)


def test_missing_stop_gives_way_to_a_market_that_passed_it() -> None:
    """A long planned at 1.1005 gets bid − gap = 1.09985, a short at 1.0995 ask + gap."""
    assert protective_stop(1, 1.1005, BID, ASK, 0.00015, POINT) == pytest.approx(1.09985)
    assert protective_stop(-1, 1.0995, BID, ASK, 0.00015, POINT) == pytest.approx(1.10025)


def test_ticks_are_rounded_to_the_nearest() -> None:
    """1.099996 is nearer to 1.1 than to 1.09999."""
    assert to_tick(1.099996, POINT) == pytest.approx(1.1)
    assert to_tick(1.099994, POINT) == pytest.approx(1.09999)


TERMS = ExitTerms(
    break_even_r=1.5,
    trail_from_r=1.0,
    trail_multiplier=3.0,
    hold_bars_max=0,
    jump_sigmas=2.0,
    closes_before_jump=False,
    lock_atr=0.5,
)
"""Break-even from 30 pips and trailing from 20, where the planned stop is 20 pips away."""


def market(side: int, pips: float, **changes: float) -> Levels:
    """Return a market that stands `pips` in favour of a position opened at 1.1."""
    close = 1.1 + side * pips * 0.0001
    fields = {
        "bid": close if side > 0 else close - 0.0001,
        "ask": close + 0.0001 if side > 0 else close,
        "gap": 0.0002,
        "point": POINT,
        "atr": 0.001,
        "long_level": 1.09,
        "short_level": 1.11,
        "multiplier": 3.0,
        "cost_distance": 0.00007,
        "jump": 0.0,
    }
    return Levels(**{**fields, **changes})


def tended(
    side: int, levels: Levels, terms: ExitTerms = TERMS, stop: float = 0.0, distance: float = 0.002
) -> tuple[Any, str]:
    """Tend the stop of a position opened at 1.1; return the stop and the name of what moved it."""
    stake = Stake(side, 1.1, stop or 1.1 - side * 0.002, distance)
    price, measure = tended_stop(stake, terms, levels)
    return float(price), "" if measure == KEPT else MEASURES[measure]


@pytest.mark.parametrize("side", [1, -1])
def test_break_even_covers_the_commissions(side: int) -> None:
    """At 30 pips, which is 1.5 R, the stop stands 0.7 pips beyond the entry; at 29 it stays."""
    stop, measure = tended(side, market(side, 30.0))

    assert (stop, measure) == (pytest.approx(1.1 + side * 0.00007), "break_even")
    assert tended(side, market(side, 29.0)) == (1.1 - side * 0.002, "")


def test_break_even_is_never_short_of_its_costs() -> None:
    """A cost of 7.2 points is rounded up to 8 for a long, and down for a short."""
    assert break_even_stop(1, 1.1, 0.000072, POINT) == pytest.approx(1.10008)
    assert break_even_stop(-1, 1.1, 0.000072, POINT) == pytest.approx(1.09992)


@pytest.mark.parametrize("side", [1, -1])
def test_the_stop_trails_from_the_agreed_excursion_on(side: int) -> None:
    """At 20 pips, which is 1 R, the level five pips below the entry is taken; at 19 it is not."""
    level = {"long_level": 1.0995, "short_level": 1.1005}

    assert tended(side, market(side, 20.0, **level)) == (
        pytest.approx(1.1 - side * 0.0005),
        "trailing",
    )
    assert tended(side, market(side, 19.0, **level))[1] == ""


def test_without_a_threshold_it_trails_from_the_entry_on() -> None:
    """A zero asks for no excursion, so a position at a loss may be trailed too."""
    terms = TERMS._replace(trail_from_r=0.0)

    assert tended(1, market(1, -5.0, long_level=1.099), terms) == (pytest.approx(1.099), "trailing")


def test_a_trade_keeps_its_own_multiple() -> None:
    """Below an extreme of 1.1065 = 1.1035 + 3 · 0.0010, two ranges are 1.1045, four 1.1025."""
    levels = market(1, 60.0, long_level=1.1035, short_level=1.0965)

    assert tended(1, levels)[0] == pytest.approx(1.1035)
    assert tended(1, levels, TERMS._replace(trail_multiplier=2.0))[0] == pytest.approx(1.1045)
    assert tended(1, levels, TERMS._replace(trail_multiplier=4.0))[0] == pytest.approx(1.1025)
    assert tended(1, levels, TERMS._replace(trail_multiplier=0.0))[0] == pytest.approx(1.1035)
    untold = levels._replace(multiplier=0.0)
    assert tended(1, untold, TERMS._replace(trail_multiplier=2.0))[0] == pytest.approx(1.1035)


@pytest.mark.parametrize("side", [1, -1])
def test_a_stop_inside_the_expected_jump_is_locked(side: int) -> None:
    """A jump of 25 pips reaches the stop 20 pips away: half a range of 10 pips from the price."""
    stop, measure = tended(side, market(side, 0.0, jump=0.0025))

    assert (stop, measure) == (pytest.approx(1.1 - side * 0.0005), "blackout")
    assert tended(side, market(side, 0.0, jump=0.0020 - 1e-9))[1] == ""


def test_a_lock_keeps_the_brokers_level() -> None:
    """With a gap of 12 pips the stop is locked 12 away, not 5, and rounding comes no closer."""
    stop, _ = tended(1, market(1, 0.0, jump=0.0025, gap=0.001203))

    assert stop == pytest.approx(1.09879)  # 1.1 - 0.001203 = 1.098797, away from the market
    assert 1.1 - stop >= 0.001203


def test_nothing_is_locked_where_the_range_is_not_known() -> None:
    """Without levels of the close neither the chandelier nor the lock moves anything."""
    levels = market(1, 25.0, jump=0.01, atr=0.0, long_level=0.0, short_level=0.0, multiplier=0.0)

    assert tended(1, levels)[1] == ""
    assert tended(-1, market(-1, 25.0)._replace(atr=0.0, short_level=0.0))[1] == ""


def test_the_last_measure_that_moved_the_stop_names_it() -> None:
    """Break-even, then a tighter chandelier, then a tighter lock: each from what was left."""
    levels = market(1, 30.0)

    assert tended(1, levels)[1] == "break_even"
    assert tended(1, levels._replace(long_level=1.101))[1] == "trailing"
    locked = tended(1, levels._replace(long_level=1.101, jump=0.0025))
    assert locked == (pytest.approx(1.1025), "blackout")


@pytest.mark.parametrize("side", [1, -1])
def test_an_unagreed_position_only_trails(side: int) -> None:
    """Whose entry is not known has no R: neither break-even nor a lock, whatever the price does."""
    levels = market(side, 30.0, jump=0.01)

    assert tended(side, levels, UNAGREED, distance=0.0)[1] == ""


@given(
    side=st.sampled_from([1, -1]),
    pips=st.floats(-50.0, 200.0),
    stop_pips=st.floats(0.1, 100.0),
    level_pips=st.floats(-100.0, 100.0),
    jump=st.floats(0.0, 0.02),
    gap=st.floats(0.0, 0.003),
    terms=st.builds(
        ExitTerms,
        break_even_r=st.floats(0.0, 5.0),
        trail_from_r=st.floats(0.0, 5.0),
        trail_multiplier=st.floats(0.0, 10.0),
        hold_bars_max=st.just(0),
        jump_sigmas=st.just(2.0),
        closes_before_jump=st.just(False),
        lock_atr=st.floats(0.0, 5.0),
    ),
)
def test_whatever_is_agreed_a_stop_only_tightens(
    side: int,
    pips: float,
    stop_pips: float,
    level_pips: float,
    jump: float,
    gap: float,
    terms: ExitTerms,
) -> None:
    """No terms and no market loosen a stop, or bring it closer than the broker's gap."""
    levels = market(side, pips, jump=jump, gap=gap)._replace(
        long_level=1.1 + level_pips * 0.0001, short_level=1.1 - level_pips * 0.0001
    )
    closing = levels.bid if side > 0 else levels.ask
    before = closing - side * stop_pips * 0.0001

    stop, measure = tended(side, levels, terms, before)

    assert (measure == "") == (stop == before)
    if measure:
        assert side * (stop - before) > 0.0
        assert side * (closing - stop) >= gap
