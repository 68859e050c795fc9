"""Releases with their figures: what a surprise says of its currency, once it is known.

The size of a surprise is measured by the earlier ones of the same event, which the board holds.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from blackboard.facts import EconomicEvent
from blackboard.facts.news import Impact
from models.opinion.surprise import figure_of, surprise_score

EARLIER_MAX: Final = 48
"""Latest surprises of an event that are remembered: four years of a monthly one."""
EVENTS_MAX: Final = 1_000
"""Events whose surprises are remembered."""
RELEASES_MAX: Final = 64
"""Latest releases of a currency that are remembered."""
WEIGHTS: Final = {Impact.HIGH: 1.0, Impact.MEDIUM: 0.5}
"""What a release counts when it is new; others say nothing."""


class Release(NamedTuple):
    """A release whose figures are known."""

    title: str
    scheduled_ns: int
    score: float
    """−1 to +1 for its currency; 0 while too few surprises of the event are known."""
    weight: float
    cause: int | str


@dataclass(slots=True)
class Releases:
    """What has been released, folded event by event."""

    surprises_min: int = 6
    surprises: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    """Actual less forecast by currency and title, then by scheduled time."""
    by_currency: dict[str, deque[Release]] = field(default_factory=dict)

    def take(self, event: EconomicEvent, cause: int | str) -> None:
        """Fold one event; without both figures, or of low impact, it passes by."""
        actual, forecast = figure_of(event.actual), figure_of(event.forecast)
        weight = WEIGHTS.get(event.impact, 0.0)
        if actual is None or forecast is None or not weight:
            return
        known = self._known(event.scope, event.title)
        earlier = [each for at_ns, each in known.items() if at_ns < event.scheduled_ns]
        known[event.scheduled_ns] = actual - forecast
        for at_ns in sorted(known)[:-EARLIER_MAX]:
            del known[at_ns]
        if len(earlier) < self.surprises_min:
            return
        score = surprise_score(event.title, actual - forecast, earlier)
        known_before = self.by_currency.get(event.scope, ())
        same = event.title, event.scheduled_ns
        # A figure that is corrected takes the place of the first.
        kept = [each for each in known_before if (each.title, each.scheduled_ns) != same]
        kept.append(Release(*same, score, weight, cause))
        self.by_currency[event.scope] = deque(kept, maxlen=RELEASES_MAX)

    def about(self, currency: str, from_ns: int, until_ns: int) -> list[Release]:
        """Return the releases of a currency in a time, in the order in which they became known."""
        releases = self.by_currency.get(currency, ())
        return [each for each in releases if from_ns < each.scheduled_ns <= until_ns]

    def copy(self) -> "Releases":
        """Return one that can be folded further without changing this."""
        return Releases(
            self.surprises_min,
            {event: dict(each) for event, each in self.surprises.items()},
            {currency: each.copy() for currency, each in self.by_currency.items()},
        )

    def _known(self, currency: str, title: str) -> dict[int, float]:
        known = self.surprises.get((currency, title))
        if known is None:
            if len(self.surprises) >= EVENTS_MAX:
                del self.surprises[next(iter(self.surprises))]
            known = self.surprises[currency, title] = {}
        return known
