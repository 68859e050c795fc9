"""The command line of Quorum; without an argument it starts trading a simulated market."""

import os
import sys

# Before anything is imported: one thread for BLAS, torch and numba in every process of a run, so
# that both hosts compute the same bits; and nothing that is written is readable by others.
for _name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
):
    os.environ.setdefault(_name, "1")
os.umask(0o077)

import typer  # noqa: E402 - the environment comes first

from blackboard.errors import ConfigError, QuorumError  # noqa: E402
from runtime.commands import (  # noqa: E402
    ablation,
    agents,
    backtest,
    backup,
    clean,
    configuration,
    console,
    data,
    doctor,
    explain,
    kill_switch,
    learning,
    logs,
    lookahead,
    prove_safety,
    reference,
    repair,
    report,
    running,
    simulate,
    start,
    steering,
    telegram,
    terminal,
    top,
    truth,
    upgrade,
    version,
    walkforward,
)

EXIT_FAILURE, EXIT_CONFIGURATION, EXIT_INTERRUPTED = 1, 3, 130

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Quorum: nine agents, one blackboard, every order explained.",
)
for _group in (
    start,
    backtest,
    running,
    top,
    steering,
    logs,
    console,
    kill_switch,
    learning,
    walkforward,
    explain,
    report,
    truth,
    lookahead,
    ablation,
    prove_safety,
    repair,
    upgrade,
    backup,
    clean,
    simulate,
    doctor,
    version,
    reference,
):
    _group.mount(app)
app.add_typer(agents.app, name="agents")
app.add_typer(configuration.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(terminal.app, name="terminal")
app.add_typer(telegram.app, name="telegram")


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Start trading, unless another verb is given."""
    if context.invoked_subcommand is None:
        start.up_with_defaults()


def main() -> None:
    """Run a verb; an error of ours is one message and a fixed exit code, never a traceback."""
    try:
        app()
    except ConfigError as error:
        _fail("configuration", error, EXIT_CONFIGURATION)
    except (QuorumError, OSError) as error:
        _fail("failed", error, EXIT_FAILURE)
    except ModuleNotFoundError as error:
        _fail("a package is missing", error, EXIT_FAILURE)
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None


def _fail(what: str, error: Exception, code: int) -> None:
    lines = str(error).splitlines() or [type(error).__name__]
    print(
        f"quorum: {what}: {lines[0]}",
        *(f"  {line}" for line in lines[1:]),
        sep="\n",
        file=sys.stderr,
    )
    raise SystemExit(code)


if __name__ == "__main__":
    main()
