"""What a person does to one agent: kept over restarts, refused with a reason, told from when on."""

import asyncio
import json
import re
import stat
import sys
from pathlib import Path

import pytest

from blackboard.errors import ConfigError
from config.agent import Mode
from config.loading import load_settings
from config.settings import Settings
from runtime.book import Book
from runtime.clock import ScaledClock
from runtime.council import ORDER
from runtime.mailbox import take
from runtime.overrides import in_force, keep_override, read_overrides
from runtime.preparation import StartOptions, continues_book
from runtime.run_plan import PLAN_FILE, RunPlan, read_plan
from runtime.status import write_status
from runtime.switching import SWITCHED_NOW, reset, restart, switch, switched
from tests.command_line import CommandLine
from tests.statuses import a_status


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line with an empty state folder."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Return a book that was started once and is not running."""
    return started(tmp_path)


def started(home: Path, *, is_virtual: bool = False, **agents: str) -> Book:
    """Return a book with the plan of its latest start."""
    found = Book(home / "books" / "embedded")
    found.mailbox.mkdir(parents=True)
    modes = {name: {"enabled": mode} for name, mode in agents.items()}
    settings = Settings.model_validate({"home": str(home), "agents": modes})
    plan = RunPlan(
        run_id="1",
        folder=str(found.folder),
        settings_json=settings.model_dump_json(),
        clock=ScaledClock(wall_anchor_ns=0, market_anchor_ns=0, speed=1.0),
        is_virtual=is_virtual,
        is_paced=True,
        start_ns=0,
    )
    plan.write()
    return found


def run(book: Book, host: str = "ray") -> Book:
    """Let this process be the driver of a book."""
    write_status(book.state, a_status(book=book.name, host=host))
    return book


def letters(book: Book) -> list[tuple[str, str, str]]:
    """Return what was handed to the driver."""
    return [(each.command, each.argument, each.origin) for each in take(book.mailbox)]


def test_choice_is_kept_privately_until_it_is_taken_back(book: Book) -> None:
    """It survives the process, nobody else reads it, and reset forgets one agent's alone."""
    assert switch(book, "sentiment", Mode.DISABLED, "cli").text == (
        "sentiment off: at next start (nothing is running)"
    )
    switch(book, "lstm_vol", Mode.SHADOW, "cli")

    assert read_overrides(book) == {"sentiment": Mode.DISABLED, "lstm_vol": Mode.SHADOW}
    if sys.platform != "win32":
        assert stat.S_IMODE(book.overrides.stat().st_mode) == 0o600
    assert reset(book, "sentiment").text == "sentiment as configured: at next start"
    assert read_overrides(book) == {"lstm_vol": Mode.SHADOW}
    with pytest.raises(ConfigError, match="sentiment has no override"):
        reset(book, "sentiment")


@pytest.mark.parametrize("agent", sorted(SWITCHED_NOW))
def test_a_run_on_ray_is_told_at_once(book: Book, agent: str) -> None:
    """An opinion agent is switched while the others trade, and the choice is kept as well."""
    answer = switch(run(book), agent, Mode.DISABLED, "console")

    assert answer.text == f"{agent} off: applied now"
    assert letters(book) == [("switch", f"{agent} false", "console")]
    assert read_overrides(book) == {agent: Mode.DISABLED}


def test_a_change_of_mind_reaches_a_driver_that_still_applies_the_first(book: Book) -> None:
    """The plan tells of a switch only once it is done: the second is handed over all the same."""
    switch(run(book), "sentiment", Mode.DISABLED, "console")
    switch(book, "sentiment", Mode.ENABLED, "console")

    assert [argument for _, argument, _ in letters(book)] == ["sentiment false", "sentiment true"]
    assert read_overrides(book) == {"sentiment": Mode.ENABLED}


def test_a_mode_that_holds_already_starts_nobody_anew(book: Book) -> None:
    """The cluster of the run ends no process for it."""
    from runtime.cluster import Cluster  # it imports ray

    cluster = Cluster(read_plan(book.folder / PLAN_FILE))  # it has no process that it could end

    asyncio.run(cluster.switch("sentiment true"))


@pytest.mark.parametrize("agent", ["execution", "supervisor"])
def test_who_may_have_an_order_under_way_waits_for_the_next_start(book: Book, agent: str) -> None:
    """Nothing is handed over, and the answer says why."""
    answer = switch(run(book), agent, Mode.SHADOW, "cli")

    assert answer.text == f"{agent} in shadow: at next start (an order may be under way by it)"
    assert letters(book) == []


def test_runs_that_cannot_switch_say_so(tmp_path: Path) -> None:
    """One process has no process to end, and virtual time would stand still."""
    one = run(started(tmp_path / "one"), host="in-process")
    virtual = run(started(tmp_path / "virtual", is_virtual=True))

    assert "all agents share one process" in switch(one, "sentiment", Mode.SHADOW, "cli").text
    assert "time stands still" in switch(virtual, "sentiment", Mode.SHADOW, "cli").text
    assert [*letters(one), *letters(virtual)] == []


