"""A training as a folder: what it is given, what came of it, and why it ended early.

Bars and result travel as files, so that a Ray task, a child process and the same training asked for
again after a crash are one thing: a job that has its result is not done twice.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from blackboard.errors import ConfigError
from config.settings import Settings
from models.market.bars import BAR_DTYPE, BarArray
from runtime.book import write_atomically
from runtime.model_store import ModelStore
from runtime.training.lesson import Lesson
from runtime.training.session import Graduation, graduate

JOB_FILE, BARS_FILE, RESULT_FILE, END_FILE = "job.json", "bars.npz", "result.json", "end.txt"
JOBS_MAX: Final = 16
"""Latest jobs whose folders are kept."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One training."""

    family: str
    attempt_ns: int
    is_refresh: bool
    seed: int
    settings: str
    """The settings as JSON."""
    models: str
    """Folder of the store."""
    is_timed: bool = True
    """Whether a model that answers too slowly is refused; not in virtual time, where the same run
    must have the same verdict on every machine."""
    code_hash: str


class JobFolder:
    """Where one job lies."""

    def __init__(self, models: Path, family: str, attempt_ns: int) -> None:
        if not family.isidentifier():
            raise ConfigError(f"family must be a plain name, was {family!r}")
        self.path = models / "jobs" / f"{family}-{attempt_ns}"
        self.checkpoints = models / "checkpoints" / family

    def write(self, job: Job, bars: dict[str, BarArray]) -> None:
        """Write what the training needs."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.path / END_FILE).unlink(missing_ok=True)
        with (self.path / BARS_FILE).open("wb") as file:
            np.savez(file, allow_pickle=False, **bars)
        write_atomically(self.path / JOB_FILE, msgspec.json.encode(job))

    def result(self) -> Graduation | None:
        """Return what came of it, None while there is nothing."""
        try:
            return msgspec.json.decode((self.path / RESULT_FILE).read_bytes(), type=Graduation)
        except FileNotFoundError:
            return None

    def why_ended(self) -> str:
        """Return why it was ended early, empty if it was not."""
        try:
            return (self.path / END_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def forget_others(self) -> None:
        """Remove the folders of the oldest jobs."""
        jobs = sorted(self.path.parent.iterdir(), key=lambda one: one.name.rpartition("-")[2])
        for path in jobs[:-JOBS_MAX]:
            shutil.rmtree(path, ignore_errors=True)


def run_job(path: Path) -> None:
    """Do the training of a folder and write its result."""
    job = msgspec.json.decode((path / JOB_FILE).read_bytes(), type=Job)
    folder = JobFolder(Path(job.models), job.family, job.attempt_ns)
    settings = Settings.model_validate_json(job.settings)
    expiry_days = settings.agents.learner.training.expiry_days
    store = ModelStore(Path(job.models), job.code_hash, expiry_days)
    folder.checkpoints.mkdir(parents=True, exist_ok=True, mode=0o700)
    lesson = Lesson(
        bars=_bars(path / BARS_FILE),
        settings=settings,
        seed=job.seed,
        checkpoints=folder.checkpoints,
    )
    graduation = graduate(
        job.family,
        lesson,
        store,
        now_ns=job.attempt_ns,
        is_refresh=job.is_refresh,
        is_timed=job.is_timed,
    )
    write_atomically(path / RESULT_FILE, msgspec.json.encode(graduation))
    shutil.rmtree(folder.checkpoints, ignore_errors=True)  # they are of no use to the next one


def _bars(path: Path) -> dict[str, BarArray]:
    with np.load(path, allow_pickle=False) as archive:
        return {symbol: archive[symbol].astype(BAR_DTYPE) for symbol in archive.files}
