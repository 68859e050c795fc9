"""What a run came to: trades, money, and whether the account's arithmetic holds."""

from collections.abc import Iterable

import msgspec

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Decision,
    Fill,
    OrderIntent,
    RiskApproved,
    RiskRefused,
    TradeClosed,
    TradingStateChanged,
)
from runtime.proof.decisions_hash import HASHED_KINDS, decisions_hash

_MONEY_TOLERANCE = 0.005
"""Half a cent: money is kept in cents at the broker."""


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The closing summary of a run; also the last line of ``--json``."""

    run: str
    profile: str
    journal: str
    entries: int
    rounds: int
    decisions: int
    holds: int
    intents: int
    approved: int
    refused: int
    trades: int
    wins: int
    pnl: float
    open_positions: int
    balance: float
    equity: float
    deposits: float
    currency: str
    accounting_gap: float
    """Balance − deposits − Σ(profit + swap + commission + fee) of all deals; 0 but for rounding.

    As of the last snapshot of the account, which may be up to a minute older than the last deal.
    """
    accounting_holds: bool
    trading_state: str
    refusals: dict[str, int]
    blocked_by: dict[str, int]
    decisions_hash: str


class ClosingCount:
    """Folds the entries of a run into its closing summary."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(
            ("entries", "holds", "decisions", "intents", "approved", "trades", "wins"), 0
        )
        self._closes: set[int] = set()
        self._pnl = 0.0
        self._booked = 0.0
        self._gap = 0.0
        self._refusals: dict[str, int] = {}
        self._blocked: dict[str, int] = {}
        self._account: AccountSnapshot | None = None
        self._state = "none"
        self._hashed: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Take one entry, in order."""
        counts = self._counts
        counts["entries"] += 1
        if entry.kind in HASHED_KINDS:
            self._hashed.append(entry)
        match entry.fact:
            case Decision(blocked_by=gate):
                counts["decisions"] += 1
                self._closes.add(entry.ts_event_ns)
                if gate:
                    counts["holds"] += 1
                    self._blocked[gate] = self._blocked.get(gate, 0) + 1
            case OrderIntent():
                counts["intents"] += 1
            case RiskApproved():
                counts["approved"] += 1
            case RiskRefused(reason=reason):
                self._refusals[reason] = self._refusals.get(reason, 0) + 1
            case TradeClosed(pnl=pnl):
                counts["trades"] += 1
                counts["wins"] += pnl > 0.0
                self._pnl += pnl
            case AccountSnapshot() as account:
                # The deals that a reading shows stand before its snapshot; later ones are not.
                self._account = account
                self._gap = account.balance - (account.deposits - account.credit) - self._booked
            case TradingStateChanged(state=state):
                self._state = state.value
            case _:
                pass
        self._booked += _booked(entry)

    def closing(self, run: str, profile: str, journal: str) -> Closing:
        """Return the summary of what was taken so far."""
        account = self._account
        return Closing(
            run=run,
            profile=profile,
            journal=journal,
            rounds=len(self._closes),
            refused=sum(self._refusals.values()),
            pnl=round(self._pnl, 2),
            open_positions=account.open_positions if account else 0,
            balance=account.balance if account else 0.0,
            equity=account.equity if account else 0.0,
            deposits=account.deposits if account else 0.0,
            currency=account.currency if account else "",
            accounting_gap=round(self._gap, 6),
            accounting_holds=abs(self._gap) < _MONEY_TOLERANCE,
            trading_state=self._state,
            refusals=dict(sorted(self._refusals.items())),
            blocked_by=dict(sorted(self._blocked.items())),
            decisions_hash=decisions_hash(self._hashed),
            **self._counts,
        )


def _booked(entry: Entry) -> float:
    match entry.fact:
        case Fill(profit=profit, swap=swap, commission=commission, fee=fee):
            return profit + swap + commission + fee
        case _:
            return 0.0


def close_run(entries: Iterable[Entry], run: str, profile: str, journal: str) -> Closing:
    """Return the closing summary of a journal."""
    count = ClosingCount()
    for entry in entries:
        count.add(entry)
    return count.closing(run, profile, journal)
