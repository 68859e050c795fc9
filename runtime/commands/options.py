"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from config.loading import LoadedSettings, load_settings

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
