"""Books and runs on disk: private, held by one process, found again by name."""

import json
import multiprocessing
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from blackboard.errors import ConfigError
from runtime.book import (
    LOOK_WITHIN_S,
    Book,
    Manifest,
    book_of,
    find_book,
    new_run,
    new_run_id,
    remember_latest,
    write_atomically,
)
from runtime.machine.port import lock

WAIT_S = 60.0
"""Longest wait for another process; only a failing test ever waits for it."""


def hold_until_told(folder: Path, channel: Connection) -> None:
    """Hold a book in a process of its own until something arrives."""
    with Book(folder).held():
        channel.send("held")
        channel.recv()


def test_second_process_is_refused_with_the_name_of_the_book(tmp_path: Path) -> None:
    """Two drivers never write one journal; the refusal says which book and what to do."""
    book = book_of(tmp_path, "paper")
    here, there = multiprocessing.get_context("spawn").Pipe()
    other = multiprocessing.get_context("spawn").Process(
        target=hold_until_told, args=(book.folder, there), daemon=True
    )
    other.start()
    assert here.poll(WAIT_S)
    assert here.recv() == "held"

    with pytest.raises(ConfigError, match=r"book paper is in use.*launch\.py stop"), book.held():
        pass

    here.send("go")
    other.join(WAIT_S)
    with book.held():
        assert book.mailbox.is_dir()


def test_a_look_at_a_book_refuses_no_start(tmp_path: Path) -> None:
    """Whoever asks whether it is held has its lock for a moment, and a start waits for that."""
    book = book_of(tmp_path, "paper")
    book.folder.mkdir(parents=True)
    looks, never = threading.Event(), threading.Event()

    def look() -> None:
        with lock(book.folder / "lock"):
            looks.set()
            never.wait(LOOK_WITHIN_S / 5)

    other = threading.Thread(target=look)
    other.start()
    assert looks.wait(WAIT_S)

    with book.held():
        pass
    other.join(WAIT_S)


def test_book_is_free_again_after_an_error(tmp_path: Path) -> None:
    """A start that fails does not lock the next one out."""
    book = book_of(tmp_path, "paper")

    with pytest.raises(ValueError, match="boom"), book.held():
        raise ValueError("boom")

    with book.held():
        pass


def test_dead_holder_does_not_lock_a_book(tmp_path: Path) -> None:
    """A process that was killed holds nothing: the lock is the system's, not a file's existence."""
    book = book_of(tmp_path, "paper")
    here, there = multiprocessing.get_context("spawn").Pipe()
    other = multiprocessing.get_context("spawn").Process(
        target=hold_until_told, args=(book.folder, there), daemon=True
    )
    other.start()
    assert here.poll(WAIT_S)

    other.kill()
    other.join(WAIT_S)

    with book.held():
        assert (book.folder / "lock").exists()


def test_book_is_private(tmp_path: Path) -> None:
    """Only the user enters a book or reads what stands in it."""
    book = book_of(tmp_path, "paper")

    with book.held():
        write_atomically(book.state, b"{}")

    assert book.folder.stat().st_mode & 0o777 == 0o700
    assert book.mailbox.stat().st_mode & 0o777 == 0o700
    assert book.state.stat().st_mode & 0o777 == 0o600


def test_everything_of_a_book_lies_in_its_folder(tmp_path: Path) -> None:
    """A book can be copied or deleted as one folder."""
    book = book_of(tmp_path, "paper")

    places = [book.journal, book.ledger, book.logs, book.mailbox, book.state, book.terminal_token]

    assert book.name == "paper"
    assert book.folder == tmp_path / "books" / "paper"
    assert all(book.folder in place.parents for place in places)
    assert len(set(places)) == len(places)


def test_latest_book_is_found_without_a_name(tmp_path: Path) -> None:
    """Verbs without a name mean the book or run that was used last."""
    paper, run = book_of(tmp_path, "paper"), new_run(tmp_path, "17-1")
    for book in (paper, run):
        book.folder.mkdir(parents=True)

    remember_latest(tmp_path, paper)
    first = find_book(tmp_path)
    remember_latest(tmp_path, run)

    assert first == paper
    assert find_book(tmp_path) == run


def test_book_and_run_are_found_by_name(tmp_path: Path) -> None:
    """A name is looked for among the books first, then among the runs."""
    for folder in ("books/paper", "runs/17-1"):
        (tmp_path / folder).mkdir(parents=True)

    assert find_book(tmp_path, "paper") == book_of(tmp_path, "paper")
    assert find_book(tmp_path, "17-1") == new_run(tmp_path, "17-1")


@pytest.mark.parametrize("name", ["..", "../..", ".", "/", "a/../.."])
def test_name_cannot_lead_out_of_the_home(tmp_path: Path, name: str) -> None:
    """A name is a name and no path: no other folder is ever taken for a book."""
    (tmp_path / "books").mkdir()
    (tmp_path / "runs").mkdir()

    with pytest.raises(ConfigError, match="no book or run named"):
        find_book(tmp_path, name)


@pytest.mark.parametrize("content", [b"", b"{", b"3", b'"books/gone"', b"\xff"])
def test_broken_note_of_the_latest_book_is_refused(tmp_path: Path, content: bytes) -> None:
    """Where the note cannot be read, or its book is gone, a person is told, without a traceback."""
    (tmp_path / "latest").write_bytes(content)

    with pytest.raises(ConfigError, match="--book"):
        find_book(tmp_path)


def test_unknown_book_is_refused(tmp_path: Path) -> None:
    """The refusal names what was looked for and where."""
    with pytest.raises(ConfigError, match="no book or run named 'papr' under"):
        find_book(tmp_path, "papr")


def test_home_without_a_run_is_refused(tmp_path: Path) -> None:
    """Where nothing has run yet, the refusal says how to start."""
    with pytest.raises(ConfigError, match=r"nothing has run under .*python launch\.py"):
        find_book(tmp_path)


def test_run_ids_sort_by_start_and_differ() -> None:
    """A later run stands behind an earlier one, and no two share a folder."""
    first, second = new_run_id(), new_run_id()

    assert first < second


def test_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """A reader has the old content or the new one; no half-written file stays."""
    path = tmp_path / "state.json"

    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_manifests_of_earlier_starts_are_kept(tmp_path: Path) -> None:
    """What each start of a book was made of can be read later."""
    book = book_of(tmp_path, "paper")

    with book.held():
        for run_id in ("1", "2"):
            book.write_manifest(a_manifest(run_id))

    written = {
        path.name: json.loads(path.read_bytes()) for path in book.folder.glob("manifests/*.json")
    }
    assert sorted(written) == ["1.json", "2.json"]
    assert written["2.json"]["run_id"] == "2"
    assert written["2.json"]["settings"] == {"seed": 7}


def a_manifest(run_id: str) -> Manifest:
    """Return the manifest of a start."""
    return Manifest(
        run_id=run_id,
        profile="sim",
        book="paper",
        started_wall_ns=1,
        version="0",
        code_hash="c",
        settings={"seed": 7},
        settings_hash="s",
        data={"kind": "synthetic"},
        arguments=["up"],
    )
