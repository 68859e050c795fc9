"""``config``: what the settings are and where each comes from."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from config.describing import commented_yaml, json_schema
from config.loading import flatten
from config.secrets import SECRET_SOURCES, load_secrets
from config.settings import Settings
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.overrides import in_force

app = typer.Typer(help="The settings.", no_args_is_help=True)
_console = Console()


@app.command()
def show(config: ConfigOption = None, set_: SetOption = None, json: JsonOption = False) -> None:
    """Print the effective settings and the origin of each; secrets by presence only."""
    import msgspec

    loaded = in_force(load(config, set_))
    values = flatten(loaded.settings.model_dump(mode="json"))
    secrets = load_secrets().present()
    if json:
        rows = {
            key: {"value": value, "origin": loaded.origins.get(key, "default")}
            for key, value in values.items()
        }
        print(msgspec.json.encode({"settings": rows, "secrets": secrets}).decode())
        return
    table = Table("setting", "value", "from", box=None)
    for key, value in values.items():
        table.add_row(key, str(value), loaded.origins.get(key, "default"))
    for name, is_set in secrets.items():
        table.add_row(name, "*** (set)" if is_set else "not set", "environment or .env")
    _console.print(table)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write the file.")] = Path("quorum.yaml"),
) -> None:
    """Write a commented file with every setting at its default."""
    with path.open("x", encoding="utf-8") as file:
        file.write(commented_yaml(Settings()))
    _console.print(f"wrote {path}; start with: python launch.py up --config {path}")


@app.command()
def validate(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Check the settings and say so."""
    loaded = in_force(load(config, set_))
    changed = sum(1 for origin in loaded.origins.values() if origin != "default.yaml")
    _console.print(f"valid: profile {loaded.settings.profile}, {changed} values differ in origin")


@app.command()
def schema(
    path: Annotated[Path | None, typer.Argument(help="Where to write it; printed without.")] = None,
) -> None:
    """Print the JSON schema of every setting, by which an editor completes and checks files."""
    text = json_schema()
    if path is None:
        print(text)
        return
    with path.open("x", encoding="utf-8") as file:
        file.write(text + "\n")
    _console.print(
        f"wrote {path}; begin a file of settings with: # yaml-language-server: $schema={path}"
    )


@app.command()
def secrets() -> None:
    """List every secret, whether it is set, and where to get it."""
    present = load_secrets().present()
    table = Table("secret", "set", "where to get it", box=None)
    for name, source in SECRET_SOURCES.items():
        table.add_row(name, "yes" if present[name] else "no", source)
    _console.print(table)
