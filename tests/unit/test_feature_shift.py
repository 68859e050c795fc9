"""The inputs of models that serve, once a trading day: told by who serves, warned of by one."""

import numpy as np
import pytest

from agents.feature_shift import DailyShift, shift_draft
from agents.learned_voter import LearnedVoter
from agents.requests import ModelRead, ReadModel
from agents.technical import rule_settings
from agents.training.feature_watch import FeatureWatch
from blackboard.entry import Draft, Entry
from blackboard.facts import AnyFact, DriftDetected, FeatureShift, ModelPromoted
from config.settings import Settings
from models.learning.drift import FeatureDrift
from models.market.bars import BarArray
from models.market.sessions import trading_day_start_ns
from models.opinion.har import HarTerms, fit_rows
from models.opinion.rules import WeekRules
from models.opinion.term_drift import NAMES, term_drifts
from models.opinion.variance import parkinson_variance
from models.opinion.volatility import VolatilityModel
from tests.random_bars import M15_NS, random_bars
from tests.unit.test_lstm_vol import WEEK_BARS, a_stage, begin_week, close_bar, trained_files

TERMS = HarTerms(horizons_bars=(4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480)


@pytest.fixture(scope="module")
def market() -> dict[str, BarArray]:
    """Three weeks of history and a week to trade."""
    return {
        symbol: random_bars(4 * WEEK_BARS, seed) for seed, symbol in enumerate(("EURUSD", "USDJPY"))
    }


def an_entry(fact: AnyFact, seq: int = 7, at_ns: int = 5) -> Entry:
    """Return a fact as it stands on the board."""
    return Entry(
        seq=seq, author="lstm_vol", epoch=1, fact=fact, ts_event_ns=at_ns, known_at_ns=at_ns,
        now_ns=at_ns, read_to=0, key=f"{seq}", causes=(),
    )  # fmt: skip


def a_shift(moved_frac: float) -> FeatureShift:
    """Return a day's shift of ten features."""
    return FeatureShift(
        scope="har", version="har/a", features=10, moved_frac=moved_frac, rows=50,
        farthest="EURUSD ln_mean_x_1", psi=1.0, psi_max=0.5,
    )  # fmt: skip


def drift_of(scale: float) -> list[bool]:
    """Return which terms of four weeks have moved whose ranges are `scale` times as wide."""
    bars = random_bars(12 * WEEK_BARS, seed=3)
    model = fit_rows(bars[: 8 * WEEK_BARS], M15_NS, TERMS)
    assert isinstance(model, VolatilityModel)
    lately = bars[8 * WEEK_BARS :]
    variance = scale**2 * parkinson_variance(lately["high"], lately["low"])
    drifts = term_drifts(model, np.ascontiguousarray(lately["close_ns"]), variance)
    assert [each.rows for each in drifts] == [120, 120, 120, 20, 4]
    return [each.is_moved for each in drifts]


def test_terms_of_the_same_market_have_not_moved() -> None:
    """Of four weeks with 1,920 bars one in 16, 96 and 480 counts, from the newest backwards."""
    assert drift_of(1.0) == [False] * 5


def test_terms_of_a_market_twice_as_wide_have_moved() -> None:
    """But for the week's, of which four weeks hold three: too few to say anything."""
    assert drift_of(2.0) == [True, True, True, False, False]


def test_the_forecaster_tells_of_its_model_once_a_trading_day(
    market: dict[str, BarArray],
) -> None:
    """At the first close at which it serves, and again after the next 17:00 New York."""
    stage = a_stage()
    now_ns = begin_week(stage, market)
    promoted = ModelPromoted(
        scope="har", version="har/aaaaaaaaaaaa", content_hash="c", effective_from_ns=now_ns + 1
    )
    stage.post("learner", now_ns, Draft(fact=promoted, ts_event_ns=now_ns))
    (asked,) = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
    stage.turn(now_ns, [ModelRead(request=asked, files=tuple(trained_files(market).items()))])

    for row in range(3 * WEEK_BARS + 1, 3 * WEEK_BARS + 110):
        close_bar(stage, market, row)

    told = stage.entries(FeatureShift)
    closes_ns = market["EURUSD"]["close_ns"]
    assert [said.ts_event_ns for said in told] == closes_ns[[1441, 1440 + 95]].tolist()
    assert trading_day_start_ns(told[1].ts_event_ns) == told[1].ts_event_ns
    for said in told:
        assert (said.fact.scope, said.fact.version) == ("har", promoted.version)
        assert said.fact.features == 2 * len(NAMES)


def test_the_voter_tells_of_the_signals_of_all_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every feature of a model that serves is looked at; the stamp of the terms is none."""
    from agents import learned_voter

    settings = Settings()
    rules_of = rule_settings(settings.timeframe, settings.agents.technical)
    rules = WeekRules(random_bars(1_900, seed=3), rules_of)
    voter = LearnedVoter(settings, rules_of)
    count = len(voter._terms.schema) - 1
    seen = []

    class Model:
        schema = voter._terms.schema

        def feature_drifts(self, features: np.ndarray) -> tuple[FeatureDrift, ...]:
            seen.append(features)
            return tuple(FeatureDrift(float(each), 3.0, len(features)) for each in range(count))

    monkeypatch.setattr(learned_voter, "load_direction", lambda files: Model())
    assert voter.shifts({"EURUSD": rules}, 10, (1,)) == []

    fresh = LearnedVoter(settings, rules_of)
    promoted = ModelPromoted(scope="rf", version="rf/a", content_hash="c", effective_from_ns=1)
    fresh.see(an_entry(promoted))
    fresh.hear(
        ModelRead(request=ReadModel(family="rf", version="rf/a", feature_schema=()), files=())
    )
    (draft,) = fresh.shifts({"EURUSD": rules, "USDJPY": rules}, 10, (1, 2))

    assert isinstance(draft.fact, FeatureShift)
    assert draft.causes == (1, 2, 7)
    assert draft.fact.features == count
    assert draft.fact.moved_frac == pytest.approx((count - 4) / count)  # 4, 5 .. exceed 3
    assert (draft.fact.psi, draft.fact.psi_max) == (count - 1.0, 3.0)
    assert seen[0].shape == (draft.fact.rows, count)


@pytest.mark.parametrize(("moved_frac", "warns"), [(0.1, False), (0.2, True)])
def test_a_fifth_of_the_features_is_a_warning(moved_frac: float, warns: bool) -> None:
    """The learner names the share and its threshold, and follows from the day's shift."""
    watch = FeatureWatch()
    watch.see(an_entry(a_shift(moved_frac)))

    drafts = watch.drafts()

    assert len(drafts) == warns
    for draft in drafts:
        assert isinstance(draft.fact, DriftDetected)
        assert (draft.fact.scope, draft.fact.statistic) == ("har", "psi")
        assert (draft.fact.value, draft.fact.threshold, draft.causes) == (0.2, 0.2, (7,))
        watch.see(an_entry(draft.fact, seq=8))
    assert watch.drafts() == []


def test_a_model_without_reference_is_silent() -> None:
    """Nothing is known of what it was trained on, which is no drift."""
    assert shift_draft("har", "har/a", {}, 5, "M15", ()) == []
    assert DailyShift().due_ns(()) == 0
