"""The world of a market alone: in virtual time, with a terminal of its own of which nothing stays.

What a run in one process has for its book (`terminal_world.direct_world`) without the book.
"""

from config.settings import Settings
from runtime.clock import VirtualClock
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.simulated.source import MarketSource
from runtime.terminals.simulated.terminal import SimulatedTerminal


def market_world(source: MarketSource, settings: Settings, now_ns: int) -> TerminalWorld:
    """Return the way to a fresh account in a market, with the configured calendar and headlines.

    Parameters
    ----------
    source : MarketSource
        Minutes of each symbol.
    settings : Settings
        What the terminal and the feeds are like.
    now_ns : int
        Market time at which it begins.
    """
    clock = VirtualClock(now_ns)
    terminal = SimulatedTerminal(source, MemoryLedger(), settings, clock.now_ns, stop_file=None)
    return TerminalWorld(
        terminal,
        settings,
        is_virtual=True,
        is_direct=True,
        calendar=open_calendar(settings),
        headlines=open_headlines(settings),
    )
