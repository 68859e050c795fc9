"""What may go is shown before it goes; what must stay is never among it."""

import json
import os
from pathlib import Path

import pytest

from runtime.book import Book, book_of
from runtime.cleaning import Rule, removable, remove
from runtime.clock import wall_ns
from tests.command_line import CommandLine

DAY_S = 86_400
OLD = Rule(days=30.0, runs=2)


def put(path: Path, days: float = 40.0, content: bytes = b"x" * 1000) -> Path:
    """Write a file that was changed some days ago, and make its folders as old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    age(path, days)
    return path


def age(path: Path, days: float) -> None:
    """Let a path and the folders above it look untouched."""
    then = wall_ns() / 1e9 - days * DAY_S
    for each in (path, *list(path.parents)[:3]):
        os.utime(each, (then, then))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home with everything in it that a year of use leaves."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    home = tmp_path / "var"
    book = book_of(home, "paper").folder
    for name in ("journal/cache.db", "broker/ledger.sqlite", "manifests/1-2-3.json", "plan.json"):
        put(book / name)
    put(book / "lock", content=b"")
    put(book / "journal-format-1" / "cache.db")
    put(book / "logs" / "driver.jsonl")
    put(book / "logs" / "driver.jsonl.1")
    put(book / "logs" / "risk.jsonl.2", days=3.0)
    for number in range(5):
        put(home / "runs" / f"1000{number}-000001-77" / "journal" / "cache.db")
        put(home / "runs" / f"1000{number}-000001-77" / "lock", content=b"")
    models = home / "models" / "synthetic"
    for name in ("key", "registry.jsonl", "har/0a1b/manifest.json"):
        put(models / name)
    put(models / "jobs" / "har-1" / "bars.npz")
    put(models / "checkpoints" / "lstm" / "epoch-3")
    put(models / "har" / "0a1c.part" / "model.json")
    put(home / "feeds" / "cache.db", days=2.0)
    put(home / "console.token")
    put(tmp_path / "tmp" / "quorum-1796121760-062726-4194304" / "session" / "raylet.log")
    put(tmp_path / "tmp" / f"quorum-1796121760-062726-{os.getpid()}" / "session" / "raylet.log")
    put(tmp_path / "tmp" / "quorum-of-somebody" / "notes")
    return home


def paths(home: Path, rule: Rule = OLD) -> set[str]:
    """Return what may go, relative to the folder above the home."""
    return {str(Path(one.path).relative_to(home.parent)) for one in removable(home, rule)}


GOES = {
    *(f"var/runs/1000{number}-000001-77" for number in range(3)),
    "var/books/paper/logs/driver.jsonl.1",
    "var/models/synthetic/jobs/har-1",
    "var/models/synthetic/checkpoints/lstm",
    "var/models/synthetic/har/0a1c.part",
    "var/feeds",
    "tmp/quorum-1796121760-062726-4194304",
}


def test_only_what_is_old_and_ours_may_go(home: Path) -> None:
    """The latest runs, young logs, Ray's files of a living driver and foreign names stay."""
    assert paths(home) == GOES


def test_books_models_and_keys_never_go(home: Path) -> None:
    """Whatever a person asks to keep, nothing of these is among it."""
    found = paths(home, Rule(days=0.0, runs=0))

    for name in ("journal", "broker", "manifests", "plan.json", "journal-format-1", "driver.jsonl"):
        assert not any(path.endswith(name) for path in found)
    assert found > GOES
    assert not any("0a1b" in path or "registry" in path or "token" in path for path in found)


def test_a_run_that_was_used_last_stays(home: Path) -> None:
    """Verbs without a name mean it."""
    (home / "latest").write_text(json.dumps("runs/10000-000001-77"))

    assert paths(home) == GOES - {"var/runs/10000-000001-77"}


def test_what_is_in_use_stays(home: Path) -> None:
    """A book that runs keeps its logs, and the trainings and feeds that it may be using."""
    with book_of(home, "paper").held():
        assert paths(home) == {path for path in GOES if path.startswith(("var/runs", "tmp"))}
    run = Book(home / "runs" / "10001-000001-77")
    with run.held():
        age(run.folder / "mailbox", 40.0)
        assert "var/runs/10001-000001-77" not in paths(home)


def test_what_came_into_use_after_it_was_found_stays(home: Path) -> None:
    """It is looked at again when it goes."""
    found = next(one for one in removable(home, OLD) if one.path.endswith("driver.jsonl.1"))

    with book_of(home, "paper").held():
        assert remove(found) == "it is in use"
    assert Path(found.path).exists()
    assert remove(found) == ""
    assert not Path(found.path).exists()
    assert remove(found) == "it is no longer what was found"


def test_a_link_is_not_followed(home: Path, tmp_path: Path) -> None:
    """What lies elsewhere is not ours, whatever its name here."""
    elsewhere = put(tmp_path / "elsewhere" / "precious")
    (home / "runs" / "10000-000000-1").symlink_to(elsewhere.parent)
    link = home / "models" / "synthetic" / "jobs" / "har-2"
    link.symlink_to(elsewhere.parent)

    for one in removable(home, Rule(days=0.0, runs=0)):
        remove(one)

    assert elsewhere.exists()
    assert link.is_symlink()


def test_an_empty_home_has_nothing_to_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first start there is nothing."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert removable(tmp_path / "var", OLD) == []


def test_the_verb_shows_first_and_removes_on_request(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing goes without --yes; then everything shown is gone, and nothing else."""
    quorum = CommandLine(home, monkeypatch, capsys)
    before = sorted(path for path in home.rglob("*") if path.is_file())

    shown = quorum("clean", "--keep", "2")
    assert sorted(path for path in home.rglob("*") if path.is_file()) == before
    assert "9 may go" in shown.out
    assert "rotated log" in shown.out

    done = json.loads(quorum("clean", "--keep", "2", "--yes", "--json").out)
    assert done["removed"]
    assert done["failed"] == []
    assert not any((home.parent / path).exists() for path in GOES)
    assert (home / "books" / "paper" / "journal" / "cache.db").exists()
    assert quorum("clean", "--keep", "2").out == "nothing may go\n"


def test_what_cannot_go_is_named_and_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others go all the same."""
    quorum = CommandLine(home, monkeypatch, capsys)

    def refuse(_path: Path) -> None:
        raise PermissionError("not permitted")

    monkeypatch.setattr("shutil.rmtree", refuse)
    said = quorum("clean", "--keep", "2", "--yes")

    assert said.code == 1
    assert "stays: not permitted" in said.out
    assert not (home / "books" / "paper" / "logs" / "driver.jsonl.1").exists()
