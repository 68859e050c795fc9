"""The council's ear: the economic calendar, blackouts around events, and what texts say.

At each close it reads new texts, and the calendar when that is due, waits for both answers, and
votes on every symbol that has a bar. Whether the calendar is due follows from the last
`CalendarCoverage` on the board, which is posted anew with each reading; so a rebuilt agent reads it
exactly when its predecessor would have. The coverage holds until soon after the next reading is
due, and all blackouts that begin until then are posted with it. A calendar that does not answer is
unknown, which permits no entry; what was known of future events stays in force.
"""

import math
from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar, Final

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.news.aftermath import Aftermath
from agents.news.bulletin import GLOBAL, NewsReading, bulletin
from agents.news.releases import Releases
from agents.news.scores import Score, SentimentTerms, joined, score_of
from agents.news.state import EventKey, News, blackout_key
from agents.news.texts import digest
from agents.requests import (
    CalendarRead,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Reply,
    Unanswered,
    Wake,
)
from blackboard.access import Recent
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    FOREVER_NS,
    Bar,
    CalendarCoverage,
    EconomicEvent,
    EntryBlackout,
    Headline,
    Quote,
    SentimentScore,
    SymbolSpec,
    TextsRead,
    VolatilityForecast,
    Vote,
)
from blackboard.facts.news import Coverage, Impact
from blackboard.facts.opinion import PROBABILITY_MAX, PROBABILITY_MIN, Evidence
from config.settings import Settings
from models.market.grid import last_bar_close_ns
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, next_bar_close_ns
from models.market.spreads import SPREAD_AGE_NS_MAX
from models.opinion.sentiment import SCORER

VOTER: Final = "sentiment"
SCORE_SWING: Final = 0.1
"""Farthest that texts move the probability from 0.5; they are weak evidence at best."""
SLACK_BARS: Final = 2
"""Bars beyond its next reading for which a calendar is relied on."""
RANGE_BARS: Final = 15
"""True ranges behind the barrier distance."""
RANGE_NS: Final = 28 * DAY_NS
"""Time that these ranges may take; what is older says nothing of today's."""
RANGE_FALLBACK_FRAC: Final = 0.001
"""Barrier distance as a share of the price while there are fewer bars."""


class _SymbolBars:
    """The newest bars of a symbol, as far as the barrier distance needs them."""

    def __init__(self) -> None:
        self.close_ns = 0
        self.seq = 0
        self._rows: deque[tuple[int, float, float, float]] = deque(maxlen=RANGE_BARS + 1)

    def see(self, entry: Entry, bar: Bar) -> None:
        self.close_ns, self.seq = entry.ts_event_ns, entry.seq
        self._rows.append((entry.ts_event_ns, bar.high, bar.low, bar.close))

    @property
    def price(self) -> float:
        return self._rows[-1][3]

    def barrier_distance(self, barrier_atr: float) -> float:
        """Return a multiple of the mean true range, or a share of the price without one."""
        rows = [row for row in self._rows if row[0] > self.close_ns - RANGE_NS]
        total = 0.0
        for (*_, before), (_, high, low, _) in pairwise(rows):
            total += max(high, before) - min(low, before)
        if len(rows) <= RANGE_BARS or total <= 0.0:
            return self.price * RANGE_FALLBACK_FRAC
        return barrier_atr * total / RANGE_BARS


