"""What comes of asking a feed: an answer, or a refusal of a kind. No key is ever told."""

from enum import StrEnum
from typing import Final

import msgspec


class Refusal(StrEnum):
    """Why there is no answer; the value is what people read."""

    NO_KEY = "no key is set"
    KEY_REFUSED = "401 the key is refused"
    NOT_PAID = "402 the plan does not include it"
    FORBIDDEN = "403 forbidden"
    NOT_FOUND = "404 not found"
    TOO_MANY = "429 too many requests"
    SERVER_FAILED = "the server failed"
    OTHER_STATUS = "an unexpected status"
    REDIRECTED = "redirected elsewhere"
    HTML = "a web page instead of data"
    WRONG_TYPE = "another type than expected"
    MALFORMED = "not in the expected form"
    EMPTY = "empty"
    HUGE = "too large"
    TIMED_OUT = "no answer in time"
    UNREACHABLE = "cannot be reached"
    CUT = "the answer was cut off"
    SPENT = "our own limit of requests is spent"
    STORE_FAILED = "its folder on this machine cannot be used"


PASSING: Final = frozenset(
    {Refusal.TOO_MANY, Refusal.SERVER_FAILED, Refusal.TIMED_OUT, Refusal.UNREACHABLE, Refusal.CUT}
)
"""Refusals after which asking again may help. A key or an address does not become right by it."""

_BY_STATUS: Final = {
    401: Refusal.KEY_REFUSED,
    402: Refusal.NOT_PAID,
    403: Refusal.FORBIDDEN,
    404: Refusal.NOT_FOUND,
    410: Refusal.NOT_FOUND,
    429: Refusal.TOO_MANY,
}
_SERVER_ERRORS: Final = 500


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A feed's answer as it came."""

    body: bytes
    content_type: str
    received_ns: int
    """When it was received, which is when its content was known here."""
    is_kept: bool = False
    """Whether it was received earlier and taken again."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """No answer, and why."""

    refusal: Refusal
    detail: str = ""
    """Figures only; never what the feed wrote, which may repeat a key or hold anything."""
    retry_after_s: float = 0.0
    """Seconds for which the feed asks to be left alone, 0 if it does not say."""

    @property
    def reason(self) -> str:
        """The refusal as people read it."""
        return f"{self.refusal.value} ({self.detail})" if self.detail else self.refusal.value


FeedAnswer = Answered | Refused


def refusal_of_status(status: int) -> Refusal | None:
    """Return what a status, or a feed's own code of the same meaning, refuses; None for 200."""
    if status == 200:
        return None
    if status >= _SERVER_ERRORS:
        return Refusal.SERVER_FAILED
    if 300 <= status < 400:
        return Refusal.REDIRECTED
    return _BY_STATUS.get(status, Refusal.OTHER_STATUS)
