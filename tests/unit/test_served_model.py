"""A served model: switched between rounds, never mixed, and what cannot be used is a fact."""

from collections.abc import Mapping

import pytest

from agents.agent import Outbox
from agents.requests import ModelRead, ReadModel, Unanswered
from agents.served_model import ServedModel
from blackboard.entry import Draft, Entry
from blackboard.facts import AnyFact, Fact, ModelFailed, ModelPromoted, ModelRolledBack

SCHEMA = ("x",)
STEP_NS = 900_000_000_000
FIRST, SECOND = "net/1", "net/2"


def load(files: Mapping[str, bytes]) -> float:
    """Return the number in the file."""
    return float(files["model.json"])


def check(model: float) -> None:
    """Refuse a model that says less than nothing."""
    if model < 0.0:
        raise ValueError("the golden batch gave another answer")


class Family:
    """A family on its own, with the entries and replies of a test."""

    def __init__(self) -> None:
        self.served = ServedModel("net", SCHEMA, load, check)
        self.seq = 0
        self.entries: list[Entry] = []

    def see(self, fact: AnyFact) -> None:
        """Post a fact."""
        self.seq += 1
        entry = Entry(
            seq=self.seq,
            author="learner",
            epoch=1,
            fact=fact,
            ts_event_ns=0,
            known_at_ns=0,
            now_ns=0,
            read_to=0,
            key=f"learner/{self.seq}",
            causes=(),
        )
        self.entries.append(entry)
        self.served.see(entry)

    def promote(self, version: str, effective_from_ns: int) -> None:
        """Promote a version."""
        self.see(
            ModelPromoted(
                scope="net", version=version, content_hash="h", effective_from_ns=effective_from_ns
            )
        )

    def asked(self) -> list[ReadModel]:
        """Return what is asked now."""
        outbox = Outbox()
        self.served.act(outbox)
        return [request for request in outbox.requests if isinstance(request, ReadModel)]

    def failures(self) -> list[Fact]:
        """Return what is told now."""
        outbox = Outbox()
        self.served.act(outbox)
        return [draft.fact for draft in outbox.drafts]

    def read(self, version: str, content: bytes = b"1.0") -> None:
        """Answer the question for a version."""
        request = ReadModel(family="net", version=version, feature_schema=SCHEMA)
        self.served.hear(ModelRead(request=request, files=(("model.json", content),)))

    def version_at(self, close_ns: int) -> str:
        """Return who answers."""
        assert self.served.is_ready(close_ns)
        return self.served.at(close_ns).version


@pytest.fixture
def family() -> Family:
    """Return a family whose first model serves from the first close on."""
    family = Family()
    family.promote(FIRST, STEP_NS)
    family.asked()
    family.read(FIRST, b"1.0")
    return family


def test_nothing_promoted_means_the_baseline() -> None:
    """Without a promotion nothing is asked and the baseline answers at once."""
    family = Family()

    assert family.asked() == []
    assert family.version_at(STEP_NS) == ""


def test_a_promotion_is_asked_for_once(family: Family) -> None:
    """The question names version and columns, and is not repeated while it is open."""
    family.promote(SECOND, 2 * STEP_NS)

    (asked,) = family.asked()
    assert (asked.version, asked.feature_schema) == (SECOND, SCHEMA)
    assert family.asked() == []


def test_a_model_answers_from_its_close_on(family: Family) -> None:
    """The close before the switch has the old model, the close of the switch the new one."""
    family.promote(SECOND, 3 * STEP_NS)
    family.read(SECOND, b"2.0")

    assert family.version_at(2 * STEP_NS) == FIRST
    assert family.version_at(3 * STEP_NS) == SECOND
    assert family.served.at(3 * STEP_NS).model == 2.0


def test_the_old_model_goes_on_until_the_new_one_is_there(family: Family) -> None:
    """A model that comes late answers from the next round on, never in the middle of one."""
    family.promote(SECOND, 2 * STEP_NS)

    assert family.version_at(2 * STEP_NS) == FIRST
    family.read(SECOND)
    assert family.version_at(2 * STEP_NS) == FIRST
    assert family.version_at(3 * STEP_NS) == SECOND


