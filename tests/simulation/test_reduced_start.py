"""Without a package or a key the system starts, says what is reduced, and trades or holds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from blackboard.entry import Entry
from blackboard.facts import Decision, PortfolioBudget, Vote
from blackboard.facts.decision import Action
from config.secrets import SECRET_SOURCES, Secrets
from config.settings import Settings
from runtime.feeds.lacking_keys import lacking_keys
from runtime.packages import OPTIONAL
from runtime.proof.lineage import entries_of
from tests.command_line import CommandLine

ROOT = Path(__file__).parents[2]
TOGETHER = (
    *(
        "xgboost",
        "stable_baselines3",
        "gymnasium",
        "transformers",
        "tweepy",
        "torch",
        "telegram",
        "matplotlib",
    ),
    *("plotly", "fastapi", "prometheus_client", "river", "arch", "optuna", "skops", "safetensors"),
    *("vaderSentiment", "sklearn", "uvicorn", "ray", "MetaTrader5"),
)
"""Everything but what the rules are computed with."""


class Run(NamedTuple):
    """What a start without some packages came to."""

    code: int
    said: str
    entries: list[Entry]

    def of(self, kind: type) -> list[Entry]:
        """Return the entries of one kind of facts."""
        return [entry for entry in self.entries if isinstance(entry.fact, kind)]


def run_without(home: Path, *modules: str, host: tuple[str, ...] = ("--in-process",)) -> Run:
    """Trade two hours of market time in a process that has not these packages."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.without_packages", ",".join(modules)),
            *("up", *host, "--speed", "max", "--duration", "2h", "--learn"),
            *("--symbols", "EURUSD,USDJPY"),
        ],
        cwd=ROOT,
        env={**os.environ, "QUORUM_HOME": str(home), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    journal = home / "books" / "embedded" / "journal"
    said = done.stdout + done.stderr
    return Run(done.returncode, said, list(entries_of(journal)) if journal.is_dir() else [])


def line_of(said: str, name: str) -> str:
    """Return the one line that tells of a package."""
    (line,) = (line for line in said.splitlines() if line.startswith(f"note: {name} is missing: "))
    return line


def trades_on(run: Run, *modules: str) -> None:
    """Hold a run against what the start has said of the packages."""
    assert run.code == 0, run.said[-2000:]
    assert "Traceback" not in run.said
    for package in OPTIONAL:
        if package.module in modules:
            assert package.without in line_of(run.said, package.name)
    decided = {entry.fact.scope for entry in run.of(Decision)}
    assert decided == {"EURUSD", "USDJPY"}
    if "pandas_ta_classic" in modules:
        assert not [entry for entry in run.of(Vote) if entry.author == "technical"]
        facts = [entry.fact for entry in run.entries if isinstance(entry.fact, Decision)]
        assert all(fact.action is Action.HOLD and fact.blocked_by for fact in facts)
        assert not [entry for entry in run.entries if entry.kind == "OrderIntent"]
    else:
        assert [entry for entry in run.of(Vote) if entry.author == "technical"]
    assert bool(run.of(PortfolioBudget)) == ("sklearn" not in modules)


def test_everything_optional_may_be_missing_at_once(tmp_path: Path) -> None:
    """Rules trade on without models, networks, console, charts, messenger and cluster."""
    run = run_without(tmp_path / "var", *TOGETHER, host=())

    trades_on(run, *TOGETHER)
    assert "all agents run in one process" in run.said


def test_without_its_indicators_nothing_is_entered(tmp_path: Path) -> None:
    """The technical agent is disabled, so every decision is a hold, and each says why."""
    run = run_without(tmp_path / "var", "pandas_ta_classic")

    trades_on(run, "pandas_ta_classic")


@pytest.mark.slow
@pytest.mark.parametrize("module", [each for each in TOGETHER if each != "MetaTrader5"])
def test_each_package_may_be_missing_alone(module: str, tmp_path: Path) -> None:
    """One line names what is reduced, and the council decides."""
    trades_on(run_without(tmp_path / "var", module), module)


ASKED: dict[str, dict[str, Any]] = {
    "FMP_API_KEY": {"agents": {"sentiment": {"calendar_sources": ["fmp"]}}},
    "TWELVEDATA_API_KEY": {"agents": {"data": {"second_source": "twelvedata"}}},
    "FIXER_API_KEY": {"terminal": {"conversion_sources": ["fixer"]}},
    "EVENTREGISTRY_API_KEY": {"agents": {"sentiment": {"texts": {"sources": ["event_registry"]}}}},
    "TWITTER_BEARER_TOKEN": {"agents": {"sentiment": {"texts": {"sources": ["x"]}}}},
}
"""Keys that a feed may need, and settings that name it."""


@pytest.mark.parametrize("key", ASKED)
def test_an_absent_key_is_one_line(key: str) -> None:
    """What is reduced, by which setting, and where to get it; with the key there is no line."""
    values = ASKED[key] | {"profile": "paper", "speed": 1.0}
    terminal = {"kind": "metatrader", **values.get("terminal", {})}
    settings = Settings.model_validate(values | {"terminal": terminal})

    (line,) = lacking_keys(settings, Secrets(_env_file=None))
    assert line.startswith(f"{key} is not set, which ")
    assert SECRET_SOURCES[key] in line
    assert list(lacking_keys(settings, Secrets.model_validate({key: "x" * 20}))) == []


def test_a_run_without_a_key_says_so_and_trades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second source is asked in vain where it would be, and its absence holds up nothing."""
    for name in SECRET_SOURCES:
        monkeypatch.delenv(name, raising=False)
    quorum = CommandLine(tmp_path / "var", monkeypatch, capsys)
    said = quorum.trade(
        *(
            "--duration",
            "1h",
            "--symbols",
            "EURUSD",
            "--set",
            "agents.data.second_source=twelvedata",
        ),
        *("--set", "feeds.twelvedata.url=http://127.0.0.1:9"),
    )

    assert said.code == 0
    (line,) = (line for line in said.out.splitlines() if "is not set" in line)
    assert "the terminal is the only source of prices" in line
    assert [entry for entry in quorum.entries() if isinstance(entry.fact, Decision)]