@pytest.mark.parametrize(
    ("agent", "mode", "reason"),
    [
        ("data", Mode.DISABLED, "without prices no order is safe"),
        ("data", Mode.SHADOW, "without prices no order is safe"),
        ("risk", Mode.DISABLED, "without limits no order is safe"),
        ("risk", Mode.SHADOW, "without limits no order is safe"),
        ("nobody", Mode.ENABLED, "must be one of data, technical"),
    ],
)
def test_unsafe_choice_is_refused_with_its_reason(
    book: Book, agent: str, mode: Mode, reason: str
) -> None:
    """Nothing is kept and nothing is handed over."""
    with pytest.raises(ConfigError, match=reason):
        switch(run(book), agent, mode, "cli")

    assert read_overrides(book) == {}
    assert letters(book) == []


def test_risk_may_go_once_execution_is_to_go(book: Book) -> None:
    """What waits for the next start counts when the next choice is judged."""
    switch(book, "execution", Mode.DISABLED, "cli")

    assert "at next start" in switch(book, "risk", Mode.DISABLED, "cli").text
    with pytest.raises(ConfigError, match="without limits"):
        switch(book, "execution", Mode.ENABLED, "cli")


def test_restart_needs_a_process_of_its_own(tmp_path: Path) -> None:
    """On Ray any agent that takes part begins anew; elsewhere the refusal says why."""
    book = started(tmp_path / "ray", sentiment="false")
    with pytest.raises(ConfigError, match="nothing is running"):
        restart(book, "data", "cli")

    assert restart(run(book), "data", "cli").text == "data restarted: applied now"
    assert letters(book) == [("restart", "data", "cli")]
    with pytest.raises(ConfigError, match="sentiment is switched off"):
        restart(book, "sentiment", "cli")
    with pytest.raises(ConfigError, match="share one process"):
        restart(run(started(tmp_path / "one"), host="in-process"), "data", "cli")


def test_a_run_over_history_has_nothing_to_keep(tmp_path: Path) -> None:
    """No start continues it."""
    with pytest.raises(ConfigError, match="a run over history"):
        switch(Book(tmp_path / "runs" / "1"), "sentiment", Mode.SHADOW, "cli")


@pytest.mark.parametrize("argument", ["", "sentiment", "sentiment loud", "risk false", "x false"])
def test_driver_takes_no_other_switch(argument: str) -> None:
    """A letter that another program left cannot switch what the verb would refuse."""
    with pytest.raises(ConfigError):
        switched(Settings(), argument)


def test_override_goes_before_the_file_and_behind_the_environment(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config show` tells its origin; what is set for this very start wins."""
    file = tmp_path / "own.yaml"
    file.write_text(f"home: {tmp_path}\nagents: {{sentiment: {{enabled: true}}}}\n")
    keep_override(book, "sentiment", Mode.SHADOW)
    keep_override(book, "learner", Mode.DISABLED)

    monkeypatch.setenv("QUORUM_AGENTS__LEARNER__ENABLED", "true")
    found = in_force(load_settings(file, env_file=tmp_path / "none"))

    assert found.settings.mode("sentiment") is Mode.SHADOW
    assert found.origins["agents.sentiment.enabled"] == "operator's override of book embedded"
    assert found.settings.mode("learner") is Mode.ENABLED
    assert found.origins["agents.learner.enabled"] == "environment"


@pytest.mark.parametrize("content", [b"{", b'{"nobody": "true"}', b'{"data": "loud"}', b"[]"])
def test_damaged_choices_are_refused(book: Book, content: bytes) -> None:
    """Who takes part is never guessed."""
    book.overrides.write_bytes(content)

    with pytest.raises(ConfigError, match=re.escape(book.overrides.name)):
        read_overrides(book)


def test_a_run_over_history_takes_no_override() -> None:
    """It shares nothing with a book, so that it can be repeated."""
    settings = Settings()
    history = Settings.model_validate({"market": {"history": {"path": "bars"}}})

    assert continues_book(settings, StartOptions())
    assert not continues_book(settings, StartOptions(is_fresh=True))
    assert not continues_book(history, StartOptions())


def test_next_start_takes_the_choice(quorum: CommandLine) -> None:
    """The verb, the start after it, the list, and reset, as an operator sees them."""
    options = ("--symbols", "EURUSD", "--duration", "1h")
    assert quorum.trade(*options).code == 0
    assert quorum("agents", "shadow", "data").code == 3
    told = json.loads(quorum("agents", "disable", "sentiment", "--json").out)
    assert told["text"] == "sentiment off: at next start (nothing is running)"
    assert "override off at next start" in quorum("agents").out

    before = len(quorum.entries())
    assert quorum.trade(*options).code == 0
    assert "sentiment" not in {entry.author for entry in quorum.entries()[before:]}
    lines = json.loads(quorum("agents", "list", "--json").out)
    assert [line["name"] for line in lines] == list(ORDER)
    assert [line["name"] for line in lines if line["health"] == "off"] == ["sentiment"]
    shown = json.loads(quorum("config", "show", "--json").out)["settings"]
    assert shown["agents.sentiment.enabled"]["origin"] == "operator's override of book embedded"

    assert "as configured: at next start" in quorum("agents", "reset", "sentiment").out
    shown = json.loads(quorum("config", "show", "--json").out)["settings"]
    assert shown["agents.sentiment.enabled"]["origin"] == "default.yaml"
