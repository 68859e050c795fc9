"""The record of a run, read from its journal and manifest.

A trade is joined to its cause by the lineage that the entries carry: intent, decision, votes. Where
the market that a run traded can still be opened, and its content is the same, minutes tell how far
prices went and what the spread took; otherwise those figures are NaN and a note says why.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from agents.rounds.fill_costs import FillCosts
from agents.rounds.parameters import confluence_of
from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import (
    AccountSnapshot,
    DayStatistics,
    Decision,
    Exposure,
    Fill,
    LimitBreached,
    OrderIntent,
    PositionChanged,
    Quote,
    RiskApproved,
    SymbolSpec,
    TradeClosed,
    TradingStateChanged,
    Vote,
)
from blackboard.facts.decision import Action, Side
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
    OpenTrade,
    RunRecord,
    StateChange,
    ToldDay,
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


class Lead(NamedTuple):
    """Who spoke for a side."""

    voter: str = UNKNOWN
    """Voter that weighed most for it."""
    component: str = UNKNOWN
    """Loudest reading behind its vote."""
    confluence: float = math.nan
    """Share of that vote's timeframes on its side."""


class _Opening(NamedTuple):
    """What is known of an intent to open a position."""

    confidence: float = math.nan
    expected_value_r: float = math.nan
    lead: Lead = Lead()
    stop_distance: float = 0.0
    target_distance: float = 0.0


_NOBODYS = _Opening()


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
        self._decisions: dict[int, tuple[Decision, Lead]] = {}
        self._openings: dict[str, _Opening] = {}
        self._approvals: dict[str, RiskApproved] = {}
        self._trades: list[ClosedTrade] = []
        self._equity: list[EquityPoint] = []
        self._states: list[StateChange] = []
        self._breaches: list[Breach] = []
        self._heat_max = 0.0
        self._fill_costs = FillCosts()
        self._deals: dict[int, tuple[int, ...]] = {}
        self._open: dict[int, PositionChanged] = {}
        self._quotes: dict[str, Quote] = {}
        self._sizes: dict[str, float] = {}
        self._days: list[ToldDay] = []

    def add(self, entry: Entry) -> None:
        """Take one entry."""
        self._closing.add(entry)
        self._fill_costs.see(entry)
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
            case PositionChanged(ticket=ticket) as position:
                self._open[ticket] = position
                if position.lots == 0.0:
                    del self._open[ticket]
            case Fill(position_ticket=ticket, deal_ticket=deal):
                self._deals[ticket] = (*self._deals.get(ticket, ()), deal)
            case _:
                self._price(entry)
                self._guard(entry)

    def _price(self, entry: Entry) -> None:
        """Take what values open positions."""
        match entry.fact:
            case Quote(scope=symbol) as quote:
                self._quotes[symbol] = quote
            case SymbolSpec(scope=symbol, contract_size=size):
                self._sizes[symbol] = size
            case _:
                pass

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
            case DayStatistics() as figures:
                self._days.append(ToldDay(entry.ts_event_ns, figures))
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
            open_since_ns=tuple(sorted(one.opened_ns for one in self._open.values())),
            open_trades=tuple(map(self._still_open, self._open.values())),
            days=tuple(self._days),
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
        self._decisions[entry.seq] = (decision, leading(decision, votes))

    def _opening(self, entry: Entry, intent: OrderIntent) -> _Opening:
        distances = intent.stop_distance, intent.target_distance
        for seq in entry.causes:
            if seq in self._decisions:
                decision, lead = self._decisions[seq]
                return _Opening(decision.confidence, decision.expected_value_r, lead, *distances)
        return _Opening(intent.confidence, intent.expected_value_r, Lead(), *distances)

    def _risk(self, intent_id: str, lots: float) -> float:
        approval = self._approvals.get(intent_id)
        return approval.risk_account * lots / approval.lots if approval else 0.0

    def _still_open(self, position: PositionChanged) -> OpenTrade:
        opening = self._openings.get(position.intent_id, _NOBODYS)
        quote, size = self._quotes.get(position.scope), self._sizes.get(position.scope)
        profit = math.nan
        if quote is not None and size is not None:
            price = quote.bid if position.side is Side.BUY else quote.ask
            moved = position.side.sign * (price - position.open_price)
            profit = moved * position.lots * size * quote.account_per_quote
        return OpenTrade(
            ticket=position.ticket,
            symbol=position.scope,
            side=position.side,
            lots=position.lots,
            opened_ns=position.opened_ns,
            open_price=position.open_price,
            stop_price=position.stop_price,
            target_price=position.target_price,
            profit=profit,
            risk=self._risk(position.intent_id, position.lots),
            confidence=opening.confidence,
            expected_value_r=opening.expected_value_r,
            voter=opening.lead.voter,
            component=opening.lead.component,
            confluence=opening.lead.confluence,
            intent_id=position.intent_id,
            deal_tickets=self._deals.get(position.ticket, ()),
        )

    def _closed(self, closed_ns: int, trade: TradeClosed) -> ClosedTrade:
        opening = self._openings.get(trade.intent_id, _NOBODYS)
        risk, cost = (
            self._risk(trade.intent_id, trade.lots),
            self._fill_costs.close(trade, closed_ns),
        )
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
        stop_distance, target_distance = (
            sign * opening.stop_distance,
            sign * opening.target_distance,
        )
        return ClosedTrade(
            ticket=trade.ticket,
            symbol=trade.scope,
            side=trade.side,
            lots=trade.lots,
            opened_ns=trade.opened_ns,
            closed_ns=closed_ns,
            open_price=trade.open_price,
            close_price=trade.close_price,
            stop_price=trade.open_price - stop_distance if stop_distance else 0.0,
            target_price=trade.open_price + target_distance if target_distance else 0.0,
            profit=trade.profit,
            swap=trade.swap,
            commission=trade.commission + trade.fee,
            pnl=trade.pnl,
            spread_cost=cost.spread if math.isnan(course.spread_cost) else course.spread_cost,
            risk=risk,
            r_multiple=trade.r_multiple,
            mae_r=course.adverse / risk if risk else float("nan"),
            mfe_r=course.favourable / risk if risk else float("nan"),
            confidence=opening.confidence,
            expected_value_r=opening.expected_value_r,
            voter=opening.lead.voter,
            component=opening.lead.component,
            exit_reason=trade.reason,
            confluence=opening.lead.confluence,
            slippage=cost.slippage,
            intent_id=trade.intent_id,
            deal_tickets=self._deals.pop(trade.ticket, ()),
        )


def leading(decision: Decision, votes: Iterable[Vote]) -> Lead:
    """Return the voter that weighed most for a decision's side, and what stood behind its vote.

    A voter weighs its share times the distance of its calibrated probability from ignorance; a
    reading speaks with its weight times its value. Ties go to who comes first.
    """
    sign = 1.0 if decision.action is Action.BUY else -1.0
    lead = decision.lead
    if lead is None:
        return Lead()
    vote = next((each for each in votes if each.voter == lead.scope), None)
    if vote is None or not vote.evidence:
        return Lead(lead.scope)
    return Lead(lead.scope, loudest_reading(vote, sign), confluence_of(vote))
