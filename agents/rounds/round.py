"""Decision rounds: what belongs to one close, and whether everybody has answered.

Entries are sorted into rounds by `ts_event_ns`, never by arrival, and the first of each slot
counts, so a round is the same in whatever order and batches its entries came. A symbol belongs to
the round once its bar is there, and is open until its Decision is.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from agents.known import Known, known
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
    """One close and what is known of it, by symbol."""

    def __init__(self, close_ns: int) -> None:
        self.close_ns = close_ns
        self.begun_ns = 0
        """When the first bar was on the board, 0 before: from then on answers are waited for."""
        self.bars: dict[str, Known[Bar]] = {}
        self.quotes: dict[str, Known[Quote]] = {}
        self.votes: dict[tuple[str, str], Known[Vote]] = {}
        self.forecasts: dict[tuple[str, int], Known[VolatilityForecast]] = {}
        self.stops: dict[str, Known[TrailingStop]] = {}
        self.decided: set[str] = set()

    def open_symbols(self) -> tuple[str, ...]:
        """Return the symbols with a bar and without a Decision, sorted."""
        return tuple(sorted(self.bars.keys() - self.decided))

    def is_complete(self, awaited: Awaited) -> bool:
        """Whether everybody awaited has answered for every open symbol."""
        return all(self._has_all(symbol, awaited) for symbol in self.open_symbols())

    def has_answers(self) -> bool:
        """Whether anybody has answered anything."""
        return bool(self.votes or self.forecasts or self.stops)

    def _has_all(self, symbol: str, awaited: Awaited) -> bool:
        return (
            all((symbol, voter) in self.votes for voter in awaited.voters)
            and all((symbol, bars) in self.forecasts for bars in awaited.horizons_bars)
            and (symbol in self.stops or not awaited.stop)
        )


class Rounds:
    """The latest rounds of one timeframe."""

    def __init__(self, timeframe: Timeframe) -> None:
        self._timeframe = timeframe
        self._rounds: dict[int, Round] = {}

    def __iter__(self) -> Iterator[Round]:
        """Yield the rounds, oldest first."""
        return iter([self._rounds[close_ns] for close_ns in sorted(self._rounds)])

    def see(self, entry: Entry) -> None:
        """Sort one entry into its round; what belongs to none passes by."""
        match entry.fact:
            case Quote():
                self._sort(entry)
            case Bar(timeframe=timeframe) | Vote(timeframe=timeframe):
                self._sort_if_ours(entry, timeframe)
            case VolatilityForecast(timeframe=timeframe) | TrailingStop(timeframe=timeframe):
                self._sort_if_ours(entry, timeframe)
            case Decision(timeframe=timeframe):
                self._sort_if_ours(entry, timeframe)
            case _:
                pass

    def _sort_if_ours(self, entry: Entry, timeframe: Timeframe) -> None:
        if timeframe is self._timeframe:
            self._sort(entry)

    def _sort(self, entry: Entry) -> None:
        close_ns = entry.ts_event_ns
        if bar_open_ns(close_ns, self._timeframe.length_ns) != close_ns:
            return  # between two closes: it belongs to no round and must not displace one
        place = self._at(close_ns)
        match entry.fact:
            case Quote() as quote:
                place.quotes.setdefault(quote.scope, known(quote, entry))
            case Bar() as bar:
                place.bars.setdefault(bar.scope, known(bar, entry))
                place.begun_ns = place.begun_ns or entry.known_at_ns
            case Vote() as vote if VOTERS.get(vote.voter) == entry.author:
                place.votes.setdefault((vote.scope, vote.voter), known(vote, entry))
            case VolatilityForecast() as forecast:
                slot = forecast.scope, forecast.horizon_bars
                place.forecasts.setdefault(slot, known(forecast, entry))
            case TrailingStop() as stop:
                place.stops.setdefault(stop.scope, known(stop, entry))
            case Decision(scope=symbol):
                place.decided.add(symbol)
            case _:
                pass

    def _at(self, close_ns: int) -> Round:
        found = self._rounds.get(close_ns)
        if found is None:
            found = self._rounds[close_ns] = Round(close_ns)
            if len(self._rounds) > ROUNDS_MAX:
                del self._rounds[min(self._rounds)]
        return found
