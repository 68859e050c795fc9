"""Stops move only tighter, by enough, and where a broker accepts them."""

import pytest

from models.decision.trailing import protective_stop, stop_gap, to_tick, trailed_stop

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
