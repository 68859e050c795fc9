"""Terminal and second source at one close: whose bars are posted, and what of them may be traded.

The terminal is asked first, always. Where it fails, or its spread is above its limit, the second
source gives the bars of the symbol at the same close, and a price with an assumed spread. The
terminal is followed again once it has been sound for some closes in a row: two sources differ by a
little, and a window should not change between them from bar to bar. Now and then the closes of
both are compared; a symbol at which they contradict each other is traded by neither.

Nothing is entered by prices of the second source. It knows no spread, so costs and stop of an
entry would rest on a guess, and an order is filled at the terminal, which was just found to be
unsound. What reduces risk goes on: an exit needs no quote of ours, and the terminal fills it at
its own price or not at all.

Where a symbol stands follows from its latest FeedStatus, so a rebuilt agent decides the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, NamedTuple

from agents.bars.delivery import (
    Delivery,
    DeliveryLimits,
    FeedReading,
    JudgedDelivery,
    judge_delivery,
)
from agents.requests import (
    BarsRead,
    QuoteReading,
    QuotesRead,
    ReadBars,
    ReadSecondPrices,
    SecondPricesRead,
    Unanswered,
    Worth,
)
from blackboard.facts import Bar, FeedStatus, Quote, SymbolSpec
from blackboard.facts.market import FeedState
from config.settings import Settings
from models.market.sessions import is_open
from models.market.spreads import MAJORS

AWAY: Final = frozenset({FeedState.FALLBACK, FeedState.DIVERGED})
"""States in which the terminal has to show that it is sound."""
_WITHOUT: Final = "terminal"


class Standing(NamedTuple):
    """Where a symbol stands, from its latest FeedStatus."""

    state: FeedState
    healthy_closes: int

    @property
    def is_away(self) -> bool:
        """Whether the terminal is not followed, or not trusted."""
        return self.state in AWAY


def standing_of(status: FeedStatus | None) -> Standing:
    """Return where a symbol stands; at first nothing speaks against the terminal."""
    if status is None:
        return Standing(FeedState.LIVE, 0)
    return Standing(status.state, status.healthy_closes)


@dataclass(frozen=True, slots=True)
class CloseOfSymbol:
    """What the terminal gave of one symbol at a close, judged."""

    delivery: Delivery
    judged: JudgedDelivery
    spec: SymbolSpec
    standing: Standing
    spread: float = 0.0
    """Of the latest quote on the board, in quote currency; 0 without one."""


class SecondSource:
    """When the second source is asked, and what comes of both answers."""

    def __init__(self, settings: Settings, limits: DeliveryLimits) -> None:
        section = settings.agents.data
        self._name = section.second_source
        self.is_on = self._name != "none"
        self._limits = limits
        self._risk = settings.agents.risk
        self._compare_every = section.compare_every_bars
        self._divergence_frac_max = section.divergence_frac_max
        self._healthy_closes = section.healthy_closes
        self._spread_factor = section.assumed_spread_factor

    def request(self, close_ns: int, symbols: Mapping[str, CloseOfSymbol]) -> tuple[ReadBars, ...]:
        """Return the bars to ask the second source for; none where the terminal is enough."""
        if not self.is_on or not is_open(close_ns):
            return ()
        number = close_ns // self._limits.timeframe.length_ns
        is_compared = self._compare_every > 0 and number % self._compare_every == 0
        return tuple(
            each.delivery.bars.request
            for each in symbols.values()
            if (is_compared or each.standing.is_away or self._complaint(each))
            and isinstance(each.delivery.bars.request, ReadBars)
        )

    def settled(
        self, symbol: str, case: CloseOfSymbol, answer: SecondPricesRead | Unanswered, now_ns: int
    ) -> JudgedDelivery:
        """Return what is posted of a symbol at a close for which the second source was asked."""
        second, failure = self._second(symbol, case, answer, now_ns)
        complaint, standing = self._complaint(case), case.standing
        apart = "" if second is None else self._apart(case, second)
        if apart:
            return self._kept(case, FeedState.DIVERGED, apart, 0)
        if complaint:
            if second is not None:
                reason = f"{_WITHOUT}: {complaint}"
                return self._replaced(case, second, FeedState.FALLBACK, reason, 0)
            return self._without_both(case, complaint, failure)
        if not standing.is_away:
            return case.judged
        is_compared = second is not None or standing.state is FeedState.FALLBACK
        healthy = standing.healthy_closes + int(is_compared)
        if healthy >= self._healthy_closes:
            return case.judged
        if standing.state is FeedState.DIVERGED:
            reason = "the sources agree" if is_compared else f"not compared: {failure}"
            return self._kept(case, FeedState.DIVERGED, reason, healthy)
        reason = f"{_WITHOUT}: sound for {healthy} of {self._healthy_closes} closes"
        if second is not None and _bar_count(second) >= _bar_count(case.judged):
            return self._replaced(case, second, FeedState.FALLBACK, reason, healthy)
        return self._kept(case, FeedState.FALLBACK, reason, healthy)

    def _complaint(self, case: CloseOfSymbol) -> str:
        """Return what speaks against the terminal at a close, empty if nothing does."""
        feed, quote = case.judged.feed, _quote_in(case.judged)
        if feed is not None and feed.state is FeedState.UNVALUED:
            return ""  # its prices are sound
        if feed is not None and feed.state is FeedState.STALE:
            return feed.reason
        if quote is None:
            return "no sound quote"
        spec = case.spec
        points_per_pip = round(spec.pip / spec.point)
        pips = round((quote.ask - quote.bid) / spec.point) / points_per_pip
        is_major = spec.scope in MAJORS
        most = self._risk.spread_majors_pips_max if is_major else self._risk.spread_pips_max
        return f"spread {pips:g} pips, at most {most:g}" if pips > most else ""

    def _second(
        self,
        symbol: str,
        case: CloseOfSymbol,
        answer: SecondPricesRead | Unanswered,
        now_ns: int,
    ) -> tuple[JudgedDelivery | None, str]:
        """Return the second source's delivery if it has the close, else why not."""
        if isinstance(answer, Unanswered):
            return None, f"{self._name}: {answer.reason}"
        bars = next(
            (each for each in answer.bars if each.request == case.delivery.bars.request), None
        )
        if not isinstance(bars, BarsRead):
            return None, f"{self._name}: {bars.reason if bars else 'was not asked'}"
        worth = next((each for each in answer.worths if each.symbol == symbol), None)
        quotes = QuotesRead(quotes=self._assumed(case, bars, worth), source=bars.source)
        delivery = replace(case.delivery, history=None, bars=bars, quotes=quotes)
        judged = judge_delivery(delivery, self._limits, now_ns)
        if _close_of(judged, case.delivery.close_ns) is None:
            feed = judged.feed
            told = feed.reason if feed is not None and feed.state is FeedState.STALE else ""
            return None, f"{self._name}: {told or 'no bar of this close'}"
        return judged, ""

    def _assumed(
        self, case: CloseOfSymbol, read: BarsRead, worth: Worth | None
    ) -> tuple[QuoteReading, ...]:
        """Return the close as a quote, its spread a multiple of the terminal's median one."""
        points = [each for each in case.delivery.known["spread_points"].tolist() if each > 0]
        # Bars of the second source tell none: in a long outage the spread assumed last goes on.
        spread = median(points) * self._spread_factor * case.spec.point if points else case.spread
        if not len(read.bars) or worth is None or not spread > 0.0:
            return ()
        close, half = float(read.bars["close"][-1]), spread / 2.0
        return (
            QuoteReading(
                symbol=case.delivery.symbol,
                bid=round(close - half, case.spec.digits),
                ask=round(close + half, case.spec.digits),
                account_per_quote=worth.account_per_quote,
                tick_ns=int(read.bars["close_ns"][-1]),
                rate_source=worth.source,
                rate_ns=worth.made_ns,
            ),
        )

    def _apart(self, case: CloseOfSymbol, second: JudgedDelivery) -> str:
        """Return in words that both have the bar and contradict each other, else nothing."""
        close_ns = case.delivery.close_ns
        own, other = _close_of(case.judged, close_ns), _close_of(second, close_ns)
        if own is None or other is None:
            return ""
        apart_frac = abs(other - own) / own
        if apart_frac <= self._divergence_frac_max:
            return ""
        return f"{self._name} closes at {other:g}, the terminal at {own:g}"

    def _kept(
        self, case: CloseOfSymbol, state: FeedState, reason: str, healthy: int
    ) -> JudgedDelivery:
        """Return the terminal's prices under another state."""
        feed = _feed(case.judged, case, state, reason, healthy)
        return replace(case.judged, feed=feed)

    def _replaced(
        self,
        case: CloseOfSymbol,
        second: JudgedDelivery,
        state: FeedState,
        reason: str,
        healthy: int,
    ) -> JudgedDelivery:
        """Return the second source's prices; histories stay the terminal's."""
        feed = _feed(second, case, state, reason, healthy)
        return JudgedDelivery(case.judged.histories, second.prices, feed)

    def _without_both(self, case: CloseOfSymbol, complaint: str, failure: str) -> JudgedDelivery:
        reason = f"{_WITHOUT}: {complaint}; {failure}"
        if _quote_in(case.judged) is not None and _close_of(case.judged, case.delivery.close_ns):
            # Only its spread is wide, which refuses an entry by itself.
            if not case.standing.is_away:
                return case.judged
            return self._kept(case, FeedState.FALLBACK, reason, 0)
        return self._kept(case, FeedState.STALE, reason, 0)


def _feed(
    judged: JudgedDelivery, case: CloseOfSymbol, state: FeedState, reason: str, healthy: int
) -> FeedReading:
    known = judged.feed or case.judged.feed
    return FeedReading(
        state,
        reason,
        known.source if known is not None else _WITHOUT,
        known.last_bar_ns if known is not None else case.delivery.complete_to_ns,
        known.rejected_bars if known is not None else 0,
        healthy,
    )


def _quote_in(judged: JudgedDelivery) -> Quote | None:
    return next((each.fact for each in judged.prices if isinstance(each.fact, Quote)), None)


def _close_of(judged: JudgedDelivery, close_ns: int) -> float | None:
    for each in judged.prices:
        if isinstance(each.fact, Bar) and each.ts_event_ns == close_ns:
            return each.fact.close
    return None


def _bar_count(judged: JudgedDelivery) -> int:
    return sum(isinstance(each.fact, Bar) for each in judged.prices)


def asked_of(requests: tuple[ReadBars, ...]) -> list[ReadSecondPrices]:
    """Return the request for these bars, none for none."""
    return [ReadSecondPrices(bars=requests)] if requests else []
