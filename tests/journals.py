"""A board on a journal folder, as the driver alone would have it."""

from pathlib import Path

from blackboard.access import Access
from blackboard.board import Board
from config.settings import Settings
from runtime.council import declarations
from runtime.journals.diskcache import DiskcacheJournal


def board_on(folder: Path) -> tuple[Board, DiskcacheJournal]:
    """Return a board rebuilt from a folder, and its journal; whoever asks closes it."""
    journal = DiskcacheJournal(folder)
    try:
        return Board(Access(declarations(Settings())), journal), journal
    except BaseException:
        journal.close()
        raise