class SentimentAgent(Agent):
    """Posts the news, the blackouts that follow from them, and one vote a symbol and close."""

    name = "sentiment"
    posts = (
        EconomicEvent,
        Headline,
        TextsRead,
        CalendarCoverage,
        SentimentScore,
        EntryBlackout,
        Vote,
    )
    reads = (
        Bar,
        SymbolSpec,
        Quote,
        VolatilityForecast,
        EconomicEvent,
        Headline,
        TextsRead,
        CalendarCoverage,
        SentimentScore,
        EntryBlackout,
    )
    recent: ClassVar = {
        Bar: Recent(RANGE_NS + FORTNIGHT.span_ns),
        Quote: Recent(SPREAD_AGE_NS_MAX + FORTNIGHT.span_ns),
        **dict.fromkeys(
            (VolatilityForecast, TextsRead, CalendarCoverage, SentimentScore, Vote), FORTNIGHT
        ),
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.sentiment
        self._length_ns = settings.timeframe.length_ns
        self._terms = SentimentTerms.of(self._section)
        self._currencies = frozenset(
            currency for symbol in settings.symbols for currency in _currencies_of(symbol)
        )
        self._news = News(releases=Releases(self._section.surprises_min))
        self._aftermath = Aftermath(settings)
        self._widths_ns = {
            Impact.HIGH: self._section.blackout_high_min * MINUTE_NS,
            Impact.MEDIUM: self._section.blackout_medium_min * MINUTE_NS,
            Impact.LOW: 0,
        }
        self._bars = {symbol: _SymbolBars() for symbol in settings.symbols}
        self._voted_ns: dict[str, int] = {}
        self._reading: NewsReading | None = None

    def see(self, entry: Entry) -> None:
        """Fold bars and own facts."""
        match entry.fact:
            case Bar() as bar:
                if bar.timeframe is self.settings.timeframe and bar.scope in self._bars:
                    self._bars[bar.scope].see(entry, bar)
            case Vote() as vote:
                self._voted_ns[vote.scope] = entry.ts_event_ns
            case Quote() | SymbolSpec() | VolatilityForecast():
                self._aftermath.see(entry)
            case fact:
                self._news.take(fact, entry.ts_event_ns, entry.seq)

    def hear(self, reply: Reply) -> None:
        """Take an answer about the calendar or texts; older ones are passed over."""
        if self._reading is not None and isinstance(
            reply, CalendarRead | HeadlinesRead | Unanswered
        ):
            self._reading.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Read what is due, post what is new, and vote once all of it is here."""
        close_ns = last_bar_close_ns(now_ns, self._length_ns)
        is_fresh = now_ns - close_ns < self._length_ns
        at_ns = close_ns if is_fresh else now_ns
        if self._reading is None or (is_fresh and close_ns > self._reading.at_ns):
            self._reading = self._begin(at_ns, outbox)
        elif self._reading.is_answered:
            self._reading.read_ns = self._reading.read_ns or now_ns
            news = bulletin(self._reading, self._news, self._currencies)
            outbox.drafts += news
            symbols = self._unvoted(close_ns) if is_fresh else []
            if symbols:
                known = self._news.foresee(news) if news else self._news
                outbox.drafts += self._opinion_drafts(close_ns, symbols, known)
        outbox.requests.append(Wake(at_ns=next_bar_close_ns(now_ns, self._length_ns)))

    def _unvoted(self, close_ns: int) -> list[str]:
        return [
            symbol
            for symbol, bars in self._bars.items()
            if bars.close_ns == close_ns and self._voted_ns.get(symbol, 0) < close_ns
        ]

    # Reading.

    def _begin(self, at_ns: int, outbox: Outbox) -> NewsReading:
        """Ask for texts, and for the calendar when that is due or this is a new life.

        A new life asks in any case, because the operator may have named another calendar.
        """
        is_due = self._calendar_is_due(at_ns)
        section = self._section
        blackout_min = max(section.blackout_high_min, section.blackout_medium_min)
        # What was released since the last reading is read once more, with its figures.
        lookback_ns = max(blackout_min, section.calendar_refresh_min) * MINUTE_NS
        calendar = ReadCalendar(
            from_ns=at_ns - lookback_ns, until_ns=at_ns + section.calendar_horizon_hours * HOUR_NS
        )
        headlines = ReadHeadlines(
            after_ns=max(self._news.newest_text_ns, at_ns - self._terms.forgotten_ns),
            limit=self._texts_max,
        )
        is_voted = at_ns in self._voted_ns.values()
        reading = NewsReading(
            at_ns=at_ns,
            calendar=calendar if is_due or self._reading is None else None,
            headlines=None if is_voted else headlines,
            covers_until_ns=at_ns + section.calendar_refresh_min * MINUTE_NS + self._slack_ns,
            is_due=is_due,
        )
        asked = (reading.calendar, reading.headlines)
        outbox.requests += [request for request in asked if request is not None]
        return reading

    @property
    def _slack_ns(self) -> int:
        # The next reading falls on the first close after it is due, and one may be late.
        return SLACK_BARS * self._length_ns

    @property
    def _texts_max(self) -> int:
        # One text can become a fact for each currency, and a post holds only so many.
        room = self.settings.board.drafts_per_post_max // (2 * max(1, len(self._currencies)))
        return max(1, min(self._section.headlines_per_read_max, room))

    def _calendar_is_due(self, at_ns: int) -> bool:
        coverage = self._news.coverage
        if coverage is None or coverage.state is Coverage.UNKNOWN:
            return True
        if self._news.awaits_figures(at_ns):
            return True
        return at_ns - self._news.coverage_ns >= self._section.calendar_refresh_min * MINUTE_NS

    # Opinions.

    def _opinion_drafts(self, close_ns: int, symbols: list[str], news: News) -> list[Draft]:
        """Return blackouts, scores and votes of one close: one post, so none comes without."""
        scores = {
            currency: self._score_draft(close_ns, score)
            for currency in sorted(self._currencies)
            if (score := score_of(currency, close_ns, news, self._terms))
        }
        votes = [self._vote_draft(symbol, close_ns, scores, news) for symbol in symbols]
        longer = self._aftermath.drafts(close_ns, news, self._widths_ns, scores)
        return [*self._blackout_drafts(close_ns, news), *scores.values(), *longer, *votes]

    def _score_draft(self, close_ns: int, score: Score) -> Draft:
        fact = SentimentScore(
            scope=score.currency,
            valid_until_ns=next_bar_close_ns(close_ns, self._length_ns),
            score=score.score,
            weight=score.weight,
            text_count=score.text_count,
            scorer=score.scorer,
            release_count=score.release_count,
        )
        return Draft(fact=fact, ts_event_ns=close_ns, causes=score.causes)

    def _blackout_drafts(self, close_ns: int, news: News) -> list[Draft]:
        """Return the blackouts that hold already, or begin while the calendar is relied on.

        As long as the coverage is valid, every blackout of its time is on the board: nothing is
        entered into an event because this agent died before it.
        """
        until_ns = next_bar_close_ns(close_ns, self._length_ns)
        if news.coverage is not None and news.coverage.valid_until_ns < FOREVER_NS:
            until_ns = max(until_ns, news.coverage.valid_until_ns)
        drafts = []
        for key in sorted(self._near(news, close_ns, until_ns)):
            event = news.events[key]
            for symbol in self.settings.symbols:
                if event.fact.scope not in (*_currencies_of(symbol), GLOBAL):
                    continue
                blackout = self._blackout_of(symbol, event.fact)
                if blackout_key(blackout) not in news.blackouts:
                    drafts.append(
                        Draft(
                            fact=blackout,
                            ts_event_ns=close_ns,
                            ordinal=digest(*key),
                            causes=(event.cause,),
                        )
                    )
        return drafts

    def _near(self, news: News, from_ns: int, until_ns: int) -> list[EventKey]:
        near = []
        for key, event in news.events.items():
            width_ns = self._widths_ns[event.fact.impact]
            scheduled_ns = event.fact.scheduled_ns
            if width_ns > 0 and from_ns - width_ns <= scheduled_ns <= until_ns + width_ns:
                near.append(key)
        return near

    def _blackout_of(self, symbol: str, event: EconomicEvent) -> EntryBlackout:
        width_ns = self._widths_ns[event.impact]
        return EntryBlackout(
            scope=symbol,
            valid_until_ns=event.scheduled_ns + width_ns,
            from_ns=event.scheduled_ns - width_ns,
            impact=event.impact,
            currency=event.scope,
            event=event.title,
        )

    def _vote_draft(
        self, symbol: str, close_ns: int, scores: dict[str, Draft], news: News
    ) -> Draft:
        bars = self._bars[symbol]
        technical = self.settings.agents.technical
        base, quote = _currencies_of(symbol)
        known = [(each, scores[each]) for each in (base, quote) if each in scores]
        weighed = {each: _score_and_weight(draft) for each, draft in known}
        weight = math.fsum(weight for _, weight in weighed.values())
        abstains = not known or weight < self._section.score_weight_min
        lean = weighed.get(base, (0.0, 0.0))[0] - weighed.get(quote, (0.0, 0.0))[0]
        fact = Vote(
            scope=symbol,
            valid_until_ns=next_bar_close_ns(close_ns, self._length_ns),
            voter=VOTER,
            timeframe=self.settings.timeframe,
            probability_up=0.5 if abstains else probability_of(lean),
            abstains=abstains,
            reason=_reason_of(weighed, weight, abstains),
            horizon_bars=technical.horizon_bars,
            reference_price=bars.price,
            barrier_distance=bars.barrier_distance(technical.barrier_atr),
            model=_scorers_of(draft for _, draft in known),
            evidence=() if abstains else self._evidence_of(weighed, weight, base),
        )
        coverage = () if news.coverage is None else (news.coverage_cause,)
        return Draft(
            fact=fact,
            ts_event_ns=close_ns,
            timeframe=self.settings.timeframe.value,
            ordinal=VOTER,
            causes=(bars.seq, *coverage, *(draft.slot for _, draft in known)),
        )

    def _evidence_of(
        self, weighed: dict[str, tuple[float, float]], weight: float, base: str
    ) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(
                scope=self.settings.timeframe.value,
                name=currency,
                value=score if currency == base else -score,
                weight=min(1.0, share / weight),
            )
            for currency, (score, share) in weighed.items()
        )


def probability_of(lean: float) -> float:
    """Return the chance of the upper barrier for base score less quote score, in −2..2.

    ``0.5 + 0.1·tanh(lean)``: 0.5 without a lean, never beyond 0.4..0.6. The scale is modest by
    decision; what it is worth, the learner's calibration finds out.
    """
    raw = 0.5 + SCORE_SWING * math.tanh(lean)
    return min(PROBABILITY_MAX, max(PROBABILITY_MIN, raw))


def _currencies_of(symbol: str) -> tuple[str, str]:
    return symbol[:3], symbol[3:6]


def _score_and_weight(draft: Draft) -> tuple[float, float]:
    fact = draft.fact
    assert isinstance(fact, SentimentScore), "scores are drafted by this agent"
    return fact.score, fact.weight


def _scorers_of(drafts: Iterable[Draft]) -> str:
    """Return who gave the scores, each named once; the words of no text are nobody's."""
    facts = (draft.fact for draft in drafts)
    names = {name for fact in facts if isinstance(fact, SentimentScore) for name in [fact.scorer]}
    return joined(names) or SCORER


def _reason_of(weighed: dict[str, tuple[float, float]], weight: float, abstains: bool) -> str:
    if not weighed:
        return "no texts"
    if abstains:
        return f"weight of texts {weight:.2f} is too low"
    return ", ".join(f"{currency} {score:+.2f}" for currency, (score, _) in weighed.items())
