"""``logs``: what the processes of a book have written for people who look for a cause."""

from typing import Annotated, Final

import msgspec
import typer

from runtime.book import find_book
from runtime.clock import sleep_s
from runtime.commands.options import BookOption, ConfigOption, JsonOption, load
from runtime.log_reading import LAST, LogLine, LogReader

FOLLOW_EVERY_S: Final = 0.5
"""Process time between two looks at the files."""


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(logs)


def logs(
    agent: Annotated[
        str, typer.Argument(help="Agent, driver, blackboard or terminal; all without it.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    last: Annotated[int, typer.Option(min=0, help="Lines to begin with.")] = LAST,
    level: Annotated[str, typer.Option(help="Least level: debug, info, warning, error.")] = "debug",
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print the latest lines of all processes, merged by time, over rotated files too."""
    found = find_book(load(config).settings.home.absolute(), book)
    reader = LogReader(found.logs, agent, level)
    _print(reader.last(last), json=json)
    while follow:
        sleep_s(FOLLOW_EVERY_S)
        _print(reader.fresh(), json=json)


def _print(lines: list[LogLine], *, json: bool) -> None:
    for line in lines:
        print(msgspec.json.encode(line).decode() if json else line.text(), flush=True)
