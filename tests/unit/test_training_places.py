"""Where trainings run: what is on its way when a run ends is ended with it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from config.settings import Settings
from runtime.model_store import ModelStore
from runtime.training.budget import OVER_BUDGET, Budget
from runtime.training.job import Job, JobFolder
from runtime.training.places import Child
from tests.random_bars import random_bars
from tests.unit.test_model_store import NOW_NS, a_candidate

ROOT = Path(__file__).resolve().parents[2]


def test_a_training_on_its_way_ends_with_its_run(tmp_path: Path) -> None:
    """No process is left behind, and whoever waits for it is told that it was ended."""
    place = Child()
    before = {process.pid for process in psutil.Process().children()}
    wait = place.start(tmp_path, time_s=60.0)
    (pid,) = {process.pid for process in psutil.Process().children()} - before

    place.close()

    assert not psutil.pid_exists(pid)
    assert wait().startswith("its process ended with")


def test_a_training_that_cannot_begin_is_a_reason(tmp_path: Path) -> None:
    """A folder without a job ends its process with a word about it."""
    assert "job.json" in Child().start(tmp_path, time_s=60.0)()


def a_job(folder: Path, **training: object) -> Path:
    """Return the folder of a training with a model that serves, and its budget."""
    settings = Settings.model_validate(
        {
            "symbols": ("EURUSD",),
            "agents": {"learner": {"training": {"bars_min": 2_000, **training}}},
        }
    )
    job = JobFolder(folder, "har", 7)
    job.write(
        Job(
            family="har",
            attempt_ns=7,
            is_refresh=False,
            seed=1,
            settings=settings.model_dump_json(),
            models=str(folder),
            code_hash="",
        ),
        {"EURUSD": random_bars(4_000)},
    )
    return job.path


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"time_s": 1.0}, "over time: more than 1 s"),
        ({"memory_mb": 200}, "over memory: more than 200 MB"),
    ],
)
def test_a_training_over_its_budget_ends_its_process_and_leaves_the_champion(
    tmp_path: Path, training: dict[str, object], reason: str
) -> None:
    """It writes down why, has no result, and what served serves, its trial uncounted."""
    store = ModelStore(tmp_path)
    version = store.put(a_candidate(), NOW_NS).version
    store.promote("har", version, NOW_NS)
    path = a_job(tmp_path, **training)
    program = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from runtime.training import job
held = []
def never(path):
    held.append(bytearray(300 << 20))
    while True:
        time.sleep(0.1)
job.run_job = never
from runtime.training import worker
worker.run_job = never
worker.work(__import__("pathlib").Path(sys.argv[1]))
"""

    done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)

    folder = JobFolder(tmp_path, "har", 7)
    assert done.returncode == OVER_BUDGET
    assert folder.why_ended() == reason
    assert folder.result() is None
    registry = ModelStore(tmp_path).registry()
    assert registry.champion("har") == version
    assert registry.judged("har") == ()


@pytest.mark.parametrize(
    ("elapsed_s", "memory_mb", "reason"),
    [
        (10.0, 200, ""),
        (10.1, 200, "over time: more than 10 s"),
        (9.0, 201, "over memory: more than 200 MB"),
    ],
)
def test_a_budget_is_over_just_beyond_its_bound(
    tmp_path: Path, elapsed_s: float, memory_mb: int, reason: str
) -> None:
    """What is used up to the last is not over."""
    assert Budget(tmp_path, 10.0, 200).excess(elapsed_s, memory_mb << 20) == reason
