"""The verdict: every opinion at a sample of closes, under other futures, compared bit for bit."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

import msgspec

from config.settings import Settings
from runtime.proof.lookahead.council import posted_values
from runtime.proof.lookahead.futures import Future, Moment, moments
from runtime.proof.lookahead.windows import Said, Value, window_values


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """The first value that knows its future."""

    voter: str
    symbol: str
    close_ns: int
    column: str
    future: str
    """What followed the close where the value differs from that of the past alone."""
    alone: str
    """Value with nothing after the close."""
    followed: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a sample of closes found."""

    closes: int
    compared: int
    """Values that were compared, each under two other futures."""
    voters: tuple[str, ...]
    """Voters and advisers that spoke."""
    peek: Peek | None

    @property
    def holds(self) -> bool:
        """Whether nothing knows its future."""
        return self.peek is None


def look(
    settings: Settings,
    *,
    samples: int,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, close_ns: None,
) -> Verdict:
    """Compare every opinion at a sample of closes; stop at the first difference.

    Parameters
    ----------
    settings : Settings
        Market, symbols and agents.
    samples : int
        Closes to look at.
    seed : int
        Seed of their choice.
    tell : callable
        Told how many closes are done, and the close at hand.
    """
    compared, voters = 0, dict[str, None]()
    chosen = moments(settings, samples, seed)
    for done, moment in enumerate(chosen):
        tell(done, moment.close_ns)
        alone, *others = moment.futures()
        measure = list(_said(settings, moment, alone))
        voters |= dict.fromkeys(said.voter for said in measure)
        compared += len(measure)
        for future in others:
            peek = _first_difference(moment, future, measure, _said(settings, moment, future))
            if peek is not None:
                return Verdict(closes=done + 1, compared=compared, voters=tuple(voters), peek=peek)
    tell(len(chosen), chosen[-1].close_ns)
    return Verdict(closes=len(chosen), compared=compared, voters=tuple(voters), peek=None)


def _said(settings: Settings, moment: Moment, future: Future) -> Iterator[Said]:
    yield from window_values(settings, moment, future.bars)
    yield from posted_values(settings, moment, future)


def _first_difference(
    moment: Moment, future: Future, alone: Iterable[Said], followed: Iterable[Said]
) -> Peek | None:
    for one, other in zip_longest(alone, followed):
        known = one or other
        assert known is not None, "one of two is longer"
        is_same = one is not None and other is not None and one[:3] == other[:3]
        if is_same and one is not None and other is not None and _equal(one.value, other.value):
            continue
        return Peek(
            voter=known.voter,
            symbol=known.symbol,
            close_ns=moment.close_ns,
            column=known.column,
            future=future.name,
            alone="nothing" if one is None else f"{one.column}={one.value!r}",
            followed="nothing" if other is None else f"{other.column}={other.value!r}",
        )
    return None


def _equal(one: Value, other: Value) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other
