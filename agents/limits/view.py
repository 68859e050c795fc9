"""What the RiskAgent has seen of market, advice and system: facts folded in, nothing decided.

Each view keeps the latest of what it is about and is bounded by the symbols that are traded, or by
a limit that is named here. An adviser that is disabled or in shadow weighs nothing, so what it
posts is not taken in.
"""

from collections import deque
from dataclasses import dataclass
from math import inf, nan
from typing import Generic, TypeVar

import numpy as np

from blackboard.entry import Entry
from blackboard.facts import (
    AgentHealth,
    CalendarCoverage,
    EntryBlackout,
    Fact,
    FeedStatus,
    OperatorCommand,
    ParametersChanged,
    PortfolioBudget,
    Quote,
    Reconciled,
    SentimentScore,
    SymbolSpec,
    TradingStateChanged,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.news import Coverage, Impact
from config.agent import Mode
from config.settings import Settings
from models.market.sessions import HOUR_NS
from models.market.spreads import (
    SPREAD_AGE_NS_MAX,
    SPREADS_PER_SLOT_MAX,
    spread_slot,
    usual_spread,
)

PENDING_MAX = 8
"""Versions of a fact with an effective time that are kept: the one in force and those to come."""

BLACKOUTS_PER_SYMBOL_MAX = 512
"""Blackouts kept for one symbol after those that are over; far more than a calendar holds."""

ORDER_PATH = ("supervisor", "risk", "execution")
"""Agents without which an order would not be watched from wish to outcome."""

ENTRY_STATES = frozenset({TradingState.ACTIVE, TradingState.SAFE})
"""States that permit entries."""

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True)
class Seen(Generic[F]):
    """A fact with the entry that holds it."""

    fact: F
    entry: Entry

    @property
    def seq(self) -> int:
        """Place in the one order."""
        return self.entry.seq

    @property
    def ts_ns(self) -> int:
        """When it was true in the market."""
        return self.entry.ts_event_ns

    @property
    def ordinal(self) -> str:
        """Last part of its key."""
        return self.entry.key.rpartition("/")[2]

    def is_valid(self, now_ns: int) -> bool:
        """Whether a decision may still use it."""
        return now_ns <= self.fact.valid_until_ns


class MarketView:
    """Contract, price and state of feed of every traded symbol."""

    def __init__(self, settings: Settings) -> None:
        self._symbols = frozenset(settings.symbols)
        self.specs: dict[str, Seen[SymbolSpec]] = {}
        self.quotes: dict[str, Seen[Quote]] = {}
        self.feeds: dict[str, Seen[FeedStatus]] = {}
        self._spreads: dict[tuple[str, int], deque[tuple[int, int]]] = {}
        """Latest spreads by symbol and slot of the day, the latest quote's included: times, points.
        """

    def see(self, entry: Entry) -> None:
        """Fold one entry into the view."""
        symbol = entry.fact.scope
        if symbol not in self._symbols:
            return
        match entry.fact:
            case SymbolSpec() as spec:
                self.specs[symbol] = Seen(spec, entry)
            case Quote() as quote:
                self.quotes[symbol] = Seen(quote, entry)
                self._remember_spread(quote, entry.ts_event_ns)
            case FeedStatus() as status:
                self.feeds[symbol] = Seen(status, entry)
            case _:
                pass

    def spread_points(self, symbol: str) -> int:
        """Return the latest spread of a symbol whose specification and quote are known.

        Counted in whole points: in floats 1.1003 − 1.1 is more than three pips.
        """
        quote = self.quotes[symbol].fact
        return round((quote.ask - quote.bid) / self.specs[symbol].fact.point)

    def usual_spread_points(self, symbol: str, samples_min: int) -> float:
        """Return the median spread before the latest quote, in its hour; NaN if not known."""
        quoted_ns = self.quotes[symbol].ts_ns
        oldest_ns = quoted_ns - SPREAD_AGE_NS_MAX
        kept = self._spreads.get((symbol, spread_slot(quoted_ns)), ())
        known = [points for ts_ns, points in kept if ts_ns > oldest_ns]
        # The latest quote of a symbol is also the latest of its slot; it does not measure itself.
        earlier = np.array(known, dtype=np.float64)[:-1]
        return float(usual_spread(earlier, samples_min))

    def contract(self, symbol: str) -> tuple[SymbolSpec, Quote] | None:
        """Return what values a position in a symbol, or None where it is not known."""
        if symbol not in self.specs or symbol not in self.quotes:
            return None
        return self.specs[symbol].fact, self.quotes[symbol].fact

    def _remember_spread(self, quote: Quote, ts_ns: int) -> None:
        if quote.scope not in self.specs:
            return
        kept = self._spreads.setdefault(
            (quote.scope, spread_slot(ts_ns)), deque(maxlen=SPREADS_PER_SLOT_MAX + 1)
        )
        kept.append((ts_ns, self.spread_points(quote.scope)))


