"""What the console knows of a running system: folded from facts by the driver, read by pages.

One thread adds entries, those of the web server read; both hold the same lock meanwhile. Everything
that grows is bounded: older entries are read from the journal.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from blackboard.entry import Entry
from blackboard.facts import (
    Bar,
    CalendarCoverage,
    DayCounters,
    Decision,
    DriftDetected,
    EntryBlackout,
    EquityMark,
    Fact,
    FeedStatus,
    Fill,
    LimitBreached,
    OrderOutcome,
    ParametersChanged,
    PositionChanged,
    Quote,
    Summary,
    SymbolSpec,
    TradeClosed,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from config.settings import Settings
from runtime.picture import SEEN_KINDS, Picture
from runtime.status import Status

BARS_MAX: Final = 400
"""Bars of a symbol that a page can show."""
MARKS_MAX: Final = 400
"""Decisions, forecasts, trades of a symbol that a page can show."""
ENTRIES_MAX: Final = 5_000
"""Newest entries in memory; the stream resumes within them, older ones come from the journal."""
EQUITY_POINTS_MAX: Final = 2_000
"""Points of the curve of equity; a full curve keeps every second one."""


class EquityPoint(msgspec.Struct, frozen=True):
    """Equity at one reading of the account."""

    at_ns: int
    equity: float
    drawdown_frac: float


class SymbolPast(msgspec.Struct):
    """The latest of one symbol."""

    spec: SymbolSpec | None = None
    quote: Quote | None = None
    feed: FeedStatus | None = None
    bars: deque[tuple[int, Bar]] = msgspec.field(default_factory=lambda: deque(maxlen=BARS_MAX))
    """By close, oldest first."""
    forecasts: deque[tuple[int, VolatilityForecast]] = msgspec.field(
        default_factory=lambda: deque(maxlen=BARS_MAX)
    )
    """Of the nearest horizon."""
    votes: dict[str, deque[tuple[int, Vote]]] = msgspec.field(default_factory=dict)
    decisions: deque[Entry] = msgspec.field(default_factory=lambda: deque(maxlen=MARKS_MAX))
    blackouts: deque[EntryBlackout] = msgspec.field(default_factory=lambda: deque(maxlen=MARKS_MAX))
    closed: deque[tuple[int, TradeClosed]] = msgspec.field(
        default_factory=lambda: deque(maxlen=MARKS_MAX)
    )


class Present:
    """The console's memory."""

    def __init__(self, settings: Settings, first_ns: int) -> None:
        self.settings = settings
        self.picture = Picture(now_ns=first_ns)
        self.status: Status | None = None
        self.symbols: dict[str, SymbolPast] = {}
        self.curve: list[EquityPoint] = []
        self.weights: VoterWeights | None = None
        self.parameters: ParametersChanged | None = None
        self.coverage: CalendarCoverage | None = None
        self.day: DayCounters | None = None
        self.breaches: dict[str, tuple[int, LimitBreached]] = {}
        self.drifts: dict[str, tuple[int, DriftDetected]] = {}
        self.summaries: dict[str, tuple[int, Summary]] = {}
        """The latest of each event."""
        self.entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self.lines: deque[tuple[int, str]] = deque(maxlen=ENTRIES_MAX)
        """What the live view said, with the seq of the entry that it speaks of."""
        self.tickets: dict[int, tuple[int, int]] = {}
        """By ticket: rank and seq of the entry that says most of it."""
        self._point_every = 1
        self._points_seen = 0
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Iterator["Present"]:
        """Let nobody add anything meanwhile."""
        with self._lock:
            yield self

    @property
    def head(self) -> int:
        """Seq of the newest entry that was taken, 0 before the first."""
        return self.entries[-1].seq if self.entries else 0

    def add(self, entry: Entry) -> None:
        """Take one entry, in order."""
        with self._lock:
            self.entries.append(entry)
            self.picture.now_ns = max(self.picture.now_ns, entry.known_at_ns)
            if entry.kind in SEEN_KINDS and (line := self.picture.add(entry)):
                self.lines.append((entry.seq, line))
            if (fold := _FOLDS.get(type(entry.fact))) is not None:
                fold(self, entry, entry.fact)

    def tell(self, status: Status) -> None:
        """Take what the driver says of the processes."""
        with self._lock:
            self.status = status
            self.picture.now_ns = max(self.picture.now_ns, status.now_ns)

    def symbol(self, name: str) -> SymbolPast:
        """Return the memory of a symbol, a new one for a new symbol."""
        return self.symbols.setdefault(name, SymbolPast())

    def plot_equity(self, point: EquityPoint) -> None:
        """Append to the curve; a full curve keeps every second point from then on."""
        self._points_seen += 1
        if self._points_seen % self._point_every:
            return
        self.curve.append(point)
        if len(self.curve) > EQUITY_POINTS_MAX:
            self.curve = self.curve[::2]
            self._point_every *= 2

    def note_ticket(self, ticket: int, rank: int, seq: int) -> None:
        """Remember where most is said of a ticket."""
        if ticket and rank >= self.tickets.get(ticket, (0, 0))[0]:
            self.tickets[ticket] = rank, seq


