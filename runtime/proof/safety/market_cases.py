"""Cases of the limits on price and time: spreads, age of quotes, week's ends, rollover."""

from functools import partial
from typing import Final

from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    next_week_open_ns,
    trading_day_start_ns,
    week_close_ns,
)
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    NOON_NS,
    SPREAD_POINTS,
    SYMBOLS,
    EntryScene,
    a_quote,
)
from runtime.proof.safety.scene import Answer

_ENTERED, _, _NO_MAJOR = SYMBOLS
_POINTS_OF_PIP: Final = 10


def _at_spread(scene: EntryScene, symbol: str, points: float) -> Answer:
    scene.say(a_quote(symbol, int(points)))
    return scene.ask(symbol)


def _after_quotes(scene: EntryScene, count: int, points: float) -> Answer:
    """Ask at a spread after some quotes of the hour at the scene's own; the scene has said one."""
    for _ in range(count - 1):
        scene.say(a_quote(_ENTERED, SPREAD_POINTS))
    return _at_spread(scene, _ENTERED, points)


def _usual(scene: EntryScene, limit: float, more: int) -> Answer:
    count = scene.settings.agents.risk.spread_samples_min
    return _after_quotes(scene, count, int(limit * SPREAD_POINTS) + more)


def _samples(scene: EntryScene, count: int) -> Answer:
    multiple = scene.settings.agents.risk.spread_median_max
    return _after_quotes(scene, count, int(multiple * SPREAD_POINTS) + 1)


def _at(scene: EntryScene, now_ns: int) -> Answer:
    scene.at(now_ns)
    return scene.ask()


def _quote_of_age(scene: EntryScene, minutes: int) -> Answer:
    scene.now_ns += minutes * MINUTE_NS
    return scene.ask()


_CLOSE_NS: Final = week_close_ns(NOON_NS)
_OPEN_NS: Final = next_week_open_ns(NOON_NS)
_NEXT_ROLLOVER_NS: Final = trading_day_start_ns(NOON_NS + DAY_NS)

_case = partial(Case, stage=EntryScene)

CASES: Final = (
    _case(
        "agents.risk.spread_pips_max",
        "a symbol that is no major, a point wider than allowed",
        "spread_pips_max",
        lambda scene, limit: _at_spread(scene, _NO_MAJOR, limit * _POINTS_OF_PIP),
        lambda scene, limit: _at_spread(scene, _NO_MAJOR, limit * _POINTS_OF_PIP + 1),
    ),
    _case(
        "agents.risk.spread_majors_pips_max",
        "a major, a point wider than allowed",
        "spread_majors_pips_max",
        lambda scene, limit: _at_spread(scene, _ENTERED, limit * _POINTS_OF_PIP),
        lambda scene, limit: _at_spread(scene, _ENTERED, limit * _POINTS_OF_PIP + 1),
    ),
    _case(
        "agents.risk.spread_median_max",
        "a point wider than the multiple of what is usual at this hour",
        "spread_median_max",
        lambda scene, limit: _usual(scene, limit, 0),
        lambda scene, limit: _usual(scene, limit, 1),
        keeps=("spread_samples_min",),
    ),
    _case(
        "agents.risk.spread_samples_min",
        "a wide spread when one quote is missing to know what is usual, then none",
        "spread_median_max",
        lambda scene, limit: _samples(scene, limit - 1),
        _samples,
        keeps=("spread_median_max",),
        changes={"agents.risk.spread_samples_min": 2},
        is_off=1,
    ),
    _case(
        "agents.risk.quote_age_max_min",
        "no quote for a minute longer than allowed",
        "quote_age_max_min",
        _quote_of_age,
        lambda scene, limit: _quote_of_age(scene, limit + 1),
    ),
    _case(
        "agents.risk.friday_flat_min",
        "Friday, the last minute before the rest and its first",
        "friday_flat_min",
        lambda scene, limit: _at(scene, _CLOSE_NS - (limit + 1) * MINUTE_NS),
        lambda scene, limit: _at(scene, _CLOSE_NS - limit * MINUTE_NS),
        changes={"agents.risk.friday_flat_min": 60},
        is_off=0,
    ),
    _case(
        "agents.risk.week_open_rest_min",
        "Sunday, the first minute after the rest and its last",
        "week_open_rest_min",
        lambda scene, limit: _at(scene, _OPEN_NS + (limit + 1) * MINUTE_NS),
        lambda scene, limit: _at(scene, _OPEN_NS + limit * MINUTE_NS),
        changes={"agents.risk.week_open_rest_min": 60},
        is_off=0,
    ),
    _case(
        "agents.risk.rollover_min",
        "before 17:00 New York, the last minute before the rest and its first",
        "rollover_min",
        lambda scene, limit: _at(scene, _NEXT_ROLLOVER_NS - (limit + 1) * MINUTE_NS),
        lambda scene, limit: _at(scene, _NEXT_ROLLOVER_NS - limit * MINUTE_NS),
        changes={"agents.risk.rollover_min": 10},
        is_off=0,
    ),
)
