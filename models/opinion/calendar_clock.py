"""Whether a calendar's clock is right: told from other calendars, from itself, and from New York.

A calendar whose times are hours off looks like any other, and its blackouts miss every event. Three
readings find it: most of its events lie the same hours away in another calendar, or in what it said
before; or releases whose hour in New York never changes stand at another one.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, new_york_offset_ns

STEP_NS: Final = 30 * MINUTE_NS
"""Clocks of the world differ by multiples of it, but for a few that no calendar keeps."""
SHIFT_MAX_NS: Final = 14 * HOUR_NS
"""Farthest that a clock lies from UTC."""
MATCHES_MIN: Final = 3
"""Events that must agree on a shift; fewer may have been moved."""
SHARE_MIN: Final = 0.6
"""Share of the events of the shorter calendar, or of those known twice, that must agree on it."""

_EARLY: Final = 8 * 60 + 30
_TEN: Final = 10 * 60
_ANCHORS: Final = {
    "adp employment change": 8 * 60 + 15,
    "adp non-farm employment change": 8 * 60 + 15,
    "building permits": _EARLY,
    "core cpi m/m": _EARLY,
    "core durable goods orders": _EARLY,
    "core inflation rate mom": _EARLY,
    "core ppi m/m": _EARLY,
    "core retail sales m/m": _EARLY,
    "cpi m/m": _EARLY,
    "durable goods orders": _EARLY,
    "empire state manufacturing index": _EARLY,
    "housing starts": _EARLY,
    "inflation rate mom": _EARLY,
    "initial jobless claims": _EARLY,
    "non farm payrolls": _EARLY,
    "non-farm employment change": _EARLY,
    "nonfarm payrolls": _EARLY,
    "philadelphia fed manufacturing index": _EARLY,
    "philly fed manufacturing index": _EARLY,
    "ppi m/m": _EARLY,
    "ppi mom": _EARLY,
    "retail sales m/m": _EARLY,
    "retail sales mom": _EARLY,
    "unemployment claims": _EARLY,
    "unemployment rate": _EARLY,
    "chicago pmi": 9 * 60 + 45,
    "cb consumer confidence": _TEN,
    "existing home sales": _TEN,
    "factory orders": _TEN,
    "ism manufacturing pmi": _TEN,
    "ism non-manufacturing pmi": _TEN,
    "ism services pmi": _TEN,
    "jolts job openings": _TEN,
    "new home sales": _TEN,
    "pending home sales": _TEN,
    "fed interest rate decision": 14 * 60,
    "federal funds rate": 14 * 60,
}
"""Beginnings of titles of American releases, and the minute of New York's day at which they come.
Source: the release schedules of BLS, Census Bureau, DOL, ISM, NAR and FOMC."""
_DAY_MIN: Final = DAY_NS // MINUTE_NS

Moment = tuple[str, int]
"""Currency and scheduled time."""


def shift_between(moments: Collection[Moment], others: Collection[Moment]) -> int:
    """Return how far a calendar's times lie after another's, in nanoseconds; 0 where they agree.

    Only a shift that explains most events counts, and twice as many as no shift does: calendars
    choose different events, and releases of different countries share half hours.
    """
    own, theirs = set(moments), set(others)
    enough = max(MATCHES_MIN, SHARE_MIN * min(len(own), len(theirs)))
    agreed = len(own & theirs)
    best, count = 0, 0
    for step in range(-(SHIFT_MAX_NS // STEP_NS), SHIFT_MAX_NS // STEP_NS + 1):
        moved = {(currency, at_ns - step * STEP_NS) for currency, at_ns in own}
        if len(moved & theirs) > count:
            best, count = step * STEP_NS, len(moved & theirs)
    return best if count >= enough and count > 2 * agreed else 0


def shift_since(now: Mapping[str, int], before: Mapping[str, int]) -> int:
    """Return by how much most events were moved since an earlier answer, in nanoseconds; else 0.

    Parameters
    ----------
    now, before
        Scheduled time of each event by what names it; names that occur twice must be left out.
    """
    moves = Counter(at_ns - before[name] for name, at_ns in now.items() if name in before)
    if not moves:
        return 0
    move_ns, count = max(moves.items(), key=lambda item: (item[1], -abs(item[0])))
    is_clock = move_ns % STEP_NS == 0 and abs(move_ns) <= SHIFT_MAX_NS
    enough = max(MATCHES_MIN, SHARE_MIN * moves.total())
    return move_ns if is_clock and count >= enough else 0


def shift_from_new_york(releases: Collection[tuple[str, int]]) -> int:
    """Return how far American releases lie from their hour in New York, in nanoseconds; else 0.

    Parameters
    ----------
    releases
        Title and scheduled time of events of the dollar. Two of them must agree on the shift and
        none may stand at its hour: one alone may have been moved.
    """
    shifts: Counter[int] = Counter()
    for title, at_ns in dict.fromkeys(releases):
        for beginning, minute in _ANCHORS.items():
            if title.casefold().startswith(beginning):
                local_min = (at_ns + new_york_offset_ns(at_ns)) // MINUTE_NS % _DAY_MIN
                off_min = (local_min - minute + _DAY_MIN // 2) % _DAY_MIN - _DAY_MIN // 2
                shifts[off_min] += 1
                break
    if not shifts or 0 in shifts:
        return 0
    (off_min, count) = shifts.most_common(1)[0]
    is_clock = off_min * MINUTE_NS % STEP_NS == 0 and abs(off_min) * MINUTE_NS <= SHIFT_MAX_NS
    return off_min * MINUTE_NS if count >= 2 and is_clock else 0
