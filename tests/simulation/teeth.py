"""Shows that the simulation finds bugs: plants each one and looks for a seed that sees it.

    python -m tests.simulation.teeth --jobs 2

Prints a table of planted bug, seed, broken invariant and what the checker says. It ends with 1 if a
bug is not found within the seeds allowed.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from runtime.simulation.checker import Violation, check
from runtime.simulation.run import run
from tests.simulation.planted import BUGS, PlantedBug

SEEDS_MAX = 50
"""Seeds within which every planted bug must be seen."""


class Bite(NamedTuple):
    """What became of looking for one planted bug."""

    bug: str
    seed: int
    """Seed that saw it, −1 if none did."""
    violation: Violation | None


def bite(bug: PlantedBug, seed: int) -> Violation | None:
    """Return the first violation by which a seed sees a planted bug, None if it does not.

    What the same seed shows without the bug is none of its doing and does not count.
    """
    with bug.plant():
        _, history = run(seed, bug.mode)
    seen = [each for each in check(history) if each.invariant in bug.invariants]
    if not seen:
        return None
    _, history = run(seed, bug.mode)
    anyway = {each.invariant for each in check(history)}
    return next((each for each in seen if each.invariant not in anyway), None)


def first_bite(name: str, seeds: range) -> Bite:
    """Return the first seed that sees a planted bug."""
    bug = next(each for each in BUGS if each.name == name)
    # Where it was seen before it is looked for first: nearly always that is all it takes.
    for seed in (bug.seed, *seeds):
        violation = bite(bug, seed)
        if violation is not None:
            return Bite(name, seed, violation)
    return Bite(name, -1, None)


def main(arguments: list[str]) -> int:
    """Look for every bug, or for those whose names are given, and print the table."""
    parser = argparse.ArgumentParser(prog="teeth", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of planted bugs; all if none")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX)
    options = parser.parse_args(arguments)
    names = [
        bug.name
        for bug in BUGS
        if not options.names or any(part in bug.name for part in options.names)
    ]
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"  # for the processes to come: sums must not depend on threads
    bites = list(_bites(names, range(options.seeds), options.jobs))
    table = Table("planted bug", "seed", "promise", "invariant", "what the checker says")
    for bite in bites:
        found = bite.violation
        if found is None:
            table.add_row(bite.bug, "[red]none[/]", "", "", "not found")
        else:
            table.add_row(bite.bug, str(bite.seed), found.promise, found.invariant, found.text)
    Console().print(table)
    return 1 if any(bite.violation is None for bite in bites) else 0


def _bites(names: list[str], seeds: range, jobs: int) -> Iterator[Bite]:
    # Processes of their own: a planted bug must not be seen by the run beside it.
    with (
        Progress(console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
    ):
        task = progress.add_task("planted bugs", total=len(names))
        for bite in pool.map(first_bite, names, [seeds] * len(names)):
            progress.advance(task)
            yield bite


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
