"""The RiskAgent: size or refusal of every intent, and the watch over every limit.

It keeps the account's marks and counters as facts, so that no restart resets them, and judges the
intents of a round in the order in which they were posted, each beside what the ones before it have
reserved. Every rule stands in `agents/limits/rules.py`; there is no mode in which one is left out.
"""

from math import isfinite
from typing import ClassVar

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.limits.account import day_of, entries_of_hour
from agents.limits.candidate import Candidate, Entries, views_of
from agents.limits.reasons import Reason
from agents.limits.refusal import Refusal
from agents.limits.reservations import Commitment, holdings
from agents.limits.rules import first_refusal
from agents.limits.view import Seen
from agents.requests import Wake
from blackboard.access import Recent
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    AgentHealth,
    CalendarCoverage,
    DayCounters,
    EntryBlackout,
    EquityMark,
    Exposure,
    FeedStatus,
    LimitBreached,
    Lock,
    LockReleased,
    OperatorCommand,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    ParametersChanged,
    PortfolioBudget,
    PositionChanged,
    Quote,
    Reconciled,
    RiskApproved,
    RiskRefused,
    SentimentScore,
    SymbolSpec,
    TradeClosed,
    TradingStateChanged,
)
from blackboard.facts.permission import CurrencyExposure, RiskFactor
from config.settings import Settings
from models.decision.exposure import FRAC_MAX, currency_notionals, share_of_equity
from models.market.spreads import SPREAD_AGE_NS_MAX


