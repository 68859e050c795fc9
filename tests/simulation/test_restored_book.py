"""A book that was restored is the book: it goes on as the original does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import CommandLine


@contextmanager
def line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    """Give the command line on one state folder, for a while."""
    with monkeypatch.context() as patch:
        yield CommandLine(home, patch, capsys)


def test_a_restored_book_trades_on_as_the_original_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same hours after the backup give the same decisions, orders and fills in both books."""
    hours = ("--duration", "2h", "--symbols", "EURUSD,USDJPY", "--book", "paper")
    saved = tmp_path / "saved.tar.zst"
    first, second = tmp_path / "here", tmp_path / "there"
    with line(first, monkeypatch, capsys) as quorum:
        assert quorum.trade(*hours).code == 0
        said = quorum("backup", str(saved))
        assert "book paper up to entry" in said.out
        assert quorum.trade(*hours).code == 0
        original = quorum.entries("paper")
    with line(second, monkeypatch, capsys) as quorum:
        assert quorum("restore", str(saved)).code == 0
        at_first = quorum.entries("paper")
        assert quorum.trade(*hours).code == 0
        restored = quorum.entries("paper")

    assert at_first == original[: len(at_first)]
    assert len(restored) > len(at_first)
    assert restored == original
