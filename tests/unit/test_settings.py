"""Every setting: bounded, explained, written down once, and related to the others as it must be."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from config.agent import Mode
from config.describing import commented_yaml, describe_bounds
from config.loading import DEFAULT_FILE, flatten, load_settings
from config.secrets import SECRET_SOURCES, Secrets
from config.section import Section
from config.settings import Settings

EXAMPLES = sorted(DEFAULT_FILE.parent.glob("*.example.yaml"))


def fields(section: type[Section] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting by its dotted key."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from fields(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def sections(section: type[Section] = Settings) -> Iterator[type[Section]]:
    """Yield every section, the root first."""
    yield section
    for field in section.model_fields.values():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from sections(inner)


FIELDS = dict(fields())


def nested(key: str, value: object) -> dict[str, Any]:
    """Return one setting in its sections."""
    for name in reversed(key.split(".")):
        value = {name: value}
    return typing.cast("dict[str, Any]", value)


@pytest.mark.parametrize("key", FIELDS)
def test_every_setting_says_what_it_means(key: str) -> None:
    """A setting has a docstring that is a sentence, so that its comment is one."""
    meaning = FIELDS[key].description or ""

    assert meaning.endswith(".")
    assert len(meaning) > 15


def _kinds(annotation: Any) -> set[Any]:
    if typing.get_origin(annotation) in {typing.Union, UnionType}:
        return {kind for part in typing.get_args(annotation) for kind in _kinds(part)}
    return {annotation}


NUMERIC = [key for key, field in FIELDS.items() if _kinds(field.annotation) & {int, float}]


@pytest.mark.parametrize("key", NUMERIC)
def test_every_number_has_bounds(key: str) -> None:
    """No number can be set to what nobody has thought of."""
    bounds = bounds_of(key)

    assert ">" in bounds
    assert "<" in bounds


@pytest.mark.parametrize("key", NUMERIC)
def test_every_bound_refuses_what_lies_beyond(key: str) -> None:
    """A value below the lower bound, above the upper one, or no number at all is refused."""
    low, high = map(float, re.findall(r"[<>]=? ([^ ,]+)", bounds_of(key)))

    for value in (low - 1, high + 1, "many"):
        with pytest.raises(ValidationError, match=re.escape(key)):
            Settings.model_validate(nested(key, value))


def bounds_of(key: str) -> str:
    """Return the bounds of a setting."""
    return describe_bounds(FIELDS[key])


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.__name__)
def test_every_section_is_frozen_and_strict(section: type[Section]) -> None:
    """A section says what it is, cannot be changed, and takes no key that it does not know."""
    config = section.model_config

    assert section.__doc__
    assert config["frozen"]
    assert config["extra"] == "forbid"
    assert config["validate_default"]


def test_default_file_is_the_schema() -> None:
    """Each setting stands in default.yaml under its meaning and bounds, with its default."""
    assert DEFAULT_FILE.read_text(encoding="utf-8") == commented_yaml(Settings())


def test_default_file_gives_the_defaults(clean: Path) -> None:
    """Reading the default file changes nothing."""
    assert load_settings(env_file=clean / ".env").settings == Settings()


def test_default_file_has_every_key() -> None:
    """No setting is missing from the file that explains them all."""
    content = yaml.safe_load(DEFAULT_FILE.read_text(encoding="utf-8"))

    assert set(flatten(content)) == set(FIELDS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("book", "no"),
        ("book", "null"),
        ("book", "on-1"),
        ("home", "C:\\quorum\\new"),
        ("home", 'a"b: #c'),
        ("home", "~"),
        ("market.history.start", "2018-03-01"),
        ("terminal.currency", "NOK"),
        ("symbols", ["EURUSD", "USDNOK"]),
        ("board.journal_bytes_max", 10**15),
        ("agents.risk.heat_max", 0.00001),
        ("agents.technical.enabled", "shadow"),
        ("agents.technical.enabled", False),
        ("cluster.dashboard", False),
        ("agents.lstm_vol.horizons_bars", [1, 2, 3]),
    ],
)
def test_written_settings_read_back_the_same(tmp_path: Path, key: str, value: object) -> None:
    """Whatever a value looks like to YAML, the file written from settings gives them again."""
    settings = Settings.model_validate(nested(key, value))
    path = tmp_path / "mine.yaml"
    path.write_text(commented_yaml(settings), encoding="utf-8")

    assert load_settings(path, env_file=tmp_path / ".env").settings == settings


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid_and_commented(path: Path, clean: Path) -> None:
    """An example starts as it is, and changes only what it explains."""
    loaded = load_settings(path, env_file=clean / ".env")

    text = path.read_text(encoding="utf-8")
    assert loaded.settings.profile == path.name.split(".", maxsplit=1)[0]
    assert loaded.settings.book == loaded.settings.profile
    assert loaded.settings.terminal.kind == "metatrader"
    assert loaded.settings.speed == 1.0
    assert loaded.settings.terminal.real_account == (loaded.settings.profile == "live")
    assert text.startswith("#")
    assert text.count("#") > 8


def test_examples_are_there() -> None:
    """Paper and live have one each."""
    assert [path.name for path in EXAMPLES] == ["live.example.yaml", "paper.example.yaml"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"trading": {"risk_frac": 0.003}, "agents": {"risk": {"risk_frac_min": 0.004}}},
            "trading.risk_frac must be in [0.004, 0.01] (agents.risk), was 0.003",
        ),
        (
            {"trading": {"risk_frac": 0.008}, "agents": {"risk": {"risk_frac_max": 0.007}}},
            "trading.risk_frac must be in [0.002, 0.007] (agents.risk), was 0.008",
        ),
        (
            {"agents": {"risk": {"drawdown_reducing": 0.2, "drawdown_halted": 0.2}}},
            "agents.risk.drawdown_halted must be above drawdown_reducing (0.2), was 0.2",
        ),
        ({"agents": {"data": {"enabled": "shadow"}}}, "agents.data.enabled must be true"),
        ({"agents": {"data": {"enabled": False}}}, "agents.data.enabled must be true"),
        ({"agents": {"risk": {"enabled": False}}}, "agents.risk.enabled must be true while"),
        (
            {"agents": {"risk": {"enabled": "shadow"}, "execution": {"enabled": False}}},
            "agents.risk.enabled must be true or false, was shadow",
        ),
        ({"symbols": ["EURUSD", "EURUSD"]}, "symbols must be distinct and at least one"),
        ({"symbols": []}, "symbols must be distinct and at least one"),
        ({"terminal": {"kind": "metatrader"}}, "profile must be paper or live with"),
        ({"profile": "live"}, "profile must be sim or paper with"),
        (
            {"profile": "paper", "terminal": {"kind": "metatrader"}},
            "speed must be 1 with terminal.kind metatrader, was 60",
        ),
        (
            {"profile": "live", "speed": 1, "terminal": {"kind": "metatrader"}},
            "terminal.real_account must be true with profile live and false with every other, was "
            "false with live",
        ),
        (
            {
                "profile": "paper",
                "speed": 1,
                "terminal": {"kind": "metatrader", "real_account": True},
            },
            "was true with paper",
        ),
        (
            {
                "profile": "paper",
                "speed": 1,
                "terminal": {"kind": "metatrader"},
                "market": {"history": {"path": "bars"}},
            },
            "market.history.path must be empty with terminal.kind metatrader, was bars",
        ),
        (
            {"terminal": {"url": "http://127.0.0.1:8701"}},
            "terminal.kind must be metatrader with terminal.url, was simulated",
        ),
        ({"terminal": {"url": "127.0.0.1:8701"}}, "terminal.url"),
        ({"terminal": {"host": "0.0.0.0"}}, "terminal.host must be one address, was 0.0.0.0"),
        ({"console": {"host": "0.0.0.0"}}, "console.host must be one address, was 0.0.0.0"),
        (
            {"terminal": {"send_timeout_s": 40.0}},
            "terminal.hang_deadline_s must be at least send_timeout_s (40), was 30",
        ),
        (
            {"board": {"poll_timeout_s": 20.0}},
            "board.call_deadline_s must be at least twice poll_timeout_s (20), was 30",
        ),
        (
            {"agents": {"technical": {"macd_fast": 26}}},
            "agents.technical.macd_fast must be below macd_slow (26), was 26",
        ),
        (
            {"agents": {"technical": {"ichimoku_kijun": 52}}},
            "must rise, was 9, 52, 52",
        ),
        (
            {"agents": {"technical": {"ichimoku_tenkan": 26}}},
            "must rise, was 26, 26, 52",
        ),
    ],
)
def test_contradicting_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    """Settings that are right by themselves and wrong together name keys and values."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Settings.model_validate(changes)


