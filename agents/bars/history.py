"""Each symbol's window as an agent follows it: the history that is named, then every later bar.

A `BarHistory` names where a window starts and how far its history reaches; the bars of the history
come once, as the reply to `ReadBars`; every `Bar` after it is appended. The window of a close is
therefore the same for an agent that has run all week and for one that was rebuilt a moment ago.
"""

from typing import Final

import numpy as np

from agents.agent import Outbox
from agents.requests import BarsRead, ReadBars, Reply, Unanswered
from blackboard.entry import Entry
from blackboard.facts import Bar, BarHistory, Timeframe
from config.settings import Settings
from models.market.bars import BarArray, Window, empty_bars, one_bar
from models.market.sessions import WEEK_NS, week_open_ns
from models.market.validation import validate_bars

HISTORYLESS_WEEKS_MAX: Final = 2
"""Weeks of bars kept while the history before them never comes."""


class SymbolWindow:
    """One symbol's window, and how far it is complete."""

    def __init__(self, symbol: str, timeframe: Timeframe, jump_atr_max: float) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self._jump_atr_max = jump_atr_max
        self.bars = Window()
        """The history, once it is here, and the bars after it."""
        self.close_ns = 0
        """Close of the newest bar posted, 0 before the first."""
        self.bar_seq = 0
        """Seq of that bar."""
        self.history_seq = 0
        """Seq of the BarHistory that the window stands on, 0 before the first."""
        self.has_history = False
        """Whether the bars of the history are part of the window."""
        self.history_rows = 0
        """How many rows of the window are history."""
        self.failure = ""
        """Why the last reading of the history brought nothing; empty if none failed."""
        self._week_ns = -1
        self._bar_count = 0
        self._request: ReadBars | None = None
        self._is_asked = False
        self._failed_close_ns = -1

    @property
    def is_complete(self) -> bool:
        """Whether the history of the newest bar's week is here, or could not be read."""
        is_named = self.close_ns > 0 and self._week_ns == week_open_ns(self.close_ns - 1)
        return is_named and (self.has_history or (bool(self.failure) and not self._is_asked))

    def see_history(self, entry: Entry, fact: BarHistory) -> None:
        """Start over from a newly named history."""
        self.history_seq = entry.seq
        self.has_history = False
        self.history_rows = 0
        self.failure = ""
        self._week_ns = week_open_ns(entry.ts_event_ns - 1)
        self._bar_count = fact.bar_count
        self._request = ReadBars(
            symbol=self.symbol,
            timeframe=self.timeframe,
            from_ns=fact.anchor_ns,
            until_ns=fact.last_close_ns,
        )
        self._is_asked = False
        self._failed_close_ns = -1
        self._keep_from(int(np.searchsorted(self.bars.close_ns, fact.last_close_ns, side="right")))

    def see_bar(self, entry: Entry, bar: Bar) -> None:
        """Append a bar; one that is not newer than the window changes nothing."""
        close_ns = entry.ts_event_ns
        if close_ns <= self.close_ns:
            return
        self.close_ns, self.bar_seq = close_ns, entry.seq
        if self._request is not None and close_ns <= self._request.until_ns:
            return
        prices = (bar.open, bar.high, bar.low, bar.close)
        self.bars.extend(one_bar(close_ns, *prices, bar.tick_volume, bar.spread_points))
        most = HISTORYLESS_WEEKS_MAX * WEEK_NS // self.timeframe.length_ns
        if not self.has_history and len(self.bars) > most:
            self._keep_from(len(self.bars) - most // 2)

    def hear(self, reply: BarsRead | Unanswered) -> None:
        """Take the history, or the failure to read it; answers to older questions are ignored."""
        if reply.request != self._request or self.has_history:
            return
        self._is_asked = False
        if isinstance(reply, Unanswered):
            self._fail(reply.reason or "history unanswered")
            return
        history = self._sound(reply)
        if len(history) < self._bar_count:
            # Half a history would give other columns than those that everybody else has.
            self._fail(f"history has {len(history)} of {self._bar_count} bars")
            return
        self.bars = Window(np.concatenate((history, self.bars.bars())))
        self.has_history = True
        self.history_rows = len(history)

    def missing(self) -> ReadBars | None:
        """Return what has to be asked now: each history once, and again a bar after it failed."""
        is_due = not self.has_history and self.close_ns > self._failed_close_ns
        if self._request is None or self._is_asked or not is_due:
            return None
        self._is_asked = True
        return self._request

    def _sound(self, reply: BarsRead) -> BarArray:
        """Return the bars that the DataAgent kept of the same answer, by the same rules."""
        outcome = validate_bars(
            _inside(reply.bars, reply.request),
            empty_bars(),
            now_ns=reply.request.until_ns,
            length_ns=self.timeframe.length_ns,
            jump_atr_max=self._jump_atr_max,
        )
        return outcome.kept

    def _fail(self, failure: str) -> None:
        self.failure = failure
        self._failed_close_ns = self.close_ns

    def _keep_from(self, row: int) -> None:
        self.bars = Window(self.bars.bars(row))


class Windows:
    """The windows of all symbols."""

    def __init__(self, settings: Settings) -> None:
        self.timeframe = settings.timeframe
        jump_atr_max = settings.agents.data.jump_atr_max
        self.by_symbol = {
            symbol: SymbolWindow(symbol, settings.timeframe, jump_atr_max)
            for symbol in settings.symbols
        }

    def see(self, entry: Entry) -> None:
        """Fold one entry; facts of other kinds, symbols and timeframes pass by."""
        fact = entry.fact
        if not isinstance(fact, Bar | BarHistory) or fact.timeframe is not self.timeframe:
            return
        window = self.by_symbol.get(fact.scope)
        if window is None:
            return
        if isinstance(fact, Bar):
            window.see_bar(entry, fact)
        else:
            window.see_history(entry, fact)

    def hear(self, reply: Reply) -> None:
        """Take one answer of the world, if it is about a history."""
        if isinstance(reply, BarsRead | Unanswered) and isinstance(reply.request, ReadBars):
            window = self.by_symbol.get(reply.request.symbol)
            if window is not None:
                window.hear(reply)

    def ask(self, outbox: Outbox) -> None:
        """Add the readings that are due."""
        for window in self.by_symbol.values():
            request = window.missing()
            if request is not None:
                outbox.requests.append(request)

    @property
    def newest_close_ns(self) -> int:
        """Newest close of any symbol, 0 before the first bar."""
        return max(window.close_ns for window in self.by_symbol.values())


def _inside(bars: BarArray, request: ReadBars) -> BarArray:
    close_ns = bars["close_ns"]
    return bars[(close_ns > request.from_ns) & (close_ns <= request.until_ns)]
