"""Whether a component of the rule voters has failed of late: the night's alarm.

A day holds few independent outcomes, so a component's are pooled over the symbols, and only a day
far below the component's own month is told. It changes no weight: those follow the month.
"""

from typing import Final, NamedTuple

from blackboard.entry import Draft, Entry
from blackboard.facts import ComponentScores, DriftDetected
from blackboard.facts.opinion import ComponentScore

COMPONENT_EDGE: Final = "component_edge"
"""Statistic of a DriftDetected about a component; its scope is voter, name and timeframe."""


class _Report(NamedTuple):
    # What one symbol said at the night.
    seq: int
    components: tuple[ComponentScore, ...]


class ComponentWatch:
    """The latest night's reports of all symbols."""

    def __init__(self, errors_max: float) -> None:
        self._errors_max = errors_max
        self._night_ns = 0
        self._timeframe = ""
        self._reports: dict[str, _Report] = {}
        self._is_fresh = False

    def see(self, entry: Entry, fact: ComponentScores) -> None:
        """Fold one symbol's report; older nights are over."""
        if entry.ts_event_ns < self._night_ns:
            return
        if entry.ts_event_ns > self._night_ns:
            self._reports.clear()
        self._night_ns, self._timeframe = entry.ts_event_ns, fact.timeframe.value
        self._reports[fact.scope] = _Report(entry.seq, fact.components)
        self._is_fresh = True

    def drafts(self) -> list[Draft]:
        """Return an alarm for each component that fell short, once for each new report."""
        if not self._is_fresh:
            return []
        self._is_fresh = False
        pooled: dict[str, list[ComponentScore]] = {}
        for report in self._reports.values():
            for score in report.components:
                pooled.setdefault(f"{score.voter}.{score.name}.{score.scope}", []).append(score)
        causes = tuple(report.seq for report in self._reports.values())
        return [
            Draft(
                fact=alarm,
                ts_event_ns=self._night_ns,
                timeframe=self._timeframe,
                ordinal=COMPONENT_EDGE,
                causes=causes,
            )
            for name, scores in pooled.items()
            if (alarm := self._alarm(name, scores)) is not None
        ]

    def _alarm(self, name: str, scores: list[ComponentScore]) -> DriftDetected | None:
        outcomes = sum(score.day_outcomes for score in scores)
        if outcomes < 1.0:
            return None
        edge = sum(score.day_outcomes * score.day_edge for score in scores) / outcomes
        known = sum(score.month_outcomes for score in scores)
        usual = sum(score.month_outcomes * score.month_edge for score in scores) / known
        threshold = usual - self._errors_max / outcomes**0.5
        if edge >= threshold:
            return None
        return DriftDetected(scope=name, statistic=COMPONENT_EDGE, value=edge, threshold=threshold)
