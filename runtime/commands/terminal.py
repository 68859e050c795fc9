"""``terminal serve``: the terminal process, started and watched by the cluster, or by a person."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.commands.options import ConfigOption, RealAccountOption, SetOption, load

app = typer.Typer(help="The terminal process.", no_args_is_help=True)


@app.command()
def serve(
    plan: Annotated[
        Path | None, typer.Option(help="Plan of a run, plan.json beside its journal.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on the configured address.")] = 0,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="End when the starting process is gone.")
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    book: Annotated[str, typer.Option(help="Name of the account's book on this machine.")] = "",
    real_account: RealAccountOption = 0,
) -> None:
    """Serve a terminal by HTTP until it is told to stop.

    The cluster gives a plan. A person gives settings, on the machine with MetaTrader 5, and takes
    the address and the token to the machine of the cluster.
    """
    if plan is not None:
        from runtime.terminals.service import serve_plan

        serve_plan(plan, port, ends_with_parent=with_parent)
        return
    from runtime.terminal_keeper import keep

    loaded = load(config, set_, **{"book": book or None, "terminal.port": port or None})
    keep(loaded, real_account, tell=lambda text: print(text, flush=True))
