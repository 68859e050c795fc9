"""Cases of what the board and its journal take: an intent of an author that floods them is none."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from agents.supervisor import SupervisorAgent
from blackboard.access import Access
from blackboard.board import Board
from blackboard.entry import Draft, Post
from blackboard.errors import PostRefused
from blackboard.journal import Durability
from config.settings import Settings
from runtime.board_settings import board_journal, board_limits
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import NOON_NS, SYMBOLS, an_intent
from runtime.proof.safety.scene import Answer

_AUTHOR: Final = SupervisorAgent.name
_CODES: Final = {
    "a post holds at most": "drafts_per_post_max",
    "flood": "author_entries_per_min_max",
    "is full": "journal_bytes_max",
}
"""What the refusals say, by the setting that they name."""
_FILLING: Final = 1000
"""Intents in one post of those that fill a journal."""


class BoardScene:
    """A board over a journal on disk, as the system has it, and a supervisor that posts intents."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = TemporaryDirectory()
        self._wanted = 0
        self._count = 0
        self._open()

    def _open(self) -> None:
        section = self._settings.board
        self._journal = board_journal(Path(self._folder.name) / "journal", section)
        self._board = Board(
            Access({_AUTHOR: SupervisorAgent.declaration()}),
            self._journal,
            durability=Durability.UNSYNCED,
            limits=board_limits(section),
        )
        self._epoch = self._board.join(_AUTHOR).epoch

    def restart(self) -> None:
        """Open the board again from its journal."""
        self._journal.close()
        self._open()

    def close(self) -> None:
        """Remove the journal."""
        self._journal.close()
        self._folder.cleanup()

    def post(self, count: int) -> Answer:
        """Post so many intents at once; return whether they were taken."""
        self._count = count
        drafts = []
        for _ in range(count):
            self._wanted += 1
            intent = an_intent(SYMBOLS[0], NOON_NS, f"proof-{self._wanted}")
            drafts.append(Draft(fact=intent, ts_event_ns=NOON_NS, ordinal=intent.intent_id))
        post = Post(
            author=_AUTHOR,
            epoch=self._epoch,
            drafts=tuple(drafts),
            read_to=self._board.head,
            now_ns=NOON_NS,
        )
        order = f"{count} intents in a post, after {self._board.head}"
        try:
            self._board.post(post, NOON_NS)
        except (PostRefused, OSError) as refusal:
            text = str(refusal)
            return Answer(order, next((_CODES[part] for part in _CODES if part in text), text))
        return Answer(order, "")

    def ask_again(self) -> Answer:
        """Post as many once more."""
        return self.post(self._count)

    def flood(self, count: int) -> Answer:
        """Post so many intents within a minute, then one more."""
        most = self._settings.board.drafts_per_post_max
        while count > 0:
            self.post(min(count, most))
            count -= most
        return self.post(1)

    def fill(self) -> Answer:
        """Post until the journal takes no more."""
        while not (answer := self.post(_FILLING)).reason:
            pass
        return answer


CASES: Final = (
    Case(
        limit="board.drafts_per_post_max",
        scenario="one intent more than a post may hold",
        reason="drafts_per_post_max",
        inside=lambda scene, limit: scene.post(limit),
        beyond=lambda scene, limit: scene.post(limit + 1),
        stage=BoardScene,
        changes={
            "board.drafts_per_post_max": 100,
            "board.author_entries_per_min_max": 1_000_000,
        },
    ),
    Case(
        limit="board.author_entries_per_min_max",
        scenario="one intent more than an author may post in a minute",
        reason="author_entries_per_min_max",
        inside=lambda scene, limit: scene.flood(limit - 1),
        beyond=lambda scene, limit: scene.flood(limit),
        stage=BoardScene,
        changes={"board.author_entries_per_min_max": 1000},
    ),
    Case(
        limit="board.journal_bytes_max",
        scenario="intents until a journal of a megabyte is full",
        reason="journal_bytes_max",
        inside=lambda scene, _: scene.post(1),
        beyond=lambda scene, _: scene.fill(),
        stage=BoardScene,
        changes={
            "board.journal_bytes_max": 1_000_000,
            "board.author_entries_per_min_max": 1_000_000_000,
        },
    ),
)
