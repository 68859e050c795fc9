"""The watch over a promoted model's forecasts: what it takes as an outcome, and when it alarms."""

import math

import pytest

from agents.training.forecast_watch import ADWIN, ForecastWatch
from blackboard.entry import Entry
from blackboard.facts import AnyFact, DriftDetected, ModelPromoted, ModelRolledBack
from config.settings import Settings
from tests.chamber import a_bar, a_forecast

SYMBOLS = ("EURUSD", "GBPUSD")
STEP_NS = 900_000_000_000
HORIZON_BARS = 4
VERSION = "har/aaaaaaaaaaaa"
RANGE_FRAC = 1e-3
SIGMA_FRAC = math.sqrt(HORIZON_BARS * RANGE_FRAC**2 / (4.0 * math.log(2.0)))
"""What a model says that knows the range of the bars: its loss is 0."""


class Market:
    """A watch, and the closes that it sees."""

    def __init__(self, model: str = VERSION) -> None:
        self.watch = ForecastWatch(Settings(symbols=SYMBOLS))
        self.model = model
        self.seq = 0
        self.close_ns = 0

    def see(self, fact: AnyFact, close_ns: int) -> int:
        """Show a fact and return its seq."""
        self.seq += 1
        self.watch.see(
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

    def promote(self, version: str = VERSION) -> None:
        """Promote a version of the family."""
        promoted = ModelPromoted(
            scope="har", version=version, content_hash="c" * 64, effective_from_ns=0
        )
        self.see(promoted, self.close_ns)

    def closes(self, count: int, range_frac: float) -> None:
        """Let bars of a range close, each symbol forecast at each."""
        for _ in range(count):
            self.close_ns += STEP_NS
            for symbol in SYMBOLS:
                self.see(a_bar(symbol, low=1.1, high=1.1 * math.exp(range_frac)), self.close_ns)
            for symbol in SYMBOLS:
                forecast = a_forecast(HORIZON_BARS, symbol, sigma_frac=SIGMA_FRAC, model=self.model)
                self.see(forecast, self.close_ns)

    def alarms(self) -> list[DriftDetected]:
        """Return what the watch wants told."""
        return [
            draft.fact for draft in self.watch.drafts() if isinstance(draft.fact, DriftDetected)
        ]


@pytest.fixture
def calm() -> Market:
    """Return a market in which a promoted model was right for 40 outcomes."""
    market = Market()
    market.promote()
    market.closes(40 * HORIZON_BARS, RANGE_FRAC)
    return market


def test_a_model_that_is_right_gives_no_alarm(calm: Market) -> None:
    """Its losses are 0 and stay so."""
    calm.closes(60 * HORIZON_BARS, RANGE_FRAC)

    assert calm.alarms() == []


def test_a_model_that_turns_wrong_gives_one(calm: Market) -> None:
    """Ranges four times as wide: a loss of 16 − ln 16 − 1 = 12.23 after one of 0."""
    calm.closes(40 * HORIZON_BARS, 4.0 * RANGE_FRAC)

    (alarm,) = calm.alarms()
    assert (alarm.scope, alarm.statistic) == ("har", ADWIN)
    assert alarm.threshold < alarm.value <= math.log(16.0 - math.log(16.0) - 1.0 + 1e-3) + 1e-9


def test_what_was_told_is_not_told_again(calm: Market) -> None:
    """Neither after its own fact is back, nor by a watch that folds it with all before it."""
    calm.closes(40 * HORIZON_BARS, 4.0 * RANGE_FRAC)
    (alarm,) = calm.alarms()
    calm.see(alarm, calm.close_ns)

    assert calm.alarms() == []


def test_a_better_model_gives_none() -> None:
    """Losses that fall are no reason to train again."""
    market = Market()
    market.promote()
    market.closes(40 * HORIZON_BARS, 4.0 * RANGE_FRAC)
    market.closes(60 * HORIZON_BARS, RANGE_FRAC)

    assert market.alarms() == []


@pytest.mark.parametrize("model", ["har-deseas-1", "har/bbbbbbbbbbbb"])
def test_only_the_version_that_serves_is_watched(model: str) -> None:
    """The weekly regression, and a version that serves no more, are nobody's drift."""
    market = Market(model)
    market.promote()
    market.closes(40 * HORIZON_BARS, RANGE_FRAC)
    market.closes(40 * HORIZON_BARS, 4.0 * RANGE_FRAC)

    assert market.alarms() == []


def test_a_rollback_ends_the_watch(calm: Market) -> None:
    """An alarm that was not told yet goes with the model that it is about."""
    calm.closes(40 * HORIZON_BARS, 4.0 * RANGE_FRAC)
    back = ModelRolledBack(
        scope="har", version="", replaced_version=VERSION, reason="by hand", effective_from_ns=0
    )
    calm.see(back, calm.close_ns)

    assert calm.alarms() == []
