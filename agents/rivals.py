"""The models of volatility that do not answer for a symbol, carried beside the one that does.

What each would have said of the same close is told with the forecast, so that the learner can hold
them against each other on what became of it: the candidate in shadow, the version before the one
that serves, the family below it, and the regression of the week.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from agents.bars.history import SymbolWindow
from blackboard.facts.opinion import RivalForecast
from models.opinion.volatility import Unfitted, VolatilityModel
from models.opinion.volatility_filter import VolatilityFilter
from models.opinion.volatility_lstm import FIRST_ROW, LSTMFilter, VolatilityLSTM

SIGMA_FRAC_MAX: Final = 0.5
"""Forecasts from here on are nonsense for a currency pair within hours."""


class Rival(NamedTuple):
    """A trained model with its version; neither field of the model is set for the week's."""

    version: str
    network: VolatilityLSTM | None = None
    trained: Mapping[str, VolatilityModel] | None = None


class Rivals:
    """One symbol's rivals on their way through one week.

    Parameters
    ----------
    rivals : sequence of Rival
        Trained ones. What does not know the symbol, or would need more history, is left out.
    window : SymbolWindow
        The symbol's bars; all are read when it is followed first.
    weekly : callable, optional
        Fits the regression of the week, which then is one of them.
    """

    def __init__(
        self,
        rivals: Sequence[Rival],
        window: SymbolWindow,
        weekly: Callable[[], VolatilityModel | Unfitted] | None,
    ) -> None:
        self._window = window
        self._filters: dict[str, VolatilityFilter] = {}
        for rival in rivals:
            filtered = _filter_of(rival, window)
            if filtered is not None:
                self._filters.setdefault(rival.version, filtered)
        if weekly is not None:
            fitted = weekly()
            if not isinstance(fitted, Unfitted):
                self._filters[fitted.version] = VolatilityFilter(fitted)

    def follow(self) -> None:
        """Carry the models through the bars that are new."""
        for filtered in self._filters.values():
            catch_up(filtered, self._window)

    def said(self, horizon_bars: int) -> tuple[RivalForecast, ...]:
        """Return what each says of the newest close, those that say what cannot be left out."""
        said = ((name, sigma_of(each, horizon_bars)) for name, each in self._filters.items())
        return tuple(RivalForecast(scope=name, sigma_frac=sigma) for name, sigma in said if sigma)


def catch_up(filtered: VolatilityFilter, window: SymbolWindow) -> None:
    """Carry a model through the bars of a window that it has not seen."""
    bars, rows = window.bars, len(filtered)
    prices = (bars.open, bars.high, bars.low, bars.close)
    filtered.extend_prices(bars.close_ns[rows:], *(price[rows:] for price in prices))


def sigma_of(filtered: VolatilityFilter, horizon_bars: int) -> float:
    """Return the newest forecast of a model, 0 where it has none or says what cannot be."""
    for fit in filtered.model.fits:
        if fit.horizon_bars == horizon_bars:
            sigma_frac = float(filtered.columns(fit, 1).sigma_frac[-1])
            return sigma_frac if 0.0 < sigma_frac < SIGMA_FRAC_MAX else 0.0
    return 0.0


def _filter_of(rival: Rival, window: SymbolWindow) -> VolatilityFilter | None:
    symbol = window.symbol
    if rival.network is not None:
        is_long = window.history_rows >= FIRST_ROW
        if symbol not in rival.network.models or not is_long:
            return None
        return LSTMFilter(rival.network, symbol, len(window.bars) - 1)
    if rival.trained is not None and symbol in rival.trained:
        return VolatilityFilter(rival.trained[symbol])
    return None
