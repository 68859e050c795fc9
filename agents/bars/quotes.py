"""Quotes: what is known of each symbol's earlier ones, and those that a rejection asks for.

A quote is held against the ones before it: the time of its tick may not run backwards, and the rate
that values it in account currency may not leave the neighbourhood of the latest ones, because lots
are counted with it. Besides the quotes of closes there are those that a retry waits for
(`agents.retries`); each is read once, for one outcome, and named after it.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

from agents.bars.delivery import DeliveryLimits, defect_of, quote_fact, quote_of
from agents.requests import QuoteReading, QuotesRead, ReadQuotes, Reply, Unanswered
from agents.retries import quote_ordinal, retry_from_ns, wants_quote
from blackboard.entry import Draft, Entry
from blackboard.facts import FOREVER_NS, OrderOutcome, Quote
from config.settings import Settings
from models.market.bars import BarArray
from models.market.quote_validation import QuoteTrack
from models.market.sessions import DAY_NS

RATES_KEPT: Final = 15
"""Latest rates into account currency whose median is what is usual."""

RATE_AGE_NS_MAX: Final = 4 * DAY_NS
"""Age beyond which a rate says nothing of today's. It is also the way out: a currency that really
was revalued is quoted again after it."""

WANTS_MAX: Final = 64
"""Outcomes that wait for a quote; the oldest gives way, and its decision is abandoned."""


class QuoteTracks:
    """What the quotes on the board say of the next one, by symbol."""

    def __init__(self) -> None:
        self._ticks_ns: dict[str, int] = {}
        self._rates: dict[str, deque[tuple[int, float]]] = {}
        self._spreads: dict[str, float] = {}

    def see(self, quote: Quote, ts_event_ns: int) -> None:
        """Fold one quote."""
        newest_ns = self._ticks_ns.get(quote.scope, 0)
        self._ticks_ns[quote.scope] = max(newest_ns, quote.tick_ns)
        rates = self._rates.setdefault(quote.scope, deque(maxlen=RATES_KEPT))
        rates.append((ts_event_ns, quote.account_per_quote))
        self._spreads[quote.scope] = quote.ask - quote.bid

    def spread(self, symbol: str) -> float:
        """Return the spread of a symbol's latest quote in quote currency, 0 without one."""
        return self._spreads.get(symbol, 0.0)

    def of(self, symbol: str, now_ns: int) -> QuoteTrack:
        """Return what the next quote of a symbol is held against."""
        rates = [
            rate for ts_ns, rate in self._rates.get(symbol, ()) if now_ns - ts_ns <= RATE_AGE_NS_MAX
        ]
        usual = median(rates) if rates else 0.0
        return QuoteTrack(tick_ns=self._ticks_ns.get(symbol, 0), account_per_quote=usual)


@dataclass(frozen=True, slots=True)
class Want:
    """An outcome after which a younger quote is needed."""

    intent_id: str
    symbol: str
    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Requote:
    """What the answer to a want is held against."""

    want: Want
    point: float
    """Smallest price step, 0 where the symbol is not traded."""
    known: BarArray
    track: QuoteTrack
    heard_ns: int
    """Market time of the step that first used the answer: what it tells is dated so."""


class Requotes:
    """The quotes that outcomes ask for, one at a time, each once."""

    def __init__(self, settings: Settings, limits: DeliveryLimits) -> None:
        self._settings = settings
        self._limits = limits
        self._wants: dict[str, Want] = {}
        self.asked: Want | None = None
        """The one that is being read."""
        self.answer: QuotesRead | Unanswered | None = None
        self.heard_ns = 0
        """When that was first used, 0 before."""

    def see(self, entry: Entry) -> None:
        """Fold one entry: an outcome that wants a quote, or the quote itself."""
        match entry.fact:
            case OrderOutcome() as outcome if wants_quote(outcome):
                self._want(outcome, entry)
            case Quote() if quote_ordinal(entry):
                self._wants.pop(quote_ordinal(entry), None)
                if self.asked is not None and self.asked.intent_id == quote_ordinal(entry):
                    self.asked = None
            case _:
                pass

    def hear(self, reply: Reply) -> bool:
        """Take an answer about quotes if one is awaited; return whether it was taken."""
        match reply:
            case QuotesRead() | Unanswered(request=ReadQuotes()) if self.is_open:
                self.answer = reply
                return True
            case _:
                return False

    @property
    def answered(self) -> Want | None:
        """The one whose answer is here."""
        return None if self.answer is None else self.asked

    @property
    def is_open(self) -> bool:
        """Whether an answer is awaited: until it is here nobody else may ask for quotes."""
        return self.asked is not None and self.answer is None

    def ask(self, now_ns: int) -> list[ReadQuotes]:
        """Return the next reading if one is due and none is under way."""
        if self.asked is not None:
            return []
        self._wants = {key: want for key, want in self._wants.items() if now_ns < want.until_ns}
        due = next((want for want in self._wants.values() if want.from_ns <= now_ns), None)
        if due is None:
            return []
        self.asked, self.answer, self.heard_ns = due, None, 0
        return [ReadQuotes(symbols=(due.symbol,))]

    def told(self, case: Requote) -> list[Draft]:
        """Return the quote that was read, until it is on the board; an unsound one is dropped."""
        self.heard_ns = case.heard_ns
        quote = None if self.answer is None else quote_of(self.answer, case.want.symbol)
        if quote is None or self.answer is None or self._is_unsound(quote, case):
            self._wants.pop(case.want.intent_id, None)
            self.asked = None
            return []
        fact = quote_fact(quote, self.answer, self._limits, case.heard_ns)
        return [Draft(fact=fact, ts_event_ns=case.heard_ns, ordinal=case.want.intent_id)]

    def _is_unsound(self, quote: QuoteReading, case: Requote) -> bool:
        if case.point == 0.0:
            return True
        defect = defect_of(quote, case.known, case.point, self._limits, case.track, case.heard_ns)
        return defect is not None

    def next_ns(self, now_ns: int) -> int:
        """Return when the next reading falls due, `FOREVER_NS` if none will."""
        later = [want.from_ns for want in self._wants.values() if want.from_ns > now_ns]
        return min(later, default=FOREVER_NS)

    def _want(self, outcome: OrderOutcome, entry: Entry) -> None:
        self._wants[outcome.intent_id] = Want(
            intent_id=outcome.intent_id,
            symbol=outcome.scope,
            from_ns=retry_from_ns(outcome, entry.now_ns, self._settings),
            until_ns=entry.now_ns + self._settings.timeframe.length_ns,
        )
        if len(self._wants) > WANTS_MAX:
            del self._wants[next(iter(self._wants))]
