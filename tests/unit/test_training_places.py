"""Where trainings run: what is on its way when a run ends is ended with it."""

from pathlib import Path

import psutil

from runtime.training.places import Child


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
