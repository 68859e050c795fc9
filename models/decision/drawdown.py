"""The high-water mark and the losses measured against it, floating loss included.

A mark rises with equity and moves with deposits and withdrawals; nothing else changes it, and
nothing but the previous mark is needed to continue it, so that a restart cannot reset it. All
amounts are in account currency. Inputs must be finite: a NaN would pass through `max` unseen, so
callers refuse it before. Small compiled functions that agents call for one reading of the account
and the simulator for every bar.
"""

from numba import njit

MARK_MIN = 0.01
"""Smallest mark; an account that is worth nothing still needs something to divide by."""

FRAC_MAX = 1e6
"""Largest share reported; a nearly empty account would otherwise give infinities."""


@njit(cache=True)
def first_mark(equity: float, deposits: float, peak_balance: float) -> float:
    """Return the mark of an account that has none yet, rebuilt from its deals.

    The highest balance is the highest equity of which a record exists, and without profit it is
    what was paid in, so an account that has lost before it is first seen starts below its mark.

    Parameters
    ----------
    equity : float
        Equity now.
    deposits : float
        Sum of all deposits less withdrawals, of either sign.
    peak_balance : float
        Highest balance so far, moved by the payments since; 0 where it is not known.

    Returns
    -------
    float
        At least `equity`, `deposits`, `peak_balance` and `MARK_MIN`.
    """
    return max(equity, deposits, peak_balance, MARK_MIN)


@njit(cache=True)
def advance_mark(mark: float, deposits_change: float, equity: float) -> float:
    """Return the mark after one more reading of the account.

    The mark moves by the amount paid in or out, then rises to equity if that is higher. It shifts
    by the amount and does not scale: scaling would need the equity just before the payment, which
    no reading holds.

    Parameters
    ----------
    mark : float
        Mark after the reading before, > 0.
    deposits_change : float
        Deposits less withdrawals since then.
    equity : float
        Equity now.

    Returns
    -------
    float
        At least `equity` and `MARK_MIN`; without payments never below `mark`.
    """
    return max(mark + deposits_change, equity, MARK_MIN)


@njit(cache=True)
def shifted_start(start_equity: float, deposits_change: float) -> float:
    """Return what a day or week started with, as if later payments had been there then.

    Parameters
    ----------
    start_equity : float
        Equity at the start, moved by the payments so far, > 0.
    deposits_change : float
        Deposits less withdrawals since the reading before.

    Returns
    -------
    float
        At least `MARK_MIN`.
    """
    return max(start_equity + deposits_change, MARK_MIN)


@njit(cache=True)
def drawdown_frac(equity: float, mark: float) -> float:
    """Return 1 − equity / mark, 0 at or above the mark.

    The same measure serves the loss of a day or a week against its start.

    Parameters
    ----------
    equity : float
        Equity now, floating loss included; may be negative.
    mark : float
        Reference, > 0.

    Returns
    -------
    float
        In [0, `FRAC_MAX`]; above 1 where equity is negative.
    """
    # As a quotient of the loss, 9,000 of 10,000 is 0.1; 1 − 0.9 would stay below a limit of 0.1.
    return min(max(0.0, (mark - equity) / mark), FRAC_MAX)
