"""``train``, ``models``, ``learn``: models trained and judged, who serves, and what comes next."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from runtime.commands import fetching
from runtime.commands.options import BookOption, ConfigOption, JsonOption, SetOption, load
from runtime.commands.progress import progress

if TYPE_CHECKING:
    from config.settings import Settings
    from runtime.model_store import ModelStore
    from runtime.training.lesson import Lesson
    from runtime.training.outcome import Outcome

models = typer.Typer(help="Trained models: who serves, and since when.", rich_markup_mode=None)
learn = typer.Typer(help="What the learner of a book does.", rich_markup_mode=None)
_console = Console(soft_wrap=True, highlight=False, markup=False)
BY_HAND = "by hand"
RealOption = Annotated[
    bool, typer.Option("--real", help="Those of recorded and real prices, whatever is configured.")
]


def mount(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(train)
    fetching.mount(models)
    app.add_typer(models, name="models")
    app.add_typer(learn, name="learn")


def train(
    families: Annotated[
        list[str] | None, typer.Argument(help="Families of models, or all of them.")
    ] = None,
    history: Annotated[str, typer.Option(help="Folder with recorded bars to learn from.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment to learn from.")] = "",
    to: Annotated[str, typer.Option(help="Last moment; a bare date counts whole.")] = "",
    promote: Annotated[
        bool, typer.Option("--promote/--no-promote", help="Let what passes the gates serve.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is random in a training.")] = 1,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Train families of models on recorded bars, or on the history of the synthetic market.

    The family `sentiment` learns from labelled texts instead, agents.sentiment.texts.labelled_file.

    Each is judged on days that training has not seen, beside what serves now and what serves where
    no model has earned its place. What passes every gate serves from then on, in a system that is
    running from its next closes.
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
    from runtime.training.trainers import LEARNS_FROM_TEXTS, families_of

    chosen = families_of(tuple(families or ()))
    needs_bars = not LEARNS_FROM_TEXTS.issuperset(chosen)
    bars = training_bars(loaded.settings, from_, to).bars if needs_bars else {}
    lesson = Lesson(bars=bars, settings=loaded.settings, seed=seed)
    store = store_of(loaded.settings)
    outcomes: list[Outcome] = []
    with progress(_console, "families trained", len(chosen), is_quiet=json) as advance:
        for family in chosen:
            advance(len(outcomes), family)
            outcomes.append(_trained(family, lesson, store, may_promote=promote))
        advance(len(outcomes), "")
    if json:
        print(msgspec.json.encode(outcomes).decode())
    else:
        _tell(outcomes)


def _trained(family: str, lesson: "Lesson", store: "ModelStore", *, may_promote: bool) -> "Outcome":
    from runtime.clock import wall_ns
    from runtime.training.session import graduate

    closes = (int(rows["close_ns"][-1]) for rows in lesson.bars.values() if len(rows))
    now_ns = max(closes, default=0) or wall_ns()
    graduation = graduate(family, lesson, store, now_ns=now_ns, is_refresh=False)
    if not (graduation.has_passed and may_promote and graduation.manifest):
        return graduation.outcome
    store.promote(family, graduation.manifest.version, now_ns)
    return msgspec.structs.replace(graduation.outcome, is_promoted=True)


@learn.command(hidden=True)
def job(path: Annotated[Path, typer.Argument(help="Folder of the job.")]) -> None:
    """Do a training that the learner has asked for."""
    from runtime.training.worker import work

    work(path)


@models.callback(invoke_without_command=True)
def models_list(
    context: typer.Context,
    real: RealOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the families: versions kept, who serves, trials ever made, and the last verdict.

    Models of the synthetic market and of real prices lie apart, so that neither serves the other.
    """
    if context.invoked_subcommand is not None:
        return
    from runtime.training.overview import overview

    lines = overview(store_of(load(config).settings, is_real=real))
    if json:
        print(msgspec.json.encode(lines).decode())
        return
    table = Table("family", "serves", "kept", "trials", "judged", "last verdict", "failed", "why")
    for line in lines:
        table.add_row(
            line.family,
            line.serves or "baseline",
            str(len(line.versions)),
            str(line.trials),
            str(line.judged),
            f"{line.last_version} {line.verdict}".strip(),
            line.failed_gate,
            _told(line.detail, line.taken_back),
        )
    _console.print(table)


@models.command()
def rollback(
    family: Annotated[str, typer.Argument(help="Family of models.")],
    real: RealOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let the version that served before serve again, or the baseline where there is none.

    A system that is running follows from its next closes.
    """
    from runtime.training.overview import roll_back

    row = roll_back(store_of(load(config).settings, is_real=real), family, BY_HAND)
    if json:
        print(msgspec.json.encode(row).decode())
    else:
        _console.print(
            f"{family}: {row.version or 'the baseline'} serves, "
            f"{row.replaced_version or 'the baseline'} is taken back"
        )


@learn.command()
def status(book: BookOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Tell of each family: version, trainings, verdicts; and how the latest trades went."""
    from runtime.book import find_book
    from runtime.training.standing import standing_of

    settings = load(config).settings
    found = find_book(settings.home.absolute(), book)
    standing = standing_of(found, settings)
    if json:
        print(msgspec.json.encode(standing).decode())
        return
    table = Table(
        "family", "serves", "last training", "next", "attempts", "verdict", "failed", "alarm"
    )
    for line in standing.families:
        table.add_row(
            line.family,
            line.serves or "baseline",
            line.last_training,
            line.next_training,
            str(line.attempts),
            _told(line.verdict, line.taken_back),
            line.failed_gate,
            line.alarm,
        )
    _console.print(table)
    record = "no trade has closed yet"
    if standing.recent_trades:
        record = (
            f"latest {standing.recent_trades} trades: {standing.win_rate:.0%} won, "
            f"{standing.expectancy_r:+.2f} R a trade"
        )
    warned = f"; warned: {standing.emergency}" if standing.emergency else ""
    _console.print(f"{record}{warned}; parameters: {standing.parameters}")
    if standing.best_params_version:
        _console.print(f"best_params.json {standing.best_params_version} serves")


def store_of(settings: "Settings", *, is_real: bool = False) -> "ModelStore":
    """Return the store that a run with these settings serves from."""
    from runtime.model_store import ModelStore
    from runtime.run_plan import models_folder
    from runtime.source_hash import code_hash

    expiry_days = settings.agents.learner.training.expiry_days
    return ModelStore(models_folder(settings, is_real=is_real), code_hash(), expiry_days)


def _told(detail: str, taken_back: str) -> str:
    fallen = f"taken back: {taken_back}" if taken_back else ""
    return "; ".join(filter(None, (detail, fallen)))


def _tell(outcomes: "list[Outcome]") -> None:
    table = Table("family", "rows", "trials", "out of sample", "baseline", "verdict", "why")
    for one in outcomes:
        verdict = "promoted" if one.is_promoted else one.gate or "not promoted"
        table.add_row(
            one.family,
            str(one.rows),
            str(one.trials),
            one.score,
            one.baseline,
            verdict if one.version else "not trained",
            one.reason,
        )
    _console.print(table)
