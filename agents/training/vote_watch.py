"""What became of the words of the direction models: the Brier score of each at every signal.

A word is settled by the barriers of the vote that it was given for, as every vote is. The losses of
all symbols at a close are one outcome; it is told when the last of its votes is settled. A fold
over bars and votes, so a rebuilt learner has the outcomes that the first one had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.scores.age import open_ns
from agents.training.outcomes import UNTRAINED, Outcome
from blackboard.entry import Entry
from blackboard.facts import Bar, Vote
from config.settings import Settings
from models.learning.scoring import IGNORANCE_BRIER, brier, settle


@dataclass(slots=True)
class _Open:
    # A vote that no bar has settled yet.

    close_ns: int
    seq: int
    reference: float
    distance: float
    bars_left: int
    words: Mapping[str, float]


@dataclass(slots=True)
class _Close:
    # What became of the votes of one close, as far as they are settled.

    open: int = 0
    settled_ns: int = 0
    rows: list[Mapping[str, float]] = field(default_factory=list)
    causes: list[int] = field(default_factory=list)


class VoteWatch:
    """Losses of the direction models at the signals of the rules."""

    def __init__(self, settings: Settings) -> None:
        self._timeframe = settings.timeframe
        self._open_ns = open_ns(settings.timeframe)
        self._open: dict[str, list[_Open]] = {symbol: [] for symbol in settings.symbols}
        self._closes_ns = dict.fromkeys(settings.symbols, 0)
        self._closes: dict[int, _Close] = {}

    def see(self, entry: Entry) -> list[Outcome]:
        """Fold one entry; return the outcomes whose last vote it has settled."""
        match entry.fact:
            case Bar(scope=symbol) as bar if symbol in self._open:
                if bar.timeframe is self._timeframe and entry.ts_event_ns > self._closes_ns[symbol]:
                    return self._settle(entry, bar)
            case Vote(scope=symbol, heard=heard) as vote if heard and symbol in self._open:
                if entry.ts_event_ns == self._closes_ns[symbol]:
                    self._follow(entry, vote)
            case _:
                pass
        return []

    def _follow(self, entry: Entry, vote: Vote) -> None:
        words = {each.scope: 0.5 if each.abstains else each.probability_up for each in vote.heard}
        self._open[vote.scope].append(
            _Open(
                entry.ts_event_ns,
                entry.seq,
                vote.reference_price,
                vote.barrier_distance,
                vote.horizon_bars,
                words,
            )
        )
        self._closes.setdefault(entry.ts_event_ns, _Close()).open += 1

    def _forget(self, oldest_ns: int) -> None:
        """Let go of closes that are too old, and of their votes."""
        while self._closes and (close_ns := next(iter(self._closes))) < oldest_ns:
            del self._closes[close_ns]
            for waiting in self._open.values():
                waiting[:] = [each for each in waiting if each.close_ns != close_ns]

    def _settle(self, entry: Entry, bar: Bar) -> list[Outcome]:
        self._closes_ns[bar.scope] = entry.ts_event_ns
        self._forget(entry.ts_event_ns - self._open_ns)
        told = []
        for each in list(self._open[bar.scope]):
            each.bars_left -= 1
            prices = (bar.high, bar.low, bar.close)
            label = settle(each.reference, each.distance, *prices, is_last=each.bars_left <= 0)
            if label is None:
                continue
            self._open[bar.scope].remove(each)
            close = self._closes[each.close_ns]
            losses = {model: brier(chance, label) for model, chance in each.words.items()}
            losses[UNTRAINED] = IGNORANCE_BRIER if label != 0.5 else 0.0
            close.rows.append(losses)
            close.causes += [each.seq, entry.seq]
            close.settled_ns = max(close.settled_ns, entry.ts_event_ns)
            close.open -= 1
            if not close.open:
                del self._closes[each.close_ns]
                told.append(
                    Outcome(each.close_ns, close.settled_ns, tuple(close.rows), tuple(close.causes))
                )
        return told
