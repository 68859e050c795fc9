"""Where settings come from: who goes before whom, and that every mistake is named at once."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blackboard.errors import ConfigError
from config.agent import Mode
from config.loading import LoadedSettings, load_home, load_settings
from config.secrets import SECRET_SOURCES, load_secrets
from runtime.commands import configuration

SOURCES = ("default", "file", ".env", "environment", "command line")
"""From the weakest to the strongest."""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no variable of ours set, and no .env in the folder we stand in."""
    for name in list(os.environ):
        if name.upper().startswith("QUORUM_") or name in SECRET_SOURCES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def load(
    yaml: str = "",
    dotenv: str = "",
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Load settings from all sources in the folder we stand in."""
    Path("mine.yaml").write_text(yaml, encoding="utf-8")
    Path(".env").write_text(dotenv, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        return load_settings(Path("mine.yaml"), overrides)


def refusal(
    yaml: str = "",
    dotenv: str = "",
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> list[str]:
    """Return the lines of the refusal of what cannot be loaded."""
    with pytest.raises(ConfigError) as caught:
        load(yaml, dotenv, environment, overrides)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("weak", "strong"), list(itertools.combinations(SOURCES, 2)))
def test_stronger_source_wins(weak: str, strong: str) -> None:
    """Command line > environment > .env > file > default, for every two of them."""
    given = {weak: 0.05, strong: 0.06}

    loaded = load(
        f"agents: {{risk: {{heat_max: {given['file']}}}}}" if "file" in given else "",
        f"QUORUM_AGENTS__RISK__HEAT_MAX={given['.env']}" if ".env" in given else "",
        {"QUORUM_AGENTS__RISK__HEAT_MAX": str(given["environment"])}
        if "environment" in given
        else {},
        {"agents.risk.heat_max": given["command line"]} if "command line" in given else {},
    )

    assert loaded.settings.agents.risk.heat_max == 0.06
    named = {"file": "mine.yaml"}.get(strong, strong)
    assert loaded.origins == {"agents.risk.heat_max": named}


def test_sources_add_to_each_other() -> None:
    """A source that sets one key of a section leaves the others of it alone."""
    loaded = load(
        "agents: {risk: {heat_max: 0.05, positions_max: 3}}",
        "QUORUM_AGENTS__RISK__HEAT_MAX=0.06",
        {"QUORUM_SPEED": "2"},
        {"anchor_weeks": "11"},
    )

    risk = loaded.settings.agents.risk
    assert (risk.heat_max, risk.positions_max, risk.daily_loss_max) == (0.06, 3, 0.02)
    assert (loaded.settings.speed, loaded.settings.anchor_weeks) == (2.0, 11)
    assert loaded.origins == {
        "agents.risk.heat_max": ".env",
        "agents.risk.positions_max": "mine.yaml",
        "speed": "environment",
        "anchor_weeks": "command line",
    }


def test_every_wrong_thing_is_named_at_once() -> None:
    """Six mistakes in four sources are six lines, each with path, value and what is allowed."""
    lines = refusal(
        "agents: {risk: {heat_max: 5, haet_max: 1}}\nspeeed: 1",
        "QUORUM_SEEED=1",
        {"QUORUM_SPEED": "fast"},
        {"trading.risk": "0.1"},
    )

    assert lines == [
        ".env: QUORUM_SEEED is no setting",
        "command line: trading.risk is no setting",
        "agents.risk.haet_max (mine.yaml): is no setting",
        "agents.risk.heat_max (mine.yaml): Input should be less than or equal to 0.1, was 5",
        "speed (environment): Input should be a valid number, "
        "unable to parse string as a number, was 'fast'",
        "speeed (mine.yaml): is no setting",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QUORUM_SPEEED", "1"),
        ("QUORUM_AGENTS__RISK__HAET_MAX", "1"),
        ("QUORUM_AGENTS__RISKS__HEAT_MAX", "1"),
        ("QUORUM_AGENTS__RISK", '{"heat_max": 0.05}'),
        ("QUORUM_SPEED__X", "1"),
        ("QUORUM_", "1"),
        ("QUORUM_AGENTS__RISK__", "1"),
    ],
)
def test_unknown_variable_is_refused_from_environment_and_env_file(
    variable: str, value: str
) -> None:
    """A typing error in a variable stops the start instead of leaving the default in place."""
    assert refusal(environment={variable: value}) == [f"environment: {variable} is no setting"]
    assert refusal(dotenv=f"{variable}='{value}'") == [f".env: {variable} is no setting"]


def test_section_cannot_be_set_whole_from_the_command_line() -> None:
    """A value where a section belongs is refused, also beside a key of that section."""
    lines = refusal(overrides={"agents.risk": "3", "agents.risk.heat_max": "0.05", "speed.x": "1"})

    assert lines == [
        "command line: agents.risk is no setting",
        "command line: speed.x is no setting",
    ]


def test_unrelated_keys_of_an_env_file_are_fine() -> None:
    """A .env that other programs share, secrets included, does not stop the start."""
    loaded = load(
        dotenv="OTHER=1\nFMP_API_KEY=abc\nexport PATHS=/x\nquorum_anchor_weeks=9\n# QUORUM_X=1\n"
    )

    assert loaded.settings.anchor_weeks == 9
    assert loaded.origins == {"anchor_weeks": ".env"}


@pytest.mark.parametrize("text", ["EURUSD,GBPUSD", "EURUSD, GBPUSD,", '["EURUSD", "GBPUSD"]'])
def test_list_is_read_from_text(text: str) -> None:
    """A list fits into a variable and an argument, as people write it and as JSON."""
    from_environment = load(environment={"QUORUM_SYMBOLS": text})
    from_command_line = load(overrides={"symbols": text})

    assert from_environment.settings.symbols == ("EURUSD", "GBPUSD")
    assert from_command_line.settings.symbols == ("EURUSD", "GBPUSD")


def test_wrong_element_of_a_list_names_its_place_and_source() -> None:
    """The refusal says which element it is and where the list came from."""
    lines = refusal(environment={"QUORUM_AGENTS__LSTM_VOL__HORIZONS_BARS": "4,x"})

    assert len(lines) == 1
    assert lines[0].startswith("agents.lstm_vol.horizons_bars.1 (environment): ")
    assert lines[0].endswith("was 'x'")


@pytest.mark.parametrize(
    ("text", "mode"),
    [("true", Mode.ENABLED), ("shadow", Mode.SHADOW), ("false", Mode.DISABLED)],
)
def test_mode_is_the_same_from_every_source(text: str, mode: Mode) -> None:
    """A bare word in YAML, which makes a boolean of two of them, means what its text means."""
    key = "QUORUM_AGENTS__TECHNICAL__ENABLED"

    loaded = [
        load(f"agents: {{technical: {{enabled: {text}}}}}"),
        load(f"agents: {{technical: {{enabled: '{text}'}}}}"),
        load(dotenv=f"{key}={text}"),
        load(environment={key: text}),
        load(overrides={"agents.technical.enabled": text}),
    ]

    assert [each.settings.mode("technical") for each in loaded] == [mode] * 5


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("- 1", "must hold keys and values, was a list"),
        ("a: [", "is not YAML"),
        ("speed: 1\nspeed: 2", "speed stands twice"),
        ("agents: {risk: {heat_max: 0.05}}\nagents: {data: {}}", "agents stands twice"),
        ("agents: {risk: {heat_max: 0.05, heat_max: 0.06}}", "heat_max stands twice"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_file_that_is_no_configuration_is_refused(yaml: str, message: str) -> None:
    """What YAML would read as something else, or drop without a word, stops the start."""
    assert message in "\n".join(refusal(yaml))


@pytest.mark.parametrize("yaml", ["agents:", "agents: 3", "1: 2", "agents: {1: 2}"])
def test_file_of_the_wrong_shape_is_refused_with_its_path(yaml: str) -> None:
    """A section without content, or a key that is no name, is a refusal and no traceback."""
    lines = refusal(yaml)

    assert len(lines) == 1
    assert "(mine.yaml)" in lines[0]


def test_empty_file_gives_the_defaults() -> None:
    """A file of comments changes nothing."""
    assert load("# nothing\n").settings == load_settings().settings


def test_file_that_cannot_be_read_is_refused() -> None:
    """A missing file, or one that is no text, names itself."""
    Path("bad.yaml").write_bytes(b"\xff\xfe\xff")

    with pytest.raises(ConfigError, match=r"missing\.yaml cannot be read"):
        load_settings(Path("missing.yaml"))
    with pytest.raises(ConfigError, match=r"bad\.yaml cannot be read"):
        load_settings(Path("bad.yaml"))


def test_env_file_that_is_no_text_is_refused() -> None:
    """A .env in another encoding names itself instead of ending in a traceback."""
    Path(".env").write_bytes(b"QUORUM_SEED=\xff\n")

    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        load_settings()


def test_secrets_are_read_from_environment_before_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both places work, and the environment goes before."""
    Path(".env").write_text("FMP_API_KEY=a\nMT5_LOGIN=1\nOTHER=x\n", encoding="utf-8")
    monkeypatch.setenv("FMP_API_KEY", "b")

    secrets = load_secrets()

    assert secrets.fmp_api_key.get_secret_value() == "b"
    assert secrets.mt5_login.get_secret_value() == "1"
    assert {name for name, is_set in secrets.present().items() if is_set} == {
        "FMP_API_KEY",
        "MT5_LOGIN",
    }


@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["secrets"], ["validate"]])
def test_config_verbs_never_print_a_secret(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verbs say that a secret is set, never what it is."""
    for name in SECRET_SOURCES:
        monkeypatch.setenv(name, f"canary-{name}-271828")
    Path(".env").write_text("FMP_API_KEY=canary-in-file\n", encoding="utf-8")

    result = CliRunner().invoke(configuration.app, arguments)

    assert result.exit_code == 0, result.output
    assert "canary" not in result.output


def test_config_show_names_the_origin_of_each_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator sees where a surprising value comes from."""
    import json

    monkeypatch.setenv("QUORUM_ANCHOR_WEEKS", "9")

    result = CliRunner().invoke(configuration.app, ["show", "--json", "--set", "speed=3"])

    shown = json.loads(result.output)["settings"]
    assert shown["anchor_weeks"] == {"value": 9, "origin": "environment"}
    assert shown["speed"] == {"value": 3.0, "origin": "command line"}
    assert shown["book"] == {"value": "embedded", "origin": "default.yaml"}


def test_config_init_writes_a_file_that_changes_nothing() -> None:
    """What init writes can be started from, and is never written over a file of the operator's."""
    runner = CliRunner()

    first = runner.invoke(configuration.app, ["init", "quorum.yaml"])
    second = runner.invoke(configuration.app, ["init", "quorum.yaml"])

    assert first.exit_code == 0, first.output
    assert load_settings(Path("quorum.yaml")).settings == load_settings().settings
    assert isinstance(second.exception, FileExistsError)


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        ("? [1, 2]\n: 3", "a key must be a name"),
        ("[" * 3000, "nested too deeply"),
    ],
)
def test_strange_yaml_is_refused_in_words(yaml: str, told: str) -> None:
    """What YAML allows and settings do not is told, not a traceback."""
    assert told in "\n".join(refusal(yaml))


@pytest.mark.parametrize("given", ["", " "])
def test_home_is_never_empty(given: str) -> None:
    """An empty variable does not scatter the state over the working directory."""
    assert refusal(environment={"QUORUM_HOME": given}) == [
        f"home must name a folder, was {given!r}"
    ]


@pytest.mark.parametrize(
    ("yaml", "environment", "home"),
    [
        ("nonsense: 1\nhome: there", {}, "there"),
        ("home: there\nagents: {risk: {heat_max: much}}", {"QUORUM_NONSENSE": "1"}, "there"),
        ("a: [1,", {"QUORUM_HOME": "here"}, "here"),
        ("home: there", {"QUORUM_HOME": "here"}, "here"),
        ("", {}, "var"),
    ],
)
def test_home_is_known_whatever_else_is_wrong(
    yaml: str, environment: Mapping[str, str], home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks for the kill switch finds the folder of the state behind a typo elsewhere."""
    Path("mine.yaml").write_text(yaml, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load_home(Path("mine.yaml")) == Path(home)
