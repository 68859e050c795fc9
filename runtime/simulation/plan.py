"""The plan of faults of one run, made from its seed before anything runs.

A plan is plain data and can be printed in full. A fault waits from its time on for the next places
where it can strike, so that also what is rare (a send) is met; or, without a number of strikes, it
holds for its whole window.
"""

from typing import Final, Literal

import msgspec
import numpy as np

from models.market.sessions import HOUR_NS, MINUTE_NS, SECOND_NS, is_open
from runtime.simulation.catalogue import CATALOGUE, Kind

Mode = Literal["safety", "liveness"]
MODES: Final[tuple[Mode, ...]] = ("safety", "liveness")

FAULTS_MIN: Final = 10
FAULTS_MAX: Final = 22
"""Faults of one week: enough to meet each other, few enough that something still trades."""
QUIET_START_NS: Final = 2 * HOUR_NS
"""Without faults, so that the first reconciliation and the first rounds are usual ones."""
WAITS_NS: Final = 30 * HOUR_NS
"""How long a fault that strikes a number of times waits for its occasion."""
PROGRESS_WITHIN_NS: Final = 6 * HOUR_NS
"""How long after the last fault the system may take to trade or to say why not."""


class PlannedFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault that is to strike."""

    number: int
    """Its place in the plan."""
    family: str
    """Id in the catalogue of faults, such as F21."""
    kind: str
    at_ns: int
    until_ns: int
    strikes: int
    """How many occasions it takes; 0 takes all of its window."""
    scope: str = ""
    """Symbol or agent, empty for any."""
    value: float = 0.0
    """What the kind makes of it: a return code, a share, a size."""


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that will go wrong in one run."""

    seed: int
    mode: Mode
    started_ns: int
    ended_ns: int
    healed_ns: int = 0
    """Liveness mode: when every fault has ended; 0 in safety mode."""
    faults: tuple[PlannedFault, ...] = ()

    def text(self) -> str:
        """Return the plan as JSON for people."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()


def make_plan(
    seed: int, mode: Mode, started_ns: int, ended_ns: int, symbols: tuple[str, ...]
) -> FaultPlan:
    """Return the plan of a seed.

    In safety mode faults are spread over the whole run. In liveness mode they all end in the middle
    of it, and nothing goes wrong afterwards.
    """
    rng = np.random.default_rng([seed, 1 if mode == "safety" else 2])
    healed_ns = 0
    last_ns = ended_ns - HOUR_NS
    if mode == "liveness":
        length_ns = ended_ns - started_ns
        healed_ns = started_ns + int(length_ns * rng.uniform(0.35, 0.6))
        while not (is_open(healed_ns) and is_open(healed_ns + PROGRESS_WITHIN_NS)):
            healed_ns -= HOUR_NS  # progress can be shown only while the market is open
        last_ns = healed_ns - HOUR_NS
    count = int(rng.integers(FAULTS_MIN, FAULTS_MAX + 1))
    kinds = _drawn(rng, count)
    first_ns = started_ns + QUIET_START_NS
    times_ns = np.sort(rng.integers(first_ns, last_ns, size=count))
    until_ns = healed_ns or ended_ns
    faults = tuple(
        _planned(rng, number, kind, int(at_ns), until_ns, symbols)
        for number, (kind, at_ns) in enumerate(zip(kinds, times_ns, strict=True))
    )
    return FaultPlan(
        seed=seed,
        mode=mode,
        started_ns=started_ns,
        ended_ns=ended_ns,
        healed_ns=healed_ns,
        faults=faults,
    )


def without_faults(seed: int, started_ns: int, ended_ns: int) -> FaultPlan:
    """Return the plan of a run in which nothing goes wrong."""
    return FaultPlan(seed=seed, mode="safety", started_ns=started_ns, ended_ns=ended_ns)


def _drawn(rng: np.random.Generator, count: int) -> list[Kind]:
    # Families first, then a kind of the family: one with many kinds is not met more often.
    families = sorted({kind.family for kind in CATALOGUE}, key=lambda family: int(family[1:]))
    weights = np.array(
        [max(kind.weight for kind in CATALOGUE if kind.family == each) for each in families]
    )
    drawn = rng.choice(len(families), size=count, p=weights / weights.sum())
    found = []
    for place in drawn:
        choices = [kind for kind in CATALOGUE if kind.family == families[int(place)]]
        found.append(choices[int(rng.integers(len(choices)))])
    return found


def _planned(
    rng: np.random.Generator,
    number: int,
    kind: Kind,
    at_ns: int,
    limit_ns: int,
    symbols: tuple[str, ...],
) -> PlannedFault:
    strikes = int(rng.integers(kind.strikes[0], kind.strikes[1] + 1))
    lasts_ns = int(rng.uniform(*kind.lasts_s) * SECOND_NS)
    if strikes:
        lasts_ns = WAITS_NS
    scopes = symbols if kind.scopes == ("symbol",) else kind.scopes
    scope = scopes[int(rng.integers(len(scopes)))] if scopes else ""
    value = kind.values[int(rng.integers(len(kind.values)))] if kind.values else 0.0
    return PlannedFault(
        number=number,
        family=kind.family,
        kind=kind.name,
        at_ns=at_ns,
        until_ns=max(min(at_ns + lasts_ns, limit_ns), at_ns + MINUTE_NS),
        strikes=strikes,
        scope=scope,
        value=value,
    )
