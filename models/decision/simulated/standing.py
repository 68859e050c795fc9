"""What changes while a run is simulated: the account, its positions, and where reading has come.

Records are passed by reference, so a function that changes one changes the run.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decision.simulated.rows import row_type

NEVER_NS: Final = 2**63 - 1
"""Instant that does not come."""

HALTED_LIMIT, REDUCING_LIMIT, DAILY_LIMIT, WEEKLY_LIMIT, MARGIN_LIMIT = range(5)
"""Watched limits, the two of the drawdown first; places in `Book.is_raised`."""
WATCHED: Final = 5
DRAWDOWN_LIMITS: Final = 2

DAILY_INCIDENT, WEEKLY_INCIDENT, MARGIN_INCIDENT, STOP_OUT_INCIDENT, NO_MONEY_INCIDENT = range(5)
"""Causes that restrict to reducing until an instant; places in `Book.until_ns`."""
INCIDENTS: Final = 5

Record = Any
"""One row of a structured array, as compiled code sees it."""

ACCOUNT_DTYPE: Final = row_type(
    [
        ("now_ns", np.int64),  # up to here the broker has lived
        ("rollover", np.int64),  # next row of the calendar's rollovers
        ("balance", np.float64),
        ("next_ticket", np.int64),
        ("held", np.int64),  # open positions
        ("resting", np.int64),  # orders that wait
        ("untold", np.int64),  # closed trades that were not counted yet
        ("trades", np.int64),  # rows of trades in use
        ("intents", np.int64),
        ("snapshot_ns", np.int64),  # latest reading, −1 before the first
        ("has_changed", np.bool_),  # whether something is not in a reading yet
        ("equity", np.float64),  # of the latest reading, as the four below
        ("margin_free", np.float64),
        ("margin_use_frac", np.float64),
        ("mark", np.float64),  # high-water mark, 0 before the first reading
        ("drawdown_frac", np.float64),
        ("probation_mark", np.float64),
        ("day", np.int64),  # row of the calendar's days, −1 before the first reading
        ("day_equity", np.float64),
        ("week_equity", np.float64),
        ("entry_day", np.int64),  # trading day that `entries` counts
        ("entries", np.int64),
        ("losses", np.int64),  # in a row
        ("lock_ns", np.int64),  # end of the account's rest
        ("is_halted", np.bool_),  # by a drawdown; only a person would lift it
        ("breach_ns", np.int64),  # begin of the way through a drawdown, −1 without one
        ("stage", np.int64),  # of that way, as last noted: 0 none, 1 reducing, 2 probation
        ("is_answered", np.bool_),  # whether the state reflects every drawdown breach
    ]
)

POSITION_DTYPE: Final = row_type(
    [
        ("side", np.int64),  # 0 flat
        ("lots", np.float64),
        ("open_price", np.float64),
        ("stop", np.float64),
        ("target", np.float64),
        ("swap", np.float64),
        ("margin", np.float64),
        ("stop_distance", np.float64),  # as planned at the entry
        ("opened_number", np.int64),  # of the close at which it was entered
        ("ticket", np.int64),
        ("trade", np.int64),  # row of its trade
        ("adverse", np.float64),  # furthest moves against and for it, in price
        ("favourable", np.float64),
        ("entry_frac", np.float64),  # share of equity at risk that was approved
    ]
)

ORDER_DTYPE: Final = row_type(
    [
        ("side", np.int64),  # 0 where nothing waits
        ("lots", np.float64),
        ("limit", np.float64),
        ("bound", np.float64),  # price that must be reached for a fill
        ("stop", np.float64),
        ("target", np.float64),
        ("placed_ns", np.int64),
        ("expires_ns", np.int64),
        ("number", np.int64),  # of the close at which it was placed
        ("ticket", np.int64),
        ("intent", np.int64),  # row of its intent
        ("stop_distance", np.float64),
        ("risk_frac", np.float64),
        ("risk", np.float64),
        ("confidence", np.float64),
        ("expected_value_r", np.float64),
        ("leading_voter", np.int64),
    ]
)
"""An entry that rests at a limit: a position to be."""

LOCK_DTYPE: Final = row_type(
    [
        ("until_ns", np.int64),  # 0 for no lock
        ("reason", np.int64),
        ("side", np.int64),  # 0 for both
    ]
)

LOCKS_KEPT: Final = 8
"""Locks of one symbol that can hold at once: some after each trade, which rests have to follow."""


class Book(NamedTuple):
    """Everything that changes."""

    account: NDArray[np.void]
    """`ACCOUNT_DTYPE`, shape (1,)."""
    positions: NDArray[np.void]
    """`POSITION_DTYPE`, shape (n_symbols,): a symbol has one position at most."""
    held: NDArray[np.int64]
    """Symbols with a position, the oldest ticket first."""
    orders: NDArray[np.void]
    """`ORDER_DTYPE`, shape (n_symbols,): a symbol has one order that rests at most."""
    resting: NDArray[np.int64]
    """Symbols with such an order, the oldest first."""
    untold: NDArray[np.int64]
    """Rows of the trades that were closed and not counted yet."""
    cursor: NDArray[np.int64]
    """Minute of each symbol up to which reading has come."""
    is_raised: NDArray[np.bool_]
    """Watched limits exceeded since they were last below, shape (WATCHED,)."""
    is_unhealed: NDArray[np.bool_]
    """Drawdown limits breached since the drawdown was last below, shape (DRAWDOWN_LIMITS,)."""
    has_begun_anew: NDArray[np.bool_]
    """Those of them after whose breach trading has begun again."""
    locks: NDArray[np.void]
    """`LOCK_DTYPE`, shape (n_symbols, LOCKS_KEPT), in the order in which they were asked for."""
    until_ns: NDArray[np.int64]
    """Ends of incidents, shape (INCIDENTS,)."""


def opened_book(deposit: float, first: NDArray[np.int64], start_ns: int) -> Book:
    """Return the book of an account that has just received its deposit."""
    symbols = len(first) - 1
    account = np.zeros(1, ACCOUNT_DTYPE)
    account["now_ns"] = start_ns
    account["balance"] = deposit
    account["next_ticket"] = 1
    for name in ("snapshot_ns", "day", "entry_day", "breach_ns"):
        account[name] = -1
    account["is_answered"] = True
    return Book(
        account=account,
        positions=np.zeros(symbols, POSITION_DTYPE),
        held=np.zeros(symbols, np.int64),
        orders=np.zeros(symbols, ORDER_DTYPE),
        resting=np.zeros(symbols, np.int64),
        untold=np.zeros(symbols, np.int64),
        cursor=first[:-1].copy(),
        is_raised=np.zeros(WATCHED, np.bool_),
        is_unhealed=np.zeros(DRAWDOWN_LIMITS, np.bool_),
        has_begun_anew=np.zeros(DRAWDOWN_LIMITS, np.bool_),
        locks=np.zeros((symbols, LOCKS_KEPT), LOCK_DTYPE),
        until_ns=np.zeros(INCIDENTS, np.int64),
    )
