"""The plan of a run while it runs: which of its faults are due, and which have really struck."""

from collections import Counter
from collections.abc import Callable

from runtime.simulation.history import InjectedFault
from runtime.simulation.plan import FaultPlan, PlannedFault


class Faults:
    """Hands out planned faults at the edges where they strike.

    Parameters
    ----------
    plan : FaultPlan
        All faults of the run.
    now_ns : callable
        The true time.
    """

    def __init__(self, plan: FaultPlan, now_ns: Callable[[], int]) -> None:
        self.plan = plan
        self.struck: list[InjectedFault] = []
        """Every fault that has happened, in order."""
        self._now_ns = now_ns
        self._by_kind: dict[str, list[PlannedFault]] = {}
        for fault in plan.faults:
            self._by_kind.setdefault(fault.kind, []).append(fault)
        self._strikes: Counter[int] = Counter()

    @property
    def families(self) -> dict[str, int]:
        """How many faults of each family have struck; the healing of all of them is F44."""
        counts = Counter(fault.family for fault in self.struck)
        if self.plan.healed_ns:
            counts["F44"] = 1
        return {family: counts[family] for family in sorted(counts, key=_number)}

    def strike(self, kind: str, scope: str = "") -> PlannedFault | None:
        """Return the fault of a kind that strikes here and now, None if none does."""
        planned = self._by_kind.get(kind)
        if planned is None:
            return None
        now_ns = self._now_ns()
        for fault in planned:
            if not fault.at_ns <= now_ns < fault.until_ns or fault.scope not in ("", scope):
                continue
            if fault.strikes and self._strikes[fault.number] >= fault.strikes:
                continue
            self._note(fault, now_ns, scope)
            return fault
        return None

    def note(self, fault: PlannedFault, scope: str = "") -> None:
        """Note that a fault that is set off by its time has struck."""
        self._note(fault, self._now_ns(), scope)

    def _note(self, fault: PlannedFault, now_ns: int, scope: str) -> None:
        self._strikes[fault.number] += 1
        lasts = not fault.strikes
        if lasts and self._strikes[fault.number] > 1:
            return
        self.struck.append(
            InjectedFault(
                family=fault.family,
                from_ns=now_ns,
                until_ns=fault.until_ns if lasts else now_ns,
                text=f"{fault.kind} {fault.value:g}",
                scope=fault.scope or scope,
            )
        )


def _number(family: str) -> int:
    return int(family[1:])
