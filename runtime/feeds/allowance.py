"""How often a feed may still be asked: so many requests a minute and a day, and its own pauses.

Kept on disk before the request is made, so neither a restart nor a crash gives any back.
"""

from typing import Final

import msgspec

from config.feeds import FeedTerms
from models.market.sessions import DAY_NS, MINUTE_NS, SECOND_NS
from runtime.feeds.answers import Refusal, Refused
from runtime.feeds.feed_store import FeedStore

_PREFIX: Final = "asked/"


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    day: int = 0
    """Days since 1970, UTC."""
    today: int = 0
    latest_ns: tuple[int, ...] = ()
    """Requests of the latest minute."""
    rests_until_ns: int = 0


class Allowance:
    """The allowance of one feed."""

    def __init__(self, feed: str, terms: FeedTerms, store: FeedStore) -> None:
        self._name = _PREFIX + feed
        self._terms = terms
        self._store = store

    def take(self, now_ns: int, cost: int = 1) -> Refused | None:
        """Count a request of a cost, or say why it must not be made; OSError without a store."""
        return self._store.change(lambda: self._take(now_ns, cost))

    def rest(self, now_ns: int, seconds: float) -> None:
        """Leave the feed alone for so long; OSError without a store."""

        def rest() -> None:
            until_ns = now_ns + int(seconds * SECOND_NS)
            asked = self._asked()
            self._store.write(self._name, msgspec.structs.replace(asked, rests_until_ns=until_ns))

        self._store.change(rest)

    def _take(self, now_ns: int, cost: int) -> Refused | None:
        asked, day = self._asked(), now_ns // DAY_NS
        # A clock that was set back must not lock a feed out: what lies further ahead is forgotten.
        latest = tuple(at for at in asked.latest_ns if abs(now_ns - at) < MINUTE_NS)
        today = asked.today if asked.day == day else 0
        wait_ns = asked.rests_until_ns - now_ns
        if wait_ns > 0:
            return self._spent(f"asked to wait another {_seconds(wait_ns)} s", wait_ns)
        if today + cost > self._terms.requests_per_day_max:
            left_ns = (day + 1) * DAY_NS - now_ns
            return self._spent(f"{self._terms.requests_per_day_max} a day", left_ns)
        if len(latest) + cost > self._terms.requests_per_min_max:
            left_ns = min(latest, default=now_ns) + MINUTE_NS - now_ns
            return self._spent(f"{self._terms.requests_per_min_max} a minute", left_ns)
        row = _Asked(
            day=day,
            today=today + cost,
            latest_ns=(*latest, *[now_ns] * cost),
            rests_until_ns=asked.rests_until_ns,
        )
        self._store.write(self._name, row)
        return None

    def _asked(self) -> _Asked:
        return self._store.read(self._name, _Asked) or _Asked()

    def _spent(self, detail: str, wait_ns: int) -> Refused:
        return Refused(refusal=Refusal.SPENT, detail=detail, retry_after_s=wait_ns / SECOND_NS)


def _seconds(length_ns: int) -> int:
    return -(-length_ns // SECOND_NS)
