"""The portfolio adviser: how much of the usual risk each symbol deserves beside the others.

Budgets are made at the closes of a slow grid and whenever a symbol has none in the current trading
week; between them the latest effective one holds, and no round waits.
"""

from agents.agent import Agent, Outbox
from agents.bars.history import SymbolWindow, Windows
from agents.requests import Reply
from blackboard.entry import Draft, Entry
from blackboard.facts import Bar, BarHistory, PortfolioBudget
from blackboard.facts.opinion import SymbolCorrelation
from config.settings import Settings
from models.decision.portfolio import Budgets, aligned_returns, budget_symbols
from models.market.sessions import bar_open_ns, next_bar_close_ns, week_open_ns


class PortfolioAgent(Agent):
    """Posts one budget for every symbol with a bar at a close that is due."""

    name = "portfolio"
    posts = (PortfolioBudget,)
    reads = (Bar, BarHistory)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.portfolio
        self._windows = Windows(settings)
        self._budgeted_ns: dict[str, int] = {}

    def see(self, entry: Entry) -> None:
        """Follow the windows, and note when each symbol got its budget."""
        if isinstance(entry.fact, PortfolioBudget):
            self._budgeted_ns[entry.fact.scope] = entry.ts_event_ns
        else:
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
        known = [window for window in present if window.has_history]
        budgets = self._budgets(known)
        places = {window.symbol: place for place, window in enumerate(known)}
        causes = tuple(seq for window in present for seq in (window.history_seq, window.bar_seq))
        return [
            Draft(
                fact=_fact(window, places, budgets, effective_from_ns),
                ts_event_ns=window.close_ns,
                timeframe=window.timeframe.value,
                causes=causes,
            )
            for window in due
        ]

    def _budgets(self, windows: list[SymbolWindow]) -> Budgets | None:
        if not windows:
            return None
        returns = aligned_returns(
            [window.bars.close_ns for window in windows],
            [window.bars.close for window in windows],
            self.settings.timeframe.length_ns,
            self._section.window_bars,
        )
        return budget_symbols(returns, self._section.method)


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
