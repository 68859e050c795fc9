"""``retrain`` and ``breaker``: ask for a candidate; see and trip what keeps orders back."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from blackboard.errors import ConfigError
from blackboard.facts import LimitBreached
from blackboard.facts.control import Command, Restriction
from runtime.book import Book
from runtime.commands.options import BookOption, ConfigOption, JsonOption
from runtime.commands.running_book import find, order, picture_of
from runtime.picture import Picture, clock_text, lock_text

app = typer.Typer(help="What keeps orders back, and how it ends.")
_console = Console(soft_wrap=True, highlight=False, markup=False)


def mount(root: typer.Typer) -> None:
    """Add the verbs."""
    root.command()(retrain)
    root.add_typer(app, name="breaker")


def retrain(
    family: Annotated[str, typer.Argument(help="Family of models; all without it.")] = "",
    book: BookOption = "",
    config: ConfigOption = None,
) -> None:
    """Ask the learner of the running system for a new candidate; the gates judge it."""
    from runtime.retraining import prospect, require_family

    asked, found = require_family(family), find(book, config)
    order(found, Command.RETRAIN, asked)
    _console.print(f"retrain {asked}: taken; {prospect(found)}")


@app.callback(invoke_without_command=True)
def breaker(
    context: typer.Context,
    book: BookOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the state, every restriction with its way out, locks, and limits last crossed."""
    if context.invoked_subcommand is not None:
        if book or config or json:
            raise typer.BadParameter("--book, --config and --json follow the verb")
        return
    found = find(book, config)
    picture, breaches = picture_of(found), _breaches(found)
    if json:
        print(msgspec.json.encode(_as_data(picture, breaches)).decode())
        return
    for line in _lines(picture, breaches):
        _console.print(line)


@app.command()
def trip(
    reason: Annotated[list[str], typer.Argument(help="Why, for the record.")],
    book: BookOption = "",
    config: ConfigOption = None,
) -> None:
    """Let only what reduces risk leave, as pause does, with a reason; resume clears it."""
    text = " ".join(reason)
    if not text.strip():
        raise ConfigError("a breaker is tripped for a reason: breaker trip REASON")
    order(find(book, config), Command.PAUSE, text)
    _console.print("tripped: only what reduces risk leaves, until: python launch.py resume")


def _breaches(book: Book) -> dict[str, tuple[int, LimitBreached]]:
    """Return when each limit was crossed last, and how."""
    from runtime.proof.lineage import entries_of

    if not book.journal.is_dir():
        return {}
    return {
        entry.fact.limit: (entry.ts_event_ns, entry.fact)
        for entry in entries_of(book.journal)
        if isinstance(entry.fact, LimitBreached)
    }


def _lines(picture: Picture, breaches: dict[str, tuple[int, LimitBreached]]) -> Iterator[str]:
    state = picture.state
    yield f"state        {state.state} ({state.reason})" if state else "state        not begun"
    if picture.mark is not None:
        mark = picture.mark
        yield f"drawdown     {mark.drawdown_frac:.2%} of the high {mark.high_water_mark:,.2f}"
    for each in state.restrictions if state else ():
        yield f"open         {_restriction(each)}"
    if state and not state.restrictions:
        yield "open         nothing restricts"
    for lock in picture.open_locks:
        yield f"lock         {lock_text(lock)}"
    for limit, (at_ns, breach) in sorted(breaches.items()):
        figures = f"{breach.value:g} against {breach.threshold:g}"
        yield f"crossed      {limit} at {clock_text(at_ns)}: {figures}, {breach.consequence}"


def _restriction(each: Restriction) -> str:
    until = f", cooldown until {clock_text(each.cooldown_until_ns)}"
    return (
        f"{each.state} by {each.scope} since {clock_text(each.since_ns)}: {each.evidence}"
        f"{until if each.cooldown_until_ns else ''}; way out: {each.way_out}"
    )


def _as_data(picture: Picture, breaches: dict[str, tuple[int, LimitBreached]]) -> dict[str, object]:
    return {
        "state": picture.state,
        "mark": picture.mark,
        "locks": picture.open_locks,
        "crossed": {
            limit: {"at_ns": at_ns, "breach": breach} for limit, (at_ns, breach) in breaches.items()
        },
    }
