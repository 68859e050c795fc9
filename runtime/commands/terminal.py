"""``terminal serve``: the terminal process, started and watched by the cluster, or by a person."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The terminal process.", no_args_is_help=True)


@app.command()
def serve(
    plan: Annotated[Path, typer.Option(help="Plan of the run, plan.json beside its journal.")],
    port: Annotated[int, typer.Option(help="Port on the configured address.")],
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="End when the starting process is gone.")
    ] = False,
) -> None:
    """Serve the run's terminal by HTTP until SIGTERM."""
    from runtime.terminals.service import serve_plan

    serve_plan(plan, port, ends_with_parent=with_parent)