def test_a_rebuilt_agent_waits_for_what_serves_and_keeps_the_round(family: Family) -> None:
    """Its round was begun by the old version, so it ends with it, though a newer one is there."""
    family.promote(SECOND, 2 * STEP_NS)
    rebuilt = ServedModel("net", SCHEMA, load, check)
    for entry in family.entries:
        rebuilt.see(entry)
    rebuilt.said(2 * STEP_NS, FIRST)

    assert not rebuilt.is_ready(2 * STEP_NS)
    for version in (FIRST, SECOND):
        request = ReadModel(family="net", version=version, feature_schema=SCHEMA)
        rebuilt.hear(ModelRead(request=request, files=(("model.json", b"1.0"),)))
    assert rebuilt.at(2 * STEP_NS).version == FIRST
    assert rebuilt.at(3 * STEP_NS).version == SECOND


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no number", "not_loaded"), (b"-1.0", "golden batch")]
)
def test_a_model_that_does_not_load_is_a_fact(family: Family, content: bytes, reason: str) -> None:
    """The champion stays, and the failure is told once, with its reason."""
    family.promote(SECOND, 2 * STEP_NS)
    family.read(SECOND, content)

    (failed,) = family.failures()
    assert isinstance(failed, ModelFailed)
    assert failed.version == SECOND
    assert reason in failed.reason
    assert not failed.was_serving
    family.see(failed)
    assert family.failures() == []
    assert family.version_at(2 * STEP_NS) == FIRST


def test_a_refused_artefact_is_a_fact(family: Family) -> None:
    """What the store refuses is told in the store's words."""
    family.promote(SECOND, 2 * STEP_NS)
    request = ReadModel(family="net", version=SECOND, feature_schema=SCHEMA)
    family.served.hear(Unanswered(request=request, reason="tampered: model.json"))

    (failed,) = family.failures()
    assert isinstance(failed, ModelFailed)
    assert failed.reason == "tampered: model.json"
    assert family.version_at(2 * STEP_NS) == FIRST


def test_a_model_that_says_nonsense_gives_way_to_the_baseline(family: Family) -> None:
    """It is told that it had served, and it is not asked again until it is promoted anew."""
    assert family.version_at(STEP_NS) == FIRST
    family.served.fail(FIRST, "nan")

    (failed,) = family.failures()
    assert isinstance(failed, ModelFailed)
    assert failed.was_serving
    assert family.version_at(2 * STEP_NS) == ""
    family.see(failed)
    family.promote(FIRST, 3 * STEP_NS)
    assert [asked.version for asked in family.asked()] == [FIRST]


def test_a_rollback_to_the_baseline_needs_no_file(family: Family) -> None:
    """From its close on no model answers."""
    family.see(
        ModelRolledBack(
            scope="net",
            version="",
            replaced_version=FIRST,
            reason="by hand",
            effective_from_ns=2 * STEP_NS,
        )
    )

    assert family.version_at(STEP_NS) == FIRST
    assert family.version_at(2 * STEP_NS) == ""


def test_other_families_change_nothing(family: Family) -> None:
    """A promotion of somebody else is none of ours."""
    family.see(ModelPromoted(scope="tree", version="tree/1", content_hash="h", effective_from_ns=0))

    assert family.version_at(2 * STEP_NS) == FIRST
    assert family.asked() == []


def test_a_failure_names_the_promotion_as_its_cause(family: Family) -> None:
    """`why` leads from the failure to what promoted the model."""
    family.promote(SECOND, 2 * STEP_NS)
    family.read(SECOND, b"-1.0")
    outbox = Outbox()
    family.served.act(outbox)

    (draft,) = outbox.drafts
    assert isinstance(draft, Draft)
    assert draft.causes == (family.seq,)
