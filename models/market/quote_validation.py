"""One quote, held against the bars and the quotes before it: nothing unsound gets past here."""

import math
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple

from models.market.bars import BarArray
from models.market.sessions import SECOND_NS
from models.market.validation import CONTEXT_BARS, PRECHECK_SLACK, average_range

SPREAD_FACTOR_MAX: Final = 50.0
"""Factor from the median spread of known bars at which a quote is garbage."""
TICK_AHEAD_NS_MAX: Final = 5 * SECOND_NS
"""How far a tick may lie in the future; two honest clocks differ a little."""
TICK_BEHIND_NS_MAX: Final = 5 * SECOND_NS
"""How far a tick may lie before one that is known; sources may deliver a little out of order."""
RATE_FACTOR_MAX: Final = 1.2
"""Factor from the usual rate into account currency beyond which a rate is garbage."""


class QuoteTrack(NamedTuple):
    """What the quotes before say of the next one; 0 where nothing is known."""

    tick_ns: int
    """Time of the newest tick so far."""
    account_per_quote: float
    """Usual value in account currency of one unit of the quote currency."""


UNTRACKED: Final = QuoteTrack(tick_ns=0, account_per_quote=0.0)
"""Before the first quote."""


class QuoteDefect(StrEnum):
    """Why a quote is rejected."""

    PRICE = "price"
    """Not finite, or not above zero."""
    CROSSED = "crossed"
    """The bid is not below the ask."""
    FUTURE = "future"
    """The tick was made after now."""
    BACKWARDS = "backwards"
    """The tick was made before one that is known."""
    OLD = "old"
    """The tick is older than a quote may be; nothing is wrong with it otherwise."""
    JUMP = "jump"
    """Too far from the last close."""
    WIDE = "wide"
    """The spread is a large multiple of the usual one."""
    RATE = "rate"
    """The value in account currency is far from the usual one: lots would be counted wrong."""


def quote_defect(
    bid: float,
    ask: float,
    account_per_quote: float,
    tick_ns: int,
    known: BarArray,
    *,
    now_ns: int,
    age_ns_max: int,
    point: float,
    jump_atr_max: float,
    track: QuoteTrack = UNTRACKED,
) -> QuoteDefect | None:
    """Return what is wrong with a quote, None if nothing is.

    Parameters
    ----------
    bid, ask : float
        Prices in quote currency; NaN fails.
    account_per_quote : float
        Value in account currency of one unit of the quote currency.
    tick_ns : int
        When the quote was made.
    known : BarArray
        Bars of the symbol up to now, oldest first; without any, distance and spread pass.
    now_ns, age_ns_max : int
        The present, and how long before it the tick may lie.
    point : float
        Smallest price step, in which the spreads of bars are counted.
    jump_atr_max : float
        Largest distance from the last close, in average true ranges.
    track : QuoteTrack
        What the quotes before say.
    """
    values = (bid, ask, account_per_quote)
    if not all(math.isfinite(value) and value > 0.0 for value in values):
        return QuoteDefect.PRICE
    if bid >= ask:
        return QuoteDefect.CROSSED
    if tick_ns > now_ns + TICK_AHEAD_NS_MAX:
        return QuoteDefect.FUTURE
    if tick_ns < track.tick_ns - TICK_BEHIND_NS_MAX:
        return QuoteDefect.BACKWARDS
    if tick_ns + age_ns_max <= now_ns:
        return QuoteDefect.OLD
    usual = track.account_per_quote
    if usual > 0.0 and not usual / RATE_FACTOR_MAX <= account_per_quote <= usual * RATE_FACTOR_MAX:
        return QuoteDefect.RATE
    return _distance_defect(bid, ask, known[-CONTEXT_BARS:], point, jump_atr_max)


def _distance_defect(
    bid: float, ask: float, known: BarArray, point: float, jump_atr_max: float
) -> QuoteDefect | None:
    if not len(known):
        return None
    close = float(known["close"][-1])
    if max(abs(bid - close), abs(ask - close)) > jump_atr_max * average_range(known):
        return QuoteDefect.JUMP
    usual_spread = float(median(known["spread_points"].tolist())) * point
    # Sources without spreads deliver 0, which says nothing of what is usual.
    if usual_spread > 0.0 and ask - bid >= SPREAD_FACTOR_MAX * usual_spread * PRECHECK_SLACK:
        return QuoteDefect.WIDE
    return None
