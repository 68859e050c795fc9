"""From the settings to a board: the same limits in both hosts, and in the proof."""

from pathlib import Path

from blackboard.board import BoardLimits
from config.system import BoardSection
from runtime.journals.opening import KeptJournal, open_to_write


def board_limits(section: BoardSection) -> BoardLimits:
    """Return what bounds a board."""
    return BoardLimits(
        tail_entries_max=section.tail_entries_max,
        snapshot_entries=section.snapshot_entries,
        drafts_per_post_max=section.drafts_per_post_max,
        author_entries_per_min_max=section.author_entries_per_min_max,
    )


def board_journal(folder: Path, section: BoardSection) -> KeptJournal:
    """Return the journal of a board, open to be written, with no more room than is configured."""
    return open_to_write(folder, section.journal_bytes_max)
