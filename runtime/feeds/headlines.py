"""A file of headlines: CSV with time, text and optionally source, in any order of time."""

from pathlib import Path
from typing import Final

from agents.requests import HeadlineReading, HeadlinesRead, ReadHeadlines, Unanswered
from blackboard.errors import ConfigError
from blackboard.facts.news import TEXT_LENGTH_MAX, Medium
from runtime.feeds.tables import (
    FileStamp,
    Record,
    cleaned,
    refuse,
    stamp_of,
    table_of,
)
from runtime.feeds.text_source import ITEMS_MAX, RawText, Texts
from runtime.instants import instant_ns

SOURCE_LENGTH_MAX: Final = 64
"""Longest name of a source."""


def read_headlines_file(path: Path) -> list[HeadlineReading]:
    """Read all texts of a file by time, then as they stand there; empty texts are passed over.

    Raises
    ------
    ConfigError
        If there is no such file, a column is missing, or a time is wrong; names every problem.
    """
    problems: list[str] = []
    headlines: list[HeadlineReading] = []
    for number, record in enumerate(table_of(path, ("time", "text")), 1):
        try:
            headline = _headline(record, path.name)
        except ValueError as wrong:
            problems.append(f"row {number}: time {wrong}")
        else:
            headlines.extend([headline] if headline.text else [])
    refuse(path, problems)
    return sorted(headlines, key=lambda headline: headline.received_ns)


class HeadlinesFile:
    """Headlines that are read again whenever their file has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: FileStamp | None = None
        self._headlines: tuple[HeadlineReading, ...] = ()

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead | Unanswered:
        """Answer a request as of now: the oldest texts after ``after_ns``, up to the limit.

        Texts of one instant are never parted, or the next request would miss the rest: an answer
        may therefore exceed the limit.
        """
        try:
            self._refresh()
        except ConfigError as wrong:
            return Unanswered(request=request, reason=str(wrong)[:TEXT_LENGTH_MAX])
        due = [one for one in self._headlines if request.after_ns < one.received_ns <= now_ns]
        if len(due) > request.limit:
            last_ns = due[max(request.limit - 1, 0)].received_ns
            due = [one for one in due if one.received_ns <= last_ns]
        return HeadlinesRead(request=request, headlines=tuple(due))

    def _refresh(self) -> None:
        stamp = stamp_of(self.path)
        if stamp != self._stamp:
            self._headlines = tuple(read_headlines_file(self.path))
            self._stamp = stamp


class FileTexts:
    """A file of headlines beside sources of the network; implements `TextSource`."""

    medium = Medium.HEADLINE
    name = "file"

    def __init__(self, path: Path) -> None:
        self._file = HeadlinesFile(path)

    def fetch(self, now_ns: int) -> Texts:
        """Return the newest texts that stand there by now."""
        answer = self._file.read(ReadHeadlines(after_ns=0, limit=2**31), now_ns)
        if isinstance(answer, Unanswered):
            return Texts((), problem=answer.reason)
        return Texts(
            tuple(
                RawText(each.text, each.source, published_ns=each.received_ns)
                for each in answer.headlines[-ITEMS_MAX:]
            )
        )


def _headline(record: Record, file_name: str) -> HeadlineReading:
    return HeadlineReading(
        text=cleaned(record["text"], TEXT_LENGTH_MAX),
        source=cleaned(record.get("source", ""), SOURCE_LENGTH_MAX) or file_name,
        received_ns=instant_ns(record["time"].strip()),
    )
