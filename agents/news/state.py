"""The news as far as the board tells it: events, coverage, scored texts, and blackouts posted.

Folded fact by fact, so it is the same for an agent that ran all along and for one rebuilt from the
journal. A copy can take drafts as if they were posted already.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from blackboard.entry import Draft
from blackboard.facts import (
    CalendarCoverage,
    EconomicEvent,
    EntryBlackout,
    Fact,
    Headline,
)
from models.opinion.sentiment import score_text

EVENTS_MAX: Final = 4_000
"""Events remembered; beyond it the half that is scheduled first is forgotten."""
BLACKOUTS_MAX: Final = 8_000
"""Blackouts remembered, in the same way."""
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
                if len(self.events) > EVENTS_MAX:
                    kept = sorted(self.events, key=lambda key: key[2])[-EVENTS_MAX // 2 :]
                    self.events = {key: self.events[key] for key in kept}
            case CalendarCoverage():
                self.coverage, self.coverage_ns = fact, ts_event_ns
                self.coverage_cause = cause
            case Headline():
                self._take_text(fact, ts_event_ns, cause)
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
        )
        for draft in drafts:
            ahead.take(draft.fact, draft.ts_event_ns, draft.slot)
        return ahead

    def texts_about(self, currency: str, from_ns: int, until_ns: int) -> list[ScoredText]:
        """Return the texts about a currency of a time, in the order posted."""
        texts = self.texts.get(currency, ())
        return [text for text in texts if from_ns < text.ts_event_ns <= until_ns]

    def _take_text(self, headline: Headline, ts_event_ns: int, cause: int | str) -> None:
        self.newest_text_ns = max(self.newest_text_ns, ts_event_ns)
        score = score_text(headline.text).get(headline.scope)
        if score is None:
            return
        texts = self.texts.setdefault(headline.scope, deque(maxlen=TEXTS_PER_CURRENCY_MAX))
        # A text that is repeated is no second opinion.
        if all(known.text != headline.text for known in texts):
            texts.append(ScoredText(ts_event_ns, headline.text, score, cause))
