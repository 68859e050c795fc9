"""JSON from a feed, decoded into a declared shape within a depth; anything else is a refusal."""

import re
from itertools import accumulate
from typing import Final, TypeVar

import msgspec

from runtime.feeds.answers import Answered, Refusal, Refused

_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_OTHERS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
Shape = TypeVar("Shape")


def depth_of(body: bytes) -> int:
    """Return the deepest nesting of a JSON text; brackets inside of texts do not count."""
    brackets = _TEXTS.sub(b"", body).translate(None, _OTHERS)
    return max(accumulate(_STEPS[each] for each in brackets), default=0)


def decode_json(answer: Answered, shape: type[Shape], depth_max: int) -> Shape | Refused:
    """Return an answer in its shape, or why it is not in it."""
    depth = depth_of(answer.body)
    if depth > depth_max:
        return Refused(
            refusal=Refusal.MALFORMED, detail=f"nested {depth} deep, at most {depth_max}"
        )
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Its message may quote the text, which is the feed's.
        return Refused(refusal=Refusal.MALFORMED)
