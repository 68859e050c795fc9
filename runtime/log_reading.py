"""The log of a book as people read it: lines of every process, merged by time, over rotations.

Each process writes JSON lines into a file of its own (`runtime.log_setup`), which is rotated by
size. A reader remembers how far it has come by the file's identity, not by its name, so a line is
given once whether or not its file was renamed meanwhile. Nothing is held open between two looks:
an open file could not be renamed on Windows.
"""

import heapq
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from blackboard.errors import ConfigError
from runtime.council import ORDER
from runtime.log_setup import redact_text

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
"""Least severe first; `exception` is written as error."""
LAST: Final = 50
"""Lines that are given at first, unless said otherwise."""
LAST_MAX: Final = 10_000
_SHOWN_APART: Final = frozenset({"timestamp", "level", "event", "profile", "exception"})
_TEXT_LENGTH_MAX: Final = 4000


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of one process."""

    timestamp: str
    """ISO 8601, UTC, as written; sorts by time."""
    process: str
    """Agent, ``driver``, ``blackboard`` or ``terminal``."""
    level: str
    event: str
    details: dict[str, Any]
    exception: str = ""

    def text(self) -> str:
        """Return it for people; a traceback follows on lines of its own."""
        when = self.timestamp[:19].replace("T", " ")
        details = " ".join(f"{key}={value}" for key, value in sorted(self.details.items()))
        line = f"{when} {self.level.upper():<8} {self.process:<10} {self.event} {details}".rstrip()
        return redact_text("\n".join([line, *self.exception.splitlines()])[:_TEXT_LENGTH_MAX])


class _Place(msgspec.Struct):
    """How far one process' log has been read."""

    identity: int
    offset: int


class LogReader:
    """Reads what the processes of a book have written, and then what they write next."""

    def __init__(self, folder: Path, process: str = "", level: str = "debug") -> None:
        """Choose lines; ConfigError if there is no such process or level.

        Parameters
        ----------
        folder
            Folder of the logs of a book.
        process
            Agent, ``driver``, ``blackboard`` or ``terminal``; empty means all. Lines of another
            process that tell of this agent belong to it.
        level
            Least level.
        """
        if level not in LEVELS:
            raise ConfigError(f"--level must be one of {', '.join(LEVELS)}, was {level!r}")
        self._folder = folder
        self._process = process
        self._least = LEVELS.index(level)
        self._places: dict[str, _Place] = {}
        # In one process all agents write into the driver's file, under their names.
        known = sorted({*self._names(), *ORDER})
        if process and process not in known:
            raise ConfigError(f"the agent must be one of {', '.join(known)}, was {process!r}")

    def last(self, count: int = LAST) -> list[LogLine]:
        """Return the latest lines, oldest first, and note where they end."""
        count = min(count, LAST_MAX)
        found = [line for name in self._names() for line in self._last_of(name, count)]
        return sorted(found, key=_by_time)[-count:] if count > 0 else []

    def fresh(self) -> list[LogLine]:
        """Return what was written since the last look, oldest first."""
        found = (list(self._fresh_of(name)) for name in self._names())
        return list(heapq.merge(*found, key=_by_time))

    def _names(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.jsonl"))

    def _rotations(self, name: str) -> list[Path]:
        """Return the files of a process, oldest first."""
        rotated = [
            (int(number), path)
            for path in self._folder.glob(f"{name}.jsonl.*")
            if (number := path.suffix.removeprefix(".")).isdecimal()
        ]
        ordered = [path for _, path in sorted(rotated, reverse=True)]
        return [*ordered, self._folder / f"{name}.jsonl"]

    def _last_of(self, name: str, count: int) -> list[LogLine]:
        files = self._rotations(name)
        found: deque[LogLine] = deque()
        for path in reversed(files):
            place, lines = self._read(name, path, 0)
            if place is not None:
                self._places.setdefault(name, place)
            chosen = deque(lines, maxlen=max(count - len(found), 0))
            found.extendleft(reversed(chosen))
            if len(found) >= count:
                break
        return list(found)

    def _fresh_of(self, name: str) -> Iterator[LogLine]:
        place = self._places.get(name)
        files = [
            (path, identity) for path in self._rotations(name) if (identity := _identity(path))
        ]
        known = [
            index
            for index, (_, identity) in enumerate(files)
            if place and identity == place.identity
        ]
        for path, identity in files[known[0] if known else 0 :]:
            offset = place.offset if place is not None and identity == place.identity else 0
            reached, lines = self._read(name, path, offset)
            if reached is not None:
                self._places[name] = reached
            yield from lines

    def _read(self, name: str, path: Path, offset: int) -> tuple[_Place | None, Iterator[LogLine]]:
        """Return the place that was reached and the chosen lines; a line half written waits."""
        try:
            with path.open("rb") as file:
                identity = os.fstat(file.fileno()).st_ino
                file.seek(offset)
                content = file.read()
        except OSError:
            return None, iter(())  # it was rotated away between two looks
        whole = content[: content.rfind(b"\n") + 1]
        return _Place(identity, offset + len(whole)), self._chosen(name, whole)

    def _chosen(self, name: str, content: bytes) -> Iterator[LogLine]:
        before = ""
        for raw in content.splitlines():
            line = _line(name, raw, before)
            before = line.timestamp
            if self._is_wanted(line):
                yield line

    def _is_wanted(self, line: LogLine) -> bool:
        level = LEVELS.index(line.level) if line.level in LEVELS else len(LEVELS)
        concerns = {line.process, line.details.get("agent")}
        return level >= self._least and (not self._process or self._process in concerns)


def _line(name: str, raw: bytes, before: str) -> LogLine:
    """Return a line; what is no JSON (a disk was full, say) is shown as it stands."""
    try:
        record = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = raw.decode("utf-8", "replace")
        return LogLine(timestamp=before, process=name, level="error", event=text, details={})
    return LogLine(
        timestamp=str(record.get("timestamp", before)),
        process=name,
        level=str(record.get("level", "info")),
        event=str(record.get("event", "")),
        details={key: value for key, value in record.items() if key not in _SHOWN_APART},
        exception=str(record.get("exception", "")),
    )


def _by_time(line: LogLine) -> tuple[str, str]:
    return line.timestamp, line.process


def _identity(path: Path) -> int:
    """Return what a file keeps when it is renamed, 0 if it is gone."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0
