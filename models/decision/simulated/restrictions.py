"""The trading state: what the limits of the account restrict, and the way out of a drawdown.

Mirrors `agents.rounds.restrictions`: a breach of the day's or week's loss, or of margin use,
restricts to reducing until its period ends; one of the drawdown leads over cooldown and probation.
The verdict on a candidate falls at the breach, as it does in a run that trains nothing meanwhile.
"""

from typing import Final

from models.decision.simulated.calendar import next_day_ns, next_week_ns
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import part
from models.decision.simulated.standing import (
    DAILY_INCIDENT,
    DAILY_LIMIT,
    DRAWDOWN_LIMITS,
    HALTED_LIMIT,
    INCIDENTS,
    MARGIN_INCIDENT,
    MARGIN_LIMIT,
    WEEKLY_INCIDENT,
    WEEKLY_LIMIT,
    Book,
)

ACTIVE: Final = 0
SAFE: Final = 1
REDUCING: Final = 2
HALTED: Final = 3
"""Strictness of the states."""

NO_STAGE: Final = 0
JUDGEMENT: Final = 1
PROBATION: Final = 2
"""Stages of the way through a drawdown; the first restricts to reducing."""


@part
def stage_at(world: World, book: Book, now_ns: int) -> int:
    """Return the stage that the way through a drawdown has reached."""
    account, figures = book.account[0], world.figures[0]
    cooldown_until_ns = account.breach_ns + figures.cooldown_ns
    if account.breach_ns < 0 or now_ns >= cooldown_until_ns + figures.probation_ns:
        return NO_STAGE
    return PROBATION if now_ns >= cooldown_until_ns else JUDGEMENT


@part
def state_at(world: World, book: Book, now_ns: int, imposed: int) -> int:
    """Return the strictest of all open restrictions; `imposed` is what others restrict."""
    state = imposed
    if book.account[0].is_halted:
        state = HALTED
    for incident in range(INCIDENTS):
        if now_ns < book.until_ns[incident]:
            state = max(state, REDUCING)
    if stage_at(world, book, now_ns) == JUDGEMENT:
        state = max(state, REDUCING)
    return state


@part
def note_time(world: World, book: Book, now_ns: int) -> None:
    """Note that time has moved the way on: a state that changed answers every breach."""
    account, stage = book.account[0], stage_at(world, book, now_ns)
    if stage != account.stage:
        account.stage, account.is_answered = stage, True


@part
def draw_consequences(world: World, book: Book, limit: int, now_ns: int) -> None:
    """Restrict after the breach of a watched limit."""
    account, changed = book.account[0], False
    if limit < DRAWDOWN_LIMITS:
        stage = stage_at(world, book, now_ns)
        if stage != JUDGEMENT:
            account.breach_ns, changed = now_ns, True
            account.stage = stage_at(world, book, now_ns)
        if limit == HALTED_LIMIT and not account.is_halted:
            account.is_halted, changed = True, True
        account.is_answered = changed
    elif limit == DAILY_LIMIT:
        _restrict(book, DAILY_INCIDENT, now_ns, next_day_ns(world, now_ns))
    elif limit == WEEKLY_LIMIT:
        _restrict(book, WEEKLY_INCIDENT, now_ns, next_week_ns(world, now_ns))
    elif limit == MARGIN_LIMIT:
        _restrict(book, MARGIN_INCIDENT, now_ns, next_day_ns(world, now_ns))


@part
def _restrict(book: Book, incident: int, now_ns: int, until_ns: int) -> None:
    if book.until_ns[incident] <= now_ns:
        book.until_ns[incident] = until_ns
