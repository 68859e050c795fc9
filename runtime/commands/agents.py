"""``agents``: the council, and what a person may do to one of its members."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from blackboard.errors import ConfigError, RecoverableError
from config.agent import Mode
from runtime.book import Book
from runtime.commands.options import BookOption, ConfigOption, JsonOption, load
from runtime.commands.running_book import find, headline, wait
from runtime.overrides import read_overrides, setting_of
from runtime.status import AgentLine, read_status
from runtime.switching import NEXT, Answer, reset, restart, switch

app = typer.Typer(help="The council: list, and switch one member.")
SEEN_WITHIN_S: Final = 90.0
"""Longest wait until the status tells of a switch: processes of several agents start anew."""
_console = Console(soft_wrap=True, highlight=False, markup=False)
_MODES: Final = {"true": "on", "shadow": "shadow", "false": "off"}
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of an agent.")]


@app.callback(invoke_without_command=True)
def agents(
    context: typer.Context,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print the council, unless a verb is given."""
    if context.invoked_subcommand is None:
        list_(book, config, json)
    elif book or config or json:
        raise typer.BadParameter("--book, --config and --json follow the verb")


@app.command("list")
def list_(book: BookOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the council: mode, state, process, restarts, refused posts, age of the last fact."""
    found = find(book, config)
    told = read_status(found.state)
    if told is None:
        raise ConfigError(f"nothing has run on {found.name} yet")
    if json:
        print(msgspec.json.encode(told.agents).decode())
        return
    alive = told.is_alive()
    chosen = read_overrides(found)
    _console.print(headline(found, told))
    table = Table(
        *("agent", "class", "mode", "state", "process", "restarts", "refused", "last fact", ""),
        box=None,
    )
    for agent in told.agents:
        table.add_row(
            agent.name,
            agent.class_name,
            _MODES.get(agent.mode, agent.mode),
            agent.health if alive else "stopped",
            str(agent.pid) if alive and agent.pid else "–",
            str(agent.restarts),
            str(agent.posts_refused),
            _age(agent.last_fact_age_s) if alive else "–",
            _remark(agent, chosen.get(agent.name)),
        )
    _console.print(table)


@app.command()
def enable(
    name: NameArgument,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let an agent take part; kept over restarts until reset."""
    _switch(name, Mode.ENABLED, book, config, json=json)


@app.command()
def disable(
    name: NameArgument,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Switch an agent off; kept over restarts until reset."""
    _switch(name, Mode.DISABLED, book, config, json=json)


@app.command()
def shadow(
    name: NameArgument,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let an agent post and be scored, but weigh nothing; kept over restarts until reset."""
    _switch(name, Mode.SHADOW, book, config, json=json)


@app.command("reset")
def reset_(
    name: NameArgument,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Forget what was chosen for an agent: the configuration decides again."""
    _tell(reset(find(book, config), name), json=json)


@app.command("restart")
def restart_(
    name: NameArgument,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Start an agent's process anew, also one that is out of restarts."""
    found = find(book, config)
    before = _line(found, name)
    answer = restart(found, name, "cli")
    _await(found, name, lambda line: line.pid != (before.pid if before else 0))
    _tell(answer, json=json)


def _switch(name: str, mode: Mode, book: str, config: ConfigOption, *, json: bool) -> None:
    loaded = load(config)
    found = find(book, config)
    answer = switch(found, name, mode, "cli")
    if answer.is_now:
        _await(found, name, lambda line: line.mode == mode.value)
    _tell(answer, json=json)
    if setting_of(name) in loaded.firm and not json:
        origin = loaded.origins[setting_of(name)]
        _console.print(f"note: {origin} sets {setting_of(name)} and goes before it at a start")


def _await(book: Book, name: str, holds: Callable[[AgentLine], bool]) -> None:
    """Wait until a wish is fulfilled and everybody whose process began anew is there again."""

    def is_seen() -> bool:
        line, told = _line(book, name), read_status(book.state)
        return (
            line is not None and holds(line) and told is not None and all(map(_is_up, told.agents))
        )

    if not wait(is_seen, SEEN_WITHIN_S):
        raise RecoverableError(
            f"{name} was handed to the driver and is not up after {SEEN_WITHIN_S:g} s: "
            "python launch.py logs driver"
        )


def _line(book: Book, name: str) -> AgentLine | None:
    told = read_status(book.state)
    return next((line for line in told.agents if line.name == name), None) if told else None


def _is_up(line: AgentLine) -> bool:
    return line.mode == Mode.DISABLED.value or line.pid > 0


def _tell(answer: Answer, *, json: bool) -> None:
    if json:
        data = msgspec.structs.asdict(answer) | {"text": answer.text}
        print(msgspec.json.encode(data).decode())
    else:
        _console.print(answer.text)


def _remark(agent: AgentLine, chosen: Mode | None) -> str:
    if chosen is None:
        return agent.reason
    later = "" if chosen.value == agent.mode else f" {_MODES[chosen.value]} {NEXT}"
    return f"override{later}{'; ' if agent.reason else ''}{agent.reason}"


def _age(seconds: float) -> str:
    return "none" if seconds < 0.0 else f"{seconds:.0f} s ago"
