"""The terminal that settings name, as a source of bars and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from agents.requests import BarsRead, ReadBars
from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from runtime.bar_store.download import Read
from runtime.clock import wall_ns
from runtime.terminals.edge import Edge
from runtime.terminals.looking import looked_at
from runtime.terminals.simulated.market import open_market
from runtime.terminals.symbols import discover


class Source(NamedTuple):
    """Where bars are read."""

    read: Read
    symbols: tuple[str, ...]
    """All that the terminal trades."""
    now_ns: int
    """Its market time: what closed later is not there yet."""
    part_bars: int = 0
    """Bars of an open market that it can be asked for at once; 0 for the usual number."""


@contextmanager
def reader(settings: Settings) -> Iterator[Source]:
    """Yield the terminal's bars; raises ConfigError or TerminalUnavailable."""
    is_simulated = settings.terminal.kind == "simulated"
    now_ns = open_market(settings).source.start_ns if is_simulated else wall_ns()
    edge = Edge(settings, is_virtual=is_simulated)
    with looked_at(settings) as terminal:

        def read(request: ReadBars) -> BarsRead:
            reply = edge.read(terminal, request, now_ns)
            if not isinstance(reply, BarsRead):
                raise TerminalUnavailable(f"bars of {request.symbol} were not answered")
            return reply

        found = tuple(own for own, _ in discover(terminal, settings).found)
        yield Source(read, found, now_ns)