class AdviceView:
    """What advisers and learner say of risk: calendar, blackouts, budgets, parameters."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._symbols = frozenset(settings.symbols)
        self._hears_sentiment = settings.mode("sentiment") is Mode.ENABLED
        self._hears_portfolio = settings.mode("portfolio") is Mode.ENABLED
        self._coverage: Seen[CalendarCoverage] | None = None
        self._blackouts: dict[str, list[Seen[EntryBlackout]]] = {}
        self._scores: dict[str, Seen[SentimentScore]] = {}
        self._budgets: dict[str, deque[Seen[PortfolioBudget]]] = {}
        self._parameters: deque[Seen[ParametersChanged]] = deque(maxlen=PENDING_MAX)

    def see(self, entry: Entry) -> None:
        """Fold one entry into the view."""
        match entry.fact:
            case CalendarCoverage() as coverage if self._hears_sentiment:
                self._coverage = Seen(coverage, entry)
            case EntryBlackout() as blackout if self._hears_sentiment:
                self._add_blackout(Seen(blackout, entry))
            case SentimentScore() as score if self._hears_sentiment:
                self._scores[score.scope] = Seen(score, entry)
            case PortfolioBudget() as budget if self._hears_portfolio:
                self._add_budget(Seen(budget, entry))
            case ParametersChanged() as parameters:
                self._parameters.append(Seen(parameters, entry))
            case _:
                pass

    def coverage(self, now_ns: int) -> Coverage:
        """Return what is known of the calendar; silence of a configured source is `UNKNOWN`."""
        if not self._hears_sentiment:
            return Coverage.NOT_CONFIGURED
        if self._coverage is None or not self._coverage.is_valid(now_ns):
            return Coverage.UNKNOWN
        return self._coverage.fact.state

    def blackout(self, symbol: str, now_ns: int) -> Seen[EntryBlackout] | None:
        """Return a blackout of the symbol that holds now."""
        for seen in self._blackouts.get(symbol, []):
            if seen.fact.from_ns <= now_ns and seen.is_valid(now_ns):
                return seen
        return None

    def lean(self, symbol: str, close_ns: int) -> float:
        """Return what texts say of a symbol: score of the base less that of the quote."""
        scores = {seen.fact.scope: seen.fact.score for seen in self._heard(symbol, close_ns)}
        return scores.get(symbol[:3], 0.0) - scores.get(symbol[3:6], 0.0)

    def event_hours(self, symbol: str, close_ns: int) -> float:
        """Return the time to the next blackout of high impact, infinite beyond its horizon."""
        ahead = self._event_ahead(symbol, close_ns)
        return inf if ahead is None else (ahead.fact.from_ns - close_ns) / HOUR_NS

    def budget(self, symbol: str, close_ns: int) -> Seen[PortfolioBudget] | None:
        """Return the symbol's latest budget in force at a close."""
        for seen in reversed(self._budgets.get(symbol, deque())):
            if seen.fact.effective_from_ns <= close_ns and seen.is_valid(close_ns):
                return seen
        return None

    def correlation(self, symbol: str, other: str, close_ns: int) -> float:
        """Return what either symbol's budget in force says of both; NaN where none does."""
        for one, two in ((symbol, other), (other, symbol)):
            budget = self.budget(one, close_ns)
            for known in () if budget is None else budget.fact.correlations:
                if known.other == two:
                    return known.correlation
        return nan

    def parameters(self, close_ns: int) -> Seen[ParametersChanged] | None:
        """Return the latest parameters in force at a close."""
        for seen in reversed(self._parameters):
            if seen.fact.effective_from_ns <= close_ns and seen.is_valid(close_ns):
                return seen
        return None

    def base_risk_frac(self, close_ns: int, *, is_safe: bool = False) -> float:
        """Return the share of equity at the stop before the sizing chain; SAFE has learned none."""
        learned = None if is_safe else self.parameters(close_ns)
        return self._settings.trading.risk_frac if learned is None else learned.fact.risk_frac

    def causes(self, symbol: str, close_ns: int) -> tuple[int, ...]:
        """Return the seqs of the advice that a verdict at a close uses."""
        used = (
            self._coverage,
            self.budget(symbol, close_ns),
            self.parameters(close_ns),
            self._event_ahead(symbol, close_ns),
            *self._heard(symbol, close_ns),
        )
        return tuple(seen.seq for seen in used if seen is not None)

    def _heard(self, symbol: str, close_ns: int) -> list[Seen[SentimentScore]]:
        """Return the scores of a symbol's currencies that hold at a close and weigh enough."""
        weight_min = self._settings.agents.sentiment.score_weight_min
        found = (self._scores.get(currency) for currency in (symbol[:3], symbol[3:6]))
        return [
            seen
            for seen in found
            if seen is not None and seen.is_valid(close_ns) and seen.fact.weight >= weight_min
        ]

    def _event_ahead(self, symbol: str, close_ns: int) -> Seen[EntryBlackout] | None:
        horizon_ns = self._settings.agents.sentiment.news_risk_hours * HOUR_NS
        ahead = [
            seen
            for seen in self._blackouts.get(symbol, [])
            if seen.fact.impact is Impact.HIGH
            and 0 < seen.fact.from_ns - close_ns < horizon_ns
            and not seen.fact.extends
        ]
        return min(ahead, key=lambda seen: (seen.fact.from_ns, seen.seq), default=None)

    def _add_blackout(self, seen: Seen[EntryBlackout]) -> None:
        if seen.fact.scope not in self._symbols:
            return
        known = self._blackouts.get(seen.fact.scope, [])
        open_ones = [old for old in known if old.is_valid(seen.entry.now_ns)]
        # Beyond the limit those go first that end last: they bar entries furthest in the future.
        kept = sorted([*open_ones, seen], key=lambda one: one.fact.valid_until_ns)
        self._blackouts[seen.fact.scope] = kept[:BLACKOUTS_PER_SYMBOL_MAX]

    def _add_budget(self, seen: Seen[PortfolioBudget]) -> None:
        if seen.fact.scope in self._symbols:
            self._budgets.setdefault(seen.fact.scope, deque(maxlen=PENDING_MAX)).append(seen)


