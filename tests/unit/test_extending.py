"""The guide for whoever extends Quorum is taken literally, in a copy, and its promises hold."""

import itertools
from pathlib import Path

import pytest

from blackboard.facts import Decision
from runtime.book import Book
from runtime.proof.lineage import entries_of
from tests.feed_server import FeedServer, Reply
from tests.guide import ROOT, Copy

GUIDE = ROOT / "docs" / "extending.md"
TEXTS = b'[{"time": "2025-03-05T09:00:00Z", "text": "Euro rises"}]'


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Return the source tree, copied once."""
    return Copy(tmp_path_factory.mktemp("guide") / "quorum")


@pytest.fixture(scope="module")
def said(copy: Copy) -> dict[str, str]:
    """Return what every command of the guide said, all of it followed from top to bottom."""
    return copy.follow(GUIDE)


def spoken(said: dict[str, str], part: str) -> str:
    """Return what the one command said that holds a text."""
    (answer,) = (answer for command, answer in said.items() if part in command)
    return answer


def test_the_new_agent_takes_part_in_decisions(said: dict[str, str], copy: Copy) -> None:
    """Its votes stand in every Decision and weigh in it, as those of the others do."""
    book = Book(copy.folder / "var" / "books" / "momentum")
    decisions = [each.fact for each in entries_of(book.journal) if isinstance(each.fact, Decision)]

    shares = [share for each in decisions for share in each.shares if share.scope == "momentum"]

    assert len(shares) == len(decisions) > 0
    assert any(share.weight > 0.0 and share.probability_up != 0.5 for share in shares)
    assert spoken(said, "--author momentum").count("momentum Vote EURUSD") == 2


def test_the_new_fact_stands_in_the_journal(said: dict[str, str]) -> None:
    """It is posted when the side changes, and shown like every other kind."""
    lines = spoken(said, "--kind MomentumTurned").splitlines()

    sides = ["side_sign=1" in line for line in lines]
    assert lines
    assert all(before != after for before, after in itertools.pairwise(sides))


def test_the_new_feed_is_never_silent(said: dict[str, str]) -> None:
    """Where nothing answers it says so; its absence does not pass for no news."""
    assert "texts=()" in spoken(said, "try_wire.py")
    assert "problem=''" not in spoken(said, "try_wire.py")


def test_the_new_feed_reads_what_is_there(said: dict[str, str], copy: Copy) -> None:
    """Texts of the wire come with the time at which it dates them."""
    del said
    with FeedServer() as server:
        server.serve("/wire.json", Reply(body=TEXTS))
        url = server.url("/wire.json")
        answer = copy.run("python try_wire.py", QUORUM_FEEDS__WIRE__URL=url)

    assert "text='Euro rises', source='wire'" in answer
    assert "problem=''" in answer


def test_the_new_terminal_passes_the_contract(said: dict[str, str]) -> None:
    """Every test of the contract that any terminal must pass ran on it."""
    answer = spoken(said, "-k noted")

    assert "passed" in answer
    assert "failed" not in answer


def test_an_edit_needs_its_one_place(copy: Copy, tmp_path: Path) -> None:
    """A guide whose edits do not fit the code any more is found out."""
    guide = tmp_path / "old.md"
    guide.write_text("```diff config/agents.py\n-class NobodySection(AgentSection):\n```\n")

    with pytest.raises(AssertionError, match="0 places"):
        copy.follow(guide)
