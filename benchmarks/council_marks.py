"""One nine-agent run over the synthetic market, measured between marks; a script of its own.

The marks are numbers of M1 bars, all symbols together. Takes the number of symbols and the marks;
prints one JSON object: at each mark processor time, memory and samples since the run began.
"""

import json
import sys
from itertools import combinations
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from benchmarks import closing_together
from benchmarks.council_run import Sampler
from blackboard.access import Access
from blackboard.board import Board
from blackboard.journal import Durability
from config.loading import LoadedSettings
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.board_settings import board_journal, board_limits
from runtime.clock import processor_s
from runtime.council import agent_order, declarations, load_agent
from runtime.inprocess import InProcessHost, Pace
from runtime.instants import iso
from runtime.preparation import StartOptions, prepare
from runtime.terminal_world import direct_world
from runtime.terminals.simulated.regimes import WEEK_MINUTES
from runtime.terminals.simulated.synthetic import open_of_week_ns

FIRST_WEEK: Final = 2880
"""Of those that the synthetic market counts: it begins on 2025-03-09."""
MAJORS: Final = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
FOUR_MORE: Final = ("SGD", "HKD", "SEK", "NOK")
"""Currencies beside the eight of `closing_together`."""


def symbols_of(count: int) -> tuple[str, ...]:
    """Return so many symbols: four majors, pairs of eight currencies, then of twelve."""
    *seven, yen = closing_together.CURRENCIES
    twelve = combinations((*seven, *FOUR_MORE, yen), 2)
    pairs = (*MAJORS, *closing_together.SYMBOLS, *(base + profit for base, profit in twelve))
    return tuple(dict.fromkeys(pairs))[:count]


def instant_ns(minutes: int) -> int:
    """Return when so many open minutes of the market are over."""
    weeks, minute = divmod(minutes, WEEK_MINUTES)
    return open_of_week_ns(FIRST_WEEK + weeks) + minute * MINUTE_NS


class Marks:
    """Measures at each mark, when the clock is about to jump over it."""

    def __init__(self, marks: list[int], symbols: int) -> None:
        self.told: list[dict[str, Any]] = []
        self._marks = [(bars, instant_ns(bars // symbols)) for bars in marks]
        self._process = psutil.Process()
        self._sampler = Sampler()
        self._started_s = processor_s()
        self._sampler.start()

    def end(self) -> None:
        """Stop sampling."""
        self._sampler.end()

    def pace(self, jump_ns: int) -> Pace:
        """Measure; stop after the last mark."""
        while self._marks and jump_ns > self._marks[0][1]:
            bars, _ = self._marks.pop(0)
            self.told.append(
                {
                    "bars": bars,
                    "cpu_s": processor_s() - self._started_s,
                    "mb": self._process.memory_info().rss / 2**20,
                    "samples": dict(self._sampler.counts),
                }
            )
        return Pace.JUMP if self._marks else Pace.STOP


def main(count: int, marks: list[int]) -> None:
    """Run to the last mark and print the measurements."""
    with TemporaryDirectory() as home:
        start = iso(instant_ns(0))
        settings = Settings.model_validate(
            {"home": home, "symbols": symbols_of(count), "market": {"synthetic": {"start": start}}}
        )
        options = StartOptions(speed="max", in_process=True, is_fresh=True)
        plan = prepare(LoadedSettings(settings=settings, origins={}), options).plan
        plan.book.journal.parent.mkdir(parents=True, exist_ok=True)
        settings = plan.settings
        world = direct_world(plan)
        journal = board_journal(plan.book.journal, settings.board)
        board = Board(
            Access(declarations(settings)),
            journal,
            durability=Durability.UNSYNCED,
            limits=board_limits(settings.board),
        )
        agents = {name: load_agent(name, settings) for name in agent_order(settings)}
        measured = Marks(marks, count)
        host = InProcessHost(
            board, agents, world, start_ns=plan.start_ns, end_ns=plan.end_ns, pace=measured.pace
        )
        host.run()
        measured.end()
        journal.close()
        world.close()
        print(json.dumps({"marks": measured.told, "entries": board.head}))


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(bars) for bars in sys.argv[2:]])
