"""An agent that starts on a journal, in a process of its own: ``python -m benchmarks.agent_start``.

Its arguments are the journal, the agent, and whether it reads everything. It prints one line of
JSON: the seconds in which the board and the agent together have read the past and made the first
step of it, batch by batch and encoded in between as on Ray.
"""

import json
import os
import sys
from pathlib import Path
from time import process_time

import msgspec

from agents.agent import Inbox
from blackboard.access import Access
from blackboard.board import Board
from blackboard.entry import Entry, decode_entries, encode_entries
from blackboard.reading import Filter, Joined
from config.settings import Settings
from runtime.board_port import PAST_BATCH_MAX, past_wanted
from runtime.board_settings import board_limits
from runtime.council import declarations, load_agent
from runtime.journals.diskcache import DiskcacheJournal


def start(folder: Path, name: str, *, is_whole: bool) -> dict[str, float]:
    """Start one agent."""
    settings = Settings()
    board = Board(
        Access(declarations(settings)),
        DiskcacheJournal(folder),
        limits=board_limits(settings.board),
    )
    agent = load_agent(name, settings)
    started_s = process_time()
    joined = board.join(name)
    if is_whole:
        joined = msgspec.structs.replace(joined, past=None)
    past = _past(board, name, joined, PAST_BATCH_MAX)
    read_s = process_time() - started_s
    agent.step(joined.now_ns, Inbox(tuple(past)))
    return {"seconds": process_time() - started_s, "read_s": read_s, "entries": len(past)}


def _past(board: Board, name: str, joined: Joined, limit: int) -> list[Entry]:
    wanted = Filter(kinds=board.access.declarations[name].reads, author=name)
    wanted = past_wanted(wanted, joined)
    cursor, past = 0, list[Entry]()
    while True:
        cursor, stored = board.read(cursor, wanted, limit)
        past += decode_entries(encode_entries(stored))
        if len(stored) < limit:
            return past


if __name__ == "__main__":
    journal, agent, how_much = sys.argv[1:]
    print(json.dumps(start(Path(journal), agent, is_whole=how_much == "whole")), flush=True)
    os._exit(0)
