"""From environment, `.env` and YAML to settings, with every error at once and every origin known.

Precedence: command line > environment > `.env` > file > default. Environment variables carry the
prefix ``QUORUM_`` and reach into sections by two underscores (``QUORUM_AGENTS__RISK__HEAT_MAX``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from pydantic import ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from blackboard.errors import ConfigError
from config.section import Section
from config.settings import Settings

PREFIX: Final = "QUORUM_"
DELIMITER: Final = "__"
DEFAULT_FILE: Final = Path(__file__).with_name("default.yaml")
Values = dict[str, Any]


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings, and where each value came from."""

    settings: Settings
    origins: dict[str, str]
    """Origin by dotted key; a key that is missing has its default."""


def load_settings(
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    env_file: Path = Path(".env"),
) -> LoadedSettings:
    """Read the settings; ConfigError lists everything that is wrong with them.

    Parameters
    ----------
    file
        YAML file; none means the embedded default.
    overrides
        Values of the command line by dotted key.
    env_file
        File of environment variables; missing is fine.
    """
    path = file or DEFAULT_FILE
    sources: list[tuple[str, Values]] = [
        (str(path if file else "default.yaml"), _read_yaml(path)),
        (str(env_file), _read_environment(env_file)),
        ("environment", _read_environment(None)),
        ("command line", _nested(overrides or {})),
    ]
    merged: Values = {}
    origins: dict[str, str] = {}
    for origin, values in sources:
        _merge(merged, values)
        origins |= dict.fromkeys(flatten(values), origin)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None
    return LoadedSettings(settings, origins)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _read_yaml(path: Path) -> Values:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"configuration file {path} is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ConfigError(f"configuration file {path} must hold keys and values, was a {kind}")
    return content


def _shape() -> type[BaseSettings]:
    # pydantic-settings reads the environment for its own class only, and that class reads it at
    # every construction, also in an actor; so it serves as a reader, and `Settings` stays plain.
    fields: Any = {
        name: (field.annotation, field) for name, field in Settings.model_fields.items()
    }
    shape = create_model("Shape", __base__=BaseSettings, **fields)
    shape.model_config = SettingsConfigDict(extra="ignore")
    return shape


def _read_environment(env_file: Path | None) -> Values:
    names: dict[str, Any] = {"env_prefix": PREFIX, "env_nested_delimiter": DELIMITER}
    shape = _shape()
    source = (
        EnvSettingsSource(shape, **names)
        if env_file is None
        else DotEnvSettingsSource(shape, env_file=env_file, **names)
    )
    try:
        found: Values = source()
    except SettingsError as error:
        raise ConfigError(f"{env_file or 'environment'}: {error}") from error
    known = {name: value for name, value in found.items() if name in Settings.model_fields}
    _refuse_unknown(source.env_vars, str(env_file or "environment"))
    return known


def _refuse_unknown(variables: Mapping[str, str | None], origin: str) -> None:
    unknown = []
    for variable in variables:
        if not variable.upper().startswith(PREFIX):
            continue
        path = variable[len(PREFIX) :].lower().split(DELIMITER)
        if not _has_field(Settings, path):
            unknown.append(f"{origin}: {variable.upper()} is no setting")
    if unknown:
        raise ConfigError("\n".join(unknown))


def _has_field(section: type[Section], path: list[str]) -> bool:
    field = section.model_fields.get(path[0])
    if field is None:
        return False
    inner = field.annotation
    if len(path) == 1:
        return True
    return isinstance(inner, type) and issubclass(inner, Section) and _has_field(inner, path[1:])


def _nested(values: Mapping[str, object]) -> Values:
    nested: Values = {}
    for dotted, value in values.items():
        place = nested
        *sections, name = dotted.split(".")
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return nested


def _merge(into: Values, values: Values) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        origin = origins.get(key, "")
        where = f" ({origin})" if origin else ""
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            lines.append(f"{key}{where}: is no setting")
        elif not key:
            lines.append(message)
        else:
            lines.append(f"{key}{where}: {message}, was {problem['input']!r}")
    return "\n".join(sorted(lines))
