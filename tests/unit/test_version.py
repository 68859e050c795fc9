"""Which program this is, and what an editor can know of its settings."""

import json
import platform
from pathlib import Path

import pytest

from config.describing import json_schema
from config.settings import Settings
from runtime.commands import version as verb
from runtime.journals.format import FORMAT
from runtime.source_hash import code_hash
from tests.command_line import CommandLine


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line on a state folder of its own."""
    return CommandLine(tmp_path / "var", monkeypatch, capsys)


def test_version_tells_what_a_report_of_a_fault_needs(quorum: CommandLine) -> None:
    """The same in words and for programs."""
    told = json.loads(quorum("version", "--json").out)
    said = quorum("version").out

    assert told["python"] == platform.python_version()
    assert told["code_hash"] == code_hash()
    assert told["journal_format"] == FORMAT
    assert all(told["packages"].values())
    assert f"quorum-fx {told['version']}" in said
    assert f"ray {told['packages']['ray']}" in said


def test_a_revision_is_told_in_a_checkout_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without git, or in an installed copy, there is none and nothing fails."""
    assert verb._revision(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert verb._revision(tmp_path) == ""


def test_the_schema_knows_every_setting_with_its_bounds(quorum: CommandLine) -> None:
    """An editor completes names, shows meanings, and marks what is out of bounds or unknown."""
    schema = json.loads(quorum("config", "schema").out)
    assert schema == json.loads(json_schema())

    risk = schema["$defs"]["RiskSection"]
    heat = risk["properties"]["heat_max"]
    assert heat["description"]
    assert {"minimum", "exclusiveMinimum"} & set(heat)
    assert {"maximum", "exclusiveMaximum"} & set(heat)
    assert heat["default"] == Settings().agents.risk.heat_max
    assert risk["additionalProperties"] is False
    assert set(schema["properties"]) == set(Settings.model_fields)
    undescribed = {
        f"{section}.{name}"
        for section, told in schema["$defs"].items()
        for name, field in told.get("properties", {}).items()
        if not field.get("description") and "$ref" not in field
    }
    assert undescribed == set()


def test_a_schema_is_written_once(quorum: CommandLine, tmp_path: Path) -> None:
    """It says the line by which an editor finds it, and replaces no file."""
    first = quorum("config", "schema", "quorum.schema.json")
    second = quorum("config", "schema", "quorum.schema.json")

    assert "# yaml-language-server: $schema=quorum.schema.json" in first.out.replace("\n", " ")
    assert json.loads((tmp_path / "quorum.schema.json").read_text())["title"] == "Quorum"
    assert second.code == 1
