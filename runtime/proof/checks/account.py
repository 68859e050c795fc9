"""The accounting identity: what the balance gained since the first reading is what deals made."""

from collections.abc import Iterator
from typing import Final

from blackboard.entry import Entry
from blackboard.facts import AccountSnapshot, Fill
from runtime.proof.checks.check import Check

MONEY_TOLERANCE: Final = 0.005
"""Half a cent: money is kept in cents at the broker."""


class Accounting(Check):
    """balance − (deposits − credit) moves by profit, swap, commission and fee of deals alone."""

    name = "accounting"

    def __init__(self) -> None:
        super().__init__()
        self._earned: float | None = None
        self._booked = 0.0

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield a reading whose balance the deals since the one before do not explain."""
        match entry.fact:
            case Fill() as fill:
                self._booked += fill.profit + fill.swap + fill.commission + fill.fee
            case AccountSnapshot() as account:
                self.checked += 1
                earned = account.balance - (account.deposits - account.credit)
                # What lies before the book is not among its deals: the first reading is the base.
                gap = 0.0 if self._earned is None else earned - self._earned - self._booked
                self._earned, self._booked = earned, 0.0
                if not abs(gap) < MONEY_TOLERANCE:
                    yield f"balance {account.balance:.2f} is off by {gap:+.2f} from its deals"
            case _:
                pass
