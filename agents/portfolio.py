"""The portfolio adviser: how much of the usual risk each symbol deserves beside the others.

Budgets are made at the closes of a slow grid and whenever a symbol has none in the current trading
week; between them the latest effective one holds, and no round waits. What shares the risk are
strategies, one a symbol: its side is that of our open position, otherwise that to which the latest
Decision leans, and what it is expected to earn stands in that Decision. Both are taken as they were
before the close, so a rebuilt agent finds the same.
"""

from typing import ClassVar

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.bars.history import SymbolWindow, Windows
from agents.known import InForce, Known, known
from agents.requests import Reply
from blackboard.entry import Draft, Entry
from blackboard.facts import Bar, BarHistory, Decision, PortfolioBudget, PositionChanged
from blackboard.facts.execution import Origin
from blackboard.facts.opinion import SymbolCorrelation
from config.settings import Settings
from models.decision.portfolio import Budgets, aligned_returns, budget_symbols
from models.market.sessions import bar_open_ns, next_bar_close_ns, week_open_ns


class PortfolioAgent(Agent):
    """Posts one budget for every symbol with a bar at a close that is due."""

    name = "portfolio"
    posts = (PortfolioBudget,)
    reads = (Bar, BarHistory, Decision, PositionChanged)
    recent: ClassVar = dict.fromkeys((Bar, BarHistory, Decision, PortfolioBudget), FORTNIGHT)
    unhurried = (Decision,)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.portfolio
        self._windows = Windows(settings)
        self._budgeted_ns: dict[str, int] = {}
        self._decisions: dict[str, InForce[Decision]] = {}
        self._positions: dict[str, InForce[PositionChanged]] = {}

    def see(self, entry: Entry) -> None:
        """Follow windows, decisions and positions, and note when each symbol got its budget."""
        match entry.fact:
            case PortfolioBudget(scope=symbol):
                self._budgeted_ns[symbol] = entry.ts_event_ns
            case Decision(scope=symbol, timeframe=self.settings.timeframe) as decision:
                kept = self._decisions.setdefault(symbol, InForce())
                kept.add(entry.ts_event_ns, known(decision, entry))
            case PositionChanged(scope=symbol, origin=Origin.OWN) as position:
                held = self._positions.setdefault(symbol, InForce())
                held.add(entry.ts_event_ns, known(position, entry))
            case _:
                self._windows.see(entry)

    def hear(self, reply: Reply) -> None:
        """Take a history."""
        self._windows.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Budget the newest close, once the windows of all its symbols are complete.

        All bars of a close stand in one post, so the inbox that brings one brings them all.
        """
        self._windows.ask(outbox)
        close_ns = self._windows.newest_close_ns
        present = [w for w in self._windows.by_symbol.values() if w.close_ns == close_ns > 0]
        due = [window for window in present if self._is_due(window)]
        if not due or not all(window.is_complete for window in present):
            return
        effective_from_ns = next_bar_close_ns(close_ns, self.settings.timeframe.length_ns)
        if now_ns < effective_from_ns:
            outbox.drafts += self._drafts(present, due, effective_from_ns)

    def _is_due(self, window: SymbolWindow) -> bool:
        budgeted_ns = self._budgeted_ns.get(window.symbol, 0)
        if budgeted_ns >= window.close_ns:
            return False
        is_on_grid = (
            bar_open_ns(window.close_ns, self._section.refresh_timeframe.length_ns)
            == window.close_ns
        )
        # A bar's close may be the first instant of the weekend; what is before it tells the week.
        has_none = week_open_ns(budgeted_ns - 1) != week_open_ns(window.close_ns - 1)
        return is_on_grid or has_none

    def _drafts(
        self, present: list[SymbolWindow], due: list[SymbolWindow], effective_from_ns: int
    ) -> list[Draft]:
        told = [window for window in present if window.has_history]
        before_ns = present[0].close_ns - 1
        budgets = self._budgets(told, before_ns)
        places = {window.symbol: place for place, window in enumerate(told)}
        seqs = {seq for window in present for seq in (window.history_seq, window.bar_seq)}
        for window in told:
            seqs |= {found.seq for found in self._strategy(window.symbol, before_ns) if found}
        causes = tuple(sorted(seqs))
        return [
            Draft(
                fact=_fact(window, places, budgets, effective_from_ns),
                ts_event_ns=window.close_ns,
                timeframe=window.timeframe.value,
                causes=causes,
            )
            for window in due
        ]

    def _strategy(
        self, symbol: str, at_ns: int
    ) -> tuple[Known[PositionChanged] | None, Known[Decision] | None]:
        positions, decisions = self._positions.get(symbol), self._decisions.get(symbol)
        held = positions.at(at_ns) if positions else None
        is_open = held is not None and held.fact.lots > 0.0
        return held if is_open else None, decisions.at(at_ns) if decisions else None

    def _budgets(self, windows: list[SymbolWindow], at_ns: int) -> Budgets | None:
        if not windows:
            return None
        returns = aligned_returns(
            [window.bars.close_ns for window in windows],
            [window.bars.close for window in windows],
            self.settings.timeframe.length_ns,
            self._section.window_bars,
        )
        strategies = [self._strategy(window.symbol, at_ns) for window in windows]
        return budget_symbols(
            returns,
            self._section.method,
            [_side(held, decision) for held, decision in strategies],
            [_expected_r(held, decision) for held, decision in strategies],
        )


def _side(held: Known[PositionChanged] | None, decision: Known[Decision] | None) -> int:
    """Return the side of a strategy; long where nothing says."""
    if held is not None:
        return held.fact.side.sign
    return -1 if decision is not None and decision.fact.probability_up < 0.5 else 1


def _expected_r(held: Known[PositionChanged] | None, decision: Known[Decision] | None) -> float:
    """Return what a strategy is expected to earn; nothing where the votes speak against it."""
    if decision is None or _side(held, decision) != _side(None, decision):
        return 0.0
    return decision.fact.expected_value_r


def _fact(
    window: SymbolWindow,
    places: dict[str, int],
    budgets: Budgets | None,
    effective_from_ns: int,
) -> PortfolioBudget:
    if budgets is None or window.symbol not in places:
        return PortfolioBudget(
            scope=window.symbol,
            multiplier=1.0,
            method="equal",
            reason=f"no history: {window.failure}",
            effective_from_ns=effective_from_ns,
        )
    place = places[window.symbol]
    row = budgets.correlation[place]
    return PortfolioBudget(
        scope=window.symbol,
        multiplier=budgets.multipliers[place],
        method=budgets.method,
        reason=budgets.reason,
        effective_from_ns=effective_from_ns,
        correlations=tuple(
            SymbolCorrelation(scope=window.symbol, other=other, correlation=float(row[column]))
            for other, column in places.items()
            if other != window.symbol
        ),
    )
