"""The optional voter that asks a ready-made time-series transformer, always in shadow.

It speaks after the rules: a close is answered once the rules' votes for it are on the board, so no
round waits for a network. All symbols that wait at a close are asked in one batch. While there is
no model, or none that can be used, it abstains and says why.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from agents.agent import Outbox
from agents.bars.history import SymbolWindow
from agents.requests import ModelRead, ReadModel, Reply, Unanswered
from blackboard.entry import Entry
from blackboard.facts import Vote
from config.settings import Settings
from models.opinion.forecaster import (
    FAMILY,
    Forecaster,
    Path,
    barrier_probability,
    load_forecaster,
    standardised,
)
from models.opinion.rules import Opinion, WeekRules
from models.opinion.signals import Reading

VOTER: Final = "forecaster"
CLOSES_KEPT_MAX: Final = 8
"""Closes of a symbol that wait for an answer; older ones are of no use to anybody."""
REASON_LENGTH_MAX: Final = 300
_NOBODY: Final = "none"


class Waiting(NamedTuple):
    """A close that the rules have answered and the model has not."""

    symbol: str
    close_ns: int
    seq: int
    """Of the bar."""


class Asked(NamedTuple):
    """A symbol at a close, with what is known of it."""

    symbol: str
    close_ns: int
    window: SymbolWindow
    rules: WeekRules


class PathVoter:
    """A forecaster's model, its closes, and its words."""

    def __init__(self, settings: Settings) -> None:
        self._timeframe = settings.timeframe
        self._places = {symbol: place for place, symbol in enumerate(settings.symbols)}
        self._closes: dict[str, deque[Waiting]] = {
            symbol: deque(maxlen=CLOSES_KEPT_MAX) for symbol in settings.symbols
        }
        self._by_rules: dict[str, int] = {}
        self._forecaster: Forecaster | None = None
        self._failure = ""
        self._is_asked = False

    @property
    def model(self) -> str:
        """Version of the model, and what stands in its place while there is none."""
        return self._forecaster.version if self._forecaster is not None else _NOBODY

    def note(self, symbol: str, close_ns: int, seq: int) -> None:
        """Note a bar that was taken."""
        self._closes[symbol].append(Waiting(symbol, close_ns, seq))

    def see(self, entry: Entry, vote: Vote) -> None:
        """Follow the agent's own votes: after those of the rules it is this voter's turn."""
        if not vote.voter.endswith(f".{VOTER}"):
            self._by_rules[vote.scope] = max(entry.ts_event_ns, self._by_rules.get(vote.scope, 0))
            return
        waiting = self._closes[vote.scope]
        while waiting and waiting[0].close_ns <= entry.ts_event_ns:
            waiting.popleft()

    def hear(self, reply: Reply) -> None:
        """Take the model, or why there is none."""
        match reply:
            case ModelRead(request=ReadModel(family=family), files=files) if family == FAMILY:
                try:
                    self._forecaster = load_forecaster(dict(files))
                except ValueError as error:
                    self._failure = _short(f"not_loaded: {error}")
            case Unanswered(request=ReadModel(family=family), reason=reason) if family == FAMILY:
                self._failure = _short(f"not_loaded: {reason}")
            case _:
                pass

    def act(self, outbox: Outbox) -> None:
        """Ask for the model, once in a life."""
        if not self._is_asked:
            self._is_asked = True
            outbox.requests.append(ReadModel(family=FAMILY, version="", feature_schema=()))

    def due(self, oldest_ns: int) -> Iterator[tuple[Waiting, ...]]:
        """Yield the symbols to be answered for, close by close, the oldest first."""
        if self._forecaster is None and not self._failure:
            return
        by_close: dict[int, list[Waiting]] = {}
        for symbol, waiting in self._closes.items():
            for each in waiting:
                if oldest_ns <= each.close_ns <= self._by_rules.get(symbol, 0):
                    by_close.setdefault(each.close_ns, []).append(each)
        for close_ns in sorted(by_close):
            yield tuple(by_close[close_ns])

    def opinions(self, asked: Sequence[Asked]) -> dict[str, Opinion]:
        """Return what the model says of symbols at one close, abstentions included.

        It is asked once for all; a symbol's place in the batch is always the same.
        """
        silent = {each.symbol: self._silent(each) for each in asked}
        if self._forecaster is None:
            return silent
        speaking = [each for each in asked if not silent[each.symbol].reason]
        batch = np.zeros((len(self._places), self._forecaster.context_bars))
        units: dict[str, float] = {}
        for each in speaking:
            bars = each.window.bars
            close = bars.close[: bars.row_of(each.close_ns) + 1]
            batch[self._places[each.symbol]], units[each.symbol] = standardised(
                close, self._forecaster.context_bars
            )
        if not any(units.values()):
            return {name: _silenced(each, "no price movement") for name, each in silent.items()}
        path = self._forecaster.path(batch, speaking[0].rules.settings.horizon_bars)
        spoken = {
            each.symbol: self._spoken(silent[each.symbol], path, each.symbol, units[each.symbol])
            for each in speaking
        }
        return silent | spoken

    def _silent(self, asked: Asked) -> Opinion:
        have = asked.window.bars.row_of(asked.close_ns)
        reason = self._failure
        if self._forecaster is not None and not asked.window.has_history:
            # How much a window without its history holds depends on when the agent was started.
            reason = "no history"
        elif self._forecaster is not None and have < self._forecaster.context_bars:
            reason = f"{have} returns, needs {self._forecaster.context_bars}"
        return asked.rules.abstention(asked.rules.row_of(asked.close_ns), reason)

    def _spoken(self, silent: Opinion, path: Path, symbol: str, unit: float) -> Opinion:
        if not unit > 0.0:
            return _silenced(silent, "no price movement")
        place = self._places[symbol]
        drift, variance = float(path.drift[place]), float(path.variance[place])
        distance = float(np.log1p(silent.barrier_distance / silent.reference_price)) / unit
        chance = barrier_probability(drift, variance, distance)
        if not np.isfinite(chance):
            return _silenced(silent, "the model's path is not finite")
        reading = Reading("path", self._timeframe.value, 2.0 * chance - 1.0, 1.0)
        return silent._replace(
            probability_up=chance,
            abstains=False,
            reason=f"path {drift:+.3f} deviations a bar, barriers {distance:.1f} away",
            readings=(reading,),
            agreement=1.0,
            confluence=1.0,
        )


def _silenced(silent: Opinion, reason: str) -> Opinion:
    return silent if silent.reason else silent._replace(reason=reason)


def _short(reason: str) -> str:
    return reason[:REASON_LENGTH_MAX]
