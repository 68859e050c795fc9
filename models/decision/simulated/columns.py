"""What the simulator reads: the market, the contracts, opinions as columns, the calendar, figures.

Everything stands in structured arrays, one row a minute, symbol, close or day: compiled code takes
such an array as one value, where a hundred plain arrays would be carried through every call.

Symbols are sorted by name, which is the order in which a round decides them; voters stand in the
order in which their votes are summed. Times are nanoseconds UTC. Row t of an opinion holds only
what the decision of close t could use, so altering later rows changes nothing before them.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decision.simulated.rows import row_type

COVERED, UNKNOWN, NOT_CONFIGURED = 0, 1, 2
"""States of the calendar of events."""

NO_SYMBOL: Final = -1
"""Step of a route that is not needed."""

MINUTE_DTYPE: Final = row_type(
    [
        ("open_ns", np.int64),
        ("open", np.float64),  # bids
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("ask_over", np.float64),  # ask less bid, in quote currency
    ]
)
"""One minute of a symbol."""

CONTRACT_DTYPE: Final = row_type(
    [
        ("point", np.float64),
        ("pip_points", np.int64),  # points in one pip
        ("digits", np.int64),
        ("contract_size", np.float64),
        ("volume_min_lots", np.float64),
        ("volume_max_lots", np.float64),
        ("volume_step_lots", np.float64),
        ("stops_level_points", np.int64),
        ("swap_long_points", np.float64),
        ("swap_short_points", np.float64),
        ("swap_triple_day", np.int64),  # 0 for Sunday
        ("is_major", np.bool_),
        ("may_buy", np.bool_),
        ("may_sell", np.bool_),
        ("base_currency", np.int64),  # numbers among all currencies of the symbols
        ("profit_currency", np.int64),
        ("esma_leverage", np.float64),
        ("profit_first", np.int64),  # symbols that value the profit currency, one after the other
        ("profit_first_inverse", np.bool_),
        ("profit_second", np.int64),
        ("profit_second_inverse", np.bool_),
        ("base_first", np.int64),  # likewise the base currency
        ("base_first_inverse", np.bool_),
        ("base_second", np.int64),
        ("base_second_inverse", np.bool_),
    ]
)
"""Terms of trade of a symbol."""

CLOSE_DTYPE: Final = row_type(
    [
        ("close_ns", np.int64),
        ("number", np.int64),  # closes of the timeframe, counted without weekends
        ("constant_weight", np.float64),
        ("min_confidence", np.float64),  # learned and in force, NaN where the settings hold
        ("min_rr_ratio", np.float64),
        ("atr_multiplier", np.float64),
        ("risk_frac", np.float64),
        ("target_atr_multiplier", np.float64),
        ("confluence_min", np.float64),
        ("coverage", np.int64),
        ("restriction", np.int64),  # strictness of what operator and health impose
        ("is_open", np.bool_),  # whether the market trades at the close
        ("was_open", np.bool_),  # and just before
        ("week_open_ns", np.int64),  # begin of the week that holds the close
        ("week_close_ns", np.int64),  # and its end
        ("week_close_before_ns", np.int64),  # end of the week that holds the instant before
    ]
)
"""What holds for all symbols at a close."""

VIEW_DTYPE: Final = row_type(
    [
        ("has_bar", np.bool_),  # whether the symbol is decided at the close
        ("has_forecast", np.bool_),
        ("vetoes_reversal", np.bool_),
        ("vol_ratio", np.float64),
        ("vol_ratio_limit", np.float64),
        ("atr_scale", np.float64),  # 1 where the forecaster abstains or said nothing
        ("is_foreseen", np.bool_),  # whether there is a forecast that is no abstention
        ("has_levels", np.bool_),
        ("atr", np.float64),
        ("long_stop_price", np.float64),
        ("short_stop_price", np.float64),
        ("chandelier_multiplier", np.float64),  # at which the levels were told, 0 if unknown
        ("sigma_frac", np.float64),  # deviation to the forecast's horizon, or what the range says
        ("multiplier", np.float64),  # budget in force, 1 where there is none
        ("is_blackout", np.bool_),
        ("is_event_ahead", np.bool_),  # whether a blackout's event is to come by the next close
        ("lean", np.float64),  # what texts say of the base less what of the quote
        ("event_hours", np.float64),  # to the next blackout of high impact, infinite without one
        ("is_live", np.bool_),  # whether the feed is live
        ("quote_ns", np.int64),  # when the latest quote was true, −1 where there is none
        ("quote_valid_until_ns", np.int64),
        ("bid", np.float64),
        ("ask", np.float64),
        ("account_per_quote", np.float64),
        ("usual_spread_points", np.float64),  # median of its hour before, NaN if not known
    ]
)
"""What is thought and known of one symbol at a close."""

VOTE_DTYPE: Final = row_type(
    [
        ("probability_up", np.float64),  # as voted; 0.5 where there is no answer
        ("answers", np.bool_),
        ("abstains", np.bool_),  # true also where there is no answer
        ("confluence", np.float64),  # share of its timeframes on its side, 1 without readings
    ]
)
"""One voter on one symbol at a close."""

VOTER_DTYPE: Final = row_type(
    [
        ("weight", np.float64),
        ("is_proven", np.bool_),
        ("is_learned", np.bool_),  # whether a trained model speaks, which SAFE does not hear
        ("intercept", np.float64),  # calibration in force, NaN where there is none
        ("slope", np.float64),
    ]
)
"""One voter at a close."""

DAY_DTYPE: Final = row_type(
    [
        ("start_ns", np.int64),
        ("week", np.int64),  # number of its calendar week
        ("next_week_ns", np.int64),  # open of the trading week after the one that holds its start
    ]
)
"""One day of the market's own clock, weekend days included."""

