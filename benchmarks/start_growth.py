"""How long each agent needs to start while the journal grows; a part of `journal_growth`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.picture import Line, draw
from benchmarks.repeated_run import DAYS
from benchmarks.sections import PICTURES, table
from runtime.council import ORDER

ROOT: Final = Path(__file__).resolve().parents[1]
ENTRIES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
SYMBOLS: Final = "EURUSD,GBPUSD,USDJPY,AUDUSD"
DRAWN: Final = ("learner", "supervisor", "risk")


class Start(NamedTuple):
    """One agent's start on a journal."""

    seconds: float
    entries: int


Starts = dict[int, dict[str, Start]]
"""By entries of the journal, then by agent."""


def measured() -> Starts:
    """Start every agent on a journal of each size."""
    starts: Starts = {}
    with TemporaryDirectory() as home:
        recorded = _recorded(Path(home))
        for entries in ENTRIES:
            journal = Path(home) / f"journal-{entries}"
            _run("-m", "benchmarks.repeated_run", recorded, journal, entries)
            starts[entries] = {name: _start(journal, name) for name in ORDER}
            for path in journal.iterdir():
                path.unlink()
    return starts


def drawn(starts: Starts) -> None:
    """Write the picture."""
    lines = []
    for name in DRAWN:
        seconds = tuple(by_agent[name].seconds for by_agent in starts.values())
        lines.append(Line(name, tuple(starts), seconds))
    title = "Seconds of an agent's start against entries in the journal"
    draw(PICTURES / "start_growth.svg", title, "entries", lines)


def told(starts: Starts) -> str:
    """Return the table: seconds, and entries that were read."""
    head = ("agent", *(f"{size:,} entries" for size in starts))
    rows = [[name, *(_cell(by_agent[name]) for by_agent in starts.values())] for name in ORDER]
    return table(head, rows)


def note() -> str:
    """Return what the table rests on."""
    return (
        f"Agents start on a fortnight of nine agents and {SYMBOLS} on M15, repeated {DAYS} days "
        "later with new tickets and ids. Seconds of board and agent together, read in batches and "
        "encoded in between, without the import of the agent; in brackets what it was given."
    )


def _cell(start: Start) -> str:
    return f"{start.seconds:.2f} s ({start.entries:,})"


def _start(journal: Path, name: str) -> Start:
    cost = json.loads(_run("-m", "benchmarks.agent_start", journal, name, "recent"))
    return Start(cost["seconds"], cost["entries"])


def _recorded(home: Path) -> Path:
    arguments = ("--duration", f"{DAYS}d", "--symbols", SYMBOLS, "--random-runs", "0")
    _run("launch.py", "backtest", *arguments, "--json", home=home)
    (run,) = (home / "runs").iterdir()
    return run / "journal"


def _run(*command: object, home: Path | None = None) -> str:
    env = os.environ if home is None else {**os.environ, "QUORUM_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
