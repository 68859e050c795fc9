"""Decision rounds: what belongs to one close, and whether everybody has answered.

Entries are sorted into rounds by `ts_event_ns`, never by arrival, and the first of each slot
counts, so a round is the same in whatever order and batches its entries came. A symbol belongs to
the round once its bar is there, and is open until its Decision is.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from agents.voters import VOTERS
from blackboard.entry import Entry
from blackboard.facts import (
    Bar,
    Decision,
    Quote,
    Timeframe,
    TrailingStop,
    VolatilityForecast,
    Vote,
)
from models.market.sessions import bar_open_ns

ROUNDS_MAX: Final = 4
"""Latest rounds kept; an older one is past its time and is not decided any more."""


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answers a round waits for."""

    voters: tuple[str, ...]
    horizons_bars: tuple[int, ...]
    """Horizons of the volatility forecast, empty if nobody forecasts."""
    stop: bool
    """Whether chandelier levels are to come."""


class Round:
    """One close and what is known of it; every dict maps to the entry that said it."""

    def __init__(self, close_ns: int) -> None:
        self.close_ns = close_ns
        self.bars: dict[str, Entry] = {}
        self.quotes: dict[str, Entry] = {}
        self.votes: dict[tuple[str, str], Entry] = {}
        self.forecasts: dict[tuple[str, int], Entry] = {}
        self.stops: dict[str, Entry] = {}
        self.decided: set[str] = set()

    def open_symbols(self) -> tuple[str, ...]:
        """Return the symbols with a bar and without a Decision, sorted."""
        return tuple(sorted(self.bars.keys() - self.decided))

    def is_complete(self, symbol: str, awaited: Awaited) -> bool:
        """Whether everybody awaited has answered for a symbol."""
        return (
            all((symbol, voter) in self.votes for voter in awaited.voters)
            and all((symbol, bars) in self.forecasts for bars in awaited.horizons_bars)
            and (symbol in self.stops or not awaited.stop)
        )

    def has_answers(self) -> bool:
        """Whether anybody has answered anything."""
        return bool(self.votes or self.forecasts or self.stops)


class Rounds:
    """The latest rounds of one timeframe."""

    def __init__(self, timeframe: Timeframe) -> None:
        self._timeframe = timeframe
        self._rounds: dict[int, Round] = {}

    def __iter__(self) -> Iterator[Round]:
        """Yield the rounds, oldest first."""
        return iter([self._rounds[close_ns] for close_ns in sorted(self._rounds)])

    def see(self, entry: Entry) -> None:
        """Sort one entry into its round."""
        fact = entry.fact
        if isinstance(fact, Quote):
            is_ours = True
        elif isinstance(fact, Bar | Vote | VolatilityForecast | TrailingStop | Decision):
            is_ours = fact.timeframe is self._timeframe
        else:
            return
        close_ns = entry.ts_event_ns
        if is_ours and bar_open_ns(close_ns, self._timeframe.length_ns) == close_ns:
            self._sort(entry, self._at(close_ns))

    def _sort(self, entry: Entry, place: Round) -> None:
        match entry.fact:
            case Quote(scope=symbol):
                place.quotes.setdefault(symbol, entry)
            case Bar(scope=symbol):
                place.bars.setdefault(symbol, entry)
            case Vote(scope=symbol, voter=voter) if VOTERS.get(voter) == entry.author:
                place.votes.setdefault((symbol, voter), entry)
            case VolatilityForecast(scope=symbol, horizon_bars=bars):
                place.forecasts.setdefault((symbol, bars), entry)
            case TrailingStop(scope=symbol):
                place.stops.setdefault(symbol, entry)
            case Decision(scope=symbol):
                place.decided.add(symbol)

    def _at(self, close_ns: int) -> Round:
        found = self._rounds.get(close_ns)
        if found is None:
            found = self._rounds[close_ns] = Round(close_ns)
            if len(self._rounds) > ROUNDS_MAX:
                del self._rounds[min(self._rounds)]
        return found
