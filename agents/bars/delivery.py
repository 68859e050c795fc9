"""The reading of one close, and what its answers are worth: replies in, drafts out.

When a close is read, and what becomes of the drafts, is the DataAgent's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

import numpy as np

from agents.requests import (
    BarsRead,
    QuoteReading,
    QuotesRead,
    ReadBars,
    ReadQuotes,
    ReadSecondPrices,
    SecondPricesRead,
    SymbolsRead,
    Unanswered,
)
from blackboard.entry import Draft
from blackboard.facts import Bar, BarHistory, FeedStatus, Quote, SymbolSpec, Timeframe
from blackboard.facts.market import FeedState
from config.settings import Settings
from models.market.bars import BarArray, empty_bars
from models.market.grid import closes_between
from models.market.quote_validation import UNTRACKED, QuoteDefect, QuoteTrack, quote_defect
from models.market.sessions import MINUTE_NS, is_open
from models.market.validation import Validation, validate_bars

MISDATED: Final = frozenset({QuoteDefect.FUTURE, QuoteDefect.BACKWARDS, QuoteDefect.OLD})
"""Defects of a quote beside which no bar is taken: theirs or ours, a clock may be wrong, and bars
are dated by the same one. An hour off, the bar before is taken for this one, or one that has just
begun for closed. They are read again at the next close."""

SOURCE_UNKNOWN: Final = "terminal"
"""Named as the source where no answer says which one it was."""
REASON_LENGTH_MAX: Final = 200
"""Longest foreign reason that is passed on."""
WEEKEND: Final = "weekend"
"""Why a feed is closed."""


def told_by(status: FeedStatus) -> tuple[FeedState, str, int]:
    """Return what a status tells; one that tells nothing new is not posted."""
    return status.state, status.reason, status.healthy_closes


@dataclass(slots=True)
class SymbolReading:
    """Reading the specifications: once in a life, then once a trading day."""

    day_ns: int
    """Start of the trading day in which it was asked."""
    answer: SymbolsRead | Unanswered | None = None
    heard_ns: int = 0
    """Market time of the step that first used the answer: what it tells is dated so."""


@dataclass(slots=True)
class CloseReading:
    """Reading one close: what was asked, what came back, and what it led to."""

    close_ns: int
    bars: dict[str, ReadBars]
    histories: dict[str, ReadBars]
    quotes: ReadQuotes
    retry_ns: int = 0
    """When to ask for bars again, 0 while that is not planned."""
    bars_read: dict[ReadBars, BarsRead | Unanswered] = field(default_factory=dict)
    quotes_read: QuotesRead | Unanswered | None = None
    second: tuple[ReadBars, ...] | None = None
    """What the second source was asked for; None before it is known whether it must be."""
    second_read: SecondPricesRead | Unanswered | None = None
    unseen: dict[str, Draft] | None = None
    """Drafts by slot that have not come back from the board; None before all answers are here."""

    @property
    def is_answered(self) -> bool:
        """Whether every request has its answer, a failure included."""
        asked = chain(self.bars.values(), self.histories.values())
        return self.quotes_read is not None and all(each in self.bars_read for each in asked)

    @property
    def lacks_bars(self) -> bool:
        """Whether the source answered, and has no bar of this close for any symbol."""
        answers = [self.bars_read[request] for request in self.bars.values()]
        read = [each.bars for each in answers if isinstance(each, BarsRead)]
        return bool(read) and not any((bars["close_ns"] == self.close_ns).any() for bars in read)

    @property
    def waits_for_second(self) -> bool:
        """Whether the second source was asked and has not answered."""
        return bool(self.second) and self.second_read is None

    def hear(self, reply: BarsRead | QuotesRead | SecondPricesRead | Unanswered) -> None:
        """Take an answer; an answer to anything older is passed over."""
        if isinstance(reply, QuotesRead):
            self.quotes_read = reply
        elif isinstance(reply, SecondPricesRead) or isinstance(reply.request, ReadSecondPrices):
            if reply.request == ReadSecondPrices(bars=self.second or ()):
                self.second_read = reply
        elif isinstance(reply.request, ReadQuotes):
            self.quotes_read = reply if reply.request == self.quotes else self.quotes_read
        elif isinstance(reply.request, ReadBars) and self._asked(reply.request):
            self.bars_read[reply.request] = reply

    def _asked(self, request: ReadBars) -> bool:
        return request in (self.bars.get(request.symbol), self.histories.get(request.symbol))


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What an answer is held against, from the settings."""

    timeframe: Timeframe
    jump_atr_max: float
    stale_after_bars: int
    quote_age_ns_max: int


