"""A second process steers a book: what it answers is true of the driver and of the board."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from blackboard.access import DRIVER, Access
from blackboard.board import Board
from blackboard.entry import Draft, Post
from blackboard.facts import ACCOUNT, Summary
from blackboard.facts.control import Command
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.book import Book, book_of, remember_latest
from runtime.clock import wall_ns
from runtime.commands import running, running_book
from runtime.council import declarations
from runtime.journals.diskcache import DiskcacheJournal
from runtime.letter_carrier import operator_draft
from runtime.mailbox import Letter, take
from runtime.mailbox import leave as leave_really
from runtime.status import write_status
from tests.command_line import CommandLine
from tests.statuses import a_status

AT_NS = 1_741_003_200_000_000_000


class Running:
    """A book that this process holds, and a board that says what a council might."""

    def __init__(self, home: Path) -> None:
        self.book: Book = book_of(home, "embedded")
        self.held = ExitStack()
        self.held.enter_context(self.book.held())
        remember_latest(home, self.book)
        self._journal = DiskcacheJournal(self.book.journal)
        self._board = Board(Access(declarations(Settings())), self._journal)
        self.tell()

    def tell(self, silent_s: float = 0.0) -> None:
        """Write its driver's account of itself."""
        written_ns = wall_ns() - int(silent_s * SECOND_NS)
        write_status(self.book.state, a_status(host="in-process", written_wall_ns=written_ns))

    def obey(self, letter: Letter) -> int:
        """Put a command on the board; return its seq."""
        return self.post(DRIVER, operator_draft(letter, str(wall_ns()), AT_NS))

    def summary(self, text: str, cause: int) -> None:
        """Say what came of a command."""
        fact = Summary(scope=ACCOUNT, event="operator", title="Asked to close", text=text)
        self.post("supervisor", Draft(fact=fact, ts_event_ns=AT_NS, causes=(cause,)))

    def post(self, author: str, draft: Draft) -> int:
        """Post a draft of an author."""
        epoch = self._board.join(author).epoch
        post = Post(author=author, epoch=epoch, drafts=(draft,), read_to=0, now_ns=AT_NS)
        return self._board.post(post, AT_NS)[0].seq

    def close(self) -> None:
        """Give the book free."""
        self._journal.close()
        self.held.close()


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line, patient for a moment only."""
    for module, name in (
        (running, "STOP_WITHIN_S"),
        (running_book, "ANSWER_WITHIN_S"),
        (running_book, "CONSEQUENCE_WITHIN_S"),
    ):
        monkeypatch.setattr(module, name, 0.5)
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def run(quorum: CommandLine) -> Iterator[Running]:
    """Give a book that runs."""
    running_one = Running(quorum.home)
    yield running_one
    running_one.close()


def test_stop_says_stopped_only_when_the_book_is_free(quorum: CommandLine, run: Running) -> None:
    """A driver that falls silent while it is asked to stop still has the book."""
    run.tell(silent_s=14.8)

    said = quorum("stop")

    assert said.code == 1
    assert "embedded has not stopped within 0.5 s" in said.error


def test_a_silent_driver_is_asked_to_stop(quorum: CommandLine, run: Running) -> None:
    """Who hangs is no less there: he is told from one who is gone, and left a letter."""
    run.tell(silent_s=100.0)

    assert "SIMULATED embedded: silent, process" in quorum("status").out
    assert "has told nothing of itself for 1" in quorum("pause").error
    assert take(run.book.mailbox) == []
    assert quorum("stop").code == 1
    assert [letter.is_stop for letter in take(run.book.mailbox)] == [True]


def test_a_book_that_nobody_holds_does_not_run(quorum: CommandLine, run: Running) -> None:
    """A process of the number that a dead driver had is not asked to end."""
    run.tell(silent_s=100.0)
    run.held.close()

    said = quorum("stop", "--kill")

    assert said.code == 3
    assert "embedded is not running" in said.error


def test_another_ones_command_is_no_answer(
    quorum: CommandLine, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of the console that arrives meanwhile does not stand for one's own."""

    def leave(folder: Path, letter: Letter) -> Path:
        run.obey(msgspec.structs.replace(letter, origin="console"))
        return leave_really(folder, letter)

    monkeypatch.setattr(running_book, "leave", leave)

    said = quorum("pause")

    assert said.code == 1
    assert "nobody took it, so it was withdrawn" in said.error
    assert take(run.book.mailbox) == []


