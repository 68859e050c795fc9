"""The council's eyes: closed bars and quotes that were held against what is known before.

At each close it reads the bars since the last one posted, and one set of quotes; when every answer
is here, all of it goes out in one post, so nobody sees half a close. What cannot be had is said:
a `FeedStatus` that is stale or closed stands for prices that nobody may trade on.

Everything it wants follows from its own facts: the newest `Bar` of a symbol says from where to read
on, the newest `BarHistory` whether the week's window is named. A reading that was interrupted is
repeated and yields the same facts.
"""

from typing import ClassVar, Final

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.bars.delivery import (
    SOURCE_UNKNOWN,
    WEEKEND,
    CloseReading,
    Delivery,
    FeedReading,
    JudgedDelivery,
    SymbolReading,
    changed_specs,
    judge_delivery,
    limits_of,
    told_by,
)
from agents.bars.known import KNOWN_NS, KnownBars
from agents.bars.quotes import QuoteTracks, Requote, Requotes, Want
from agents.bars.second_source import CloseOfSymbol, SecondSource, asked_of, standing_of
from agents.requests import (
    BarsRead,
    QuotesRead,
    ReadBars,
    ReadQuotes,
    ReadSymbols,
    Reply,
    SecondPricesRead,
    SymbolsRead,
    Unanswered,
    Wake,
)
from agents.retries import quote_ordinal
from blackboard.access import Recent
from blackboard.entry import Draft, Entry
from blackboard.facts import Bar, BarHistory, FeedStatus, OrderOutcome, Quote, SymbolSpec
from blackboard.facts.market import FeedState
from config.settings import Settings
from models.market.grid import last_bar_close_ns
from models.market.sessions import (
    SECOND_NS,
    is_open,
    next_bar_close_ns,
    trading_day_start_ns,
    week_close_ns,
    week_open_ns,
    weeks_before_ns,
)

FACTS_BESIDE_BARS: Final = 4
"""Facts of one symbol in a post besides bars: history, quote, feed status and one to spare."""


