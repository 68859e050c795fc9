"""A recorded run of nine agents on the synthetic market, in memory, and what may be done to it."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from blackboard.access import Access
from blackboard.board import Board
from blackboard.chain import commits_of
from blackboard.entry import Entry, store
from blackboard.facts import Timeframe
from blackboard.journal import GENESIS, Block, MemoryJournal, seal
from config.settings import Settings
from models.market.sessions import HOUR_NS
from runtime.council import agent_order, declarations, load_agent
from runtime.inprocess import InProcessHost
from runtime.market_world import market_world
from runtime.proof.recording import RecordedStart, Recording
from runtime.simulation.scenario import scenario_of
from runtime.terminals.simulated.market import open_market

HOURS = 20
"""Long enough for some trades to be opened and closed."""
SEED = 2

Change = Callable[[Entry], Entry]


@cache
def a_run() -> tuple[list[list[Entry]], RecordedStart]:
    """Return the commits of one run, and what it was made of."""
    scenario = scenario_of(SEED, Path("nowhere"))
    settings = scenario.settings.model_copy(update={"timeframe": Timeframe.M15})
    end_ns = scenario.start_ns + HOURS * HOUR_NS
    provenance = open_market(settings).provenance
    return recorded(settings, scenario.start_ns, end_ns), _start(settings, provenance)


def recorded(settings: Settings, start_ns: int, end_ns: int) -> list[list[Entry]]:
    """Return the commits of nine agents in one process, in virtual time."""
    journal = MemoryJournal()
    host = InProcessHost(
        Board(Access(declarations(settings)), journal),
        {name: load_agent(name, settings) for name in agent_order(settings)},
        market_world(open_market(settings).source, settings, start_ns),
        start_ns=start_ns,
        end_ns=end_ns,
    )
    host.run()
    return list(commits_of(journal.blocks()))


def _start(settings: Settings, data: dict[str, str]) -> RecordedStart:
    return RecordedStart(
        first_seq=1, is_virtual=True, settings=settings, data=data, code_hash="as recorded"
    )


def entries_of_run() -> list[Entry]:
    """Return the entries of the run."""
    return [entry for commit in a_run()[0] for entry in commit]


def recording(
    commits: Sequence[Sequence[Entry]] | None = None, starts: Sequence[RecordedStart] = ()
) -> Recording:
    """Return a recording of commits, by default those of the run, its chain sealed anew."""
    known, start = a_run()
    blocks = sealed(known if commits is None else commits)
    head = blocks[-1].last_seq if blocks else 0
    return of_blocks(blocks, starts or (start,), head)


def of_blocks(blocks: Sequence[Block], starts: Sequence[RecordedStart], head: int) -> Recording:
    """Return a recording of blocks as they are."""
    return Recording(
        lambda after: (block for block in blocks if block.last_seq > after), starts, head
    )


def altered(change: Change) -> Recording:
    """Return the run with entries changed; whoever changed them built the chain anew."""
    return recording([[change(entry) for entry in commit] for commit in a_run()[0]])


def field_changed(seq: int, **changes: object) -> Change:
    """Return the change of some fields of one fact."""

    def change(entry: Entry) -> Entry:
        if entry.seq != seq:
            return entry
        fact = msgspec.structs.replace(entry.fact, **changes)
        return msgspec.structs.replace(entry, fact=fact)

    return change


def sealed(commits: Sequence[Sequence[Entry]]) -> list[Block]:
    """Return commits as a chain of blocks."""
    blocks: list[Block] = []
    for commit in commits:
        payload, _ = store(commit)
        before = blocks[-1].hash if blocks else GENESIS
        blocks.append(seal(commit[0].seq, commit[-1].seq, payload, before))
    return blocks
