"""``terminal serve``: the terminal process, started and watched by the cluster, or by a person."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The terminal process.", no_args_is_help=True)


@app.command()
def serve(
    plan: Annotated[Path, typer.Option(help="Plan of the run, plan.json beside its journal.")],
    port: Annotated[int, typer.Option(help="Port on the configured address.")],
) -> None:
    """Serve the run's terminal by HTTP until SIGTERM."""
    from runtime.terminals.service import serve_plan

    serve_plan(plan, port)
