"""What an agent asks of models is answered by their store, everything else by the world behind."""

from pathlib import Path

import msgspec
import pytest

from agents.requests import (
    BarsRead,
    ModelRead,
    ReadBars,
    ReadModel,
    Reply,
    Request,
    Unanswered,
    Wake,
    Woken,
)
from agents.training.requests import Train
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.learning_world import LearningWorld
from runtime.model_store import ModelStore
from runtime.training.job import JOB_FILE, Job
from runtime.training.places import Child, Wait
from runtime.world import Due
from tests.random_bars import random_bars
from tests.unit.test_model_store import NOW_NS, SCHEMA, a_candidate


class Behind:
    """A world that wakes whoever asks."""

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        del epoch
        assert isinstance(request, Wake)
        return Due(now_ns, Woken(request=request))

    def broker_mark(self) -> tuple[object, ...]:
        """Return a mark."""
        return ("mark",)

    def close(self) -> None:
        """Do nothing."""


def a_world(models: Path) -> LearningWorld:
    """Return a world in virtual time whose trainings are children of this process."""
    return LearningWorld(Behind(), models, Settings(), Child(), is_virtual=True)


def asked(world: LearningWorld, version: str, schema: tuple[str, ...] = SCHEMA) -> Reply:
    """Ask for a model."""
    request = ReadModel(family="har", version=version, feature_schema=schema)
    return world.perform(request, now_ns=NOW_NS, epoch=1).reply


def test_a_stored_model_is_read(tmp_path: Path) -> None:
    """The reply holds every file of the version."""
    manifest = ModelStore(tmp_path).put(a_candidate(), NOW_NS)

    reply = asked(a_world(tmp_path), manifest.version)

    assert isinstance(reply, ModelRead)
    assert dict(reply.files) == dict(a_candidate().files)


def test_a_refused_model_is_unanswered_with_its_reason(tmp_path: Path) -> None:
    """The reason begins with the word by which the store refuses."""
    version = ModelStore(tmp_path).put(a_candidate(), NOW_NS).version
    world = a_world(tmp_path)

    replies = [asked(world, "har/0"), asked(world, version, ("other",))]

    reasons = [reply.reason for reply in replies if isinstance(reply, Unanswered)]
    assert [reason.partition(":")[0] for reason in reasons] == ["missing", "wrong_schema"]


def test_other_questions_go_on_and_make_no_folder(tmp_path: Path) -> None:
    """A run that serves no model leaves no trace of a store."""
    world = a_world(tmp_path / "models")

    due = world.perform(Wake(at_ns=5), now_ns=5, epoch=1)

    assert due.reply == Woken(request=Wake(at_ns=5))
    assert world.broker_mark() == ("mark",)
    assert not (tmp_path / "models").exists()


class Told:
    """Notes what jobs are told, and does none."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def start(self, path: Path, time_s: float) -> Wait:
        """Note the job of a folder."""
        del time_s
        self.jobs.append(msgspec.json.decode((path / JOB_FILE).read_bytes(), type=Job))
        return lambda: "not done"

    def close(self) -> None:
        """Do nothing."""


class Bars(Behind):
    """A world that has bars."""

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer a reading."""
        del epoch
        assert isinstance(request, ReadBars)
        return Due(now_ns, BarsRead(request=request, bars=random_bars(50), source="test"))


@pytest.mark.parametrize("is_virtual", [True, False])
def test_a_training_is_timed_where_time_goes_by(tmp_path: Path, is_virtual: bool) -> None:
    """In virtual time no clock may decide, and the result is due after the settings' time."""
    place, settings = Told(), Settings(symbols=("EURUSD",))
    world = LearningWorld(Bars(), tmp_path, settings, place, is_virtual=is_virtual)
    request = Train(family="har", attempt_ns=NOW_NS, is_refresh=True, seed=3)

    due = world.perform(request, now_ns=NOW_NS, epoch=1)

    (job,) = place.jobs
    assert (job.is_timed, job.is_refresh, job.seed) == (not is_virtual, True, 3)
    seconds = settings.agents.learner.training.duration_s if is_virtual else 0
    assert due.at_ns == NOW_NS + seconds * SECOND_NS
    reply = due.collect() if due.collect else due.reply
    assert reply == Unanswered(request=request, reason="not done")
