"""The process in which a training runs: it gives way to those that trade, and keeps its budget."""

from pathlib import Path

import msgspec

from config.settings import Settings
from runtime.machine.current import MACHINE
from runtime.training.budget import Budget
from runtime.training.job import JOB_FILE, Job, run_job


def work(path: Path) -> None:
    """Do the job of a folder in this process, which is of no other use afterwards."""
    MACHINE.lower_priority()
    job = msgspec.json.decode((path / JOB_FILE).read_bytes(), type=Job)
    section = Settings.model_validate_json(job.settings).agents.learner.training
    with Budget(path, section.time_s, section.memory_mb):
        run_job(path)
