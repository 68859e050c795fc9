"""Texts of the network as one source: asked side by side, filtered, and kept until they are taken.

A text is dated by its receipt: what a source says of its time may be wrong or early. An answer that
the agent did not take is given again. Whatever sources send, so much is kept and no more.
"""

import threading
from collections import Counter, deque
from collections.abc import Sequence

from agents.requests import HeadlineReading, HeadlinesRead, ReadHeadlines
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.clock import process_s
from runtime.feeds.text_filter import OVERFLOW, TextFilter
from runtime.feeds.text_source import RawText, Texts, TextSource

_Sourced = tuple[RawText, TextSource]


class _Poll:
    """One source, and the question that is on its way to it."""

    def __init__(self, source: TextSource) -> None:
        self.source = source
        self.due_ns = 0
        self.is_first = True
        self.problem = ""
        self.texts: Texts | None = None
        self.thread: threading.Thread | None = None

    def start(self, now_ns: int, pause_ns: int) -> None:
        """Ask, unless it was asked just now or has not answered yet."""
        if self.thread is not None or now_ns < self.due_ns:
            return
        self.due_ns = now_ns + pause_ns

        def fetch() -> None:
            self.texts = self.source.fetch(now_ns)

        self.thread = threading.Thread(target=fetch, name=self.source.name, daemon=True)
        self.thread.start()

    def finish(self, wait_s: float) -> Texts | None:
        """Return what has come by then."""
        if self.thread is None:
            return None
        self.thread.join(max(0.0, wait_s))
        if self.thread.is_alive():
            self.problem = "no answer yet"
            return None
        self.thread, texts, self.texts = None, self.texts, None
        # A thread that ended without a word has met an error of its own.
        self.problem = "failed" if texts is None else texts.problem
        return texts


class LiveTexts:
    """A `HeadlineSource` over several sources of the network."""

    def __init__(self, sources: Sequence[TextSource], settings: Settings) -> None:
        self._section = settings.agents.sentiment.texts
        self._wait_s = settings.feeds.deadline_s
        self._polls = [_Poll(source) for source in sources]
        self._filter = TextFilter(self._section)
        self._waiting: deque[_Sourced] = deque()
        self._given: list[_Sourced] = []
        """What the last answer held, until a request shows that it was taken."""
        self._given_ns = 0
        self._dropped: Counter[str] = Counter()
        self._lock = threading.Lock()

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead:
        """Answer a request as of now: what was not taken last time first, then what is new."""
        with self._lock:
            if not self._given or request.after_ns >= self._given_ns:
                self._given.clear()
                self._dropped.clear()
            self._ask(now_ns)
            while self._waiting and len(self._given) < request.limit:
                self._given.append(self._waiting.popleft())
            self._given_ns = now_ns
            return HeadlinesRead(
                request=request,
                headlines=tuple(_reading(raw, source, now_ns) for raw, source in self._given),
                dropped=tuple(sorted(self._dropped.items())),
                note="; ".join(
                    f"{poll.source.name}: {poll.problem}" for poll in self._polls if poll.problem
                ),
            )

    def _ask(self, now_ns: int) -> None:
        """Ask every source that is due, side by side, and take what comes in time."""
        for poll in self._polls:
            poll.start(now_ns, self._section.poll_min * MINUTE_NS)
        end_s = process_s() + self._wait_s
        for poll in self._polls:
            texts = poll.finish(end_s - process_s())
            if texts is not None:
                self._take(texts, poll, now_ns)

    def _take(self, texts: Texts, poll: _Poll, now_ns: int) -> None:
        self._dropped.update(dict(texts.dropped))
        kept = self._filter.passed(
            texts.texts,
            poll.source.medium,
            now_ns,
            is_first=poll.is_first,
            dropped=self._dropped,
        )
        poll.is_first = False
        room = self._section.waiting_max - len(self._waiting)
        self._waiting.extend((raw, poll.source) for raw in kept[:room])
        if len(kept) > room:
            self._dropped[OVERFLOW] += len(kept) - room


def _reading(raw: RawText, source: TextSource, now_ns: int) -> HeadlineReading:
    return HeadlineReading(
        text=raw.text, source=raw.source, received_ns=now_ns, medium=source.medium
    )
