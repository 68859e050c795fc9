"""Marks and drawdown, worked by hand."""

import pytest

from models.decision.drawdown import (
    FRAC_MAX,
    MARK_MIN,
    advance_mark,
    drawdown_frac,
    first_mark,
    shifted_start,
)


@pytest.mark.parametrize(
    ("equity", "deposits", "peak_balance", "mark"),
    [
        (9_000.0, 10_000.0, 12_000.0, 12_000.0),  # it had earned 2,000 before
        (9_000.0, 5_000.0, 7_000.0, 9_000.0),  # what is floating is more than it ever had
        (12_000.0, 10_000.0, 10_000.0, 12_000.0),  # a record with profit
        (8_000.0, 10_000.0, 0.0, 10_000.0),  # a record with loss: what was paid in is missing
        (500.0, -3_000.0, 0.0, 500.0),  # more withdrawn than paid in
        (-5.0, 0.0, 0.0, MARK_MIN),  # nothing to divide by
    ],
)
def test_f33_the_first_mark_is_rebuilt_from_the_deals(
    equity: float, deposits: float, peak_balance: float, mark: float
) -> None:
    """An account is measured against the most it had, what was paid in, or itself."""
    assert first_mark(equity, deposits, peak_balance) == mark


@pytest.mark.parametrize(
    ("deposits_change", "equity", "mark"),
    [
        (0.0, 9_000.0, 10_000.0),  # a loss lowers nothing
        (0.0, 10_500.0, 10_500.0),  # a new high
        (5_000.0, 14_000.0, 15_000.0),  # a deposit of 5,000 is no profit
        (-5_000.0, 4_000.0, 5_000.0),  # a withdrawal of 5,000 is no loss
    ],
)
def test_mark_moves_with_payments_and_rises_with_equity(
    deposits_change: float, equity: float, mark: float
) -> None:
    """From 10,000 only a high or a payment moves it."""
    assert advance_mark(10_000.0, deposits_change, equity) == mark


def test_start_moves_with_payments_and_stays_above_zero() -> None:
    """What a day started with follows payments only."""
    assert shifted_start(10_000.0, -2_500.0) == 7_500.0
    assert shifted_start(10_000.0, -20_000.0) == MARK_MIN


@pytest.mark.parametrize(
    ("equity", "expected"),
    [(10_000.0, 0.0), (11_000.0, 0.0), (9_000.0, 0.1), (8_500.0, 0.15), (-1_000.0, 1.1)],
)
def test_drawdown_is_exact_at_round_limits(equity: float, expected: float) -> None:
    """A tenth is a tenth to the bit, because a limit of a tenth must trip on it."""
    assert drawdown_frac(equity, 10_000.0) == expected


def test_drawdown_is_bounded() -> None:
    """A mark of nearly nothing gives no infinity."""
    assert drawdown_frac(-1e12, MARK_MIN) == FRAC_MAX
