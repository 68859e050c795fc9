"""Risk at stops, notional and stacked bets, worked by hand."""

from math import nan, sqrt

import numpy as np
import pytest

from models.decision.exposure import (
    FRAC_MAX,
    Holding,
    correlated_heat_frac,
    currency_notionals,
    esma_leverage,
    loss_at_stop,
    net_currency_risks,
    notional,
    risk_at_stop,
    share_of_equity,
    signed_correlation,
    slipped_frac,
    stressed_correlation,
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


def test_a_locked_in_profit_is_a_negative_loss() -> None:
    """A stop ten pips above a long entry secures 10 of account currency on 0.1 lots."""
    loss = loss_at_stop(1, 1.1, 1.101, 0.1, 100_000.0, 1.0)

    assert loss == pytest.approx(-10.0)  # −0.0010 × 0.1 × 100,000


@pytest.mark.parametrize(
    ("measured", "stressed"),
    [(0.6, 0.8), (-0.6, -0.8), (0.5, 0.5), (-0.4, -0.4), (1.0, 1.0), (0.0, 0.0)],
)
def test_stress_goes_halfway_to_one_bet(measured: float, stressed: float) -> None:
    """Beyond one half a correlation is averaged with its sign; below it stays."""
    assert stressed_correlation(measured) == pytest.approx(stressed)


def heat(sides: tuple[int, ...], correlation: float, risk: float = 0.005) -> float:
    """Return the correlated heat of equal risks with one correlation between all."""
    count = len(sides)
    matrix = np.full((count, count), correlation)
    return float(correlated_heat_frac(np.array(sides), np.full(count, risk), matrix))


def test_heat_knows_what_is_one_bet_and_what_is_none() -> None:
    """sqrt(2·f² + 2·f²·P): the same bet adds up, strangers spread, a hedge takes away."""
    assert heat((1, 1), 1.0) == pytest.approx(0.01)  # 0.005 + 0.005
    assert heat((1, 1), 0.0) == pytest.approx(0.005 * sqrt(2.0))
    assert heat((1, 1), 0.6) == pytest.approx(0.005 * sqrt(2.0 + 2.0 * 0.8))
    assert heat((1, -1), 0.6) == pytest.approx(0.005 * sqrt(2.0 - 2.0 * 0.8))
    assert heat((1, -1), 1.0) == 0.0
    assert heat((1,), nan) == pytest.approx(0.005)  # the diagonal is not read


def test_unknown_correlation_is_one_bet_on_either_side() -> None:
    """What nobody knows is never a hedge."""
    assert heat((1, 1), nan) == pytest.approx(0.01)
    assert heat((1, -1), nan) == pytest.approx(0.01)


def test_stress_that_is_no_matrix_gives_no_root_of_a_negative() -> None:
    """Three symbols that all hedge each other cannot be; their heat is 0, not NaN."""
    assert heat((1, 1, 1), -0.9) == 0.0


def test_risks_net_by_currency() -> None:
    """Long EURUSD and long GBPUSD are short the dollar twice; short EURGBP undoes the euro."""
    eur, gbp, usd = range(3)
    net = net_currency_risks(
        np.array([eur, gbp, eur]),
        np.array([usd, usd, gbp]),
        np.array([1, 1, -1]),
        np.array([0.005, 0.004, 0.002]),
        3,
    )

    assert net == pytest.approx([0.003, 0.006, -0.009])  # 5 − 2, 4 + 2, −5 − 4


@pytest.mark.parametrize(
    ("stop", "entry", "factor", "cost"),
    [
        (0.005, 0.005, 3.0, 0.015),  # the stop has not moved: three times its risk
        (0.0, 0.005, 3.0, 0.01),  # at break-even the price still runs two distances through
        (-0.004, 0.005, 3.0, 0.006),
        (-0.02, 0.005, 3.0, 0.0),  # more is locked in than the slip takes
        (0.005, 0.005, 1.0, 0.005),
    ],
)
def test_slipped_stops_cost_by_the_distance_of_the_entry(
    stop: float, entry: float, factor: float, cost: float
) -> None:
    """A stop drawn up costs less when it slips, and not nothing."""
    assert slipped_frac(stop, entry, factor) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("base", "profit", "leverage"),
    [("EUR", "USD", 30.0), ("CHF", "JPY", 30.0), ("AUD", "USD", 20.0), ("USD", "NOK", 20.0)],
)
def test_european_leverage_asks_for_both_currencies(
    base: str, profit: str, leverage: float
) -> None:
    """30:1 only if both are of the six; the Australian dollar is none of them."""
    assert esma_leverage(base, profit) == leverage
