"""The progress of long work: a bar on a terminal, a line now and then where there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runtime.clock import process_s

LINE_EVERY_S: Final = 10.0
"""Time between two lines where there is no terminal."""

Advance = Callable[[float, str], None]
"""Takes how much is done in all, and a word about it."""


@contextmanager
def progress(console: Console, what: str, total: float, *, is_quiet: bool) -> Iterator[Advance]:
    """Show how far work has come while it runs.

    Parameters
    ----------
    console : Console
        Where it is shown.
    what : str
        What is counted, such as ``weeks``.
    total : float
        How much there is to do.
    is_quiet : bool
        Whether nothing is shown, for output that machines read.
    """
    if is_quiet:
        yield lambda done, word: None
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[word]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(what, total=total, word="")
            yield lambda done, word: bar.update(task, completed=done, word=word)
    else:
        yield _lines(console, what, total)


def _lines(console: Console, what: str, total: float) -> Advance:
    told_s = process_s()

    def advance(done: float, word: str) -> None:
        nonlocal told_s
        if process_s() - told_s >= LINE_EVERY_S:
            told_s = process_s()
            console.print(f"{what}: {done:g} of {total:g} {word}".rstrip(), markup=False)

    return advance
