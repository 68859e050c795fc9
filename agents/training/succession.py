"""Who serves in each family, who served before, and the store that is told of it.

What serves follows from the promotions and rollbacks on the board alone; the store is told after
the board, and where an operator has changed the store, the board follows.
"""

from typing import Final, NamedTuple

from agents.agent import Outbox
from agents.requests import Reply
from agents.training.requests import (
    Champion,
    ChampionsRead,
    ModelServed,
    NoteShadow,
    ReadChampions,
    ServeModel,
    ShadowNoted,
)
from blackboard.entry import Draft, Entry
from blackboard.facts import GateReport, ModelFailed, ModelPromoted, ModelRolledBack

BASELINE: Final = ""
FAILED: Final = "failed"
HISTORY_MAX: Final = 32
"""Latest versions that served which are remembered of a family."""


class Reign(NamedTuple):
    """A version, or the baseline, and since when it serves."""

    version: str
    at_ns: int
    """Of the fact."""
    effective_from_ns: int
    seq: int


class Succession:
    """What serves, from the facts of promotions and rollbacks."""

    def __init__(self) -> None:
        self._served: dict[str, list[Reign]] = {}
        self._failures: dict[str, Entry] = {}
        self._unsettled: dict[str, ServeModel] = {}
        self._unnoted: dict[str, NoteShadow] = {}
        self._sent: set[ServeModel | NoteShadow] = set()
        self._champions: tuple[Champion, ...] = ()
        self._polled_ns = 0

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case ModelFailed(scope=family) as failed if failed.version == self.serving(family):
                self._failures[family] = entry
            case ModelPromoted() | ModelRolledBack() as order:
                self._order(order, entry)
            case GateReport(scope=family) as report:
                if report.shadow_until_ns or report.shadow_since_ns:
                    self._unnoted[family] = NoteShadow(
                        family=family,
                        version=report.version,
                        at_ns=entry.ts_event_ns,
                        until_ns=report.shadow_until_ns,
                        failed_gate=report.failed_gate,
                        detail=report.detail if report.shadow_since_ns else "",
                    )
            case _:
                pass

    def hear(self, reply: Reply) -> None:
        """Take what the store says."""
        match reply:
            case ModelServed(request=ServeModel(family=family)):
                self._unsettled.pop(family, None)
            case ShadowNoted(request=NoteShadow(family=family) as noted):
                if self._unnoted.get(family) == noted:
                    del self._unnoted[family]
            case ChampionsRead(champions=champions):
                self._champions = champions
            case _:
                pass

    def serving(self, family: str) -> str:
        """Return the version that was promoted last, empty for the baseline."""
        served = self._served.get(family)
        return served[-1].version if served else BASELINE

    def reign(self, family: str) -> Reign | None:
        """Return who serves and since when, None where nothing was ever promoted."""
        served = self._served.get(family)
        return served[-1] if served else None

    def before(self, family: str) -> str:
        """Return the version that served before the present one and was not taken back."""
        stack: list[str] = []
        for reign in self._served.get(family, []):
            if reign.version in stack:
                del stack[stack.index(reign.version) + 1 :]
            else:
                stack.append(reign.version)
        return stack[-2] if len(stack) > 1 else BASELINE

    def act(self, bar: tuple[int, int], effective_from_ns: int, outbox: Outbox) -> None:
        """Take back what failed, follow an operator who changed the store, and tell the store.

        Parameters
        ----------
        bar : tuple of int
            Time and seq of the newest close.
        effective_from_ns : int
            When what is posted now takes effect.
        outbox : Outbox
            Where it goes.
        """
        for family, entry in self._failures.items():
            reason = f"{FAILED}: {getattr(entry.fact, 'reason', FAILED)}"
            outbox.drafts += self.taken_back(
                family, reason, effective_from_ns, entry.ts_event_ns, (entry.seq,)
            )
        self._follow_store(bar, effective_from_ns, outbox)
        told: list[ServeModel | NoteShadow] = [*self._unsettled.values(), *self._unnoted.values()]
        for request in told:
            if request not in self._sent:
                self._sent.add(request)
                outbox.requests.append(request)

    def taken_back(
        self,
        family: str,
        reason: str,
        effective_from_ns: int,
        at_ns: int,
        causes: tuple[int, ...],
        version: str | None = None,
    ) -> list[Draft]:
        """Return the rollback of what serves to the version before it, or to the one given.

        Nothing where the baseline serves.
        """
        reign = self.reign(family)
        if reign is None or reign.version == BASELINE:
            return []
        back_to = self.before(family) if version is None else version
        return [
            Draft(
                fact=self.rolled_back(family, back_to, reason, effective_from_ns),
                ts_event_ns=at_ns,
                ordinal=reign.version,
                causes=(*causes, reign.seq),
            )
        ]

    def rolled_back(
        self, family: str, version: str, reason: str, effective_from_ns: int
    ) -> ModelRolledBack:
        """Return the fact that an earlier version, or the baseline, serves again."""
        return ModelRolledBack(
            scope=family,
            version=version,
            replaced_version=self.serving(family),
            reason=reason,
            effective_from_ns=effective_from_ns,
        )

    def has_failed(self, family: str) -> bool:
        """Whether what serves cannot be used."""
        return family in self._failures

    def _order(self, order: ModelPromoted | ModelRolledBack, entry: Entry) -> None:
        family, at_ns = order.scope, entry.ts_event_ns
        served = self._served.setdefault(family, [])
        served.append(Reign(order.version, at_ns, order.effective_from_ns, entry.seq))
        del served[:-HISTORY_MAX]
        self._failures.pop(family, None)
        reason = order.reason if isinstance(order, ModelRolledBack) else ""
        self._unsettled[family] = ServeModel(
            family=family, version=order.version, reason=reason, at_ns=at_ns
        )

    def _follow_store(self, bar: tuple[int, int], effective_from_ns: int, outbox: Outbox) -> None:
        close_ns, seq = bar
        for champion in self._champions:
            family = champion.family
            if family in self._unsettled or champion.version == self.serving(family):
                continue
            if champion.version and not champion.reason:
                fact: ModelPromoted | ModelRolledBack = ModelPromoted(
                    scope=family,
                    version=champion.version,
                    content_hash=champion.content_hash,
                    effective_from_ns=effective_from_ns,
                )
            else:
                fact = self.rolled_back(
                    family, champion.version, champion.reason, effective_from_ns
                )
            outbox.drafts.append(
                Draft(fact=fact, ts_event_ns=close_ns, ordinal=champion.version, causes=(seq,))
            )
        self._champions = ()
        if close_ns > self._polled_ns:
            self._polled_ns = close_ns
            outbox.requests.append(ReadChampions(after_ns=close_ns))
