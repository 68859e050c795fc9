"""What `learn status` reads of a journal."""

from pathlib import Path

import pytest

from blackboard.entry import Draft, Post
from blackboard.facts import ModelPromoted, ModelRolledBack
from config.settings import Settings
from runtime.book import Book
from runtime.training.standing import standing_of
from tests.journals import board_on

VERSION = "walkforward/20260101T000000-abcd"
SERVED = ModelPromoted(
    scope="walkforward", version=VERSION, content_hash="c" * 64, effective_from_ns=2
)
TAKEN_BACK = ModelRolledBack(
    scope="walkforward", version="", replaced_version=VERSION, reason="asked", effective_from_ns=3
)


def a_book(folder: Path, *facts: ModelPromoted | ModelRolledBack) -> Book:
    """Return a book whose learner has said these things and no others."""
    board, journal = board_on(folder / "journal")
    epoch = board.join("learner").epoch
    for number, fact in enumerate(facts, 1):
        draft = Draft(fact=fact, ts_event_ns=number, ordinal=str(number))
        board.post(
            Post(author="learner", epoch=epoch, drafts=(draft,), read_to=0, now_ns=number), number
        )
    journal.close()
    return Book(folder)


@pytest.mark.parametrize(
    ("facts", "version"), [((), ""), ((SERVED,), VERSION), ((SERVED, TAKEN_BACK), "")]
)
def test_the_version_of_the_searched_parameters_is_told(
    tmp_path: Path, facts: tuple[ModelPromoted | ModelRolledBack, ...], version: str
) -> None:
    """A winner that an operator's search let serve is told, though no timetable trains it."""
    standing = standing_of(a_book(tmp_path, *facts), Settings())

    assert standing.best_params_version == version
    told = [
        (line.serves, line.next_training)
        for line in standing.families
        if line.family == "walkforward"
    ]
    assert told == ([(version, "")] if facts else [])
