"""Whose turn it is at the terminal: few requests at once, not too many a second, exits first.

A broker answers a client that asks too much with 10024 and may lock it out, and a close that
queues behind forty readings comes too late. So requests take turns: at most a few are on their
way, a bucket of tokens bounds how many leave a second, and among those that wait the one that
reduces risk goes first. After 10024 everything pauses, entries for longer each time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from itertools import count
from typing import Final

from agents.requests import Reply, SendAnswered
from blackboard.facts.execution import Purpose
from config.system import TerminalSection
from runtime.clock import process_s, sleep_s
from runtime.terminals.constants import TRADE_RETCODE_TOO_MANY_REQUESTS

LOOK_S: Final = 0.002
"""Process time between two looks at whether another's turn has ended: about as long as one lasts
with a terminal on the same machine."""


class Priority(IntEnum):
    """What goes first."""

    REDUCES = 0
    """Exits, cancels, and changes of a stop."""
    ENTERS = 1
    READS = 2


PRIORITIES: Final = {
    Purpose.ENTRY: Priority.ENTERS,
    Purpose.EXIT: Priority.REDUCES,
    Purpose.AMEND: Priority.REDUCES,
    Purpose.CANCEL: Priority.REDUCES,
}


class Pacing:
    """Hands out turns to the threads of one process.

    A turn is waited for in process time, by looking again, so that whoever replaces the clocks
    decides how long that is. Nothing is ever refused here; who cannot wait asks `pause_s` first.
    """

    def __init__(self, settings: TerminalSection, parallel_max: int, burst_min: int = 1) -> None:
        """Begin with a full bucket.

        Parameters
        ----------
        settings
            How many requests a second, and how long pauses are.
        parallel_max
            How many turns are held at the same time.
        burst_min
            Requests that pass at once after a quiet time, however few a second are allowed.
        """
        self._settings = settings
        self._parallel_max = parallel_max
        self._guard = threading.Lock()
        self._order = count()
        self._waiting: list[tuple[Priority, int]] = []
        self._at_work = 0
        self._tokens = self._burst = max(float(burst_min), settings.requests_per_s)
        self._filled_s = process_s()
        self._pauses = 0
        self._paused_until_s = dict.fromkeys(Priority, 0.0)

    @contextmanager
    def turn(self, priority: Priority) -> Iterator[None]:
        """Wait for a turn, and hold it for the length of the block."""
        with self._guard:
            place = (priority, next(self._order))
            self._waiting.append(place)
        try:
            while (wait_s := self._enter(place)) > 0.0:
                sleep_s(wait_s)
            yield
        finally:
            with self._guard:
                if place in self._waiting:  # ended before its turn came
                    self._waiting.remove(place)
                else:
                    self._at_work -= 1

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def pause_s(self, priority: Priority) -> float:
        """Return how long the broker's pause still lasts for requests of a kind."""
        return max(0.0, self._paused_until_s[priority] - process_s())

    def _slow_down(self) -> None:
        """Begin the pause that follows 'too many requests', twice as long as the one before.

        Entries wait for all of it, everything else for the first length only, however often it
        happened: a close must not wait, and nobody may trade without reading the book.
        """
        own = self._settings
        with self._guard:
            now_s = process_s()
            long_s = min(own.backoff_s * 2.0**self._pauses, own.backoff_max_s)
            self._pauses = min(self._pauses + 1, 30)
            self._tokens = 0.0
            for priority in Priority:
                length_s = long_s if priority is Priority.ENTERS else own.backoff_s
                until_s = max(self._paused_until_s[priority], now_s + length_s)
                self._paused_until_s[priority] = until_s

    def learn(self, reply: Reply) -> None:
        """Take what a send came back with: too many requests, or anything else of the broker's."""
        if not isinstance(reply, SendAnswered) or not reply.has_result:
            return
        if reply.code == TRADE_RETCODE_TOO_MANY_REQUESTS:
            self._slow_down()
        else:
            self._pauses = 0

    def _enter(self, place: tuple[Priority, int]) -> float:
        """Take the turn and return 0, or return after how long to look again."""
        with self._guard:
            now_s = process_s()
            rate = self._settings.requests_per_s
            self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * rate)
            self._filled_s = now_s
            # A lower priority that may go now does not wait for a higher one that has to pause.
            ready = [each for each in self._waiting if self._paused_until_s[each[0]] <= now_s]
            if place not in ready:
                return max(LOOK_S, self._paused_until_s[place[0]] - now_s)
            if place != min(ready) or self._at_work >= self._parallel_max:
                return LOOK_S
            if self._tokens < 1.0:
                return max(LOOK_S, (1.0 - self._tokens) / rate)
            self._tokens -= 1.0
            self._at_work += 1
            self._waiting.remove(place)
            return 0.0
