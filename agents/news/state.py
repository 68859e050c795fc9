"""The news as far as the board tells it: events, coverage, scored texts, and blackouts posted.

Folded fact by fact, so it is the same for an agent that ran all along and for one rebuilt from the
journal. A copy can take drafts as if they were posted already.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from agents.news.releases import Releases
from blackboard.entry import Draft
from blackboard.facts import (
    MARKET,
    CalendarCoverage,
    EconomicEvent,
    EntryBlackout,
    Fact,
    Headline,
    TextsRead,
)
from blackboard.facts.news import Medium
from models.market.sessions import HOUR_NS
from models.opinion.sentiment import SCORER, score_text

EVENTS_MAX: Final = 4_000
"""Events remembered; beyond it the half that is scheduled first is forgotten."""
BLACKOUTS_MAX: Final = 8_000
"""Blackouts remembered, in the same way."""
FIGURES_WITHIN_NS: Final = 2 * HOUR_NS
"""Time after a release in which its figure is waited for at every close."""
TEXTS_PER_CURRENCY_MAX: Final = 256
"""Texts remembered for each currency, newest first to stay."""

EventKey = tuple[str, str, int]
"""Currency, title and scheduled time: what makes an event the same one."""
BlackoutKey = tuple[str, str, str, int]
"""Symbol, currency, title and beginning."""


class KnownEvent(NamedTuple):
    """An event as it was posted last."""

    fact: EconomicEvent
    cause: int | str


class ScoredText(NamedTuple):
    """One text about one currency."""

    ts_event_ns: int
    text: str
    score: float
    scorer: str
    medium: Medium
    cause: int | str


def event_key(event: EconomicEvent) -> EventKey:
    """Return what makes an event the same one, whatever else of it changes."""
    return event.scope, event.title, event.scheduled_ns


def blackout_key(blackout: EntryBlackout) -> BlackoutKey:
    """Return what makes a blackout the same one."""
    return blackout.scope, blackout.currency, blackout.event, blackout.from_ns


@dataclass(slots=True)
class News:
    """What has been posted, as far as it can still matter."""

    events: dict[EventKey, KnownEvent] = field(default_factory=dict)
    blackouts: dict[BlackoutKey, int] = field(default_factory=dict)
    """Ends of the blackouts posted."""
    texts: dict[str, deque[ScoredText]] = field(default_factory=dict)
    """By currency, in the order posted, each text once."""
    awaited: set[EventKey] = field(default_factory=set)
    """Events with a forecast whose figure is not known yet."""
    releases: Releases = field(default_factory=Releases)
    texts_read: TextsRead | None = None
    """The latest account of a reading of texts."""
    texts_read_ns: int = 0
    newest_text_ns: int = 0
    """When the newest text was received, whatever it speaks of; 0 before the first."""
    coverage: CalendarCoverage | None = None
    coverage_ns: int = 0
    """Close for which the coverage was posted: the calendar was read then."""
    coverage_cause: int | str = 0

    def take(self, fact: Fact, ts_event_ns: int, cause: int | str) -> None:
        """Fold one fact; other kinds pass by."""
        match fact:
            case EconomicEvent():
                self.events[event_key(fact)] = KnownEvent(fact, cause)
                self.releases.take(fact, cause)
                self._await(fact)
                if len(self.events) > EVENTS_MAX:
                    kept = sorted(self.events, key=lambda key: key[2])[-EVENTS_MAX // 2 :]
                    self.events = {key: self.events[key] for key in kept}
            case CalendarCoverage():
                self.coverage, self.coverage_ns = fact, ts_event_ns
                self.coverage_cause = cause
            case Headline():
                self._take_text(fact, ts_event_ns, cause)
            case TextsRead():
                self.texts_read, self.texts_read_ns = fact, ts_event_ns
            case EntryBlackout():
                self.blackouts[blackout_key(fact)] = fact.valid_until_ns
                if len(self.blackouts) > BLACKOUTS_MAX:
                    by_end = sorted(self.blackouts.items(), key=lambda item: item[1])
                    self.blackouts = dict(by_end[-BLACKOUTS_MAX // 2 :])
            case _:
                pass

    def foresee(self, drafts: Iterable[Draft]) -> "News":
        """Return the news as they will be when these drafts are posted."""
        ahead = replace(
            self,
            events=dict(self.events),
            texts={currency: texts.copy() for currency, texts in self.texts.items()},
            releases=self.releases.copy(),
            awaited=set(self.awaited),
        )
        for draft in drafts:
            ahead.take(draft.fact, draft.ts_event_ns, draft.slot)
        return ahead

    def awaits_figures(self, now_ns: int) -> bool:
        """Whether something was released since the calendar was read whose figure is not here."""
        oldest_ns = max(self.coverage_ns, now_ns - FIGURES_WITHIN_NS)
        return any(oldest_ns < scheduled_ns <= now_ns for _, _, scheduled_ns in self.awaited)

    def _await(self, event: EconomicEvent) -> None:
        key = event_key(event)
        if event.forecast and not event.actual:
            self.awaited.add(key)
        else:
            self.awaited.discard(key)
        if len(self.awaited) > EVENTS_MAX:
            self.awaited = set(sorted(self.awaited, key=lambda each: each[2])[-EVENTS_MAX // 2 :])

    def texts_about(self, currency: str, from_ns: int, until_ns: int) -> list[ScoredText]:
        """Return the texts about a currency of a time, in the order posted."""
        texts = self.texts.get(currency, ())
        return [text for text in texts if from_ns < text.ts_event_ns <= until_ns]

    def _take_text(self, headline: Headline, ts_event_ns: int, cause: int | str) -> None:
        self.newest_text_ns = max(self.newest_text_ns, ts_event_ns)
        if headline.scope == MARKET:
            return
        score: float | None = headline.score
        if not headline.scorer:
            score = score_text(headline.text).get(headline.scope)
        if score is None:
            return
        texts = self.texts.setdefault(headline.scope, deque(maxlen=TEXTS_PER_CURRENCY_MAX))
        # A text that is repeated is no second opinion.
        if all(known.text != headline.text for known in texts):
            texts.append(
                ScoredText(
                    ts_event_ns,
                    headline.text,
                    score,
                    headline.scorer or SCORER,
                    headline.medium,
                    cause,
                )
            )
