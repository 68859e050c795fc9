"""A family's candidate that does not serve: asked beside what does, heeded by nobody.

What it would have said stands in the open, so that a person and the learner can hold it against
what became of it. A candidate in shadow goes before all others until its verdict; where there is
none, the latest that was refused may be asked. It begins with the first close after it was read.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from agents.agent import Outbox
from agents.requests import ModelRead, ReadModel, Reply
from blackboard.entry import Entry
from blackboard.facts import CandidateTrained, GateReport, ModelPromoted

M = TypeVar("M")


class Challenger(Generic[M]):
    """The candidate beside what serves; for the other parameters see `ServedModel`.

    Parameters
    ----------
    hears_refused : bool
        Whether a candidate that was refused is asked too.

    One that cannot be read or loaded is passed over in silence: it serves nobody, and the gates
    have told already what is wrong with it.
    """

    def __init__(
        self,
        family: str,
        feature_schema: tuple[str, ...],
        load: Callable[[Mapping[str, bytes]], M],
        check: Callable[[M], None] = lambda model: None,
        *,
        hears_refused: bool = True,
    ) -> None:
        self._family = family
        self._feature_schema = feature_schema
        self._load = load
        self._check = check
        self._hears_refused = hears_refused
        self._is_in_shadow = False
        self._is_asked = False
        self.version = ""
        """Of the candidate; empty where there is none that does not serve."""
        self.model: M | None = None
        """None until it has been read."""

    def see(self, entry: Entry) -> None:
        """Follow the family's candidates; one that is promoted is no challenger any more."""
        match entry.fact:
            case CandidateTrained(scope=self._family, version=version):
                if self._hears_refused and not self._is_in_shadow:
                    self._follow(version)
            case GateReport(scope=self._family, version=version) as report:
                if report.shadow_until_ns:
                    self._is_in_shadow = True
                    if version != self.version:
                        self._follow(version)
                elif report.shadow_since_ns and version == self.version:
                    self._leave_shadow()
            case ModelPromoted(scope=self._family, version=self.version):
                self._is_in_shadow = False
                self._follow("")
            case _:
                pass

    def hear(self, reply: Reply) -> None:
        """Take the candidate."""
        match reply:
            case ModelRead(request=ReadModel(family=self._family, version=self.version)):
                self._take(dict(reply.files))
            case _:
                pass

    def act(self, outbox: Outbox) -> None:
        """Ask for a candidate once."""
        if self.version and not self._is_asked:
            self._is_asked = True
            outbox.requests.append(
                ReadModel(
                    family=self._family,
                    version=self.version,
                    feature_schema=self._feature_schema,
                )
            )

    def _take(self, files: Mapping[str, bytes]) -> None:
        try:
            model = self._load(files)
            self._check(model)
        except ValueError:
            return
        self.model = model

    def _leave_shadow(self) -> None:
        self._is_in_shadow = False
        if not self._hears_refused:
            self._follow("")

    def _follow(self, version: str) -> None:
        self.version, self.model, self._is_asked = version, None, False
