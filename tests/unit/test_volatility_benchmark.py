"""Forecasts of volatility on recorded prices, held against published losses."""

import numpy as np
import pytest

from benchmarks.confidence import confidence_set
from benchmarks.volatility import MINUTES, NETWORK, Losses, contest, recorded_series, surviving
from models.opinion.volatility_baselines import HAR_DESEASONALISED

needs_data = pytest.mark.skipif(not MINUTES.exists(), reason="../shared/data is not there")

PUBLISHED = {
    "EURUSD": (0.566, 0.612, 0.543, 0.540, 0.458, 0.369, 0.350, 0.340, 0.319, 0.293),
    "GBPUSD": (0.704, 0.688, 0.616, 0.594, 0.552, 0.444, 0.471, 0.378, 0.369, 0.338),
    "USDJPY": (0.479, 0.397, 0.355, 0.394, 0.332, 0.292, 0.432, 0.295, 0.279, 0.258),
}
"""QLIKE an hour ahead, in the order of `baseline_forecasts`."""
BEATEN = ("EWMA of squared returns", "EWMA of variance", "ATR", "GARCH-t")


@needs_data
@pytest.mark.parametrize("symbol", PUBLISHED)
def test_yardsticks_lose_what_was_published(symbol: str) -> None:
    """Every mean loss is within 5 %, and HAR beats EWMA, ATR and raw GARCH by 10 % and more."""
    losses = contest({symbol: recorded_series(symbol)}, 4, epochs=0)[symbol]

    means = [losses.mean(name) for name in losses.by_name]
    assert means == pytest.approx(list(PUBLISHED[symbol]), rel=0.05)
    for name in BEATEN:
        assert losses.mean(HAR_DESEASONALISED) <= 0.9 * losses.mean(name)


@pytest.fixture(scope="module")
def losses() -> dict[str, Losses]:
    """Return the losses of all forecasts, three networks trained; minutes of computing."""
    return contest({symbol: recorded_series(symbol) for symbol in PUBLISHED}, 4)


@needs_data
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("symbol", PUBLISHED)
def test_the_network_is_never_worse_than_har(symbol: str, losses: dict[str, Losses]) -> None:
    """Its mean loss is at most HAR's on each pair, and it stays in the confidence set."""
    ratio = losses[symbol].mean(NETWORK) / losses[symbol].mean(HAR_DESEASONALISED)

    assert ratio <= 1.0
    assert NETWORK in surviving(losses[symbol], 4)


def test_the_confidence_set_drops_who_is_clearly_worse() -> None:
    """Two equals stay, one whose loss is half a deviation higher leaves."""
    rng = np.random.default_rng(3)
    shared = rng.normal(size=600)
    losses = {
        name: shared + rng.normal(scale=0.5, size=600) + extra
        for name, extra in (("first", 0.0), ("equal", 0.0), ("worse", 0.5))
    }

    found = confidence_set(losses, block_rows=5, seed=7)

    assert found == {"first", "equal"}
    assert confidence_set({"only": shared}, block_rows=5, seed=7) == {"only"}
