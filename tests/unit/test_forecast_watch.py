"""The watch over forecasts of volatility: what it takes as an outcome, of which models."""

import math

import pytest

from agents.training.forecast_watch import ForecastWatch
from agents.training.outcomes import UNTRAINED, Outcome
from blackboard.entry import Entry
from blackboard.facts import AnyFact, ModelPromoted
from blackboard.facts.opinion import RivalForecast
from config.settings import Settings
from tests.chamber import a_bar, a_forecast

SYMBOLS = ("EURUSD", "GBPUSD")
STEP_NS = 900_000_000_000
HORIZON_BARS = 4
VERSION, BEFORE, IN_SHADOW = "har/aaaaaaaaaaaa", "har/bbbbbbbbbbbb", "lstm/cccccccccccc"
WEEKLY = "har/0123456789ab"
"""The regression of the week is named by its content as well, and was never a candidate."""
RANGE_FRAC = 1e-3
SIGMA_FRAC = math.sqrt(HORIZON_BARS * RANGE_FRAC**2 / (4.0 * math.log(2.0)))
"""What a model says that knows the range of the bars: its loss is 0."""
TWICE = math.log(4.0) + 0.25 - 1.0
"""Loss of one that says twice of it: RV/h = 1/4, less its logarithm, less 1."""


class Market:
    """A watch, and the closes that it sees."""

    def __init__(self) -> None:
        self.watch = ForecastWatch(Settings(symbols=SYMBOLS))
        self.seq = 0
        self.close_ns = 0
        self.outcomes: list[Outcome] = []
        for version in (VERSION, BEFORE):
            promoted = ModelPromoted(
                scope="har", version=version, content_hash="c" * 64, effective_from_ns=0
            )
            self.see(promoted, 0)

    def see(self, fact: AnyFact, close_ns: int) -> int:
        """Show a fact and return its seq."""
        self.seq += 1
        self.outcomes += self.watch.see(
            Entry(
                seq=self.seq,
                author="learner",
                epoch=1,
                fact=fact,
                ts_event_ns=close_ns,
                known_at_ns=close_ns,
                now_ns=close_ns,
                read_to=0,
                key=f"{self.seq}",
                causes=(),
            )
        )
        return self.seq

    def closes(self, count: int, model: str = VERSION, **said: object) -> None:
        """Let bars close, each symbol forecast at each."""
        for _ in range(count):
            self.close_ns += STEP_NS
            for symbol in SYMBOLS:
                bar = a_bar(symbol, low=1.1, high=1.1 * math.exp(RANGE_FRAC))
                self.see(bar, self.close_ns)
            for symbol in SYMBOLS:
                forecast = a_forecast(
                    HORIZON_BARS, symbol, sigma_frac=SIGMA_FRAC, model=model, **said
                )
                self.see(forecast, self.close_ns)


def test_a_close_is_told_once_no_symbol_can_add_to_it() -> None:
    """One row a symbol, the loss of a model that is right is 0, and every cause is named."""
    market = Market()

    market.closes(HORIZON_BARS + 1)
    assert market.outcomes == []
    market.closes(1)

    (outcome,) = market.outcomes
    assert (outcome.close_ns, outcome.settled_ns) == (STEP_NS, 5 * STEP_NS)
    assert [row.keys() for row in outcome.rows] == [{VERSION}, {VERSION}]
    assert outcome.loss_of(VERSION) == pytest.approx(0.0, abs=1e-12)
    assert outcome.loss_of(BEFORE) is None
    # After two promotions: forecasts of the first close 5 and 6, bars of the fifth 19 and 20.
    assert outcome.causes == (5, 19, 6, 20)


def test_every_model_that_looked_is_scored() -> None:
    """The version before, the regression of the week under no name, and the one in shadow."""
    market = Market()
    rivals = (
        RivalForecast(scope=BEFORE, sigma_frac=2.0 * SIGMA_FRAC),
        RivalForecast(scope=WEEKLY, sigma_frac=SIGMA_FRAC),
    )

    market.closes(
        HORIZON_BARS + 2,
        rivals=rivals,
        challenger=IN_SHADOW,
        challenger_sigma_frac=2.0 * SIGMA_FRAC,
    )

    losses = market.outcomes[0].rows[0]
    assert losses == pytest.approx({VERSION: 0.0, BEFORE: TWICE, UNTRAINED: 0.0, IN_SHADOW: TWICE})


def test_closes_at_which_no_trained_model_looked_are_nobodys() -> None:
    """The regression of the week alone is held against nobody."""
    market = Market()

    market.closes(3 * HORIZON_BARS, model=WEEKLY)

    assert market.outcomes == []


def test_an_abstention_has_no_loss() -> None:
    """What a fallback says was not said by a model."""
    market = Market()

    market.closes(2 * HORIZON_BARS, abstains=True)

    assert market.outcomes == []