def _fold_bar(present: Present, entry: Entry, bar: Bar) -> None:
    if bar.timeframe is present.settings.timeframe:
        present.symbol(bar.scope).bars.append((entry.ts_event_ns, bar))


def _fold_quote(present: Present, _: Entry, quote: Quote) -> None:
    present.symbol(quote.scope).quote = quote


def _fold_spec(present: Present, _: Entry, spec: SymbolSpec) -> None:
    present.symbol(spec.scope).spec = spec


def _fold_feed(present: Present, _: Entry, feed: FeedStatus) -> None:
    present.symbol(feed.scope).feed = feed


def _fold_forecast(present: Present, entry: Entry, forecast: VolatilityForecast) -> None:
    if forecast.horizon_bars == min(present.settings.agents.lstm_vol.horizons_bars):
        present.symbol(forecast.scope).forecasts.append((entry.ts_event_ns, forecast))


def _fold_vote(present: Present, entry: Entry, vote: Vote) -> None:
    votes = present.symbol(vote.scope).votes
    votes.setdefault(vote.voter, deque(maxlen=MARKS_MAX)).append((entry.ts_event_ns, vote))


def _fold_decision(present: Present, entry: Entry, decision: Decision) -> None:
    present.symbol(decision.scope).decisions.append(entry)


def _fold_blackout(present: Present, _: Entry, blackout: EntryBlackout) -> None:
    present.symbol(blackout.scope).blackouts.append(blackout)


def _fold_mark(present: Present, entry: Entry, mark: EquityMark) -> None:
    present.plot_equity(EquityPoint(entry.ts_event_ns, mark.equity, mark.drawdown_frac))


def _fold_closed(present: Present, entry: Entry, trade: TradeClosed) -> None:
    present.symbol(trade.scope).closed.append((entry.ts_event_ns, trade))
    present.note_ticket(trade.ticket, 4, entry.seq)


def _fold_position(present: Present, entry: Entry, position: PositionChanged) -> None:
    present.note_ticket(position.ticket, 3, entry.seq)


def _fold_fill(present: Present, entry: Entry, fill: Fill) -> None:
    present.note_ticket(fill.deal_ticket, 2, entry.seq)
    present.note_ticket(fill.position_ticket, 2, entry.seq)


def _fold_outcome(present: Present, entry: Entry, outcome: OrderOutcome) -> None:
    present.note_ticket(outcome.order_ticket, 1, entry.seq)
    present.note_ticket(outcome.deal_ticket, 1, entry.seq)


def _fold_weights(present: Present, _: Entry, weights: VoterWeights) -> None:
    present.weights = weights


def _fold_parameters(present: Present, _: Entry, parameters: ParametersChanged) -> None:
    present.parameters = parameters


def _fold_coverage(present: Present, _: Entry, coverage: CalendarCoverage) -> None:
    present.coverage = coverage


def _fold_day(present: Present, _: Entry, day: DayCounters) -> None:
    present.day = day


def _fold_breach(present: Present, entry: Entry, breach: LimitBreached) -> None:
    present.breaches[breach.limit] = entry.ts_event_ns, breach


def _fold_drift(present: Present, entry: Entry, drift: DriftDetected) -> None:
    present.drifts[drift.scope] = entry.ts_event_ns, drift


def _fold_summary(present: Present, entry: Entry, summary: Summary) -> None:
    present.summaries[summary.event] = entry.ts_event_ns, summary


_FOLDS: Final[dict[type[Fact], Callable[[Present, Entry, Any], None]]] = {
    Bar: _fold_bar,
    Quote: _fold_quote,
    SymbolSpec: _fold_spec,
    FeedStatus: _fold_feed,
    VolatilityForecast: _fold_forecast,
    Vote: _fold_vote,
    Decision: _fold_decision,
    EntryBlackout: _fold_blackout,
    EquityMark: _fold_mark,
    TradeClosed: _fold_closed,
    PositionChanged: _fold_position,
    Fill: _fold_fill,
    OrderOutcome: _fold_outcome,
    VoterWeights: _fold_weights,
    ParametersChanged: _fold_parameters,
    CalendarCoverage: _fold_coverage,
    DayCounters: _fold_day,
    LimitBreached: _fold_breach,
    DriftDetected: _fold_drift,
    Summary: _fold_summary,
}
