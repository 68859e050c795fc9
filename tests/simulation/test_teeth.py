"""The harness has teeth: each planted bug is seen, first of all at the seed known to see it."""

import pytest

from tests.simulation.planted import BUGS, PlantedBug
from tests.simulation.teeth import SEEDS_MAX, first_bite


def test_enough_bugs_are_planted_and_each_within_the_seeds_allowed() -> None:
    """At least twelve mistakes, each found within fifty seeds."""
    assert len(BUGS) >= 12
    assert all(0 <= bug.seed < SEEDS_MAX for bug in BUGS)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "_"))
def test_planted_bug_is_seen(bug: PlantedBug) -> None:
    """A run with the bug breaks an invariant that the same run without it keeps."""
    assert first_bite(bug.name, range(SEEDS_MAX)).violation is not None
