"""What stands in docs/deploy, held against the real Prometheus."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, Final

import httpx
import msgspec
import pytest
import uvicorn
import yaml
from prometheus_client.parser import text_string_to_metric_families

from blackboard.entry import Entry
from blackboard.facts import (
    AnyFact,
    Bar,
    CalendarCoverage,
    Decision,
    DriftDetected,
    EquityMark,
    Exposure,
    FeedStatus,
    GateReport,
    LimitBreached,
    OrderOutcome,
    ParametersChanged,
    TradeClosed,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.control import TradingState
from blackboard.facts.execution import Outcome
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from models.market.sessions import SECOND_NS
from runtime.console.access import Access
from runtime.console.app import Site
from runtime.console.metrics import Metrics
from runtime.console.present import Present
from runtime.ray_session import free_port
from runtime.status import Status
from tests.builders import T0_NS, an_entry
from tests.console_run import TOKEN, plan_in, status_of_run
from tests.recorded_run import entries_of_run
from tests.samples import sample

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
WAIT_S = 60.0
BEFORE, AFTER = 20, 40
"""Minutes of life before and after a cause."""
Labels = tuple[tuple[str, str], ...]
Series = dict[tuple[str, Labels], float]

pytestmark = [
    pytest.mark.console,
    pytest.mark.timeout(200),
    pytest.mark.skipif(sys.platform == "win32", reason="Debian's Prometheus is meant"),
    pytest.mark.skipif(which("prometheus") is None, reason="there is no Prometheus here"),
]


def series_of(metrics: Metrics) -> Series:
    """Return what a scrape would give."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for one in family.samples
    }


def the(fact: AnyFact, **changes: object) -> AnyFact:
    """Return a fact with other fields."""
    changed: AnyFact = msgspec.structs.replace(fact, **changes)
    return changed


def risk_is(status: Status, health: str, restarts: int) -> Status:
    """Return the status with another health of the one agent in it."""
    (agent,) = status.agents
    changed = msgspec.structs.replace(agent, health=health, restarts=restarts)
    return msgspec.structs.replace(status, agents=[changed])


def state_of(state: TradingState) -> AnyFact:
    """Return a change to a trading state."""
    return the(sample(TradingStateChanged), state=state)


def slow_decisions() -> list[Entry]:
    """Return bars and decisions that came twenty seconds later."""
    bar, decision = sample(Bar), sample(Decision)
    pairs: list[Entry] = []
    for number in range(20):
        ts_ns = T0_NS + number * 900 * SECOND_NS
        pairs.append(an_entry(bar, seq=10 + 2 * number, ts_ns=ts_ns))
        late = an_entry(the(decision, scope=bar.scope), seq=11 + 2 * number, ts_ns=ts_ns)
        known_ns = pairs[-1].known_at_ns + 20 * SECOND_NS
        pairs.append(msgspec.structs.replace(late, known_at_ns=known_ns))
    return pairs


CAUSES: Final[dict[str, Callable[[], list[AnyFact | Entry]]]] = {
    "QuorumHalted": lambda: [state_of(TradingState.HALTED)],
    "QuorumReducing": lambda: [state_of(TradingState.REDUCING)],
    "QuorumSafe": lambda: [state_of(TradingState.SAFE)],
    "QuorumDrawdown": lambda: [the(sample(EquityMark), drawdown_frac=0.09)],
    "QuorumFeedStale": lambda: [the(sample(FeedStatus), state=FeedState.STALE)],
    "QuorumCalendarUnknown": lambda: [the(sample(CalendarCoverage), state=Coverage.UNKNOWN)],
    "QuorumOrderUnknown": lambda: [the(sample(OrderOutcome), outcome=Outcome.UNKNOWN)],
    "QuorumLimitCrossed": lambda: [sample(LimitBreached)],
    "QuorumSlow": lambda: [*slow_decisions()],
}
"""What brings an alert about, as facts."""
KINDS: Final[tuple[type[Any], ...]] = (
    CalendarCoverage,
    DriftDetected,
    Exposure,
    FeedStatus,
    GateReport,
    LimitBreached,
    OrderOutcome,
    ParametersChanged,
    TradeClosed,
    VoterWeights,
)
"""Facts beside those of the recorded run, so that every figure is told."""
OF_THE_DRIVER: Final = frozenset({"QuorumAgentDown", "QuorumAgentRestarts"})
OF_PROMETHEUS: Final = frozenset({"QuorumSilent", "QuorumClockStands"})


def before_and_after(alert: str, folder: Path) -> tuple[Series, Series]:
    """Return the figures of a sound system, and those once the cause has come."""
    plan = plan_in(folder)
    metrics = Metrics(plan)
    calm: list[AnyFact] = [
        state_of(TradingState.ACTIVE),
        the(sample(FeedStatus), state=FeedState.LIVE),
        the(sample(CalendarCoverage), state=Coverage.COVERED),
        the(sample(EquityMark), drawdown_frac=0.01),
        the(sample(OrderOutcome), outcome=Outcome.UNKNOWN),
        sample(LimitBreached),
    ]
    for seq, fact in enumerate(calm, start=1):
        metrics.add(an_entry(fact, seq=seq))
    status = status_of_run(entries_of_run())
    metrics.tell(status)
    before = series_of(metrics)
    for cause in CAUSES.get(alert, list)():
        metrics.add(cause if isinstance(cause, Entry) else an_entry(cause, seq=8))
    if alert == "QuorumAgentDown":
        metrics.tell(risk_is(status, "down", 1))
    return before, series_of(metrics)