class ControlView:
    """Trading state, reconciliation, and the health of the agents that an order passes through."""

    def __init__(self) -> None:
        self.state: Seen[TradingStateChanged] | None = None
        self.reconciled: Seen[Reconciled] | None = None
        self._command: Seen[OperatorCommand] | None = None
        self._health: dict[str, AgentHealth] = {}

    @property
    def may_enter(self) -> bool:
        """Whether the trading state permits entries; before the first one it does not."""
        return self.state is not None and self.state.fact.state in ENTRY_STATES

    @property
    def is_probation(self) -> bool:
        """Whether trading is on trial after a breach."""
        return self.state is not None and any(r.is_probation for r in self.state.fact.restrictions)

    @property
    def faulty_agent(self) -> AgentHealth | None:
        """Health of the first agent of the order path that is down, if any."""
        for name in ORDER_PATH:
            health = self._health.get(name)
            if health is not None and health.health in {Health.DOWN, Health.QUARANTINED}:
                return health
        return None

    def see(self, entry: Entry) -> None:
        """Fold one entry into the view."""
        match entry.fact:
            case TradingStateChanged() as state:
                self.state = Seen(state, entry)
            case Reconciled() as reconciled:
                self.reconciled = Seen(reconciled, entry)
            case OperatorCommand(command=Command.PAUSE | Command.FLATTEN) as command:
                self._command = Seen(command, entry)
            case OperatorCommand(command=Command.RESUME):
                self._command = None
            case AgentHealth() as health if health.scope in ORDER_PATH:
                self._health[health.scope] = health
            case _:
                pass

    def has_answered(self, seq: int) -> bool:
        """Whether the trading state was set by somebody who had seen an entry."""
        return self.state is not None and self.state.entry.read_to >= seq

    @property
    def unanswered_command(self) -> Seen[OperatorCommand] | None:
        """An operator's stop that the trading state does not yet reflect, if there is one."""
        if self._command is None or self.has_answered(self._command.seq):
            return None
        return self._command

    def causes(self) -> tuple[int, ...]:
        """Return the seqs of what a verdict uses."""
        return tuple(seen.seq for seen in (self.state, self.reconciled) if seen is not None)
