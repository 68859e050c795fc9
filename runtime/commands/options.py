"""Options that several verbs share."""

import re
from pathlib import Path
from typing import Annotated

import typer

from blackboard.errors import ConfigError
from config.loading import LoadedSettings, load_home, load_settings

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file with the settings that differ.")
]
BookOption = Annotated[
    str, typer.Option("--book", help="Book or run by its name; the one used last without it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable lines.")]
RealAccountOption = Annotated[
    int,
    typer.Option("--real-account", help="Its number, typed at every start that trades real money."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="One setting, as agents.risk.heat_max=0.015.")
]

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "": 1}


def load(
    config: Path | None, assignments: list[str] | None = None, **values: object
) -> LoadedSettings:
    """Load the settings with the command line's own values on top; None means not given."""
    overrides: dict[str, object] = {}
    for assignment in assignments or []:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise typer.BadParameter(f"--set takes key=value, was {assignment!r}")
        overrides[key.strip()] = text.strip()
    overrides |= {key: value for key, value in values.items() if value is not None}
    return load_settings(config, overrides)


def home_of(config: Path | None) -> Path:
    """Return the folder of the state, also where other settings are wrong."""
    return load_home(config).absolute()


def seconds_of(text: str, option: str = "--duration") -> float:
    """Return a duration such as 90s, 5m, 2h or 28d in seconds, 0 for none; ConfigError if wrong."""
    if not text:
        return 0.0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if match is None:
        raise ConfigError(f"{option} must be a number with s, m, h or d, was {text!r}")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if seconds <= 0.0:
        raise ConfigError(f"{option} must be more than nothing, was {text!r}")
    return seconds