def test_all_contradictions_are_told_at_once() -> None:
    """Two contradictions are two lines of one refusal."""
    changes = {"agents": {"data": {"enabled": False}}, "profile": "live"}

    with pytest.raises(
        ValidationError, match=r"agents\.data\.enabled must be(.|\n)*profile must be"
    ):
        Settings.model_validate(changes)


def test_risk_may_rest_where_nothing_is_sent() -> None:
    """Without execution no order can be unsafe, so risk may be disabled."""
    off = {"risk": {"enabled": False}, "execution": {"enabled": False}}

    settings = Settings.model_validate({"agents": off})

    assert settings.mode("risk") is Mode.DISABLED


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        (True, Mode.ENABLED),
        (False, Mode.DISABLED),
        ("true", Mode.ENABLED),
        ("False", Mode.DISABLED),
        ("shadow", Mode.SHADOW),
        ("SHADOW", Mode.SHADOW),
        (Mode.SHADOW, Mode.SHADOW),
    ],
)
def test_mode_is_read_from_every_spelling(value: object, mode: Mode) -> None:
    """YAML gives a boolean or a text, an environment variable always a text."""
    settings = Settings.model_validate({"agents": {"technical": {"enabled": value}}})

    assert settings.mode("technical") is mode


@pytest.mark.parametrize("value", ["maybe", "", 1, None, "on"])
def test_mode_refuses_anything_else(value: object) -> None:
    """What is no mode is refused rather than guessed."""
    with pytest.raises(ValidationError, match="'true', 'shadow' or 'false'"):
        Settings.model_validate({"agents": {"technical": {"enabled": value}}})


