"""Long work tells how far it has come, with a terminal and without."""

from io import StringIO

import pytest
from rich.console import Console

from runtime.commands import progress as module
from runtime.commands.progress import LINE_EVERY_S, progress


def test_without_a_terminal_a_line_is_printed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is told of the first moment after each pause, and of nothing in between."""
    out = StringIO()
    moments_s = iter([0.0, 1.0, LINE_EVERY_S, LINE_EVERY_S, LINE_EVERY_S + 1.0])
    monkeypatch.setattr(module, "process_s", lambda: next(moments_s))

    with progress(Console(file=out), "weeks", 3, is_quiet=False) as advance:
        for done in (1, 2, 3):
            advance(done, "0 broken")

    assert out.getvalue() == "weeks: 2 of 3 0 broken\n"


def test_a_machine_reader_gets_no_progress() -> None:
    """Lines of JSON are mixed with nothing else."""
    out = StringIO()

    with progress(Console(file=out, force_terminal=True), "weeks", 3, is_quiet=True) as advance:
        advance(3, "0 broken")

    assert out.getvalue() == ""


def test_a_terminal_shows_a_bar() -> None:
    """Whoever looks sees count and word."""
    out = StringIO()

    with progress(Console(file=out, force_terminal=True), "weeks", 3, is_quiet=False) as advance:
        advance(3, "0 broken")

    assert "3/3" in out.getvalue()
    assert "0 broken" in out.getvalue()
