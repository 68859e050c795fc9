"""What a second process asks of a running one: in order, once, bounded, and never by accident."""

from pathlib import Path

import pytest

from blackboard.facts.control import Command
from runtime import mailbox
from runtime.mailbox import LETTERS_MAX, STOP_LETTER, Letter, clear, leave, take


def a_letter(command: str = "pause", argument: str = "") -> Letter:
    """Return a letter from the command line."""
    return Letter(command=command, origin="cli", argument=argument)


def test_letters_are_taken_once_and_in_order(tmp_path: Path) -> None:
    """What was asked first is done first, and nothing is done twice."""
    letters = [a_letter("pause"), a_letter("resume", "heat_max"), STOP_LETTER]
    for letter in letters:
        leave(tmp_path, letter)

    assert take(tmp_path) == letters
    assert take(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_letter_is_a_command_or_a_stop() -> None:
    """The driver tells an order to the council from one to itself."""
    assert a_letter("flatten").operator_command is Command.FLATTEN
    assert not a_letter("flatten").is_stop
    assert STOP_LETTER.is_stop


def test_mailbox_has_a_limit(tmp_path: Path) -> None:
    """A driver that does not answer cannot be buried in commands, which it would all obey later."""
    for _ in range(LETTERS_MAX):
        leave(tmp_path, a_letter())

    with pytest.raises(OSError, match=f"{LETTERS_MAX} commands wait .* is the driver running"):
        leave(tmp_path, a_letter())

    assert len(take(tmp_path)) == LETTERS_MAX


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"{",
        b"[]",
        b'{"command": 1}',
        b'{"origin": "cli"}',
        b'{"command": "dance", "origin": "cli"}',
        b'{"command": "\xff", "origin": "cli"}',
    ],
)
def test_junk_is_removed_and_counts_as_no_letter(tmp_path: Path, junk: bytes) -> None:
    """A file that is no letter neither stops the driver nor the letters behind it."""
    (tmp_path / "0.json").write_bytes(junk)
    leave(tmp_path, a_letter())

    assert take(tmp_path) == [a_letter()]
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """A letter that is being written, or a note of somebody, is not taken."""
    (tmp_path / ".1.json.77").write_bytes(b"{")
    (tmp_path / "note.txt").write_bytes(b"x")

    assert take(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_unread_letters_of_an_earlier_run_are_cleared(tmp_path: Path) -> None:
    """A start does not obey what was asked of the run before it."""
    leave(tmp_path, STOP_LETTER)

    clear(tmp_path)

    assert take(tmp_path) == []


def test_letter_can_be_taken_back(tmp_path: Path) -> None:
    """A command that was reported as failed is not obeyed later."""
    path = leave(tmp_path, a_letter())

    path.unlink()

    assert take(tmp_path) == []


def test_two_letters_of_one_moment_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarse clock does not let one command overwrite another."""
    monkeypatch.setattr(mailbox, "wall_ns", lambda: 17)

    leave(tmp_path, a_letter("pause"))
    leave(tmp_path, a_letter("resume"))

    assert [letter.command for letter in take(tmp_path)] == ["pause", "resume"]