def test_settings_survive_the_plan_of_a_run() -> None:
    """What an actor reads from the plan is what the driver had."""
    settings = Settings.model_validate(
        {"agents": {"technical": {"enabled": "shadow"}}, "home": "x"}
    )

    assert Settings.model_validate_json(settings.model_dump_json()) == settings


CANARY = "canary-3141592653589793"


@pytest.mark.parametrize("name", SECRET_SOURCES)
def test_secrets_cannot_be_printed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr, text, dump nor JSON shows a secret; only the part that needs it can ask."""
    monkeypatch.setenv(name, CANARY)

    secrets = Secrets(_env_file=None)

    shown = f"{secrets!r} {secrets} {secrets.model_dump()} {secrets.model_dump_json()}"
    assert CANARY not in shown
    assert secrets.present()[name]
    assert getattr(secrets, name.lower()).get_secret_value() == CANARY


def test_every_secret_says_where_to_get_it() -> None:
    """The list that an operator sees and the fields that are read are the same."""
    assert {name.lower() for name in SECRET_SOURCES} == set(Secrets.model_fields)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty folder; no variable of ours is set."""
    import os

    for name in list(os.environ):
        if name.upper().startswith("QUORUM_") or name in SECRET_SOURCES:
            monkeypatch.delenv(name)
    return tmp_path
