"""The record of a run, read from its journal and manifest.

A trade is joined to its cause by the lineage that the entries carry: intent, decision, votes. Where
the market that a run traded can still be opened, and its content is the same, minutes tell how far
prices went and what the spread took; otherwise those figures are NaN and a note says why.
"""

from collections.abc import Iterable
from typing import NamedTuple

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import (
    AccountSnapshot,
    Decision,
    Exposure,
    LimitBreached,
    OrderIntent,
    PositionChanged,
    RiskApproved,
    TradeClosed,
    TradingStateChanged,
    Vote,
)
from blackboard.facts.decision import Action
from config.settings import Settings
from models.decision.arbitration import GATES
from runtime.book import Book, Manifest
from runtime.driver import MARKERS
from runtime.proof.lineage import entries_of
from runtime.readings import loudest_reading
from runtime.reports.closing import ClosingCount
from runtime.reports.identity import changed_settings, identity_of
from runtime.reports.minutes import UNSEEN, Course, Held, MinutePrices
from runtime.reports.record import (
    BY_THE_BROKER,
    UNKNOWN,
    Breach,
    ClosedTrade,
    EquityPoint,
    RunRecord,
    StateChange,
)
from runtime.terminals.simulated.market import OpenedMarket, open_market

NINE_AGENTS = "nine agents in one process"


def record_of(book: Book, market: OpenedMarket | None = None) -> RunRecord:
    """Return the record of a book or a run; ConfigError if it never started.

    Parameters
    ----------
    book : Book
        Folder with manifest and journal.
    market : OpenedMarket, optional
        The market that it traded; opened from the manifest's settings if left out.
    """
    manifest = book.newest_manifest()
    if manifest is None:
        raise ConfigError(f"no manifest in {book.folder}: nothing has run there")
    settings = Settings.model_validate(manifest.settings)
    if market is None:
        market, note = _market_of(settings, manifest)
    else:
        note = ""
    fold = JournalFold(settings, market)
    for entry in entries_of(book.journal):
        fold.add(entry)
    return fold.record(manifest, (*(market.notes if market else ()), *((note,) if note else ())))


def _market_of(settings: Settings, manifest: Manifest) -> tuple[OpenedMarket | None, str]:
    if settings.terminal.kind != "simulated":
        return None, "prices between closes are the broker's and were not kept"
    try:
        market = open_market(settings)
    except ConfigError as error:
        return None, f"the market cannot be opened again: {error}"
    if market.provenance != manifest.data:
        return None, "the market's data have changed since the run"
    return market, ""


class _Opening(NamedTuple):
    """What is known of an intent to open a position."""

    intent: OrderIntent
    confidence: float
    expected_value_r: float
    voter: str
    component: str


