"""What the world answered while a run was recorded, asked again of the same market.

Only readings of closed bars are asked by the agents that are run again, and a recorded market
answers them as it did. A market that is gone, or is another one by now, answers nothing: whoever
asks is told so, and nothing is passed on trust.
"""

from typing import Protocol

from agents.requests import ReadBars, Reply, Unanswered
from blackboard.errors import ConfigError, QuorumError
from runtime.market_world import market_world
from runtime.proof.recording import RecordedStart
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.market import open_market


class MarketGone(QuorumError):
    """The market of a recorded start cannot answer any more."""


class Answers(Protocol):
    """Answers the readings of the agents that are run again."""

    def answer(self, request: ReadBars, now_ns: int) -> Reply:
        """Return the reply to a reading at an instant; raises MarketGone if nobody can tell."""


class MarketAnswers:
    """Answers from the simulated or recorded market of one start, opened when it is first asked."""

    def __init__(self, start: RecordedStart) -> None:
        self._start = start
        self._world: TerminalWorld | None = None
        self._now_ns = 0

    def answer(self, request: ReadBars, now_ns: int) -> Reply:
        """Return the bars as the market has them."""
        if self._world is None:
            self._world = _opened(self._start, now_ns)
        self._now_ns = max(self._now_ns, now_ns)  # a terminal's time never goes back
        reply = self._world.perform(request, now_ns=self._now_ns, epoch=0).reply
        if isinstance(reply, Unanswered):
            raise MarketGone(f"bars of {request.symbol}: {reply.reason}")
        return reply


def _opened(start: RecordedStart, now_ns: int) -> TerminalWorld:
    settings, kind = start.settings, start.data.get("kind", "unknown")
    if settings.terminal.kind != "simulated":
        raise MarketGone(f"bars came from {kind}, whose history is not kept beside the journal")
    try:
        market = open_market(settings)
    except (ConfigError, OSError) as error:
        raise MarketGone(f"the {kind} market of the run cannot be opened: {error}") from error
    if market.provenance != start.data:
        raise MarketGone(
            f"the {kind} market is another one than was recorded: {_told(start.data)} then, "
            f"{_told(market.provenance)} now"
        )
    return market_world(market.source, settings, now_ns)


def _told(data: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(data.items()))
