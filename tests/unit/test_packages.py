"""What is reduced without a package is decided before the start and said in one line."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

import launch
from agents.served_model import ServedModel
from config.agent import Mode
from config.settings import Settings
from models.learning.drift import LossStream
from runtime.artefacts.formats import UnknownFormat, check_content
from runtime.feeds.text_source import AbsentTexts
from runtime.packages import (
    OPTIONAL,
    REQUIRED,
    is_present,
    missing,
    missing_lines,
    needs_one_process,
    version_of,
    without_missing,
)
from runtime.training.lesson import Lesson
from runtime.training.session import graduate
from tests.without_packages import without

ROOT = Path(__file__).parents[2]


def test_nothing_is_missing_where_everything_is_installed() -> None:
    """The table names modules that exist; a slip of the pen would tell of a loss."""
    assert [package.name for package in missing()] == []
    assert all(is_present(module) for _, module in REQUIRED)
    assert all(version_of(package.name) for package in OPTIONAL)
    assert without_missing(Settings()) == Settings()


def test_every_package_of_the_installation_is_examined() -> None:
    """Whatever the installation asks for is either needed by everything or has its reduction."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}  # type: ignore[index]

    told = {package.name for package in OPTIONAL} | {name for name, _ in REQUIRED}
    assert asked - told == {"MetaTrader5"}  # it has its own finding, on Windows alone


def test_each_missing_package_is_one_line_with_its_mend() -> None:
    """What is reduced, and how to get it back."""
    with without("xgboost", "tweepy"):
        lines = list(missing_lines())

    assert [line.partition(":")[0] for line in lines] == [
        "xgboost-cpu is missing",
        "tweepy is missing",
    ]
    assert all(line.endswith("(python -m pip install -e .)") for line in lines)


@pytest.mark.parametrize(
    ("module", "agent"), [("pandas_ta_classic", "technical"), ("sklearn", "portfolio")]
)
def test_an_agent_that_cannot_step_is_disabled(module: str, agent: str) -> None:
    """The same switch as an operator's, so that every reader of the settings knows."""
    with without(module):
        settings = without_missing(Settings())

    assert settings.mode(agent) is Mode.DISABLED
    assert Settings().mode(agent) is Mode.ENABLED


def test_what_several_processes_need_makes_one_of_them() -> None:
    """Without Ray the run is not refused; without a model's package it is not reduced so far."""
    with without("ray"):
        assert needs_one_process()
    with without("torch"):
        assert not needs_one_process()


def test_a_training_without_its_package_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The learner is told which package, and goes on."""

    def train(_lesson: Lesson) -> None:
        raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")

    monkeypatch.setattr("runtime.training.session.TRAINERS", {"sentiment": train})
    monkeypatch.setattr("runtime.training.session._champion", lambda *_: {})
    lesson = Lesson(bars={}, settings=Settings(), seed=1)

    came = graduate("sentiment", lesson, None, now_ns=1, is_refresh=False)  # type: ignore[arg-type]

    assert came.manifest is None
    assert came.reason == "the package xgboost is missing"


def test_a_model_without_its_package_is_not_served() -> None:
    """Whoever would serve it tells why, and the baseline answers."""

    def load(_files: object) -> object:
        raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")

    served: ServedModel[object] = ServedModel("xgboost", (), load)
    served._take("xgboost/1", {})

    assert served._failures["xgboost/1"] == ("not_loaded: No module named 'xgboost'", False)


def test_losses_without_river_raise_no_alarm() -> None:
    """The stream takes what it is told and says nothing."""
    with without("river"):
        stream = LossStream()

    assert all(stream.add(close, close + 1, 10.0 ** (close % 7)) is None for close in range(500))


def test_tensors_without_their_reader_are_refused() -> None:
    """A file that cannot be checked is not used."""
    with without("safetensors"), pytest.raises(UnknownFormat, match="safetensors is missing"):
        check_content("model.safetensors", b"")


def test_a_source_without_its_package_says_so_at_every_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing comes of it, and the reason stands in TextsRead."""
    from runtime.feeds.sources import _posts

    monkeypatch.delitem(sys.modules, "runtime.feeds.x_posts", raising=False)
    with without("tweepy"):
        source = _posts(Settings(), None, None)  # type: ignore[arg-type]

    assert isinstance(source, AbsentTexts)
    assert source.fetch(1).problem == "the package tweepy is missing"


def test_what_cannot_be_reduced_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A verb whose package is missing ends with exit code 1 and no traceback."""

    def app() -> None:
        raise ModuleNotFoundError("No module named 'optuna'", name="optuna")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "app", app)
    with pytest.raises(SystemExit, match="1"):
        launch.main()

    assert capsys.readouterr().err == "quorum: a package is missing: No module named 'optuna'\n"
