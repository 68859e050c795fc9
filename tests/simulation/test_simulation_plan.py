"""Plans of faults: made from a seed alone, within their bounds, no family forgotten."""

from collections import Counter

import msgspec
import pytest

from runtime.simulation.catalogue import AGENTS, CATALOGUE
from runtime.simulation.events import EVENTS
from runtime.simulation.plan import FAULTS_MAX, FAULTS_MIN, MODES, FaultPlan, Mode
from runtime.simulation.run import plan_of

SEEDS = range(1000)
ONLY_PROCESSES_SHOW = {"F35", "F36"}
"""Families of models: nothing is trained in a week under faults. F44 is the liveness mode."""


def test_every_family_is_planned_over_a_thousand_seeds() -> None:
    """No family of the catalogue stays empty, and none is met by luck alone."""
    planned = Counter(
        fault.family for seed in SEEDS for fault in plan_of(seed, MODES[seed % 2]).faults
    )

    expected = {f"F{number}" for number in range(1, 44)} - ONLY_PROCESSES_SHOW
    assert set(planned) == expected
    assert min(planned.values()) >= 100


def test_every_kind_is_planned_over_a_thousand_seeds() -> None:
    """A kind that no seed plans would be dead code."""
    planned = {fault.kind for seed in SEEDS for fault in plan_of(seed, "safety").faults}

    assert planned == {kind.name for kind in CATALOGUE}


def test_what_comes_at_its_time_is_in_the_catalogue() -> None:
    """An event that no plan names would never happen."""
    assert {kind.name for kind in CATALOGUE} >= EVENTS.keys()


@pytest.mark.parametrize("mode", MODES)
def test_a_plan_follows_from_its_seed(mode: Mode) -> None:
    """The same seed means the same faults, another one others."""
    assert plan_of(5, mode) == plan_of(5, mode)
    assert plan_of(5, mode).faults != plan_of(6, mode).faults


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(50))
def test_a_plan_keeps_its_bounds(seed: int, mode: Mode) -> None:
    """Faults come in order of time, inside the run, and name who there is."""
    plan = plan_of(seed, mode)

    times_ns = [fault.at_ns for fault in plan.faults]
    assert times_ns == sorted(times_ns)
    assert FAULTS_MIN <= len(plan.faults) <= FAULTS_MAX
    for fault in plan.faults:
        assert plan.started_ns < fault.at_ns < fault.until_ns <= plan.ended_ns
        assert fault.scope == "" or fault.scope in AGENTS or len(fault.scope) == 6


@pytest.mark.parametrize("seed", range(50))
def test_f44_in_liveness_mode_every_fault_ends(seed: int) -> None:
    """Nothing goes wrong after the healing, which leaves time to show progress."""
    plan = plan_of(seed, "liveness")

    assert plan.started_ns < plan.healed_ns < plan.ended_ns
    assert all(fault.until_ns <= plan.healed_ns for fault in plan.faults)


def test_a_plan_can_be_printed_and_read_back() -> None:
    """What a failing seed prints is the whole plan."""
    plan = plan_of(7, "safety")

    assert msgspec.json.decode(plan.text(), type=FaultPlan) == plan
