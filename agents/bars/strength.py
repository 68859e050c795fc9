"""The optional voter on currencies: what a pair's two ranks were worth, and what they say now.

It is the one voter that looks at all symbols at once. At a close it ranks by the symbols whose
window is complete and has a bar there; the calibration of a symbol is fitted on its history once a
week, like those of the rules.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from agents.bars.history import SymbolWindow
from models.market.bars import Window
from models.opinion.calibration import UNFITTED, Calibration
from models.opinion.rules import Opinion, WeekRules, model_name
from models.opinion.signals import Reading
from models.opinion.strength import StrengthWindow

VOTER: Final = "currency_strength"


class CurrencyVoter:
    """The strengths of all currencies on their way through one week."""

    def __init__(self, period: int, timeframe: str) -> None:
        self._period = period
        self._timeframe = timeframe
        self._origins: tuple[tuple[str, int, int], ...] = ()
        self._strength = StrengthWindow(period)
        self._worth: dict[str, Calibration] = {}

    def opinion(
        self, windows: Mapping[str, SymbolWindow], symbol: str, rules: WeekRules, close_ns: int
    ) -> tuple[Opinion, str]:
        """Return what the ranks say of a symbol at a close, and the name of the model."""
        complete = {name: each for name, each in windows.items() if each.has_history}
        self._begin_again_if_new(complete)
        bars = {name: each.bars for name, each in complete.items()}
        fit = self._worth_of(bars, symbol, rules) if symbol in bars else UNFITTED
        score = self._strength.score(bars, symbol, close_ns) if symbol in bars else np.nan
        readings: tuple[Reading, ...] = ()
        if score == score:
            readings = (Reading("rank", self._timeframe, float(score), 1.0),)
        opinion = rules.opinion_of(readings, fit, rules.row_of(close_ns))
        return opinion, model_name(f"{VOTER}/{self._period}", rules.settings, fit)

    def _begin_again_if_new(self, complete: Mapping[str, SymbolWindow]) -> None:
        origins = tuple((n, each.history_seq, each.history_rows) for n, each in complete.items())
        if origins != self._origins:
            self._origins = origins
            self._strength = StrengthWindow(self._period)
            self._worth.clear()

    def _worth_of(self, bars: Mapping[str, Window], symbol: str, rules: WeekRules) -> Calibration:
        found = self._worth.get(symbol)
        if found is None:
            history = self._strength.scores(bars, symbol, rules.history_rows)
            found = self._worth[symbol] = rules.worth(history)
        return found
