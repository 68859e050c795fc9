"""What the store of models holds, family by family."""

import msgspec

from blackboard.errors import ConfigError
from runtime.artefacts.registry import (
    JudgedRow,
    ServingRow,
    ShadowRow,
    TrialRegistry,
    TrialRow,
)
from runtime.instants import iso
from runtime.model_store import ModelStore


class FamilyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One family."""

    family: str
    serves: str
    """Version, empty for the baseline."""
    versions: tuple[str, ...]
    """Those that are kept, the oldest first."""
    trials: int
    """Configurations ever tried."""
    judged: int
    """Candidates ever judged."""
    last_version: str = ""
    is_promoted: bool = False
    """Whether the last candidate has passed every gate, that of the shadow apart."""
    failed_gate: str = ""
    detail: str = ""
    verdict: str = ""
    """On the last candidate: promoted, refused, passed, or in shadow until when."""
    in_shadow: str = ""
    """Candidate that forecasts and does not count yet, and when it may."""
    taken_back: str = ""
    """Version that was rolled back or demoted last, and why; empty since something was promoted."""


def overview(store: ModelStore) -> tuple[FamilyLine, ...]:
    """Return every family that was ever tried."""
    registry = store.registry()
    return tuple(_line(store, registry, family) for family in registry.families())


def _line(store: ModelStore, registry: TrialRegistry, family: str) -> FamilyLine:
    verdicts = registry.judged(family)
    served, shadow = registry.served(family), registry.shadow(family)
    fallen = served[-1] if served and served[-1].reason else None
    is_waiting = (
        shadow is not None
        and shadow.until_ns > 0
        and shadow.version not in {row.version for row in served}
    )
    line = FamilyLine(
        family=family,
        serves=registry.champion(family),
        versions=store.versions(family),
        trials=sum(isinstance(row, TrialRow) for row in registry.of(family)),
        judged=len(verdicts),
        in_shadow=f"{shadow.version} until {iso(shadow.until_ns)}" if shadow and is_waiting else "",
        taken_back=f"{fallen.replaced_version}: {fallen.reason}" if fallen else "",
    )
    if not verdicts:
        return line
    last = verdicts[-1]
    is_over = shadow is not None and shadow.version == last.version and not is_waiting
    has_failed = shadow is not None and is_over and bool(shadow.failed_gate)
    return msgspec.structs.replace(
        line,
        last_version=last.version,
        is_promoted=last.is_promoted and not has_failed,
        verdict=_verdict(last, served, shadow),
        failed_gate=shadow.failed_gate if shadow and has_failed else last.failed_gate,
        detail=shadow.detail if shadow and is_over else last.detail,
    )


def _verdict(last: JudgedRow, served: tuple[ServingRow, ...], shadow: ShadowRow | None) -> str:
    if not last.is_promoted:
        return "refused"
    if any(row.version == last.version and not row.reason for row in served):
        return "promoted"
    if shadow is None or shadow.version != last.version:
        return "passed"
    if shadow.until_ns:
        return f"passed, in shadow until {iso(shadow.until_ns)}"
    return "refused after its shadow" if shadow.failed_gate else "passed its shadow"


def roll_back(store: ModelStore, family: str, reason: str) -> ServingRow:
    """Take back what serves in a family; ConfigError if nothing does."""
    served = store.registry().served(family)
    if not served or not served[-1].version:
        raise ConfigError(f"no model of {family!r} serves, so none can be taken back")
    return store.roll_back(family, reason, served[-1].at_ns + 1)
