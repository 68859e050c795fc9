"""Statistics of closed trades, worked by hand."""

import pytest

from models.learning.performance import TradeRecord, loss_p_value


def test_a_record_of_four_trades() -> None:
    """Two wins and two losses, counted to the cent."""
    record = TradeRecord(start_equity=1000.0)

    for pnl, r_multiple in ((100.0, 2.0), (-50.0, -1.0), (-60.0, -1.2), (30.0, 0.6)):
        record.add(pnl, r_multiple)

    assert (record.trades, record.wins) == (4, 2)
    assert record.pnl == 20.0  # 100 - 50 - 60 + 30
    assert record.profit_factor == pytest.approx(130.0 / 110.0)
    assert record.expectancy_r == pytest.approx(0.1)  # (2 - 1 - 1.2 + 0.6) / 4
    assert record.drawdown_frac == pytest.approx(0.1)  # (100 - -10) / (1000 + 100)


def test_nothing_is_divided_by_zero() -> None:
    """No trade, no loss and no known equity each have their figure."""
    record = TradeRecord(start_equity=0.0)

    assert (record.profit_factor, record.expectancy_r) == (0.0, 0.0)
    record.add(-10.0, -1.0)
    assert record.drawdown_frac == 0.0
    record.add(10.0, 1.0)
    assert record.profit_factor == 1.0


def test_a_loss_beyond_chance() -> None:
    """Mean −0.5 with a deviation of 1 over 16 trades is t = −2, 3.2 % with 15 degrees."""
    r_multiples = [-0.5 - 0.9682458, -0.5 + 0.9682458] * 8  # squares sum to 15, over 15 gives 1

    assert loss_p_value(r_multiples) == pytest.approx(0.0320, abs=1e-4)


def test_a_loss_without_evidence() -> None:
    """One trade says nothing, equal losses say all, equal wins none."""
    assert loss_p_value([-1.0]) == 1.0
    assert loss_p_value([-1.0, -1.0]) == 0.0
    assert loss_p_value([1.0, 1.0]) == 1.0


def test_few_wins_are_a_proven_decline_with_a_negative_mean_alone() -> None:
    """Three wins in ten warn; they prove a decline if they do not pay for the losses."""
    poor, rich = TradeRecord(1000.0), TradeRecord(1000.0)
    for trade in range(50):
        is_win = trade % 10 < 3
        poor.add(10.0 if is_win else -10.0, 1.0 if is_win else -1.0)
        rich.add(30.0 if is_win else -10.0, 3.0 if is_win else -1.0)

    decline = poor.decline()
    assert decline is not None
    assert decline.win_rate == pytest.approx(0.3)
    assert decline.is_proven
    unproven = rich.decline()
    assert unproven is not None
    assert not unproven.is_proven


def test_decline_waits_for_thirty_trades_and_looks_at_fifty() -> None:
    """29 losses are too few; 50 wins later they are forgotten."""
    record = TradeRecord(1000.0)
    for _ in range(29):
        record.add(-10.0, -1.0)
    assert record.decline() is None

    record.add(-10.0, -1.0)
    assert record.decline() is not None

    for _ in range(50):
        record.add(10.0, 1.0)
    assert record.decline() is None