class JournalFold:
    """Folds the entries of a run, in order, into its record."""

    def __init__(self, settings: Settings, market: OpenedMarket | None) -> None:
        self._settings = settings
        terminal = settings.terminal
        self._prices = (
            MinutePrices(market.source, terminal.currency, terminal.spread_factor)
            if market
            else None
        )
        self._closing = ClosingCount()
        self._votes: dict[tuple[str, str], tuple[int, Vote]] = {}
        self._decisions: dict[int, tuple[Decision, str, str]] = {}
        self._openings: dict[str, _Opening] = {}
        self._approvals: dict[str, RiskApproved] = {}
        self._trades: list[ClosedTrade] = []
        self._equity: list[EquityPoint] = []
        self._states: list[StateChange] = []
        self._breaches: list[Breach] = []
        self._heat_max = 0.0
        self._open_since_ns: dict[int, int] = {}

    def add(self, entry: Entry) -> None:
        """Take one entry."""
        self._closing.add(entry)
        ts_ns = entry.ts_event_ns
        match entry.fact:
            case Vote() as vote:
                self._votes[vote.scope, vote.voter] = (entry.seq, vote)
            case Decision() as decision:
                self._decide(entry, decision)
            case OrderIntent() as intent:
                self._openings[intent.intent_id] = self._opening(entry, intent)
            case RiskApproved() as approval:
                self._approvals[approval.intent_id] = approval
            case TradeClosed() as trade:
                self._trades.append(self._closed(ts_ns, trade))
            case AccountSnapshot() as account:
                self._equity.append(
                    EquityPoint(ts_ns, account.balance, account.equity, account.deposits)
                )
            case PositionChanged(ticket=ticket, lots=lots, opened_ns=opened_ns):
                self._open_since_ns[ticket] = opened_ns
                if lots == 0.0:
                    del self._open_since_ns[ticket]
            case _:
                self._guard(entry)

    def _guard(self, entry: Entry) -> None:
        """Take what the limits said."""
        match entry.fact:
            case Exposure(heat_frac=heat_frac):
                self._heat_max = max(self._heat_max, heat_frac)
            case TradingStateChanged(state=state, reason=reason):
                change = StateChange(ts_ns=entry.ts_event_ns, state=state.value, reason=reason)
                self._states.append(change)
            case LimitBreached() as breach:
                self._breaches.append(
                    Breach(
                        ts_ns=entry.ts_event_ns,
                        limit=breach.limit,
                        value=breach.value,
                        threshold=breach.threshold,
                        consequence=breach.consequence,
                    )
                )
            case _:
                pass

    def record(self, manifest: Manifest, notes: tuple[str, ...] = ()) -> RunRecord:
        """Return the record of what was taken so far."""
        closing = self._closing.closing(manifest.run_id, manifest.profile, "")
        first = self._equity[0] if self._equity else EquityPoint(0, 0.0, 0.0, 0.0)
        last = self._equity[-1] if self._equity else first
        identity = identity_of(
            self._settings,
            manifest,
            host=NINE_AGENTS,
            marker=MARKERS[manifest.profile],
            span_ns=(first.ts_ns, last.ts_ns),
            decisions_hash=closing.decisions_hash,
            deposit=first.deposits,
            notes=notes,
        )
        order = {gate: place for place, gate in enumerate(GATES)}
        blocked = sorted(
            closing.blocked_by.items(), key=lambda one: (order.get(one[0], len(order)), one[0])
        )
        return RunRecord(
            identity=identity,
            changed=changed_settings(self._settings),
            trades=tuple(self._trades),
            equity=tuple(self._equity),
            rounds=closing.rounds,
            decisions=closing.decisions,
            blocked_by=dict(blocked),
            intents=closing.intents,
            approved=closing.approved,
            refusals=closing.refusals,
            open_positions=closing.open_positions,
            open_since_ns=tuple(sorted(self._open_since_ns.values())),
            heat_frac_max=self._heat_max,
            states=tuple(self._states),
            breaches=tuple(self._breaches),
            accounting_gap=closing.accounting_gap,
        )

    def _decide(self, entry: Entry, decision: Decision) -> None:
        if decision.action is Action.HOLD:
            return
        votes = [
            vote
            for seq, vote in self._votes.values()
            if vote.scope == decision.scope and seq in entry.causes
        ]
        voter, component = leading(decision, votes)
        self._decisions[entry.seq] = (decision, voter, component)

    def _opening(self, entry: Entry, intent: OrderIntent) -> _Opening:
        for seq in entry.causes:
            if seq in self._decisions:
                decision, voter, component = self._decisions[seq]
                return _Opening(
                    intent, decision.confidence, decision.expected_value_r, voter, component
                )
        return _Opening(intent, intent.confidence, intent.expected_value_r, UNKNOWN, UNKNOWN)

    def _closed(self, closed_ns: int, trade: TradeClosed) -> ClosedTrade:
        opening = self._openings.get(trade.intent_id)
        approval = self._approvals.get(trade.intent_id)
        risk = approval.risk_account * trade.lots / approval.lots if approval else 0.0
        held = Held(
            trade.scope,
            trade.side,
            trade.lots,
            trade.opened_ns,
            closed_ns,
            trade.open_price,
            trade.close_price,
            trade.reason in BY_THE_BROKER,
        )
        course: Course = self._prices.course(held) if self._prices else UNSEEN
        sign = trade.side.sign
        intent = opening.intent if opening else None
        return ClosedTrade(
            ticket=trade.ticket,
            symbol=trade.scope,
            side=trade.side,
            lots=trade.lots,
            opened_ns=trade.opened_ns,
            closed_ns=closed_ns,
            open_price=trade.open_price,
            close_price=trade.close_price,
            stop_price=trade.open_price - sign * intent.stop_distance if intent else 0.0,
            target_price=trade.open_price + sign * intent.target_distance if intent else 0.0,
            profit=trade.profit,
            swap=trade.swap,
            commission=trade.commission + trade.fee,
            pnl=trade.pnl,
            spread_cost=course.spread_cost,
            risk=risk,
            r_multiple=trade.r_multiple,
            mae_r=course.adverse / risk if risk else float("nan"),
            mfe_r=course.favourable / risk if risk else float("nan"),
            confidence=opening.confidence if opening else float("nan"),
            expected_value_r=opening.expected_value_r if opening else float("nan"),
            voter=opening.voter if opening else UNKNOWN,
            component=opening.component if opening else UNKNOWN,
            exit_reason=trade.reason,
        )


def leading(decision: Decision, votes: Iterable[Vote]) -> tuple[str, str]:
    """Return the voter that weighed most for a decision's side, and the loudest reading behind it.

    A voter weighs its share times the distance of its calibrated probability from ignorance; a
    reading speaks with its weight times its value. Ties go to who comes first.
    """
    sign = 1.0 if decision.action is Action.BUY else -1.0
    speaking = [share for share in decision.shares if not share.abstains]
    if not speaking:
        return UNKNOWN, UNKNOWN
    lead = max(speaking, key=lambda share: sign * share.weight * (share.probability_up - 0.5))
    vote = next((each for each in votes if each.voter == lead.scope), None)
    if vote is None or not vote.evidence:
        return lead.scope, UNKNOWN
    return lead.scope, loudest_reading(vote, sign)
