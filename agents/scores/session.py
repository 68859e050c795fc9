"""What a policy sees of live facts at the first close of a session."""

from collections import deque
from typing import Final

import numpy as np

from agents.voters import RULES, live_voters
from blackboard.entry import Entry
from blackboard.facts import Bar, EquityMark, Fill, Vote
from blackboard.facts.execution import DealEntry
from config.settings import Settings
from models.learning.adaptation.context import (
    CONTEXT_BARS,
    SESSION_NS,
    SymbolTail,
    lean_of,
    market_context,
    week_frac,
)
from models.market.bars import FloatArray
from models.market.sessions import bar_open_ns

SENTIMENT: Final = "sentiment"
ENTRIES_MAX: Final = 1000
"""Latest entries that are remembered, to count those of a session."""


class SessionView:
    """The latest bars, votes, entries and drawdown."""

    def __init__(self, settings: Settings) -> None:
        self._timeframe = settings.timeframe
        self._voters = [each for each in live_voters(settings) if each in (*RULES, SENTIMENT)]
        self._bars: dict[str, deque[tuple[float, float, float]]] = {}
        self._at_close: set[str] = set()
        self._votes: dict[tuple[str, str], Vote] = {}
        self._entries_ns: deque[int] = deque(maxlen=ENTRIES_MAX)
        self.close_ns = 0
        self.bar_seq = 0
        self.drawdown_frac = 0.0

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case Bar(scope=scope, timeframe=self._timeframe) as bar:
                self._begin(entry)
                row = (bar.close, bar.high - bar.low, float(bar.spread_points))
                self._bars.setdefault(scope, deque(maxlen=CONTEXT_BARS)).append(row)
                self._at_close.add(scope)
            case Vote() as vote if entry.ts_event_ns == self.close_ns:
                self._votes[vote.scope, vote.voter] = vote
            case EquityMark() as mark:
                self.drawdown_frac = mark.drawdown_frac
            case Fill(entry=DealEntry.IN, intent_id=intent) if intent:
                self._entries_ns.append(entry.ts_event_ns)
            case _:
                pass

    def _begin(self, entry: Entry) -> None:
        if entry.ts_event_ns > self.close_ns:
            self.close_ns, self.bar_seq = entry.ts_event_ns, entry.seq
            self._at_close, self._votes = set(), {}

    @property
    def session_ns(self) -> int:
        """Begin of the session that holds the latest close."""
        return bar_open_ns(self.close_ns - 1, SESSION_NS)

    @property
    def is_complete(self) -> bool:
        """Whether rules and texts have been heard on every symbol of the latest close."""
        return bool(self._at_close) and all(
            (symbol, voter) in self._votes for symbol in self._at_close for voter in self._voters
        )

    def context(self) -> FloatArray:
        """Return the market's part of the observation, as a training computes it from columns."""
        symbols = sorted(self._at_close)
        rules = [vote for vote in self._votes.values() if vote.voter in RULES]
        texts = [
            vote.probability_up
            for vote in self._votes.values()
            if vote.voter == SENTIMENT and not vote.abstains
        ]
        return market_context(
            [_tail(self._bars[symbol]) for symbol in symbols],
            lean=lean_of(
                np.array([vote.probability_up for vote in rules]),
                np.array([vote.abstains for vote in rules], np.bool_),
            ),
            sentiment=float(np.mean(texts)) if texts else 0.5,
            week_frac=week_frac(self.close_ns),
        )

    def recent_trades(self) -> int:
        """Count the entries of the session before the present one."""
        until_ns = self.session_ns
        since_ns = bar_open_ns(until_ns - 1, SESSION_NS)
        return sum(since_ns < each <= until_ns for each in self._entries_ns)


def _tail(bars: deque[tuple[float, float, float]]) -> SymbolTail:
    close, spans, spread = np.array(bars).T
    return SymbolTail(close, spans, spread)
