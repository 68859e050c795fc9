"""From the settings to a board: the same limits in both hosts, and in the proof."""

from blackboard.board import BoardLimits
from config.system import BoardSection


def board_limits(section: BoardSection) -> BoardLimits:
    """Return what bounds a board."""
    return BoardLimits(
        tail_entries_max=section.tail_entries_max,
        drafts_per_post_max=section.drafts_per_post_max,
        author_entries_per_min_max=section.author_entries_per_min_max,
    )
