"""What the store of models holds, family by family."""

import msgspec

from blackboard.errors import ConfigError
from runtime.artefacts.registry import ServingRow, TrialRow
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
    failed_gate: str = ""
    detail: str = ""


def overview(store: ModelStore) -> tuple[FamilyLine, ...]:
    """Return every family that was ever tried."""
    registry = store.registry()
    lines = []
    for family in registry.families():
        verdicts = registry.judged(family)
        last = verdicts[-1] if verdicts else None
        lines.append(
            FamilyLine(
                family=family,
                serves=registry.champion(family),
                versions=store.versions(family),
                trials=sum(isinstance(row, TrialRow) for row in registry.of(family)),
                judged=len(verdicts),
                last_version=last.version if last else "",
                is_promoted=last.is_promoted if last else False,
                failed_gate=last.failed_gate if last else "",
                detail=last.detail if last else "",
            )
        )
    return tuple(lines)


def roll_back(store: ModelStore, family: str, reason: str) -> ServingRow:
    """Take back what serves in a family; ConfigError if nothing does."""
    served = store.registry().served(family)
    if not served or not served[-1].version:
        raise ConfigError(f"no model of {family!r} serves, so none can be taken back")
    return store.roll_back(family, reason, served[-1].at_ns + 1)
