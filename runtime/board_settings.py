"""From the settings to a board and its journal: the same limits in both hosts, and in the proof."""

from pathlib import Path

from blackboard.board import BoardLimits
from config.system import BoardSection
from runtime.journals.diskcache import DiskcacheJournal


def board_limits(section: BoardSection) -> BoardLimits:
    """Return what bounds a board."""
    return BoardLimits(
        tail_entries_max=section.tail_entries_max,
        drafts_per_post_max=section.drafts_per_post_max,
        author_entries_per_min_max=section.author_entries_per_min_max,
    )


def open_journal(folder: Path, section: BoardSection) -> DiskcacheJournal:
    """Return the journal in a folder, which takes no more than its size."""
    return DiskcacheJournal(folder, bytes_max=section.journal_bytes_max)
