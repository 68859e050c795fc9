"""Whole weeks under faults with a second source beside the terminal: no promise is broken."""

from pathlib import Path

import numpy as np
import pytest

from agents.requests import (
    BarsRead,
    ReadBars,
    ReadSecondPrices,
    SecondPricesRead,
    Unanswered,
    Worth,
)
from blackboard.facts import Bar, FeedStatus
from blackboard.facts.market import FeedState
from config.settings import Settings
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import MINUTE_NS
from runtime import terminal_world
from runtime.feeds.price_feeds import PriceFeeds
from runtime.feeds.worth import OutsideRates
from runtime.simulation import run as running
from runtime.simulation.scenario import Scenario, scenario_of
from runtime.terminals.simulated.market import open_market

FAILS_SHARE = 0.2
"""Share of requests that the second source does not answer either."""


class Second:
    """A second source that tells the market's own prices, and now and then nothing."""

    def __init__(self, settings: Settings) -> None:
        self._source = open_market(settings).source
        self._rng = np.random.default_rng([settings.market.synthetic.seed, 77])

    def read(
        self, request: ReadSecondPrices, currency: str, now_ns: int
    ) -> SecondPricesRead | Unanswered:
        """Answer a request."""
        del currency
        if self._rng.random() < FAILS_SHARE:
            return Unanswered(request=request, reason="503")
        return SecondPricesRead(
            request=request,
            source="second",
            bars=tuple(
                BarsRead(request=each, bars=self._bars(each, now_ns), source="second")
                for each in request.bars
            ),
            worths=tuple(
                Worth(symbol=each.symbol, account_per_quote=1.0, source="second", made_ns=now_ns)
                for each in request.bars
                if each.symbol.endswith("USD")
            ),
        )

    def _bars(self, request: ReadBars, now_ns: int) -> BarArray:
        length_ns = request.timeframe.length_ns
        until_ns = min(request.until_ns, now_ns // MINUTE_NS * MINUTE_NS)
        minutes = self._source.minutes(request.symbol, request.from_ns, until_ns)
        opens = np.unique(minutes["open_ns"] // length_ns) * length_ns
        opens = opens[opens + length_ns <= until_ns]
        bars = np.zeros(len(opens), dtype=BAR_DTYPE)
        for bar, open_ns in zip(bars, opens.tolist(), strict=True):
            inside = (minutes["open_ns"] >= open_ns) & (minutes["open_ns"] < open_ns + length_ns)
            rows = minutes[inside]
            bar["close_ns"], bar["open"] = open_ns + length_ns, rows["open"][0]
            bar["high"], bar["low"] = rows["high"].max(), rows["low"].min()
            bar["close"] = rows["close"][-1]
        return bars


def _with_second(seed: int, home: Path) -> Scenario:
    scenario = scenario_of(seed, home)
    values = scenario.settings.model_dump()
    values["agents"]["data"] |= {"second_source": "twelvedata", "compare_every_bars": 6}
    values["feeds"]["twelvedata"] |= {"url": "http://127.0.0.1:1"}
    return Scenario(Settings.model_validate(values), scenario.start_ns, scenario.end_ns)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [12, 13, 19])
def test_f37_weeks_of_faults_with_a_second_source_break_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen feeds, lost connections, crashes and damaged bars; each close is posted once."""
    monkeypatch.setattr(running, "scenario_of", _with_second)
    monkeypatch.setattr(
        terminal_world,
        "open_price_feeds",
        lambda settings: PriceFeeds(Second(settings), OutsideRates((), 60)),
    )

    result, history = running.run(seed, "safety")

    assert result.violations == ()
    bars = [(e.ts_event_ns, e.fact) for e in history.entries if isinstance(e.fact, Bar)]
    assert len({(fact.scope, close_ns) for close_ns, fact in bars}) == len(bars)
    assert {fact.source for _, fact in bars} == {"terminal", "second"}
    states = {e.fact.state for e in history.entries if isinstance(e.fact, FeedStatus)}
    assert FeedState.FALLBACK in states
