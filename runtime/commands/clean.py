"""``clean``: what may go from this machine, shown first and removed on request."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.cleaning import Removable, Rule, removable, remove
from runtime.commands.options import ConfigOption, JsonOption, load

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(clean)


def clean(
    days: Annotated[
        float, typer.Option(min=0.0, help="Keep what was changed within so many days.")
    ] = 30.0,
    keep: Annotated[
        int, typer.Option(min=0, help="Keep so many of the latest runs over history.")
    ] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it only says what.")] = (
        False
    ),
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show old runs, rotated logs, leftovers of trainings, Ray and feeds; with --yes remove them.

    Books, their journals and ledgers, models and whatever is in use always stay.
    """
    home = load(config).settings.home.absolute()
    found = removable(home, Rule(days, keep))
    failed = [(one, reason) for one in found if (reason := remove(one))] if yes else []
    if json:
        rows = [msgspec.to_builtins(one) for one in found]
        told = {"removed": yes, "found": rows, "failed": [one.path for one, _ in failed]}
        print(msgspec.json.encode(told).decode())
    else:
        _tell(found, failed, is_done=yes)
    if failed:
        raise typer.Exit(1)


def _tell(found: list[Removable], failed: list[tuple[Removable, str]], *, is_done: bool) -> None:
    console = Console(soft_wrap=True)
    if not found:
        console.print("nothing may go")
        return
    table = Table("size", "days old", "what", "path", box=None)
    for one in found:
        cells = (_size(one.size_bytes), f"{one.age_days:.0f}", one.what, one.path)
        table.add_row(*map(Text, cells))
    console.print(table)
    for one, reason in failed:
        console.print(f"{one.path} stays: {reason}", markup=False)
    size = _size(sum(one.size_bytes for one in found))
    if is_done:
        console.print(f"{len(found) - len(failed)} of {len(found)} are gone, {size} in all")
    else:
        console.print(f"{len(found)} may go, {size}: python launch.py clean --yes")


def _size(size_bytes: float) -> str:
    place = 0
    while size_bytes >= 1024.0 and place < len(_UNITS) - 1:
        size_bytes, place = size_bytes / 1024.0, place + 1
    return f"{size_bytes:.{min(place, 1)}f} {_UNITS[place]}"
