"""What `models` says of a candidate: passed, in shadow, promoted, refused, taken back."""

from pathlib import Path

import pytest

from agents.training.requests import NoteShadow, ShadowNoted
from config.settings import Settings
from runtime.artefacts.registry import JudgedRow
from runtime.learning_world import LearningWorld
from runtime.model_store import ModelStore
from runtime.training.overview import FamilyLine, overview
from runtime.training.places import Child
from tests.unit.test_learning_world import Behind
from tests.unit.test_model_store import NOW_NS, a_candidate

UNTIL_NS = NOW_NS + 5 * 86_400_000_000_000


class Shelf:
    """A store with one candidate, and the world that notes what becomes of it."""

    def __init__(self, folder: Path, *, has_passed: bool = True) -> None:
        self.store = ModelStore(folder)
        self.version = self.store.put(a_candidate(), NOW_NS).version
        gate = "" if has_passed else "forecast.p_value"
        self.store.note_verdict(
            JudgedRow(
                family="har",
                at_ns=NOW_NS,
                version=self.version,
                is_promoted=has_passed,
                failed_gate=gate,
                detail="told",
                effective_trials=1.0,
            )
        )
        self.world = LearningWorld(Behind(), folder, Settings(), Child(), is_virtual=True)

    def shadow(self, until_ns: int, failed_gate: str = "", detail: str = "") -> None:
        """Note a step of the shadow, twice, as a learner that was rebuilt does."""
        request = NoteShadow(
            family="har",
            version=self.version,
            at_ns=NOW_NS,
            until_ns=until_ns,
            failed_gate=failed_gate,
            detail=detail,
        )
        for _ in range(2):
            reply = self.world.perform(request, now_ns=NOW_NS, epoch=1).reply
            assert reply == ShadowNoted(request=request)

    def line(self) -> FamilyLine:
        """Return what is told of the family."""
        (line,) = overview(self.store)
        return line


@pytest.mark.parametrize(("has_passed", "verdict"), [(True, "passed"), (False, "refused")])
def test_a_verdict_stands_by_itself(tmp_path: Path, has_passed: bool, verdict: str) -> None:
    """Nothing serves by it yet."""
    line = Shelf(tmp_path, has_passed=has_passed).line()

    assert (line.verdict, line.in_shadow, line.serves) == (verdict, "", "")
    assert line.is_promoted == has_passed


def test_a_candidate_in_shadow_is_told_with_its_time(tmp_path: Path) -> None:
    """It is kept however many are trained after it, and is noted once."""
    shelf = Shelf(tmp_path)
    shelf.shadow(UNTIL_NS)

    line = shelf.line()

    assert line.verdict.startswith("passed, in shadow until 2")
    assert line.in_shadow.startswith(f"{shelf.version} until 2")
    assert sum(row.family == "har" for row in shelf.store.registry().rows) == 3  # trial, verdict


def test_the_end_of_a_shadow_replaces_the_verdict(tmp_path: Path) -> None:
    """Refused with the test that it failed, whatever the past had said."""
    shelf = Shelf(tmp_path)
    shelf.shadow(UNTIL_NS)
    shelf.shadow(0, "shadow.excess_errors", "shadow.excess_errors: 2.5 not within 2")

    line = shelf.line()

    assert (line.verdict, line.in_shadow) == ("refused after its shadow", "")
    assert (line.is_promoted, line.failed_gate) == (False, "shadow.excess_errors")
    assert line.detail == "shadow.excess_errors: 2.5 not within 2"


def test_what_was_promoted_and_taken_back_is_told(tmp_path: Path) -> None:
    """Promoted while it serves; then who fell, and why."""
    shelf = Shelf(tmp_path)
    shelf.shadow(UNTIL_NS)
    shelf.shadow(0)
    shelf.store.promote("har", shelf.version, NOW_NS + 1)
    assert (shelf.line().verdict, shelf.line().serves) == ("promoted", shelf.version)

    shelf.store.serve("har", "", "demoted: baseline.champion_worse_p_value: 0.01", NOW_NS + 2)

    line = shelf.line()
    assert line.serves == ""
    assert line.taken_back == f"{shelf.version}: demoted: baseline.champion_worse_p_value: 0.01"
