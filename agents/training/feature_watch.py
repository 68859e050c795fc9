"""The warning that a model is asked about a market unlike that of its training.

It asks for nothing: a model may forecast well where its inputs have moved, and its losses say so
sooner. A person reads it, and whoever asks why a model began to lose.
"""

from typing import Final

from blackboard.entry import Draft, Entry
from blackboard.facts import DriftDetected, FeatureShift
from models.learning.drift import PSI_SHARE_MIN

PSI: Final = "psi"
"""Statistic of a DriftDetected about features; its value is the share that has moved."""


class FeatureWatch:
    """The latest day's shift of each family's model."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, str], Draft] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case FeatureShift(scope=family, version=version) as shift:
                self._due.pop((family, version), None)
                if shift.moved_frac >= PSI_SHARE_MIN:
                    fact = DriftDetected(
                        scope=family,
                        statistic=PSI,
                        value=shift.moved_frac,
                        threshold=PSI_SHARE_MIN,
                    )
                    self._due[family, version] = Draft(
                        fact=fact,
                        ts_event_ns=entry.ts_event_ns,
                        ordinal=f"{PSI} {version}",
                        causes=(entry.seq,),
                    )
            case DriftDetected(scope=family, statistic=statistic) if statistic == PSI:
                for key in [key for key, draft in self._due.items() if key[0] == family]:
                    if self._due[key].ts_event_ns <= entry.ts_event_ns:
                        del self._due[key]
            case _:
                pass

    def drafts(self) -> list[Draft]:
        """Return the warnings that are not on the board yet."""
        return list(self._due.values())
