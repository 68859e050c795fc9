"""The host that runs all agents in one process, superstep by superstep.

It serves `--in-process`, simulation and most tests. It gives agents exactly what the Ray host gives
them, so a run has the same decisions on both.
"""

from collections.abc import Callable, Mapping
from enum import Enum

from agents.agent import Agent
from blackboard.board import Board
from blackboard.facts import FOREVER_NS
from blackboard.reading import Filter
from runtime.board_port import past_wanted
from runtime.seat import Seat
from runtime.supersteps import Release, Supersteps
from runtime.world import World


class Pace(Enum):
    """What happens instead of, or at, a jump of the clock."""

    JUMP = "jump"
    SETTLE = "settle"
    """Something was injected: run a superstep first."""
    STOP = "stop"


def at_full_speed(_jump_ns: int) -> Pace:
    """Jump at once."""
    return Pace.JUMP


class InProcessHost:
    """Nine agents, one board, one thread."""

    def __init__(
        self,
        board: Board,
        agents: Mapping[str, Agent],
        world: World,
        *,
        start_ns: int,
        end_ns: int = FOREVER_NS,
        pace: Callable[[int], Pace] = at_full_speed,
    ) -> None:
        """Take the agents in the order of their commits.

        Parameters
        ----------
        board, agents, world
            Agents are keyed by author.
        start_ns, end_ns
            Market time of a fresh run's first superstep, and the one after which nothing runs.
        pace
            Called with the market time of each jump before it happens; it may wait for a clock, and
            it may end the run.
        """
        self.board = board
        self._pace = pace
        declarations = {name: agent.declaration() for name, agent in agents.items()}
        filters = {
            name: Filter(kinds=declared.reads, author=name)
            for name, declared in declarations.items()
        }
        self.supersteps = Supersteps(board, filters, start_ns, end_ns)
        self._filters = filters
        self._seats = {name: Seat(agent, world) for name, agent in agents.items()}

    def run(self) -> None:
        """Run until the end of the market time, or until `pace` says stop."""
        for name, seat in self._seats.items():
            joined = self.board.join(name)
            _, stored = self.board.read(0, past_wanted(self._filters[name], joined))
            past = [item.entry for item in stored if item.entry.seq <= joined.read_to]
            release = self.supersteps.hand_in(seat.rejoin(joined, past))
            if release is not None:
                self._step([release])
        while self._superstep():
            pass

    def _superstep(self) -> bool:
        released, _, jump_ns = self.supersteps.settle()
        if jump_ns is not None:
            pace = self._pace(jump_ns)
            if pace is not Pace.JUMP:
                return pace is Pace.SETTLE
            released = self.supersteps.jump(jump_ns)
        self._step(released)
        return not any(release.has_ended for release in released)

    def _step(self, released: list[Release]) -> None:
        for release in released:
            if not release.has_ended:
                seat = self._seats[release.author]
                self.supersteps.hand_in(seat.turn(release.told()))
