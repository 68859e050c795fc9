"""How often somebody may command: so many times in a minute, and who exceeds it is told once."""

from collections import deque
from enum import Enum
from typing import Final

from runtime.clock import process_s

MINUTE_S: Final = 60.0


class Share(Enum):
    """What is left for somebody."""

    LEFT = "left"
    JUST_SPENT = "just spent"
    """Nothing, and that was not said yet."""
    SPENT = "spent"


class Ration:
    """Counts by user; only users who are permitted come so far, so it is bounded."""

    def __init__(self, per_minute_max: int) -> None:
        self._most = per_minute_max
        self._taken_s: dict[int, deque[float]] = {}
        self._told: set[int] = set()

    def take(self, user: int) -> Share:
        """Take one turn of a user, if one is left."""
        taken = self._taken_s.setdefault(user, deque(maxlen=self._most))
        now_s = process_s()
        if len(taken) < self._most or now_s - taken[0] >= MINUTE_S:
            taken.append(now_s)
            self._told.discard(user)
            return Share.LEFT
        if user in self._told:
            return Share.SPENT
        self._told.add(user)
        return Share.JUST_SPENT