class RiskAgent(Agent):
    """Permits entries, each with its size, or refuses them, each with its reason."""

    name = "risk"
    posts = (
        RiskApproved,
        RiskRefused,
        LimitBreached,
        Exposure,
        EquityMark,
        Lock,
        LockReleased,
        DayCounters,
    )
    reads = (
        SymbolSpec,
        Quote,
        FeedStatus,
        CalendarCoverage,
        EntryBlackout,
        SentimentScore,
        PortfolioBudget,
        OrderIntent,
        OrderOutcome,
        OrderSubmitting,
        PositionChanged,
        TradeClosed,
        AccountSnapshot,
        Reconciled,
        TradingStateChanged,
        OperatorCommand,
        AgentHealth,
        ParametersChanged,
    )
    recent: ClassVar = {
        Quote: Recent(SPREAD_AGE_NS_MAX + FORTNIGHT.span_ns),
        # The first reading says how the account keeps positions, from the first position on, and
        # the first mark that there is one.
        **dict.fromkeys((AccountSnapshot, EquityMark), Recent(FORTNIGHT.span_ns, with_first=True)),
        **dict.fromkeys((OrderIntent, RiskRefused), FORTNIGHT),
        **dict.fromkeys((FeedStatus, CalendarCoverage, SentimentScore), FORTNIGHT),
        **dict.fromkeys((PortfolioBudget, Reconciled, AgentHealth, Exposure), FORTNIGHT),
    }
    unhurried = (Quote,)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._views = views_of(settings)
        self._given: dict[str, tuple[Draft, Commitment | None]] = {}
        """Verdicts that have not come back from the board; repeated, never thought over."""

    def see(self, entry: Entry) -> None:
        """Fold one entry into every view that it concerns."""
        views = self._views
        for view in (
            views.market,
            views.advice,
            views.control,
            views.account,
            views.orders,
            views.locks,
        ):
            view.see(entry)
        if isinstance(entry.fact, RiskApproved | RiskRefused):
            self._given.pop(entry.fact.intent_id, None)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Post the locks that are due, the mark of the next reading, and the verdicts."""
        outbox.drafts += self._views.locks.due(now_ns)
        unexplained = self._views.account.unexplained
        if unexplained is not None:
            outbox.drafts.append(_without_mark(unexplained))
        snapshot = self._views.account.next_snapshot
        if snapshot is not None:
            outbox.drafts += self._marked(snapshot, now_ns)
        self._judge(now_ns, outbox)

    def _marked(self, seen: Seen[AccountSnapshot], now_ns: int) -> list[Draft]:
        """Return everything that one reading of the account leads to."""
        account = self._views.account
        counters = account.next_counters(seen)
        mark = account.next_mark(seen, self._views.control)
        facts: list[tuple[DayCounters | EquityMark | Exposure, int]] = [
            (mark, 0 if account.mark is None else account.mark.seq),
            (self._exposure(mark.equity, now_ns), 0),
        ]
        if account.counters is None or counters != account.counters.fact:
            # Before the mark: whoever folds the mark has the counters that belong to it.
            facts.insert(0, (counters, 0 if account.counters is None else account.counters.seq))
        drafts = [
            Draft(
                fact=fact,
                ts_event_ns=seen.ts_ns,
                ordinal=seen.ordinal,
                causes=(seen.seq, before) if before else (seen.seq,),
            )
            for fact, before in facts
        ]
        return drafts + self._breaches(seen, mark, counters)

    def _breaches(
        self, seen: Seen[AccountSnapshot], mark: EquityMark, counters: DayCounters
    ) -> list[Draft]:
        return [
            Draft(
                fact=LimitBreached(
                    scope=ACCOUNT,
                    limit=reading.limit.value,
                    value=reading.value,
                    threshold=reading.threshold,
                    consequence=reading.consequence,
                ),
                ts_event_ns=seen.ts_ns,
                ordinal=reading.limit.value,
                causes=(seen.seq,),
            )
            for reading in self._views.account.crossed(mark, counters, seen.fact)
        ]

    def _exposure(self, equity: float, now_ns: int) -> Exposure:
        market = self._views.market
        held = self._commitments(now_ns, equity)
        reserved = sum(one.risk_frac for one in held if one.is_reserved)
        return Exposure(
            scope=ACCOUNT,
            heat_frac=min(sum(one.risk_frac for one in held), FRAC_MAX),
            reserved_frac=reserved,
            open_positions=len(self._views.orders.positions),
            currencies=tuple(
                CurrencyExposure(scope=currency, notional_frac=share_of_equity(amount, equity))
                for currency, amount in currency_notionals(holdings(held, market))
            ),
        )

    def _commitments(self, now_ns: int, equity: float) -> tuple[Commitment, ...]:
        """Return everything at stake, verdicts that are on their way to the board included."""
        on_board = self._views.orders.commitments(now_ns, self._views.market, equity)
        given = (commitment for _, commitment in self._given.values())
        return (*on_board, *(one for one in given if one is not None))

    def _judge(self, now_ns: int, outbox: Outbox) -> None:
        waiting = []
        for intent_id, seen in self._views.orders.intents.items():
            if intent_id not in self._given:
                case = self._case(seen, now_ns)
                if self._must_wait(case):
                    waiting.append(case.valid_until_ns)
                    continue
                self._given[intent_id] = self._verdict(case)
            outbox.drafts.append(self._given[intent_id][0])
        if waiting:
            outbox.requests.append(Wake(at_ns=min(waiting) + 1))

    def _case(self, seen: Seen[OrderIntent], now_ns: int) -> Candidate:
        mark = self._views.account.mark
        equity = 0.0 if mark is None else mark.fact.equity
        held = self._commitments(now_ns, equity)
        return Candidate(seen, self._views, held, self._entries(seen), now_ns)

    def _must_wait(self, case: Candidate) -> bool:
        covers = self._views.account.covers(case.seen.ts_ns)
        return case.now_ns <= case.valid_until_ns and not covers

    def _verdict(self, case: Candidate) -> tuple[Draft, Commitment | None]:
        refusal = first_refusal(case)
        if refusal is not None:
            return self._draft(case, _refused(case.intent, refusal)), None
        return self._draft(case, _approved(case)), case.stake

    def _entries(self, seen: Seen[OrderIntent]) -> Entries:
        """Return the entries approved in the intent's trading day and hour so far."""
        tally, day = self._views.account.tally, day_of(seen.ts_ns)
        given_ns = [draft.ts_event_ns for draft, stake in self._given.values() if stake]
        return Entries(
            of_day=tally.entries_of(day) + sum(day_of(close_ns) == day for close_ns in given_ns),
            of_hour=tally.entries_of_hour(seen.ts_ns) + entries_of_hour(given_ns, seen.ts_ns),
        )

    def _draft(self, case: Candidate, fact: RiskApproved | RiskRefused) -> Draft:
        views, close_ns = self._views, case.seen.ts_ns
        market = (views.market.specs.get(case.symbol), views.market.quotes.get(case.symbol))
        known = (*market, views.account.snapshot, views.account.mark, views.account.counters)
        return Draft(
            fact=fact,
            ts_event_ns=close_ns,
            timeframe=case.intent.timeframe.value,
            ordinal=case.intent.intent_id,
            causes=(
                case.seen.seq,
                *(seen.seq for seen in known if seen is not None),
                *views.advice.causes(case.symbol, close_ns),
                *views.control.causes(),
            ),
        )


def _without_mark(seen: Seen[AccountSnapshot]) -> Draft:
    fact = LimitBreached(
        scope=ACCOUNT,
        limit=Reason.HIGH_WATER_MARK.value,
        value=seen.fact.balance,
        threshold=seen.fact.deposits,
        consequence="HALTED",
    )
    return Draft(
        fact=fact, ts_event_ns=seen.ts_ns, ordinal=Reason.HIGH_WATER_MARK.value, causes=(seen.seq,)
    )


def _refused(intent: OrderIntent, refusal: Refusal) -> RiskRefused:
    return RiskRefused(
        scope=intent.scope,
        intent_id=intent.intent_id,
        reason=refusal.reason.value,
        value=_told(refusal.value),
        limit=refusal.limit,
        detail=refusal.detail,
    )


def _told(value: float) -> float:
    """Return a figure as a number that every reader can take."""
    return value if isfinite(value) else FRAC_MAX


def _approved(case: Candidate) -> RiskApproved:
    intent, size = case.intent, case.size
    return RiskApproved(
        scope=intent.scope,
        valid_until_ns=case.valid_until_ns,
        intent_id=intent.intent_id,
        side=intent.side,
        lots=size.lots,
        risk_frac=size.risk_frac,
        risk_account=size.risk_account,
        factors=tuple(
            RiskFactor(scope=intent.scope, name=name, value=value) for name, value in size.factors
        ),
    )