def test_a_command_that_waits_for_the_board_is_said_to_wait(
    quorum: CommandLine, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver has taken cannot be withdrawn, and nobody is told that it is gone."""

    def leave(folder: Path, letter: Letter) -> Path:
        path = leave_really(folder, letter)
        take(folder)
        return path

    monkeypatch.setattr(running_book, "leave", leave)

    assert "hands it on as soon as the board answers" in quorum("pause").error


def test_forceexit_tells_that_nothing_was_open(
    quorum: CommandLine, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the council answers to the command is the answer to the person."""

    def leave(folder: Path, letter: Letter) -> Path:
        run.summary("nothing of ours is open under that name", run.obey(letter))
        return folder / "taken.json"

    monkeypatch.setattr(running_book, "leave", leave)

    said = quorum("forceexit", "nosuch")

    assert said.code == 1
    assert "nothing of ours is open under that name" in said.error


@pytest.mark.parametrize("what", ["", " ", "EUR USD", "../x"])
def test_forceexit_wants_a_name(quorum: CommandLine, run: Running, what: str) -> None:
    """What can be neither a ticket nor a symbol is not handed on."""
    said = quorum("forceexit", what)

    assert said.code == 3
    assert "forceexit takes a ticket, a symbol or all" in said.error


def test_a_command_is_found_where_the_journal_ends(
    quorum: CommandLine, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An equal command of yesterday is none of today's; what comes is enough."""
    run.obey(Letter(command=Command.PAUSE.value, origin="cli"))
    assert quorum("pause").code == 1

    def leave(folder: Path, letter: Letter) -> Path:
        run.obey(letter)
        return folder / "taken.json"

    monkeypatch.setattr(running_book, "leave", leave)

    assert "pause: taken" in quorum("pause").out


def test_the_kill_switch_does_not_wait_for_other_settings(quorum: CommandLine) -> None:
    """A typo in a file of settings keeps nobody from halting."""
    typo = quorum.home.parent / "typo.yaml"
    typo.write_text("agents: {risk: {heat_maximum: 1}}")

    assert quorum("halt", "--config", typo).code == 0
    assert (quorum.home / "STOP").exists()


@pytest.mark.parametrize(("option", "known"), [("--kind", "Decision"), ("--author", "risk")])
def test_journal_knows_no_other_names(
    quorum: CommandLine, run: Running, option: str, known: str
) -> None:
    """A misspelt kind or author is told, and is not an empty journal."""
    said = quorum("journal", option, "nosuch")

    assert said.code == 3
    assert f"{option} must be one of" in said.error
    assert known in said.error


def test_a_table_is_no_folder(quorum: CommandLine, run: Running) -> None:
    """A folder in the place of a file is named, and nothing is left beside it."""
    folder = quorum.home.parent / "rows"
    folder.mkdir()

    said = quorum("journal", "--csv", folder)

    assert said.code == 3
    assert f"{folder} cannot be written: it is a folder" in said.error
    assert list(quorum.home.parent.glob(".rows*")) == []


def test_what_is_no_archive_is_told_by_its_name(quorum: CommandLine) -> None:
    """Bytes that were never packed are no sound backup, in either packing."""
    for name in ("no.tar.zst", "no.tar.gz"):
        (quorum.home.parent / name).write_bytes(b"hello")
        assert f"{name} is no sound backup" in quorum("restore", name).error


@pytest.mark.parametrize(
    ("name", "verb"), [("plan.json", "agents disable sentiment"), ("manifests/1.json", "report")]
)
@pytest.mark.parametrize("content", ["hello", "{}", "\udcff"])
def test_a_damaged_note_of_a_start_is_told_by_its_name(
    quorum: CommandLine, run: Running, name: str, verb: str, content: str
) -> None:
    """What an earlier version or a hand has written is named, not a traceback."""
    note = run.book.folder / name
    note.parent.mkdir(exist_ok=True)
    note.write_bytes(content.encode("utf-8", "surrogateescape"))

    said = quorum(*verb.split())

    assert said.code == 3
    assert str(note) in said.error
    assert "of this version" in said.error


def test_telegram_setup_asks_nothing_before_its_options_are_right(quorum: CommandLine) -> None:
    """A wrong time is told by its option's name, before a token is typed."""
    said = quorum("telegram", "setup", "--within", "soon")

    assert said.code == 3
    assert "--within must be a number with s, m, h or d, was 'soon'" in said.error
    assert said.out == ""