ROLLOVER_DTYPE: Final = row_type(
    [("at_ns", np.int64), ("weekday", np.int64)]  # the day that begins then, 0 for Sunday
)
"""End of a working day of the server, at which swaps are booked."""

FIGURES_DTYPE: Final = row_type(
    [
        ("length_ns", np.int64),
        ("deposit", np.float64),
        ("leverage", np.float64),
        ("commission_per_lot", np.float64),
        ("stop_out_percent", np.float64),
        ("quorum", np.int64),
        ("families_min", np.int64),
        ("margin_r", np.float64),
        ("min_confidence", np.float64),
        ("min_rr_ratio", np.float64),
        ("atr_multiplier", np.float64),
        ("risk_frac", np.float64),
        ("target_atr_multiplier", np.float64),
        ("confluence_min", np.float64),
        ("reversal_voter", np.int64),  # place of the voter whom a storm vetoes, −1 without one
        ("is_forecast_awaited", np.bool_),  # whether silence of the forecaster vetoes
        ("friday_flat", np.bool_),
        ("news_risk_hours", np.float64),
        ("cooldown_ns", np.int64),
        ("probation_ns", np.int64),
        ("risk_frac_min", np.float64),
        ("risk_frac_max", np.float64),
        ("heat_max", np.float64),
        ("correlation_max", np.float64),
        ("daily_loss_max", np.float64),
        ("weekly_loss_max", np.float64),
        ("drawdown_reducing", np.float64),
        ("drawdown_halted", np.float64),
        ("drawdown_sizing", np.float64),
        ("margin_use_max", np.float64),
        ("spread_pips_max", np.float64),
        ("spread_majors_pips_max", np.float64),
        ("spread_median_max", np.float64),
        ("correlated_heat_max", np.float64),
        ("currency_risk_max", np.float64),
        ("slipped_heat_max", np.float64),
        ("slip_factor", np.float64),
        ("shares_same_bets", np.bool_),  # whether a same bet shares a budget, or is refused
        ("has_leverage_profile", np.bool_),
        ("slippage_pips_max", np.float64),
        ("slippage_cooldown_ns", np.int64),
        ("stop_side_cooldown_ns", np.int64),
        ("entries_per_hour_max", np.int64),
        ("week_open_rest_min", np.float64),
        ("rollover_min", np.float64),
        ("positions_max", np.int64),
        ("positions_per_symbol_max", np.int64),
        ("entries_per_day_max", np.int64),
        ("consecutive_losses_max", np.int64),
        ("losses_cooldown_ns", np.int64),
        ("entry_cooldown_ns", np.int64),
        ("stop_cooldown_ns", np.int64),
        ("leverage_max", np.float64),
        ("quote_age_max_min", np.int64),
        ("friday_flat_min", np.int64),
        ("break_even_r", np.float64),
        ("trail_from_r", np.float64),
        ("trail_multiplier", np.float64),
        ("hold_bars_max", np.int64),
        ("jump_sigmas", np.float64),
        ("closes_before_jump", np.bool_),
        ("lock_atr", np.float64),
        ("rests", np.bool_),  # whether entries may rest at a limit
        ("calm_vol_ratio_max", np.float64),
        ("limit_atr", np.float64),
        ("limit_bars", np.int64),
    ]
)
"""The settings' figures: fractions are 0..1, amounts in account currency."""


class World(NamedTuple):
    """Everything that a run is given."""

    first: NDArray[np.int64]
    """Row at which each symbol's minutes begin, shape (n_symbols + 1,); the last is the end."""
    minutes: NDArray[np.void]
    """`MINUTE_DTYPE`, one symbol after the other, oldest first."""
    contracts: NDArray[np.void]
    """`CONTRACT_DTYPE`, shape (n_symbols,)."""
    closes: NDArray[np.void]
    """`CLOSE_DTYPE`, shape (n_closes,), oldest first."""
    views: NDArray[np.void]
    """`VIEW_DTYPE`, shape (n_closes, n_symbols)."""
    votes: NDArray[np.void]
    """`VOTE_DTYPE`, shape (n_closes, n_symbols, n_voters)."""
    voters: NDArray[np.void]
    """`VOTER_DTYPE`, shape (n_closes, n_voters)."""
    correlation: NDArray[np.float64]
    """Signed, as either symbol's budget in force says it, shape (n_closes, n_symbols, n_symbols);
    1 on the diagonal, NaN where it is not known."""
    days: NDArray[np.void]
    """`DAY_DTYPE`, from before the start to well beyond the end."""
    rollovers: NDArray[np.void]
    """`ROLLOVER_DTYPE`, within the run."""
    figures: NDArray[np.void]
    """`FIGURES_DTYPE`, shape (1,)."""