class DataAgent(Agent):
    """Posts every closed bar once, in order, with the quotes and the state of each feed."""

    name = "data"
    posts = (SymbolSpec, Quote, Bar, BarHistory, FeedStatus)
    reads = (SymbolSpec, Quote, Bar, BarHistory, FeedStatus, OrderOutcome)
    recent: ClassVar = {
        **dict.fromkeys(reads, FORTNIGHT),
        Bar: Recent(KNOWN_NS + FORTNIGHT.span_ns),
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.data
        self._length_ns = settings.timeframe.length_ns
        self._limits = limits_of(settings)
        self._specs: dict[str, SymbolSpec] = {}
        self._specs_ns: dict[str, int] = {}
        self._feeds: dict[str, FeedStatus] = {}
        self._bars = KnownBars()
        self._named_ns: dict[str, int] = {}
        self._history_end_ns: dict[str, int] = {}
        self._posted_ns = 0
        self._symbol_reading: SymbolReading | None = None
        self._skipped: frozenset[str] = frozenset()
        self._tracks = QuoteTracks()
        self._requotes = Requotes(settings, self._limits)
        self._second = SecondSource(settings, self._limits)
        self._reading: CloseReading | None = None

    # What is on the board.

    def see(self, entry: Entry) -> None:
        """Note what is posted: from it follows what is still to be read."""
        if self._reading is not None and self._reading.unseen is not None:
            self._reading.unseen.pop(entry.key.partition("/")[2], None)
        self._requotes.see(entry)
        match entry.fact:
            case SymbolSpec() as spec:
                self._specs[spec.scope], self._specs_ns[spec.scope] = spec, entry.ts_event_ns
            case FeedStatus() as status:
                self._feeds[status.scope] = status
            case BarHistory() as history:
                self._named_ns[history.scope] = entry.ts_event_ns
                self._history_end_ns[history.scope] = history.last_close_ns
            case Bar() as bar:
                self._bars.see(bar, entry.ts_event_ns)
                self._posted_ns = max(self._posted_ns, entry.ts_event_ns)
            case Quote() as quote:
                self._tracks.see(quote, entry.ts_event_ns)
                if not quote_ordinal(entry):
                    self._posted_ns = max(self._posted_ns, entry.ts_event_ns)
            case _:
                pass

    def hear(self, reply: Reply) -> None:
        """Take one answer of the terminal."""
        if isinstance(reply, SymbolsRead) or (
            isinstance(reply, Unanswered) and isinstance(reply.request, ReadSymbols)
        ):
            self._hear_symbols(reply)
        elif self._requotes.hear(reply) or self._reading is None:
            return
        elif isinstance(reply, BarsRead | QuotesRead | SecondPricesRead | Unanswered):
            self._reading.hear(reply)

    def _hear_symbols(self, reply: SymbolsRead | Unanswered) -> None:
        if self._symbol_reading is not None:
            self._symbol_reading.answer = reply
        if isinstance(reply, SymbolsRead):
            self._skipped = frozenset(symbol for symbol, _ in reply.skipped)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Read what is due, and post a close when all of it is here."""
        self._follow_symbols(now_ns, outbox)
        self._follow_close(now_ns, outbox)
        self._follow_requotes(now_ns, outbox)
        self._declare_weekend(now_ns, outbox)
        outbox.requests.append(Wake(at_ns=self._wake_ns(now_ns)))

    # Specifications.

    def _follow_symbols(self, now_ns: int, outbox: Outbox) -> None:
        reading = self._symbol_reading
        if reading is None or self._symbols_are_due(reading, now_ns):
            self._symbol_reading = SymbolReading(trading_day_start_ns(now_ns))
            outbox.requests.append(ReadSymbols(symbols=self.settings.symbols))
        elif reading.answer is not None:
            reading.heard_ns = reading.heard_ns or now_ns
            outbox.drafts += self._symbol_drafts(reading.answer, reading.heard_ns)

    def _symbols_are_due(self, reading: SymbolReading, now_ns: int) -> bool:
        """Whether to ask again: each trading day, or at the close after something was lacking."""
        if reading.answer is None or not is_open(now_ns) or not self._is_idle:
            return False
        if isinstance(reading.answer, Unanswered) or self._skipped:
            return last_bar_close_ns(now_ns, self._length_ns) > reading.heard_ns > 0
        return trading_day_start_ns(now_ns) > reading.day_ns

    def _symbol_drafts(self, answer: SymbolsRead | Unanswered, heard_ns: int) -> list[Draft]:
        drafts: list[Draft] = []
        if isinstance(answer, SymbolsRead):
            drafts += [
                Draft(fact=spec, ts_event_ns=heard_ns)
                for spec in answer.specs
                if spec.scope in self.settings.symbols
                and self._specs.get(spec.scope) != spec
                and heard_ns >= self._specs_ns.get(spec.scope, 0)  # else a close told since
            ]
            reasons = dict(answer.skipped)
        else:
            unknown = [each for each in self.settings.symbols if each not in self._specs]
            reasons = dict.fromkeys(unknown, f"specification unanswered: {answer.reason}")
        for symbol in self.settings.symbols:
            if symbol in reasons:
                drafts += self._feed_drafts(symbol, self._refusal(symbol, reasons), heard_ns)
        return drafts

    def _refusal(self, symbol: str, reasons: dict[str, str]) -> FeedReading:
        newest_ns = self._bars.newest_ns(symbol)
        return FeedReading(FeedState.STALE, reasons[symbol], SOURCE_UNKNOWN, newest_ns, 0)

    def _tradable(self) -> tuple[str, ...]:
        return tuple(
            symbol
            for symbol in self.settings.symbols
            if symbol in self._specs and symbol not in self._skipped
        )

    # One close.

    @property
    def _is_idle(self) -> bool:
        """Whether no close is being read or waits for the board."""
        return self._reading is None or self._reading.unseen == {}

    def _follow_close(self, now_ns: int, outbox: Outbox) -> None:
        close_ns = last_bar_close_ns(now_ns, self._length_ns)
        if self._is_due(close_ns, now_ns):
            self._reading = self._begin(close_ns, outbox)
            return
        reading = self._reading
        if reading is None or not reading.is_answered or self._waits(reading, now_ns, outbox):
            return
        if reading.unseen is None:
            cases = self._judged(reading, now_ns)
            if reading.second is None:
                reading.second = self._second.request(reading.close_ns, cases)
                outbox.requests += asked_of(reading.second)
            if reading.waits_for_second:
                return
            drafts = self._conclude(reading, cases, now_ns)
            reading.unseen = {draft.slot: draft for draft in drafts}
        outbox.drafts += reading.unseen.values()

    def _is_due(self, close_ns: int, now_ns: int) -> bool:
        """Whether a close has to be read: it is fresh, not posted, and nothing else is open.

        A close that is older than a bar lies before a weekend; its bars come with the next one.
        """
        is_fresh = now_ns - close_ns < self._length_ns
        newest_ns = self._reading.close_ns if self._reading else 0
        is_new = close_ns > max(self._posted_ns, newest_ns)
        return is_fresh and is_new and self._may_begin and bool(self._tradable())

    @property
    def _may_begin(self) -> bool:
        # Drafts that never came back were taken by an earlier life; a new close goes on without.
        # An answer about quotes does not say whose it is, so only one question is open at a time.
        is_done = self._reading is None or self._reading.unseen is not None
        return is_done and not self._requotes.is_open

    def _begin(self, close_ns: int, outbox: Outbox) -> CloseReading:
        symbols = self._tradable()
        reading = CloseReading(
            close_ns=close_ns,
            bars={
                each: self._ask(each, self._from_ns(each, close_ns), close_ns) for each in symbols
            },
            histories={
                each: self._ask(
                    each,
                    weeks_before_ns(close_ns, self.settings.anchor_weeks),
                    max(week_open_ns(close_ns - 1), self._from_ns(each, close_ns)),
                )
                for each in symbols
                if self._needs_history(each, close_ns)
            },
            quotes=ReadQuotes(symbols=symbols),
        )
        outbox.requests += [*reading.histories.values(), *reading.bars.values(), reading.quotes]
        return reading

    def _ask(self, symbol: str, from_ns: int, until_ns: int) -> ReadBars:
        timeframe = self.settings.timeframe
        return ReadBars(symbol=symbol, timeframe=timeframe, from_ns=from_ns, until_ns=until_ns)

    def _from_ns(self, symbol: str, close_ns: int) -> int:
        """Return the close from which bars are posted one by one; what lies before is history."""
        newest_ns = self._bars.newest_ns(symbol)
        if newest_ns == 0:
            return close_ns - self._length_ns
        symbols = len(self.settings.symbols)
        room = self.settings.board.drafts_per_post_max // symbols - FACTS_BESIDE_BARS
        bars_max = max(1, min(self._section.catch_up_bars_max, room))
        return max(newest_ns, close_ns - bars_max * self._length_ns)

    def _needs_history(self, symbol: str, close_ns: int) -> bool:
        """Whether the window starts over: in a new week, or beyond a hole that no bar will fill."""
        is_named = self._named_ns.get(symbol, 0) > week_open_ns(close_ns - 1)
        return not is_named or self._from_ns(symbol, close_ns) > self._bars.newest_ns(symbol) > 0

    def _waits(self, reading: CloseReading, now_ns: int, outbox: Outbox) -> bool:
        """Ask again for a while when a close has no bar of any symbol: it may come late.

        The times of asking are counted from the close, so a rebuilt agent keeps to them.
        """
        retry_ns = self._section.read_retry_s * SECOND_NS
        last_ns = reading.close_ns + (self._section.read_attempts_max - 1) * retry_ns
        if reading.unseen is not None or not reading.lacks_bars:
            return False
        if reading.retry_ns == 0:
            passed = (now_ns - reading.close_ns) // retry_ns
            next_ns = reading.close_ns + (passed + 1) * retry_ns
            reading.retry_ns = next_ns if next_ns <= last_ns else 0
            return reading.retry_ns > 0
        if now_ns >= reading.retry_ns:
            reading.retry_ns = 0
            for request in reading.bars.values():
                del reading.bars_read[request]
                outbox.requests.append(request)
            # Quotes too: what is posted is what was read last, whoever lived to see the first.
            reading.quotes_read = None
            outbox.requests.append(reading.quotes)
        return True

    def _wake_ns(self, now_ns: int) -> int:
        close_ns = next_bar_close_ns(now_ns, self._length_ns)
        retry_ns = self._reading.retry_ns if self._reading else 0
        at_ns = min(close_ns, self._requotes.next_ns(now_ns))
        return min(at_ns, retry_ns) if retry_ns > now_ns else at_ns

    # Quotes that a rejection asks for.

    def _follow_requotes(self, now_ns: int, outbox: Outbox) -> None:
        want = self._requotes.answered
        if want is not None:
            outbox.drafts += self._requotes.told(self._requote(want, now_ns))
        if self._reading is None or self._reading.is_answered:
            outbox.requests += self._requotes.ask(now_ns)

    def _requote(self, want: Want, now_ns: int) -> Requote:
        symbol, heard_ns = want.symbol, self._requotes.heard_ns or now_ns
        point = self._specs[symbol].point if symbol in self._tradable() else 0.0
        track = self._tracks.of(symbol, heard_ns)
        return Requote(want, point, self._bars.of(symbol, heard_ns), track, heard_ns)

    # What a close leads to.

    def _judged(self, reading: CloseReading, now_ns: int) -> dict[str, CloseOfSymbol]:
        return {
            symbol: CloseOfSymbol(
                delivery := self._delivery(symbol, reading),
                judge_delivery(delivery, self._limits, now_ns),
                self._specs[symbol],
                standing_of(self._feeds.get(symbol)),
                self._tracks.spread(symbol),
            )
            for symbol in reading.bars
        }

    def _conclude(
        self, reading: CloseReading, cases: dict[str, CloseOfSymbol], now_ns: int
    ) -> list[Draft]:
        """Return all drafts of a close: histories before bars, so that windows start first."""
        settled = {each: self._settled(each, case, reading, now_ns) for each, case in cases.items()}
        histories = [draft for each in settled.values() for draft in each.histories]
        prices = [draft for each in settled.values() for draft in each.prices]
        feeds = [
            draft
            for symbol, each in settled.items()
            if each.feed is not None
            for draft in self._feed_drafts(symbol, each.feed, reading.close_ns)
        ]
        return changed_specs(reading, self._specs) + histories + prices + feeds

    def _settled(
        self, symbol: str, case: CloseOfSymbol, reading: CloseReading, now_ns: int
    ) -> JudgedDelivery:
        answer = reading.second_read
        if answer is None or case.delivery.bars.request not in (reading.second or ()):
            return case.judged
        return self._second.settled(symbol, case, answer, now_ns)

    def _delivery(self, symbol: str, reading: CloseReading) -> Delivery:
        history = reading.histories.get(symbol)
        answer = reading.quotes_read
        assert answer is not None, "a close is judged when all its answers are here"
        return Delivery(
            symbol=symbol,
            close_ns=reading.close_ns,
            point=self._specs[symbol].point,
            known=self._bars.of(symbol, reading.close_ns),
            complete_to_ns=max(self._bars.newest_ns(symbol), self._history_end_ns.get(symbol, 0)),
            history=None if history is None else reading.bars_read[history],
            bars=reading.bars_read[reading.bars[symbol]],
            quotes=answer,
            track=self._tracks.of(symbol, reading.close_ns),
        )

    def _feed_drafts(self, symbol: str, feed: FeedReading, ts_event_ns: int) -> list[Draft]:
        """Return the state of a feed as a draft if it differs from the one on the board."""
        fact, latest = feed.fact(symbol), self._feeds.get(symbol)
        if latest is not None and told_by(latest) == told_by(fact):
            return []
        # The state is part of the slot: a reading that is repeated may find the feed recovered.
        return [Draft(fact=fact, ts_event_ns=ts_event_ns, ordinal=feed.state.value)]

    def _declare_weekend(self, now_ns: int, outbox: Outbox) -> None:
        """Close the feeds of an agent that was away when the market closed."""
        if is_open(now_ns) or not self._is_idle:
            return
        for symbol in self._tradable():
            feed = FeedReading(
                FeedState.CLOSED,
                WEEKEND,
                SOURCE_UNKNOWN,
                self._bars.newest_ns(symbol),
                rejected_bars=0,
            )
            outbox.drafts += self._feed_drafts(symbol, feed, week_close_ns(now_ns))
