"""Laws of sizing and of the marks that hold for any input."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision.drawdown import advance_mark, drawdown_frac, first_mark
from models.decision.sizing import floor_to_step, lots_at_risk, risk_budget_frac

ROUNDING = 1e-12
"""Relative error of one division and one product."""

amounts = st.floats(0.01, 1e9)
factors = st.floats(0.0, 10.0)
steps = st.sampled_from([0.001, 0.01, 0.03, 0.05, 0.1, 0.25, 1.0, 10.0])
readings = st.lists(st.tuples(st.floats(1.0, 1e7), st.floats(-1e4, 1e4)), min_size=1, max_size=30)


@given(equity=st.floats(-1e6, 1e9), frac=st.floats(0.0005, 0.01), loss=amounts, step=steps)
def test_loss_at_the_stop_is_within_the_budget(
    equity: float, frac: float, loss: float, step: float
) -> None:
    """Lots times the loss of one, costs included, never exceed equity times the fraction."""
    lots = lots_at_risk(equity, frac, loss, step, step, 100.0)

    assert lots * loss <= max(0.0, equity * frac) * (1.0 + ROUNDING)
    assert lots == 0.0 or step <= lots <= 100.0


@given(lots=st.floats(0.0, 1e6), step=steps)
def test_floor_is_the_nearest_multiple_below(lots: float, step: float) -> None:
    """Not above, less than one step below, and a fixed point of itself."""
    floored = floor_to_step(lots, step)

    assert floored <= lots < floored + step * (1.0 + 1e-6)
    assert floor_to_step(floored, step) == floored
    assert floored / step == pytest.approx(round(floored / step), abs=1e-6)


@given(
    base=st.floats(0.002, 0.01),
    chain=st.tuples(factors, factors, factors),
    halves=st.tuples(st.floats(0.25, 1.0), st.sampled_from([0.5, 1.0])),
)
def test_budget_stays_within_its_bounds(
    base: float, chain: tuple[float, float, float], halves: tuple[float, float]
) -> None:
    """Never above the ceiling nor below a quarter of the floor, and less only for a reason."""
    drawdown, portfolio, confidence = chain

    frac = risk_budget_frac(base, drawdown, portfolio, confidence, *halves, 0.002, 0.01)

    assert 0.002 * min(halves) <= frac <= 0.01 * min(halves)


@given(readings)
def test_drawdown_is_nothing_at_a_new_high_and_the_mark_never_falls(
    account: list[tuple[float, float]],
) -> None:
    """Without payments the mark only rises, and equity at the mark has no drawdown."""
    marks = [float(first_mark(account[0][0], 0.0, 0.0))]
    for equity, _ in account:
        marks.append(float(advance_mark(marks[-1], 0.0, equity)))
        if equity == marks[-1]:
            assert drawdown_frac(equity, marks[-1]) == 0.0
        assert 0.0 <= drawdown_frac(equity, marks[-1]) < 1.0

    assert all(before <= after for before, after in pairwise(marks))
    assert marks[-1] == max(equity for equity, _ in account)


@given(mark=st.floats(100.0, 1e7), lost_frac=st.floats(0.0, 0.9), paid=st.floats(-1e6, 1e6))
def test_payment_changes_no_loss(mark: float, lost_frac: float, paid: float) -> None:
    """A deposit is no profit and a withdrawal no drawdown: the loss in money stays."""
    equity = mark * (1.0 - lost_frac)
    if equity + paid < 1.0:
        return  # the broker pays out no more than there is

    moved = advance_mark(mark, paid, equity + paid)

    assert moved - (equity + paid) == pytest.approx(mark - equity, abs=1e-6)


@given(readings, st.integers(0, 29))
def test_restart_cannot_reset_the_mark(account: list[tuple[float, float]], cut: int) -> None:
    """Continued from the mark alone, every later mark is the same to the bit."""

    def marks(start: float, rest: list[tuple[float, float]]) -> list[float]:
        found = [start]
        for equity, paid in rest:
            found.append(float(advance_mark(found[-1], paid, equity)))
        return found

    whole = marks(account[0][0], account)

    assert marks(whole[min(cut, len(account))], account[cut:]) == whole[min(cut, len(account)) :]
