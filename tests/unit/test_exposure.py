"""Risk at stops, notional and stacked bets, worked by hand."""

import pytest

from models.decision.exposure import (
    FRAC_MAX,
    Holding,
    currency_notionals,
    notional,
    risk_at_stop,
    share_of_equity,
    signed_correlation,
)


@pytest.mark.parametrize(
    ("side", "stop_price", "expected"),
    [
        (1, 1.0980, 20.0),  # 0.0020 × 0.1 × 100,000
        (-1, 1.1030, 30.0),
        (1, 1.1010, 0.0),  # a profit is locked in
        (-1, 1.0990, 0.0),
    ],
)
def test_risk_is_the_loss_at_the_stop(side: int, stop_price: float, expected: float) -> None:
    """Measured from the entry at 1.1, and never negative."""
    risk = risk_at_stop(side, 1.1, stop_price, 0.1, 100_000.0, 1.0)

    assert risk == pytest.approx(expected)


def test_notional_is_in_account_currency() -> None:
    """0.5 lots of USDJPY at 150, a yen worth 1/150: 50,000 dollars."""
    assert notional(0.5, 150.0, 100_000.0, 1.0 / 150.0) == pytest.approx(50_000.0)


def test_share_of_an_empty_account_is_bounded() -> None:
    """No account gives no infinity, in either direction."""
    assert share_of_equity(50.0, 10_000.0) == 0.005
    assert share_of_equity(1e9, 0.0) == FRAC_MAX
    assert share_of_equity(-1e9, -5.0) == -FRAC_MAX


def test_opposite_sides_turn_a_correlation_round() -> None:
    """Long EURUSD beside short USDCHF is one bet, beside long USDCHF a hedge."""
    assert signed_correlation(1, -1, -0.9) == 0.9
    assert signed_correlation(1, 1, -0.9) == -0.9


def test_currencies_net_across_positions() -> None:
    """Long EURUSD and short EURGBP leave dollars sold and pounds bought."""
    held = [Holding("EUR", "USD", 1, 11_000.0), Holding("EUR", "GBP", -1, 10_500.0)]

    assert currency_notionals(held) == [("EUR", 500.0), ("GBP", 10_500.0), ("USD", -11_000.0)]
