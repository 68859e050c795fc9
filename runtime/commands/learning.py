"""``train``: families of models trained on a market's history, each with what came of it."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.commands.progress import progress

if TYPE_CHECKING:
    from runtime.training.outcome import Outcome

_console = Console(soft_wrap=True, highlight=False, markup=False)


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(train)


def train(
    families: Annotated[
        list[str] | None, typer.Argument(help="Families of models, or all of them.")
    ] = None,
    history: Annotated[str, typer.Option(help="Folder with recorded bars to learn from.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment to learn from.")] = "",
    to: Annotated[str, typer.Option(help="Last moment; a bare date counts whole.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is random in a training.")] = 1,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Train families of models on recorded bars, or on the history of the synthetic market.

    What is trained here is shown beside what serves where no model has earned its place, on days
    that training has not seen.
    """
    loaded = load(
        config,
        set_,
        **{
            "market.history.path": history or None,
            "symbols": [name.strip() for name in symbols.split(",")] if symbols else None,
        },
    )
    from runtime.training.bars import training_bars
    from runtime.training.lesson import Lesson
    from runtime.training.outcome import outcome_of
    from runtime.training.trainers import TRAINERS, families_of

    chosen = families_of(tuple(families or ()))
    lesson = Lesson(
        bars=training_bars(loaded.settings, from_, to).bars, settings=loaded.settings, seed=seed
    )
    outcomes: list[Outcome] = []
    with progress(_console, "families trained", len(chosen), is_quiet=json) as advance:
        for family in chosen:
            advance(len(outcomes), family)
            outcomes.append(outcome_of(family, TRAINERS[family](lesson), lesson))
        advance(len(outcomes), "")
    if json:
        print(msgspec.json.encode(outcomes).decode())
    else:
        _tell(outcomes)


def _tell(outcomes: "list[Outcome]") -> None:
    table = Table(
        "family", "rows", "trials", "trained until", "out of sample", "baseline", "reason"
    )
    for one in outcomes:
        table.add_row(
            one.family,
            str(one.rows),
            str(one.trials),
            one.trained_until,
            one.score,
            one.baseline,
            one.reason,
        )
    _console.print(table)
