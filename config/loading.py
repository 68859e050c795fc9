"""From environment, `.env` and YAML to settings, with every error at once and every origin known.

Precedence: command line > environment > `.env` > overrides of a book > file > default. Environment
variables carry the prefix ``QUORUM_`` and reach into sections by two underscores
(``QUORUM_AGENTS__RISK__HEAT_MAX``).
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource

from blackboard.errors import ConfigError
from config.section import Section
from config.settings import Settings

PREFIX: Final = "QUORUM_"
DELIMITER: Final = "__"
DEFAULT_FILE: Final = Path(__file__).with_name("default.yaml")
_USER_IN_URL: Final = re.compile(r"//[^/@\s]*@")
Values = dict[str, Any]


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings, and where each value came from."""

    settings: Settings
    origins: dict[str, str]
    """Origin by dotted key; a key that is missing has its default."""
    firm: frozenset[str] = frozenset()
    """Dotted keys that `.env`, the environment or the command line set."""


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
    problems: list[str] = []
    sources: list[tuple[str, Values]] = [
        (str(path if file else "default.yaml"), _read_yaml(path)),
        (str(env_file), _placed(_variables(env_file), str(env_file), problems)),
        ("environment", _placed(_variables(None), "environment", problems)),
        ("command line", _placed(_keyed(overrides or {}), "command line", problems)),
    ]
    merged: Values = {}
    origins: dict[str, str] = {}
    for origin, values in sources:
        _merge(merged, values)
        origins |= dict.fromkeys(flatten(values), origin)
    firm = frozenset(key for _, values in sources[1:] for key in flatten(values))
    return LoadedSettings(_validated(merged, origins, problems), origins, firm)


def load_home(file: Path | None = None, env_file: Path = Path(".env")) -> Path:
    """Return where state lies, whatever else is wrong with the settings; ConfigError if unknown.

    The kill switch must not wait until somebody has found a typo in another key.
    """
    ignored: list[str] = []
    sources: tuple[Callable[[], Values], ...] = (
        lambda: _placed(_variables(None), "environment", ignored),
        lambda: _placed(_variables(env_file), str(env_file), ignored),
        lambda: _read_yaml(file or DEFAULT_FILE),
    )
    found = (values for read in sources if "home" in (values := read()))
    home = {name: value for name, value in next(found, {}).items() if name == "home"}
    return _validated(home, {}, []).home


def with_overrides(
    loaded: LoadedSettings, values: Mapping[str, object], origin: str
) -> LoadedSettings:
    """Return the settings with values by dotted key in place of those of the file.

    What `.env`, the environment or the command line set stays. ConfigError lists what is wrong.
    """
    wanted = {key: value for key, value in values.items() if key not in loaded.firm}
    problems: list[str] = []
    merged: Values = loaded.settings.model_dump(mode="json")
    _merge(merged, _placed(_keyed(wanted), origin, problems))
    origins = loaded.origins | dict.fromkeys(wanted, origin)
    return LoadedSettings(_validated(merged, origins, problems), origins, loaded.firm)


def _validated(values: Values, origins: Mapping[str, str], problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join([*problems, *_explain(error, origins)])) from None
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


class _OneValueLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would drop the first value without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a name", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _read_yaml(path: Path) -> Values:
    try:
        content = _OneValueLoader(path.read_text(encoding="utf-8")).get_single_data()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"configuration file {path} is not YAML: {error}") from error
    except RecursionError:
        raise ConfigError(f"configuration file {path} is nested too deeply") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ConfigError(f"configuration file {path} must hold keys and values, was a {kind}")
    return content


def _variables(env_file: Path | None) -> dict[str, tuple[list[str], object]]:
    """Return variables of ours by their name: the path they reach to, and their text."""
    try:
        found = os.environ if env_file is None else _dotenv(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{env_file} cannot be read: {error}") from error
    return {
        name.upper(): (name[len(PREFIX) :].lower().split(DELIMITER), text or "")
        for name, text in found.items()
        if name.upper().startswith(PREFIX)
    }


def _dotenv(env_file: Path) -> Mapping[str, str | None]:
    return DotEnvSettingsSource(BaseSettings, env_file=env_file, env_prefix=PREFIX).env_vars


def _keyed(values: Mapping[str, object]) -> dict[str, tuple[list[str], object]]:
    return {key: (key.split("."), value) for key, value in values.items()}


def _placed(
    found: Mapping[str, tuple[list[str], object]], origin: str, problems: list[str]
) -> Values:
    """Return values in their sections; what is no setting becomes a problem."""
    nested: Values = {}
    for name, (path, value) in found.items():
        if not _is_setting(Settings, path):
            problems.append(f"{origin}: {name} is no setting")
            continue
        place = nested
        for section in path[:-1]:
            place = place.setdefault(section, {})
        place[path[-1]] = value
    return nested


def _is_setting(section: type[Section], path: list[str]) -> bool:
    field = section.model_fields.get(path[0])
    if field is None:
        return False
    inner: object = field.annotation
    if isinstance(inner, type) and issubclass(inner, Section):
        return len(path) > 1 and _is_setting(inner, path[1:])
    return len(path) == 1


def _merge(into: Values, values: Values) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _explain(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False):
        path = [str(part) for part in problem["loc"]]
        key = ".".join(path)
        origin = _origin(path, origins)
        where = f" ({origin})" if origin else ""
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            lines.append(f"{key}{where}: is no setting")
        elif problem["type"] == "value_error":
            lines += message.splitlines()
        else:
            lines.append(f"{key}{where}: {message}, was {_shown(problem['input'])}")
    return sorted(lines)


def _origin(path: list[str], origins: Mapping[str, str]) -> str:
    # The path of an element goes on beyond its setting (symbols.0); that of a section ends before.
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        if key in origins:
            return origins[key]
    section = ".".join(path) + "."
    return next((origin for key, origin in origins.items() if key.startswith(section)), "")


def _shown(value: object) -> str:
    # Whoever writes a password into an address reads of it here, and so may others.
    return _USER_IN_URL.sub("//…@", repr(value))
