"""``lookahead``: whether any vote, forecast, budget or level knows what had not happened yet."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.commands.progress import progress
from runtime.picture import clock_text

KNOWS_THE_FUTURE = 1
"""Exit code where a value depends on what followed."""

_console = Console(soft_wrap=True, highlight=False, markup=False)


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(lookahead)


def lookahead(
    history: Annotated[str, typer.Option(help="Folder with recorded bars to look at.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment of history, ISO 8601.")] = "",
    to: Annotated[str, typer.Option(help="Last moment of history; a bare date counts whole.")] = "",
    samples: Annotated[int, typer.Option(min=1, help="Closes to look at.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of their choice.")] = 1,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Compute every opinion at a sample of closes with the future cut off, there, and altered.

    Ends with 0 if all are the same to the last bit, with 1 and the first that differs if not.
    """
    loaded = load(
        config,
        set_,
        **{
            "market.history.path": history or None,
            "market.history.start": from_ or None,
            "market.history.end": to or None,
            "symbols": [name.strip() for name in symbols.split(",")] if symbols else None,
        },
    )
    from runtime.proof.lookahead.verdict import look

    with progress(_console, "lookahead, closes", samples, is_quiet=json) as advance:
        verdict = look(
            loaded.settings,
            samples=samples,
            seed=seed,
            tell=lambda done, close_ns: advance(done, clock_text(close_ns)),
        )
    if json:
        print(msgspec.json.encode(verdict).decode())
    elif verdict.peek is None:
        _console.print(
            f"{verdict.closes} closes, {verdict.compared} values of {', '.join(verdict.voters)}: "
            "none knows its future"
        )
    else:
        peek = verdict.peek
        _console.print(
            f"{peek.voter} {peek.symbol} {clock_text(peek.close_ns)}: {peek.column} knows its "
            f"future\nalone {peek.alone}, with the future {peek.future} {peek.followed}"
        )
    if not verdict.holds:
        raise typer.Exit(KNOWS_THE_FUTURE)