def rule_test(alert: str, rule: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a test of promtool: calm, the cause, and the alert that must then fire."""
    before, after = before_and_after(alert, folder)
    own = {"job": "quorum", "instance": "127.0.0.1:8280"}
    rows = []
    for name, labels in after:
        text = ",".join(f'{key}="{value}"' for key, value in {**dict(labels), **own}.items())
        early = before.get((name, labels), 0.0)
        late = after[name, labels]
        values = f"{early:g}+0x{BEFORE} {late:g}+0x{AFTER}"
        if name == "quorum_board_entries":
            grows = "0" if alert == "QuorumClockStands" else "1"
            values = f"{early:g}+1x{BEFORE} {early + BEFORE:g}+{grows}x{AFTER}"
        if alert == "QuorumAgentRestarts" and name == "quorum_agent_restarts":
            values = f"{early:g}+0x{BEFORE} {early:g}+1x{AFTER}"
        if alert == "QuorumSlow" and name.startswith("quorum_bar_to_decision"):
            values = f"{early:g}+0x{BEFORE} {early:g}+{late:g}x{AFTER}"
        rows.append({"series": f"{name}{{{text}}}", "values": values})
    up = "0" if alert == "QuorumSilent" else "1"
    rows.append({"series": 'up{job="quorum"}', "values": f"1+0x{BEFORE} {up}+0x{AFTER}"})
    return {"name": alert, "interval": "1m", "input_series": rows}


def firing(evaluated: str) -> set[str]:
    """Return the names of the alerts that promtool found firing."""
    return set(re.findall(r'alertname="(\w+)"', evaluated))


@pytest.mark.parametrize("alert", sorted({*CAUSES, *OF_THE_DRIVER, *OF_PROMETHEUS}))
def test_every_alert_fires_by_its_cause_and_not_before(alert: str, tmp_path: Path) -> None:
    """Prometheus' own evaluation: silent while all is well, firing some minutes after the cause."""
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert set(rules) == {*CAUSES, *OF_THE_DRIVER, *OF_PROMETHEUS}
    case = rule_test(alert, rules[alert], tmp_path)
    # promtool prints what it got where nothing is expected, which tells what fires with all labels.
    moment = f"{BEFORE + 8}m"
    case["alert_rule_test"] = [
        {"eval_time": f"{BEFORE - 2}m", "alertname": alert, "exp_alerts": []},
        {"eval_time": moment, "alertname": alert, "exp_alerts": []},
    ]
    file = tmp_path / "test.yml"
    rule_file = str(DEPLOY / "alerts.yml")
    file.write_text(yaml.safe_dump({"rule_files": [rule_file], "tests": [case]}))
    found = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    said = found.stdout + found.stderr
    assert found.returncode == 1, said
    assert firing(said) == {alert}, said
    assert f"time: {moment}" in said
    assert f"time: {BEFORE - 2}m" not in said


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve the metrics of the recorded run, with one fact more of each kind; give the port."""
    plan = plan_in(folder)
    present, metrics = Present(plan.settings, 0), Metrics(plan)
    entries = entries_of_run()
    for entry in entries:
        metrics.add(entry)
    for number, kind in enumerate(KINDS, start=1):
        metrics.add(an_entry(sample(kind), seq=entries[-1].seq + number))
    metrics.tell(status_of_run(entries))
    port = free_port(20_000)
    access = Access(TOKEN, frozenset({f"127.0.0.1:{port}"}), 60.0)
    site = Site(plan, present, access, metrics, lambda: False)
    server = uvicorn.Server(
        uvicorn.Config(site.application(), port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10.0)


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[str]:
    """Run Prometheus with our files, its target and pace changed; give its address."""
    (folder / "token").write_text(TOKEN)
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "alerts.yml")]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    job["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port(21_000)
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20.0)


def answers(address: str, expression: str) -> list[Any]:
    """Return the result of a query, empty while Prometheus does not answer."""
    try:
        reply = httpx.get(f"{address}/api/v1/query", params={"query": expression}, timeout=5.0)
        result: list[Any] = reply.json()["data"]["result"]
    except (httpx.HTTPError, KeyError, ValueError):
        return []
    return result


def test_a_real_prometheus_scrapes_us_and_every_panel_has_data(tmp_path: Path) -> None:
    """The scrape succeeds with our token, and each query of the dashboard has a result."""
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    wanted = [target["expr"] for panel in panels for target in panel["targets"]]
    with served(tmp_path) as target, prometheus(tmp_path, target) as address:
        end_s = time.monotonic() + WAIT_S  # noqa: TID251 - a test outside of the system's clocks
        missing = wanted
        while missing and time.monotonic() < end_s:  # noqa: TID251
            time.sleep(1.0)
            missing = [one for one in missing if not answers(address, one)]
        up = answers(address, 'up{job="quorum"} == 1')
    assert up
    assert missing == []
