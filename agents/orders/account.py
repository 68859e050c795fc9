"""The account as the board tells it: who we are, when it was last read, and what is due.

A fold over facts. The identity of a book is that of its first snapshot: a terminal that silently
logs into another account must never be traded on, nor let its balance move our marks.
"""

from typing import Final

import msgspec

from agents.orders.reasons import Why
from agents.requests import BrokerAccount, BrokerRead
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    Fill,
    PositionChanged,
    Reconciled,
    Timeframe,
    TradeClosed,
)
from models.market.sessions import MINUTE_NS, bar_open_ns, next_bar_close_ns, was_open_before

IDENTITY: Final = Why.IDENTITY.value
"""First word of the reason of a comparison that failed because the account is not ours."""

REAL: Final = 2
"""Trade mode of an account with real money."""

SNAPSHOT_GAP_NS: Final = MINUTE_NS
"""Least time between two snapshots, closes excepted."""


class Account:
    """What the board says of the account, and when the next statement is due.

    Parameters
    ----------
    timeframe : Timeframe
        The closes at which a snapshot is due.
    grace_ns : int
        How long after a close a reading still stands for it.
    reconcile_ns : int
        Time between two statements that the books were compared.
    """

    def __init__(self, timeframe: Timeframe, grace_ns: int, reconcile_ns: int) -> None:
        self.identity: AccountSnapshot | None = None
        self._latest: AccountSnapshot | None = None
        self._was_explained = False
        self._started_ns = 0
        self.snapshot_ns = 0
        self.reconciled: Reconciled | None = None
        self.reconciled_seq = 0
        self._timeframe = timeframe
        self._grace_ns = grace_ns
        self._reconcile_ns = reconcile_ns
        self._snapshot_seq = 0
        self._change_seq = 0
        self._reconciled_ns = 0
        self._reconciled_count = 0

    def see(self, entry: Entry) -> None:
        """Fold one entry; kinds that say nothing of the account pass."""
        match entry.fact:
            case AccountSnapshot() as fact:
                if self.identity is None:
                    self.identity, self._started_ns = fact, entry.now_ns
                self._latest = fact
                self._was_explained |= fact.is_explained
                self.snapshot_ns, self._snapshot_seq = entry.ts_event_ns, entry.seq
            case Reconciled() as fact:
                again = entry.ts_event_ns == self._reconciled_ns
                self._reconciled_count = self._reconciled_count + 1 if again else 1
                self.reconciled, self.reconciled_seq = fact, entry.seq
                self._reconciled_ns = entry.ts_event_ns
            case Fill() | PositionChanged() | TradeClosed():
                self._change_seq = entry.seq
            case _:
                pass

    @property
    def is_reconciled(self) -> bool:
        """Whether the last comparison with the broker's book left nothing open."""
        return self.reconciled is not None and self.reconciled.is_clean

    @property
    def is_netting(self) -> bool:
        """Whether a symbol has one position at most: netting and exchange accounts."""
        return self.identity is not None and self.identity.is_netting

    @property
    def is_fifo(self) -> bool:
        """Whether the positions of a symbol must be closed first in, first out."""
        return self._latest is not None and self._latest.fifo_close

    @property
    def foreign_reason(self) -> str:
        """Why the last comparison found an account that is not the book's, empty if it did not."""
        if self.reconciled is None or self.reconciled.is_clean:
            return ""
        return self.reconciled.reason if self.reconciled.reason.startswith(IDENTITY) else ""

    def mismatch(self, account: BrokerAccount, profile: str) -> str:
        """Return why an account is not the book's, empty if it is."""
        if account.trade_mode == REAL and profile != "live":
            return f"{IDENTITY}: trade_mode is real, profile is {profile}"
        for name in ("login", "server", "trade_mode", "margin_mode", "currency"):
            read = getattr(account, name)
            expected = getattr(self.identity, name, read)
            if read != expected:
                return f"{IDENTITY}: {name} must be {expected}, was {read}"
        return ""

    def close_ns(self, now_ns: int) -> int:
        """Return the last close of the snapshot timeframe, 0 where the market was not open."""
        close_ns = bar_open_ns(now_ns, self._timeframe.length_ns)
        return close_ns if was_open_before(close_ns) else 0

    def begins_ns(self, read_ns: int) -> int:
        """Return when the book began: after this reading, if it is the first."""
        return read_ns + 1 if self.identity is None else self._started_ns

    def due_ns(self, now_ns: int) -> int:
        """Return the latest instant up to now for which the broker is to be read, −1 if none is."""
        close_ns = self.close_ns(now_ns)
        due_ns = close_ns if close_ns > self.snapshot_ns else -1
        due_ns = max(due_ns, self._comparison_ns(now_ns))
        if self.has_changed and self.change_due_ns <= now_ns:
            due_ns = max(due_ns, self.change_due_ns)
        return due_ns

    @property
    def has_changed(self) -> bool:
        """Whether the board knows of fills or positions that no snapshot includes."""
        return self._change_seq > self._snapshot_seq

    @property
    def change_due_ns(self) -> int:
        """Return when a change of the book may have its snapshot."""
        return self.snapshot_ns + SNAPSHOT_GAP_NS

    def next_comparison_ns(self, now_ns: int) -> int:
        """Return the next instant at which the books are due to be compared."""
        return next_bar_close_ns(now_ns, self._reconcile_ns)

    def snapshot_draft(self, reading: BrokerRead, *, has_news: bool) -> Draft | None:
        """Return the snapshot that a reading makes, None if none is due.

        It stands for the close if it was taken soon after, otherwise for the moment it was taken.
        """
        close_ns, read_ns = self.close_ns(reading.read_ns), reading.read_ns
        lacks_close = close_ns > self.snapshot_ns
        changed = (has_news or self.has_changed) and read_ns >= self.change_due_ns
        if not (self.identity is None or lacks_close or changed):
            return None
        is_close = lacks_close and read_ns - close_ns <= self._grace_ns
        account = reading.account
        fact = AccountSnapshot(
            scope=ACCOUNT,
            login=account.login,
            server=account.server,
            currency=account.currency,
            trade_mode=account.trade_mode,
            margin_mode=account.margin_mode,
            balance=account.balance,
            equity=account.equity,
            margin=account.margin,
            margin_free=account.margin_free,
            leverage=account.leverage,
            deposits=self._deposits(reading),
            open_positions=len(reading.positions),
            fifo_close=account.fifo_close,
            credit=account.credit,
            peak_balance=reading.peak_balance,
            is_explained=reading.is_explained,
        )
        return Draft(fact=fact, ts_event_ns=close_ns if is_close else read_ns)

    def reconciled_draft(self, fact: Reconciled, at_ns: int) -> Draft | None:
        """Return the statement that the books were compared, None if none is due.

        Due are the first one, each that says something else than the last, and one a period, soon
        after its instant.
        """
        last = self.reconciled
        if last is not None and not fact.sequence_floor and _same(last, fact):
            is_period = at_ns >= self._reconciled_ns + self._reconcile_ns
            is_soon = at_ns - self._comparison_ns(at_ns) <= self._grace_ns
            if not (is_period and is_soon):
                return None
        again = self._reconciled_count if at_ns == self._reconciled_ns else 0
        mends = last is not None and fact.is_clean and not last.is_clean
        fact = msgspec.structs.replace(fact, mends=mends)
        return Draft(fact=fact, ts_event_ns=at_ns, ordinal=str(again) if again else "")

    def _deposits(self, reading: BrokerRead) -> float:
        """Return what was paid in; deals that are missing must not look like payments taken back.

        The terminal keeps to the sums of the last deals that made the balance, until it is
        restarted. Where none ever did, what is missing is always the same.
        """
        if reading.is_explained or self._latest is None or not self._was_explained:
            return reading.deposits
        return self._latest.deposits

    def _comparison_ns(self, now_ns: int) -> int:
        """Return the latest instant at which the books were due to be compared, −1 on weekends."""
        due_ns = bar_open_ns(now_ns, self._reconcile_ns)
        return due_ns if was_open_before(due_ns) else -1


def _same(one: Reconciled, other: Reconciled) -> bool:
    return (one.is_clean, one.reason, one.frozen) == (other.is_clean, other.reason, other.frozen)
