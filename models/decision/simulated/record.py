"""What a simulated run leaves behind: trades, intents, and the account and gates at each close."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decision.exits import EXITS
from models.decision.simulated.rows import row_type

TRADE_DTYPE: Final = row_type(
    [
        ("symbol", np.int64),  # place among the sorted symbols
        ("ticket", np.int64),  # of its order, rising with the time of sending
        ("side", np.int64),  # +1 long, −1 short
        ("lots", np.float64),
        ("opened_ns", np.int64),
        ("closed_ns", np.int64),  # 0 while it is open
        ("open_price", np.float64),
        ("close_price", np.float64),
        ("stop_price", np.float64),  # at the entry; trailing moves it later
        ("target_price", np.float64),
        ("profit", np.float64),
        ("commission", np.float64),  # of both sides, negative
        ("swap", np.float64),
        ("pnl", np.float64),  # profit + swap + commission
        ("risk", np.float64),  # account currency at the stop, costs included
        ("r_multiple", np.float64),
        ("mae_r", np.float64),  # deepest adverse move in stop distances, at least 0
        ("mfe_r", np.float64),  # furthest favourable move in stop distances, at least 0
        ("reason", np.int64),  # place in `EXIT_REASONS`
        ("confidence", np.float64),
        ("expected_value_r", np.float64),
        ("leading_voter", np.int64),  # place among the voters, −1 if nobody leads
    ]
)
"""One trade; an open one has zeros for what only its end decides."""

INTENT_DTYPE: Final = row_type(
    [
        ("close", np.int64),  # row of the close
        ("symbol", np.int64),
        ("side", np.int64),
        ("refusal", np.int64),  # place in `REFUSALS`, `APPROVED` if none
        ("lots", np.float64),  # 0 where refused by risk
        ("stop_distance", np.float64),
        ("target_distance", np.float64),
        ("expected_value_r", np.float64),
        ("limit_price", np.float64),  # where it rested, 0 at the market
    ]
)
"""One wish to enter and what became of it."""

EXIT_REASONS: Final = ("open", "stop", "target", "stop_out", *EXITS)
"""Why a trade ended, as `TradeClosed.reason` says it; `open` is still running."""
OPEN, STOP, TARGET, STOP_OUT, FIRST_EXIT = range(5)
"""Places in it; an exit of `models.decision.exits.EXITS` follows at `FIRST_EXIT` + its place."""

REFUSALS: Final = (
    "no_account",
    "trading_state",
    "drawdown_halted",
    "drawdown_reducing",
    "symbol_closed",
    "feed_stale",
    "quote_missing",
    "quote_age_max_min",
    "spread_pips_max",
    "spread_majors_pips_max",
    "spread_median_max",
    "friday_flat_min",
    "week_open_rest_min",
    "rollover_min",
    "calendar_unknown",
    "blackout",
    "consecutive_losses_max",
    "entry_cooldown_min",
    "stop_cooldown_min",
    "stop_side_cooldown_min",
    "slippage_pips_max",
    "daily_loss_max",
    "weekly_loss_max",
    "margin_use_max",
    "entries_per_hour_max",
    "entries_per_day_max",
    "positions_max",
    "positions_per_symbol_max",
    "correlation_max",
    "not_finite",
    "no_edge",
    "below_minimum_lot",
    "heat_max",
    "correlated_heat_max",
    "currency_risk_max",
    "slipped_heat_max",
    "leverage_max",
    "leverage_profile",
    "margin",
    "no_protection",
    "stops_level",
    "no_money",
    "limit_place",
    "not_filled",
)
"""Why an intent led to no position: the rules of risk, then what happened after the approval."""
(
    NO_ACCOUNT,
    TRADING_STATE,
    DRAWDOWN_HALTED,
    DRAWDOWN_REDUCING,
    SYMBOL_CLOSED,
    FEED_STALE,
    QUOTE_MISSING,
    QUOTE_AGE,
    SPREAD,
    SPREAD_MAJORS,
    SPREAD_MEDIAN,
    FRIDAY_FLAT,
    WEEK_OPEN,
    ROLLOVER,
    CALENDAR_UNKNOWN,
    BLACKOUT,
    LOSSES_IN_A_ROW,
    ENTRY_COOLDOWN,
    STOP_COOLDOWN,
    STOP_SIDE_COOLDOWN,
    SLIPPAGE,
    DAILY_LOSS,
    WEEKLY_LOSS,
    MARGIN_USE,
    ENTRIES_PER_HOUR,
    ENTRIES_PER_DAY,
    POSITIONS,
    POSITIONS_PER_SYMBOL,
    CORRELATION,
    NOT_FINITE,
    NO_EDGE,
    BELOW_MINIMUM_LOT,
    HEAT,
    CORRELATED_HEAT,
    CURRENCY_RISK,
    SLIPPED_HEAT,
    LEVERAGE,
    LEVERAGE_PROFILE,
    MARGIN,
    NO_PROTECTION,
    STOPS_LEVEL,
    NO_MONEY,
    LIMIT_PLACE,
    NOT_FILLED,
) = range(len(REFUSALS))
APPROVED: Final = -1
"""Refusal of an intent that became a position."""

UNDECIDED: Final = -2
"""Blocking gate of a symbol that had no bar at the close."""


class Told(NamedTuple):
    """What each close came to, filled row by row; see `SimulatedRun`."""

    balance: NDArray[np.float64]
    equity: NDArray[np.float64]
    drawdown_frac: NDArray[np.float64]
    state: NDArray[np.int8]
    blocked_by: NDArray[np.int8]
    side: NDArray[np.int8]
    probability_up: NDArray[np.float64]
    expected_value_r: NDArray[np.float64]


def no_closes(closes: int, symbols: int) -> Told:
    """Return room for some closes, nothing decided."""
    return Told(
        balance=np.zeros(closes),
        equity=np.zeros(closes),
        drawdown_frac=np.zeros(closes),
        state=np.zeros(closes, np.int8),
        blocked_by=np.full((closes, symbols), UNDECIDED, np.int8),
        side=np.zeros((closes, symbols), np.int8),
        probability_up=np.full((closes, symbols), 0.5),
        expected_value_r=np.zeros((closes, symbols)),
    )


class SimulatedRun(NamedTuple):
    """One run of decisions over columns.

    `blocked_by` holds the place of the first blocking gate in `models.decision.arbitration.GATES`,
    −1 where none blocked and `UNDECIDED` where nothing was decided; `side` is +1, −1 or 0.
    """

    symbols: tuple[str, ...]
    voters: tuple[str, ...]
    trades: NDArray[np.void]
    """`TRADE_DTYPE`, by entry; those still open at the end have reason `OPEN`."""
    intents: NDArray[np.void]
    """`INTENT_DTYPE`, in the order of asking."""
    close_ns: NDArray[np.int64]
    """Shape (n_closes,), as the four below; the account is read after what the broker did by
    itself up to the close, and before what is decided there."""
    balance: NDArray[np.float64]
    equity: NDArray[np.float64]
    drawdown_frac: NDArray[np.float64]
    state: NDArray[np.int8]
    """Strictness of the trading state: 0 active, 1 safe, 2 reducing, 3 halted."""
    blocked_by: NDArray[np.int8]
    """Shape (n_closes, n_symbols), as the three below."""
    side: NDArray[np.int8]
    probability_up: NDArray[np.float64]
    expected_value_r: NDArray[np.float64]
    deposit: float
    final_balance: float
    final_equity: float
    """At the last minute of the market, open positions at their closing prices."""
    bars: int
    """Minutes of the market over all symbols from the first close on."""

    @property
    def closed(self) -> NDArray[np.void]:
        """The trades that have ended."""
        return self.trades[self.trades["reason"] != OPEN]
