"""``top``: the live view of a book from a second process, running or finished."""

import sys
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.live import Live

from blackboard.entry import decode_entries
from blackboard.errors import ConfigError
from runtime.book import Book
from runtime.clock import process_s, sleep_s
from runtime.commands.options import BookOption, ConfigOption
from runtime.commands.running_book import find, is_running
from runtime.journals.opening import open_journal
from runtime.live_view import render
from runtime.machine.current import MACHINE
from runtime.machine.port import Pressed
from runtime.picture import SEEN_KINDS, Picture
from runtime.process_load import ProcessLoads
from runtime.status import Status, read_status

EVERY_S: Final = 1.0
"""Process time between two looks at status and journal."""
LEAVE: Final = frozenset("qQ\x1b")


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(top)


def top(
    book: BookOption = "",
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False,
) -> None:
    """Show state, money, agents with their processes, decisions and positions; q leaves."""
    console, watched = Console(), Watched(find(book, config))
    try:
        if once or not console.is_terminal:
            if watched.is_running:
                watched.picture()  # the share of a processor is that between two looks
                sleep_s(EVERY_S)
            console.print(watched.picture())
            return
        with (
            MACHINE.keys(sys.stdin.fileno()) as pressed,
            Live(console=console, screen=True, auto_refresh=False) as live,
        ):
            while True:
                live.update(watched.picture(), refresh=True)
                if _leaves(pressed):
                    return
    finally:
        watched.close()


def _leaves(pressed: Pressed) -> bool:
    """Wait until the next look is due; return whether a person wants to leave."""
    end_s = process_s() + EVERY_S
    while (left_s := end_s - process_s()) > 0.0:
        if pressed(left_s) in LEAVE:
            return True
    return False


class Watched:
    """A book whose journal is read on from where it was left."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._picture = Picture()
        self._loads = ProcessLoads()
        self._journal = open_journal(book.journal)
        self._cursor = 0

    @property
    def is_running(self) -> bool:
        """Whether a driver runs on it."""
        return is_running(self._book)

    def picture(self) -> RenderableType:
        """Return the present as a person sees it; ConfigError before the first start."""
        status = read_status(self._book.state)
        if status is None:
            raise ConfigError(f"nothing has run on {self._book.name} yet")
        self._read()
        if not status.is_alive():
            return render(self._picture, _stopped(status), {})
        return render(self._picture, status, self._loads.of(agent.pid for agent in status.agents))

    def close(self) -> None:
        """Leave the journal."""
        self._journal.close()

    def _read(self) -> None:
        for block in self._journal.blocks(self._cursor):
            for entry in decode_entries(block.payload):
                if entry.seq > self._cursor and entry.kind in SEEN_KINDS:
                    self._picture.add(entry)
            self._cursor = max(self._cursor, block.last_seq)


def _stopped(status: Status) -> Status:
    """Return the last account of a driver that is gone, its agents stopped."""
    stopped = [
        msgspec.structs.replace(agent, health="stopped", posts_per_s=0.0, last_fact_age_s=-1.0)
        for agent in status.agents
    ]
    return msgspec.structs.replace(status, agents=stopped)
