"""Several benchmarks one after the other, each in a process of its own, with progress."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from runtime.clock import process_s

LIMIT_S: Final = 4 * 3600.0
"""After which one counts as failed."""


def chosen(
    words: Sequence[str], groups: Mapping[str, Sequence[str]], otherwise: str
) -> tuple[str, ...]:
    """Return what names and groups stand for, each once; a group where nothing is named."""
    named = [name for word in words or (otherwise,) for name in groups.get(word, (word,))]
    return tuple(dict.fromkeys(named))


def run_each(commands: Mapping[str, Sequence[str]]) -> list[str]:
    """Run commands by name and print what they print; return the names of those that failed."""
    failed = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as progress:
        task = progress.add_task("", total=len(commands))
        for name, command in commands.items():
            progress.update(task, description=name)
            started_s = process_s()
            fault = _fault_of(command, progress.console)
            took = f"{name}: {process_s() - started_s:.0f} s"
            if fault:
                failed.append(name)
                took += f", FAILED: {fault}"
            _tell(progress.console, took, "red" if fault else "green")
            progress.advance(task)
    return failed


def _fault_of(command: Sequence[str], console: Console) -> str:
    """Run one command; return what went wrong, empty if nothing did."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"took more than {LIMIT_S:g} s"
    _tell(console, done.stdout.rstrip())
    if not done.returncode:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def _tell(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
