"""Times of rest of a symbol, in the order in which they were asked for; mirrors `LockView`."""

from models.decision.simulated.compiling import part
from models.decision.simulated.record import APPROVED
from models.decision.simulated.standing import LOCKS_KEPT, Book

BOTH = 0
"""Side of a lock that forbids either."""


@part
def rest(book: Book, symbol: int, now_ns: int, rest_ns: int, reason: int, side: int) -> None:
    """Lock a symbol for a while; locks that have run out leave with it."""
    if rest_ns == 0:
        return
    kept = 0
    for place in range(LOCKS_KEPT):
        lock = book.locks[symbol, place]
        if lock.until_ns >= now_ns and lock.until_ns > 0 and kept < LOCKS_KEPT - 1:
            moved = book.locks[symbol, kept]
            moved.until_ns, moved.reason, moved.side = lock.until_ns, lock.reason, lock.side
            kept += 1
    for place in range(kept, LOCKS_KEPT):
        book.locks[symbol, place].until_ns = 0
    last = book.locks[symbol, kept]
    last.until_ns, last.reason, last.side = now_ns + rest_ns, reason, side


@part
def held_by(book: Book, symbol: int, side: int, now_ns: int) -> int:
    """Return the reason of the first lock that forbids a side now, `APPROVED` if none does."""
    for place in range(LOCKS_KEPT):
        lock = book.locks[symbol, place]
        if now_ns < lock.until_ns and lock.side in (BOTH, side):
            return lock.reason
    return APPROVED
