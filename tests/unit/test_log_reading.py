"""The log of a book as people read it: merged, chosen, followed over rotations, never twice."""

import json
from pathlib import Path

import pytest

from blackboard.errors import ConfigError
from runtime.log_reading import LogReader


def write(folder: Path, process: str, second: int, event: str, **details: object) -> None:
    """Let a process write a line at a second of a minute."""
    stamp = f"2026-01-05T10:00:{second:02d}.000001Z"
    record = {"timestamp": stamp, "level": "info", "event": event, "profile": "sim", **details}
    with (folder / f"{process}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def rotate(folder: Path, process: str) -> None:
    """Rename the files of a process as rotation does."""
    for number in (2, 1):
        path = folder / f"{process}.jsonl.{number}"
        if path.exists():
            path.rename(folder / f"{process}.jsonl.{number + 1}")
    (folder / f"{process}.jsonl").rename(folder / f"{process}.jsonl.1")
    (folder / f"{process}.jsonl").touch()


def events(reader: LogReader, last: int = 50) -> list[str]:
    """Return the events of the latest lines."""
    return [line.event for line in reader.last(last)]


def test_lines_of_all_processes_come_in_the_order_of_time(tmp_path: Path) -> None:
    """Files and rotations are merged, and the latest are those that count."""
    write(tmp_path, "risk", 1, "one")
    write(tmp_path, "driver", 2, "two")
    rotate(tmp_path, "risk")
    write(tmp_path, "risk", 3, "three")

    assert events(LogReader(tmp_path)) == ["one", "two", "three"]
    assert events(LogReader(tmp_path), last=2) == ["two", "three"]
    assert events(LogReader(tmp_path), last=0) == []


def test_lines_are_chosen_by_agent_and_level(tmp_path: Path) -> None:
    """What another process says of an agent belongs to it; the level is the least one."""
    write(tmp_path, "risk", 1, "own")
    write(tmp_path, "driver", 2, "about", agent="risk", level="warning")
    write(tmp_path, "driver", 3, "other", agent="data")

    assert events(LogReader(tmp_path, "risk")) == ["own", "about"]
    assert events(LogReader(tmp_path, "risk", "warning")) == ["about"]


def test_following_gives_each_line_once_over_rotations(tmp_path: Path) -> None:
    """Whatever was written before, between and after two rotations comes, in order, once."""
    write(tmp_path, "risk", 1, "before")
    reader = LogReader(tmp_path)
    assert events(reader) == ["before"]

    write(tmp_path, "risk", 2, "in the old file")
    rotate(tmp_path, "risk")
    write(tmp_path, "risk", 3, "between")
    rotate(tmp_path, "risk")
    write(tmp_path, "risk", 4, "after")
    write(tmp_path, "data", 5, "a new process")

    told = ["in the old file", "between", "after", "a new process"]
    assert [line.event for line in reader.fresh()] == told
    assert reader.fresh() == []


def test_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    """A line that is being written is given whole at the next look."""
    write(tmp_path, "risk", 1, "first")
    reader = LogReader(tmp_path)
    reader.last()
    path = tmp_path / "risk.jsonl"
    line = '{"timestamp": "2026-01-05T10:00:02Z", "level": "info", "event": "second"}\n'
    with path.open("a", encoding="utf-8") as file:
        file.write(line[:30])

    assert reader.fresh() == []
    with path.open("a", encoding="utf-8") as file:
        file.write(line[30:])
    assert [each.event for each in reader.fresh()] == ["second"]


def test_line_that_is_no_json_is_shown_as_it_stands(tmp_path: Path) -> None:
    """A damaged line stays where it was written and hides no other."""
    write(tmp_path, "risk", 1, "before")
    with (tmp_path / "risk.jsonl").open("ab") as file:
        file.write(b'{"cut \xff\n')
    write(tmp_path, "risk", 2, "after")

    assert events(LogReader(tmp_path)) == ["before", '{"cut �', "after"]


def test_a_line_for_people_shows_no_secret(tmp_path: Path) -> None:
    """What an older version wrote into the file is redacted on its way to a person too."""
    write(tmp_path, "driver", 1, "asked", url="https://x/?apikey=hunter2", exception="Traceback\nE")

    (line,) = LogReader(tmp_path).last()

    assert line.text() == (
        "2026-01-05 10:00:01 INFO     driver     asked url=https://x/?apikey=***\nTraceback\nE"
    )


@pytest.mark.parametrize(("process", "level"), [("nobody", "info"), ("risk", "loud")])
def test_unknown_agent_and_level_are_refused(tmp_path: Path, process: str, level: str) -> None:
    """The refusal names what is allowed."""
    with pytest.raises(ConfigError, match="must be one of"):
        LogReader(tmp_path, process, level)
