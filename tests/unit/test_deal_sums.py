"""F33, F34: what the deals of an account say of its high-water mark, worked by hand."""

from typing import Any

import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.deal_sums import DealSums
from runtime.terminals.structures import TradeDeal

BALANCE, CREDIT, SELL, COMMISSION = (
    mt5.DEAL_TYPE_BALANCE,
    mt5.DEAL_TYPE_CREDIT,
    mt5.DEAL_TYPE_SELL,
    mt5.DEAL_TYPE_COMMISSION,
)
DEPOSIT, LENT = (BALANCE, 10_000.0), (CREDIT, 3_000.0)


def a_deal(kind: int, profit: float, **changes: Any) -> TradeDeal:
    """Return a deal of the terminal."""
    blank: dict[str, Any] = {
        name: {int: 0, float: 0.0, str: ""}[part]
        for name, part in TradeDeal.__annotations__.items()
    }
    return TradeDeal(**{**blank, "type": kind, "profit": profit, **changes})


@pytest.mark.parametrize(
    ("deals", "deposits", "balance", "peak"),
    [
        ([DEPOSIT], 10_000.0, 10_000.0, 10_000.0),
        ([DEPOSIT, (SELL, 2_000.0), (SELL, -3_000.0)], 10_000.0, 9_000.0, 12_000.0),
        # a withdrawal is no drawdown: 12,000 less 5,000
        ([DEPOSIT, (SELL, 2_000.0), (BALANCE, -5_000.0)], 5_000.0, 7_000.0, 7_000.0),
        # a deposit is no profit: the loss of 1,000 stays one
        ([DEPOSIT, (SELL, -1_000.0), (BALANCE, 4_000.0)], 14_000.0, 13_000.0, 14_000.0),
        # credit given and taken back moves the mark to and fro, and never the balance
        ([DEPOSIT, LENT], 13_000.0, 10_000.0, 13_000.0),
        ([DEPOSIT, LENT, (SELL, -500.0), (CREDIT, -3_000.0)], 10_000.0, 9_500.0, 10_000.0),
        ([DEPOSIT, (COMMISSION, -7.0)], 10_000.0, 9_993.0, 10_000.0),
    ],
)
def test_f33_f34_the_peak_rises_by_profit_and_moves_by_payments(
    deals: list[tuple[int, float]], deposits: float, balance: float, peak: float
) -> None:
    """The mark that was lost is the highest balance, as if all payments had been there then."""
    sums = DealSums()
    for kind, profit in deals:
        sums.add(a_deal(kind, profit))

    assert (sums.deposits, sums.balance, sums.peak) == (deposits, balance, peak)


def test_f34_swap_commission_and_fee_are_part_of_a_deal() -> None:
    """100 of profit less 3 of swap, 7 of commission and 1 of fee are 89."""
    sums = DealSums()
    sums.add(a_deal(SELL, 100.0, swap=-3.0, commission=-7.0, fee=-1.0))

    assert (sums.balance, sums.peak) == (89.0, 89.0)


@pytest.mark.parametrize(("shown", "is_explained"), [(10_000.0, True), (10_250.0, False)])
def test_f33_deals_that_do_not_make_the_balance_explain_nothing(
    shown: float, *, is_explained: bool
) -> None:
    """A history with a hole could hide a higher mark."""
    sums = DealSums()
    sums.add(a_deal(*DEPOSIT))

    assert sums.explain(shown) is is_explained
