"""The look for knowledge of the future: nothing is found, and what is planted is."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from config.settings import Settings
from models.market import indicators
from models.market.bars import FloatArray, IntArray, Window
from models.market.indicators import IndicatorColumns, IndicatorPeriods
from models.opinion import signals
from runtime.proof.lookahead.futures import moments
from runtime.proof.lookahead.verdict import Verdict, look

SETTINGS = Settings(symbols=("EURUSD", "USDJPY"))
Columns = tuple[FloatArray, ...]


def looked(samples: int = 1) -> Verdict:
    """Return the verdict on a few closes of the synthetic market."""
    return look(SETTINGS, samples=samples, seed=1)


def test_no_opinion_knows_its_future() -> None:
    """Rules, forecast, levels, budget and sentiment are bit-identical under three futures."""
    settings = Settings.model_validate(
        {
            "symbols": ("EURUSD", "GBPUSD", "USDJPY"),
            "agents": {"technical": {"currency_strength": True}},
        }
    )

    verdict = look(settings, samples=1, seed=1)

    assert verdict.holds, verdict.peek
    assert verdict.closes == 1
    assert set(verdict.voters) == {
        "technical.trend",
        "technical.reversion",
        "technical.learned",
        "technical.currency_strength",
        "technical",
        "lstm_vol",
        "portfolio",
        "sentiment",
    }
    assert verdict.compared > 1000


def test_futures_share_their_past() -> None:
    """Up to the close all three are the same, after it none equals another."""
    (moment,) = moments(SETTINGS, 1, seed=3)
    cut, whole, altered = (future.bars["EURUSD"] for future in moment.futures())

    past = [bars[bars["close_ns"] <= moment.close_ns] for bars in (cut, whole, altered)]
    assert np.array_equal(past[0], past[1])
    assert np.array_equal(past[0], past[2])
    assert len(cut) < len(altered) < len(whole)
    assert cut["close_ns"][-1] == moment.close_ns


def planted(
    monkeypatch: pytest.MonkeyPatch, name: str, spoiled: Callable[[Window, FloatArray], FloatArray]
) -> None:
    """Spoil one column of the indicator library."""
    honest = indicators._library_columns
    place = IndicatorColumns._fields.index(name)

    def spoil(window: Window, periods: IndicatorPeriods) -> Columns:
        columns = list(honest(window, periods))
        columns[place] = spoiled(window, columns[place])
        return tuple(columns)

    monkeypatch.setattr(indicators, "_library_columns", spoil)


def test_a_centred_window_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A middle band that is the mean around its bar is named, with voter, symbol and close."""
    planted(
        monkeypatch,
        "bollinger_middle",
        lambda window, _: (
            pd.Series(window.close).rolling(20, center=True, min_periods=1).mean().to_numpy().copy()
        ),
    )

    peek = looked().peek

    assert peek is not None
    assert (peek.voter, peek.symbol) == ("technical.reversion", "EURUSD")
    assert peek.column == "bollinger_middle M15"
    assert peek.close_ns == moments(SETTINGS, 1, seed=1)[0].close_ns


def test_a_shifted_span_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud that is drawn where its bars were, and not 26 later, is named."""
    planted(monkeypatch, "ichimoku_span_b", lambda _, span: np.append(span[26:], np.full(26, 1.0)))

    peek = looked().peek

    assert peek is not None
    assert (peek.voter, peek.column) == ("technical.trend", "ichimoku_span_b M15")


def test_an_unclosed_bar_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A higher bar that is read while it is still open is named with its timeframe."""

    def still_open(close_ns: IntArray, higher_close_ns: IntArray) -> IntArray:
        rows: IntArray = np.searchsorted(higher_close_ns, close_ns, side="left")
        return np.minimum(rows, len(higher_close_ns) - 1)

    monkeypatch.setattr(signals, "last_closed_rows", still_open)
    settings = SETTINGS.model_copy(update={"symbols": ("EURUSD",)})

    peek = look(settings, samples=3, seed=1).peek

    assert peek is not None
    assert peek.voter == "technical.reversion"
    assert peek.column.split()[-1] in {"H1", "H4"}
