"""What stands in docs/deploy works with the metrics that there are."""

import json
import re
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from config.settings import Settings
from runtime.console.metrics import Metrics
from tests.console_run import plan_in

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"


def exported(folder: Path) -> set[str]:
    """Return the names of all series that a scrape can have."""
    names = set()
    for family in text_string_to_metric_families(Metrics(plan_in(folder)).text().decode()):
        names.add(family.name)
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, ())}
    return names


def asked(expression: str) -> set[str]:
    """Return the names of our series in an expression."""
    return set(re.findall(r"quorum_\w+", expression))


def test_every_alert_asks_for_figures_that_exist(tmp_path: Path) -> None:
    """No rule waits for a series that nobody exports, and each says what to do."""
    names = exported(tmp_path)
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert asked(rule["expr"]) <= names, rule["alert"]
        assert rule["annotations"]["action"], rule["alert"]
        assert rule["labels"]["severity"] in {"page", "warn"}


def test_every_panel_asks_for_figures_that_exist_and_every_figure_has_one(tmp_path: Path) -> None:
    """The dashboard shows every family of figures, and none that is not exported."""
    names = exported(tmp_path)
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    shown = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert asked(target["expr"]) <= names, panel["title"]
            shown |= asked(target["expr"])
    families = {
        family.name
        for family in text_string_to_metric_families(
            Metrics(plan_in(tmp_path / "2")).text().decode()
        )
        if not family.name.endswith("_created")
    }
    unseen = {name for name in families if not any(one.startswith(name) for one in shown)} - {
        "quorum_limit_breaches",
        "quorum_market_time_seconds",
        "quorum_approvals",
    }
    assert unseen == {"quorum_trade_r_multiple"}


def test_prometheus_scrapes_where_the_console_listens() -> None:
    """The target is the default address of the console, with its token as a bearer."""
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    section = Settings().console
    assert job["static_configs"] == [{"targets": [f"{section.host}:{section.port}"]}]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["type"] == "Bearer"
