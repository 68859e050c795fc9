"""``simulate``: the whole system under seeded faults, in virtual time, week after week."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from runtime.commands.options import JsonOption
from runtime.commands.progress import progress

if TYPE_CHECKING:
    from runtime.simulation.campaign import Outcome

_console = Console(soft_wrap=True, highlight=False)
VIOLATIONS_SHOWN_MAX = 5
"""Violations of one seed that are printed; the first is what matters."""


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(simulate)


def simulate(
    seeds: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many seeds.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    mode: Annotated[
        str, typer.Option(help="safety, liveness, or both: each seed has one of the two in turn.")
    ] = "both",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at a time.")] = 2,
    twice: Annotated[
        bool, typer.Option(help="Run each seed twice and demand the same journal.")
    ] = True,
    address: Annotated[str, typer.Option(help="Run them on the Ray cluster at this address.")] = "",
    json: JsonOption = False,
) -> None:
    """Run whole weeks of nine agents, board and terminal under seeded faults, and check them.

    Every promise is held against what really happened. A seed that breaks one is printed with its
    plan, the first broken invariant and the command that repeats it; the exit code is then 1.
    """
    from runtime.clock import process_s
    from runtime.simulation.campaign import Campaign

    if mode not in ("safety", "liveness", "both"):
        raise typer.BadParameter(f"--mode must be safety, liveness or both, was {mode!r}")
    if address:
        _join(address)
    campaign = Campaign(
        range(seed, seed + seeds), mode, jobs=jobs, twice=twice, is_spread=bool(address)
    )
    started_s = process_s()
    with progress(_console, "weeks", seeds, is_quiet=json) as advance:
        for outcome in campaign.outcomes():
            advance(campaign.done, f"{campaign.broken} broken")
            if json:
                print(outcome.line())
            elif outcome.is_broken:
                _tell(outcome)
    if not json:
        _summarise(campaign.families, campaign.done, campaign.broken, process_s() - started_s)
    if campaign.broken:
        raise typer.Exit(1)


def _join(address: str) -> None:
    from runtime.ray_session import set_ray_environment

    set_ray_environment()  # Ray reads it when it is imported
    from config.system import ClusterSection
    from runtime.ray_session import start_ray

    start_ray(ClusterSection(), address, Path())


def _tell(outcome: "Outcome") -> None:
    from runtime.instants import iso
    from runtime.simulation.run import plan_of

    _console.print(f"[bold red]seed {outcome.seed} ({outcome.mode}) is broken[/]")
    if outcome.failure:
        _console.print(f"  {outcome.failure}", markup=False)
    for violation in outcome.violations[:VIOLATIONS_SHOWN_MAX]:
        what = f"{violation.promise} {violation.invariant}"
        _console.print(f"  {iso(violation.at_ns)} {what}: {violation.text}", markup=False)
    more = len(outcome.violations) - VIOLATIONS_SHOWN_MAX
    if more > 0:
        _console.print(f"  and {more} more")
    _console.print(plan_of(outcome.seed, outcome.mode).text(), markup=False)
    _console.print(
        f"repeat: python launch.py simulate --seeds 1 --seed {outcome.seed} --mode {outcome.mode}",
        markup=False,
    )


def _summarise(families: dict[str, int], done: int, broken: int, seconds: float) -> None:
    from rich.table import Table

    table = Table("family", "faults that struck", title=f"{done} weeks in {seconds:.0f} s")
    for family, count in families.items():
        table.add_row(family, str(count))
    _console.print(table)
    _console.print(f"{broken} of {done} seeds broke a promise")