def limits_of(settings: Settings) -> DeliveryLimits:
    """Return the limits that settings give."""
    section = settings.agents.data
    return DeliveryLimits(
        timeframe=settings.timeframe,
        jump_atr_max=section.jump_atr_max,
        stale_after_bars=section.stale_after_bars,
        quote_age_ns_max=settings.agents.risk.quote_age_max_min * MINUTE_NS,
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answers about one symbol and close, and what was known before."""

    symbol: str
    close_ns: int
    point: float
    """Smallest price step of the symbol."""
    known: BarArray
    """Newest bars on the board."""
    complete_to_ns: int
    """Up to here the board has the bars, as history or one by one; 0 means that it has none."""
    history: BarsRead | Unanswered | None
    """None where no history was asked for."""
    bars: BarsRead | Unanswered
    quotes: QuotesRead | Unanswered
    track: QuoteTrack = UNTRACKED
    """What the quotes before say of this one."""


@dataclass(frozen=True, slots=True)
class FeedReading:
    """What a delivery says of its feed."""

    state: FeedState
    reason: str
    source: str
    last_bar_ns: int
    rejected_bars: int
    healthy_closes: int = 0

    def fact(self, symbol: str) -> FeedStatus:
        """Return it as a fact."""
        return FeedStatus(
            scope=symbol,
            state=self.state,
            source=self.source,
            reason=self.reason[:REASON_LENGTH_MAX],
            last_bar_ns=self.last_bar_ns,
            rejected_bars=self.rejected_bars,
            healthy_closes=self.healthy_closes,
        )


@dataclass(frozen=True, slots=True)
class JudgedDelivery:
    """What a delivery leads to."""

    histories: tuple[Draft, ...]
    prices: tuple[Draft, ...]
    """Bars, oldest first, then the quote."""
    feed: FeedReading | None
    """None where nothing can be said that was not said before."""


def judge_delivery(delivery: Delivery, limits: DeliveryLimits, now_ns: int) -> JudgedDelivery:
    """Hold a delivery against what is known, and say what of it is worth posting."""
    histories: tuple[Draft, ...] = ()
    context = delivery.known
    if isinstance(delivery.history, BarsRead):
        past = _validate(delivery.history, empty_bars(), limits).kept
        histories = (_history_draft(delivery, delivery.history, len(past)),)
        context = context if len(context) else past
    outcome = _validate(delivery.bars, context, limits)
    quote = _quote_of(delivery)
    defect = None
    drafts: list[Draft] = []
    if quote is not None:
        known = np.concatenate((context, outcome.kept))
        defect = defect_of(quote, known, delivery.point, limits, delivery.track, now_ns)
        if defect is None:
            fact = quote_fact(quote, delivery.quotes, limits, now_ns)
            drafts.append(Draft(fact=fact, ts_event_ns=delivery.close_ns))
    if defect in MISDATED or isinstance(delivery.quotes, Unanswered):
        # Without any answer about quotes nothing tells by which clock the bars are dated.
        outcome = replace(outcome, kept=empty_bars())
    bars = [_bar_draft(delivery, row, limits.timeframe) for row in outcome.kept]
    feed = _read_feed(delivery, outcome, defect, limits)
    return JudgedDelivery(histories, (*bars, *drafts), feed)


def _validate(answer: BarsRead | Unanswered, known: BarArray, limits: DeliveryLimits) -> Validation:
    # No answer is judged as an answer of no bars; that it is missing is told by the feed's state.
    return validate_bars(
        answer.bars if isinstance(answer, BarsRead) else empty_bars(),
        known,
        now_ns=answer.request.until_ns if isinstance(answer, BarsRead) else 0,
        length_ns=limits.timeframe.length_ns,
        jump_atr_max=limits.jump_atr_max,
    )


def _history_draft(delivery: Delivery, history: BarsRead, bar_count: int) -> Draft:
    request = history.request
    fact = BarHistory(
        scope=delivery.symbol,
        timeframe=request.timeframe,
        anchor_ns=request.from_ns,
        last_close_ns=request.until_ns,
        bar_count=bar_count,
        source=history.source,
    )
    return Draft(fact=fact, ts_event_ns=delivery.close_ns, timeframe=request.timeframe.value)


def _bar_draft(delivery: Delivery, row: np.void, timeframe: Timeframe) -> Draft:
    fact = Bar(
        scope=delivery.symbol,
        timeframe=timeframe,
        open=float(row["open"]),
        high=float(row["high"]),
        low=float(row["low"]),
        close=float(row["close"]),
        tick_volume=int(row["tick_volume"]),
        spread_points=int(row["spread_points"]),
        source=_source_of(delivery),
    )
    return Draft(fact=fact, ts_event_ns=int(row["close_ns"]), timeframe=timeframe.value)


def _quote_of(delivery: Delivery) -> QuoteReading | None:
    return quote_of(delivery.quotes, delivery.symbol)


def quote_of(answer: QuotesRead | Unanswered, symbol: str) -> QuoteReading | None:
    """Return a symbol's quote in an answer, None if there is none."""
    quotes = answer.quotes if isinstance(answer, QuotesRead) else ()
    return next((each for each in quotes if each.symbol == symbol), None)


def defect_of(
    quote: QuoteReading,
    known: BarArray,
    point: float,
    limits: DeliveryLimits,
    track: QuoteTrack,
    now_ns: int,
) -> QuoteDefect | None:
    """Return what is wrong with a quote, None if nothing is."""
    return quote_defect(
        quote.bid,
        quote.ask,
        quote.account_per_quote,
        quote.tick_ns,
        known,
        now_ns=now_ns,
        age_ns_max=limits.quote_age_ns_max,
        point=point,
        jump_atr_max=limits.jump_atr_max,
        track=track,
    )


def quote_fact(
    quote: QuoteReading, answer: QuotesRead | Unanswered, limits: DeliveryLimits, now_ns: int
) -> Quote:
    """Return a quote as a fact."""
    return Quote(
        scope=quote.symbol,
        # Its age counts from the tick, so a price that stands still grows old.
        valid_until_ns=min(quote.tick_ns, now_ns) + limits.quote_age_ns_max,
        bid=quote.bid,
        ask=quote.ask,
        account_per_quote=quote.account_per_quote,
        source=answer.source if isinstance(answer, QuotesRead) else "",
        tick_ns=quote.tick_ns,
        rate_source=quote.rate_source,
        rate_ns=quote.rate_ns,
    )


def changed_specs(reading: CloseReading, known: Mapping[str, SymbolSpec]) -> list[Draft]:
    """Return the specifications that came with a close's quotes: terms change within a day, too."""
    answer = reading.quotes_read
    specs = answer.specs if isinstance(answer, QuotesRead) else ()
    return [
        Draft(fact=spec, ts_event_ns=reading.close_ns)
        for spec in specs
        if spec.scope in reading.bars and known[spec.scope] != spec
    ]


def _read_feed(
    delivery: Delivery, outcome: Validation, defect: QuoteDefect | None, limits: DeliveryLimits
) -> FeedReading | None:
    seen = np.concatenate((delivery.known, outcome.kept))
    last_bar_ns = int(seen["close_ns"][-1]) if len(seen) else 0
    verdict = _feed_verdict(delivery, outcome, defect, last_bar_ns, limits)
    if verdict is None:
        return None
    state, reason = verdict
    return FeedReading(state, reason, _source_of(delivery), last_bar_ns, len(outcome.faults))


def _feed_verdict(
    delivery: Delivery,
    outcome: Validation,
    defect: QuoteDefect | None,
    last_bar_ns: int,
    limits: DeliveryLimits,
) -> tuple[FeedState, str] | None:
    if not is_open(delivery.close_ns):
        return FeedState.CLOSED, WEEKEND
    failure = _failure_of(delivery)
    if failure:
        return FeedState.STALE, failure
    if outcome.faults and not len(outcome.kept):
        return FeedState.STALE, outcome.summary
    if defect is not None and defect is not QuoteDefect.OLD:
        return FeedState.STALE, f"quote rejected: {defect.value}"
    if defect is None and _quote_of(delivery) is None:
        unvalued = _unvalued(delivery)
        return (FeedState.UNVALUED, unvalued) if unvalued else (FeedState.STALE, "no quote")
    if last_bar_ns == delivery.close_ns:
        return FeedState.LIVE, outcome.summary
    complete_to_ns = max(delivery.complete_to_ns, last_bar_ns)
    if isinstance(delivery.history, BarsRead):
        complete_to_ns = max(complete_to_ns, delivery.history.request.until_ns)
    if _bars_behind(complete_to_ns, delivery.close_ns, limits) >= limits.stale_after_bars:
        return FeedState.STALE, f"no bar for {limits.stale_after_bars} closes or more"
    return None


def _unvalued(delivery: Delivery) -> str:
    answer = delivery.quotes
    pairs = answer.unvalued if isinstance(answer, QuotesRead) else ()
    return dict(pairs).get(delivery.symbol, "")


def _bars_behind(complete_to_ns: int, close_ns: int, limits: DeliveryLimits) -> int:
    if complete_to_ns == 0:
        return limits.stale_after_bars
    return closes_between(complete_to_ns, close_ns, limits.timeframe.length_ns)


def _failure_of(delivery: Delivery) -> str:
    """Return what was not answered and why, empty if everything was."""
    answers = (("bars", delivery.bars), ("history", delivery.history), ("quotes", delivery.quotes))
    failures = [
        f"{name} unanswered: {answer.reason}"
        for name, answer in answers
        if isinstance(answer, Unanswered)
    ]
    return "; ".join(failures)


def _source_of(delivery: Delivery) -> str:
    return delivery.bars.source if isinstance(delivery.bars, BarsRead) else SOURCE_UNKNOWN
