"""The volatility agent before a board."""

import msgspec
import numpy as np
import pytest

from agents.lstm_vol import LSTMVolAgent
from agents.requests import ModelRead, ReadBars, ReadModel, Unanswered
from blackboard.entry import Draft
from blackboard.facts import CandidateTrained, ModelFailed, ModelPromoted, VolatilityForecast
from config.settings import Settings
from models.learning.candidate import Candidate
from models.market.bars import BarArray
from models.market.sessions import weeks_before_ns
from models.opinion.har import HarTerms, train_har
from models.opinion.lstm_training import train_lstm
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars
from tests.stage import Stage, bar_drafts, history_drafts, history_replies, read_bars

SYMBOLS = ("EURUSD", "USDJPY")
WEEK_BARS = 480


@pytest.fixture(scope="module")
def market() -> dict[str, BarArray]:
    """Three weeks of history and a week to trade."""
    return {symbol: random_bars(4 * WEEK_BARS, seed) for seed, symbol in enumerate(SYMBOLS)}


def a_stage() -> Stage:
    """Return the agent of two symbols before an empty board."""
    settings = Settings(symbols=SYMBOLS)
    return Stage(lambda: LSTMVolAgent(settings))


def begin_week(stage: Stage, market: dict[str, BarArray], rows: int = 3 * WEEK_BARS) -> int:
    """Post the first close of the week with its history, and answer what the agent asks."""
    now_ns = int(market["EURUSD"]["close_ns"][rows])
    histories = history_drafts(market, rows, now_ns, SUNDAY_OPEN_NS)
    stage.post("data", now_ns, *histories, *bar_drafts(market, rows))
    asked = stage.turn(now_ns)
    stage.turn(now_ns, history_replies(read_bars(asked), market))
    return now_ns


def close_bar(stage: Stage, market: dict[str, BarArray], row: int) -> int:
    """Post one more close and let the agent answer it."""
    now_ns = int(market["EURUSD"]["close_ns"][row])
    stage.post("data", now_ns, *bar_drafts(market, row))
    stage.turn(now_ns)
    return now_ns


def test_one_forecast_for_every_symbol_close_and_horizon(market: dict[str, BarArray]) -> None:
    """Each close is answered once for each symbol and horizon, none twice."""
    stage = a_stage()

    begin_week(stage, market)
    for row in range(3 * WEEK_BARS + 1, 3 * WEEK_BARS + 4):
        stage.turn(close_bar(stage, market, row))

    places = [
        (entry.ts_event_ns, entry.fact.scope, entry.fact.horizon_bars)
        for entry in stage.entries(VolatilityForecast)
    ]
    assert len(places) == len(set(places)) == 4 * 2 * 2  # closes, symbols, horizons
    assert not any(fact.abstains for fact in stage.facts(VolatilityForecast))


def test_a_history_is_asked_for_once_and_names_its_period(market: dict[str, BarArray]) -> None:
    """The question names the anchor and the last close, and is not repeated while it is open."""
    stage = a_stage()
    now_ns = int(market["EURUSD"]["close_ns"][WEEK_BARS])
    histories = history_drafts(market, WEEK_BARS, now_ns, SUNDAY_OPEN_NS)
    stage.post("data", now_ns, *histories, *bar_drafts(market, WEEK_BARS))

    first, second = stage.turn(now_ns), stage.turn(now_ns)

    assert [(r.symbol, r.from_ns, r.until_ns) for r in read_bars(first)] == [
        (symbol, SUNDAY_OPEN_NS, int(market[symbol]["close_ns"][WEEK_BARS - 1]))
        for symbol in SYMBOLS
    ]
    assert second.requests == []


def test_a_rebuilt_agent_says_the_same_and_answers_nothing_twice(
    market: dict[str, BarArray],
) -> None:
    """Killed in the middle of a week, it comes back and goes on to the last bit."""
    steady, killed = a_stage(), a_stage()
    for stage in (steady, killed):
        begin_week(stage, market)
        close_bar(stage, market, 3 * WEEK_BARS + 1)

    now_ns = int(market["EURUSD"]["close_ns"][3 * WEEK_BARS + 1])
    asked = [
        ReadBars(
            symbol=symbol,
            timeframe=killed.agent.settings.timeframe,
            from_ns=SUNDAY_OPEN_NS,
            until_ns=int(market[symbol]["close_ns"][3 * WEEK_BARS - 1]),
        )
        for symbol in SYMBOLS
    ]
    outbox = killed.rebuild(now_ns, history_replies(asked, market))
    for stage in (steady, killed):
        close_bar(stage, market, 3 * WEEK_BARS + 2)

    assert outbox.drafts == []
    assert steady.facts(VolatilityForecast) == killed.facts(VolatilityForecast)


def test_without_a_history_it_abstains_and_asks_again_a_bar_later(
    market: dict[str, BarArray],
) -> None:
    """An unreadable history gives abstentions without veto, and one more question a bar."""
    stage = a_stage()
    rows = 3 * WEEK_BARS
    now_ns = int(market["EURUSD"]["close_ns"][rows])
    histories = history_drafts(market, rows, now_ns, SUNDAY_OPEN_NS)
    stage.post("data", now_ns, *histories, *bar_drafts(market, rows))
    asked = stage.turn(now_ns)

    refused = stage.turn(now_ns, [Unanswered(request=r, reason="timeout") for r in asked.requests])
    again = stage.turn(now_ns)
    next_ns = int(market["EURUSD"]["close_ns"][rows + 1])
    stage.post("data", next_ns, *bar_drafts(market, rows + 1))
    later = stage.turn(next_ns)

    fact = stage.facts(VolatilityForecast)[0]
    assert fact.abstains
    assert fact.reason == "no history: timeout"
    assert (fact.vetoes_reversal, fact.atr_scale, fact.vol_ratio) == (False, 1.0, 1.0)
    assert len(refused.drafts) == 4
    assert again.requests == []
    assert later.requests == asked.requests


def test_a_short_history_gives_an_abstention_that_counts(market: dict[str, BarArray]) -> None:
    """The reason names how many bars there are and how many are needed."""
    stage = a_stage()

    begin_week(stage, market, rows=WEEK_BARS)

    reasons = {fact.reason for fact in stage.facts(VolatilityForecast)}
    assert reasons == {"too few bars: 480 of 976"}  # 480 window + 16 horizon + 480 rows


def test_a_bar_before_its_history_waits(market: dict[str, BarArray]) -> None:
    """Nothing is said of a week whose history is not named yet."""
    stage = a_stage()

    stage.post("data", int(market["EURUSD"]["close_ns"][0]), *bar_drafts(market, 0))
    outbox = stage.turn(int(market["EURUSD"]["close_ns"][0]))

    assert (outbox.drafts, outbox.requests) == ([], [])


def test_a_close_whose_time_has_passed_is_not_answered(market: dict[str, BarArray]) -> None:
    """A forecast that no decision can use any more is not made."""
    stage = a_stage()
    rows = 3 * WEEK_BARS
    now_ns = int(market["EURUSD"]["close_ns"][rows])
    histories = history_drafts(market, rows, now_ns, SUNDAY_OPEN_NS)
    stage.post("data", now_ns, *histories, *bar_drafts(market, rows))
    asked = stage.turn(now_ns)

    late = stage.turn(now_ns + M15_NS, history_replies(read_bars(asked), market))

    assert late.drafts == []


def test_a_storm_vetoes_reversals_and_widens_stops(market: dict[str, BarArray]) -> None:
    """Bars ten times as wide as usual push the ratio over its limit."""
    stage = a_stage()
    stormy = {symbol: np.copy(bars) for symbol, bars in market.items()}
    rows = slice(3 * WEEK_BARS + 1, 3 * WEEK_BARS + 9)
    for bars in stormy.values():
        bars["high"][rows] += 9.0 * (bars["high"][rows] - bars["low"][rows])

    begin_week(stage, stormy)
    for row in range(rows.start, rows.stop):
        close_bar(stage, stormy, row)

    calm, storm = stage.facts(VolatilityForecast)[0], stage.facts(VolatilityForecast)[-4]
    assert (calm.horizon_bars, storm.horizon_bars) == (4, 4)
    assert storm.vol_ratio > storm.vol_ratio_limit
    assert storm.vetoes_reversal
    assert storm.atr_scale > calm.atr_scale


def test_the_model_is_fitted_anew_in_a_new_week() -> None:
    """A new history brings a new model, named by its content."""
    bars = {symbol: random_bars(5 * WEEK_BARS, seed) for seed, symbol in enumerate(SYMBOLS)}
    stage = a_stage()

    begin_week(stage, bars)
    first = stage.facts(VolatilityForecast)[-1].model
    now_ns = int(bars["EURUSD"]["close_ns"][4 * WEEK_BARS])
    anchor_ns = weeks_before_ns(now_ns - 1, 3)
    histories = history_drafts(bars, 4 * WEEK_BARS, now_ns, anchor_ns)
    stage.post("data", now_ns, *histories, *bar_drafts(bars, 4 * WEEK_BARS))
    stage.turn(now_ns, history_replies(read_bars(stage.turn(now_ns)), bars))

    assert first.startswith("har/")
    assert stage.facts(VolatilityForecast)[-1].model not in (first, "random_walk")


def trained_files(market: dict[str, BarArray]) -> dict[str, bytes]:
    """Return the files of a HAR trained on seven weeks of each symbol."""
    terms = HarTerms(horizons_bars=(4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480)
    long = {symbol: random_bars(7 * WEEK_BARS, seed + 7) for seed, symbol in enumerate(market)}
    candidate = train_har(long, M15_NS, terms, {})
    assert isinstance(candidate, Candidate)
    return dict(candidate.files)


def test_a_promoted_model_serves_from_its_close_on(market: dict[str, BarArray]) -> None:
    """Both symbols switch at the same close, and the forecast names version and promotion."""
    stage = a_stage()
    now_ns = begin_week(stage, market)
    rows = range(3 * WEEK_BARS + 1, 3 * WEEK_BARS + 4)
    promoted = ModelPromoted(
        scope="har",
        version="har/0123456789ab",
        content_hash="0" * 64,
        effective_from_ns=int(market["EURUSD"]["close_ns"][rows[1]]),
    )
    stage.post("learner", now_ns, Draft(fact=promoted, ts_event_ns=now_ns))
    (asked,) = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
    files = tuple(trained_files(market).items())
    stage.turn(now_ns, (ModelRead(request=asked, files=files),))

    for row in rows:
        close_bar(stage, market, row)

    served = {
        (said.ts_event_ns, said.fact.model == promoted.version)
        for said in stage.entries(VolatilityForecast)
    }
    closes = market["EURUSD"]["close_ns"][[rows[0] - 1, *rows]].tolist()
    assert served == {
        (closes[0], False), (closes[1], False), (closes[2], True), (closes[3], True)
    }  # fmt: skip


def test_a_model_of_other_horizons_is_a_fact_and_harms_nobody(
    market: dict[str, BarArray],
) -> None:
    """The forecasts go on from the weekly fit."""
    stage = a_stage()
    now_ns = begin_week(stage, market)
    promoted = ModelPromoted(
        scope="har", version="har/0", content_hash="0" * 64, effective_from_ns=now_ns + 1
    )
    stage.post("learner", now_ns, Draft(fact=promoted, ts_event_ns=now_ns))
    (asked,) = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
    stage.turn(now_ns, (ModelRead(request=asked, files=(("har.json", b"{}"),)),))
    close_bar(stage, market, 3 * WEEK_BARS + 1)

    (failed,) = stage.facts(ModelFailed)
    assert failed.version == "har/0"
    assert all(fact.model != "har/0" for fact in stage.facts(VolatilityForecast))


@pytest.fixture(scope="module")
def network_files(market: dict[str, BarArray]) -> tuple[tuple[str, bytes], ...]:
    """Return the files of a network that had one lesson."""
    terms = HarTerms(horizons_bars=(4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480)
    long = {symbol: random_bars(8 * WEEK_BARS, seed + 7) for seed, symbol in enumerate(market)}
    candidate = train_lstm(long, M15_NS, terms, {}, epochs=1)
    assert isinstance(candidate, Candidate)
    return tuple(candidate.files.items())


NETWORK = "lstm/0123456789ab"


def a_candidate(stage: Stage, now_ns: int) -> ReadModel:
    """Tell of a trained network and return what the agent asks for."""
    trained = CandidateTrained(
        scope="lstm", version=NETWORK, content_hash="0" * 64, rows=1, trained_until_ns=1
    )
    stage.post("learner", now_ns, Draft(fact=trained, ts_event_ns=now_ns))
    (asked,) = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
    return asked


def promote(stage: Stage, now_ns: int, effective_from_ns: int) -> None:
    """Let the network serve from a close on."""
    promoted = ModelPromoted(
        scope="lstm",
        version=NETWORK,
        content_hash="0" * 64,
        effective_from_ns=effective_from_ns,
    )
    stage.post("learner", now_ns, Draft(fact=promoted, ts_event_ns=now_ns))


def test_a_challenger_speaks_beside_the_one_that_serves_and_changes_nothing(
    market: dict[str, BarArray], network_files: tuple[tuple[str, bytes], ...]
) -> None:
    """With its two fields taken away every forecast is what it is without a challenger."""
    alone, challenged = a_stage(), a_stage()
    for stage in (alone, challenged):
        now_ns = begin_week(stage, market)
        if stage is challenged:
            asked = a_candidate(stage, now_ns)
            stage.turn(now_ns, (ModelRead(request=asked, files=network_files),))
        close_bar(stage, market, 3 * WEEK_BARS + 1)
        close_bar(stage, market, 3 * WEEK_BARS + 2)

    said = challenged.facts(VolatilityForecast)[-8:]
    assert {fact.challenger for fact in said} == {NETWORK}
    assert all(0.0 < fact.challenger_sigma_frac < 0.01 for fact in said)
    assert all(fact.challenger_sigma_frac != fact.sigma_frac for fact in said)
    plain = [
        msgspec.structs.replace(fact, challenger="", challenger_sigma_frac=0.0)
        for fact in challenged.facts(VolatilityForecast)
    ]
    assert plain == alone.facts(VolatilityForecast)


def test_a_promoted_network_serves_and_is_no_challenger_any_more(
    market: dict[str, BarArray], network_files: tuple[tuple[str, bytes], ...]
) -> None:
    """From its close on the forecasts name it, and nobody stands beside it."""
    stage = a_stage()
    now_ns = begin_week(stage, market)
    asked = a_candidate(stage, now_ns)
    stage.turn(now_ns, (ModelRead(request=asked, files=network_files),))
    row = 3 * WEEK_BARS + 2
    close_bar(stage, market, row - 1)
    in_shadow = stage.facts(VolatilityForecast)[-4:]
    promote(stage, now_ns, int(market["EURUSD"]["close_ns"][row]))

    close_bar(stage, market, row)

    served = stage.facts(VolatilityForecast)[-4:]
    assert {fact.model for fact in in_shadow} != {NETWORK}
    assert {(fact.model, fact.challenger) for fact in served} == {(NETWORK, "")}
    for fact in served:
        assert fact.sigma_low_frac < fact.sigma_frac < fact.sigma_high_frac
        assert not fact.abstains


def test_a_rebuilt_agent_serves_the_same_network(
    market: dict[str, BarArray], network_files: tuple[tuple[str, bytes], ...]
) -> None:
    """Killed while the network serves, it says the same to the last bit and nothing twice."""
    steady, killed = a_stage(), a_stage()
    for stage in (steady, killed):
        now_ns = begin_week(stage, market)
        promote(stage, now_ns, now_ns + 1)
        (asked,) = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
        stage.turn(now_ns, (ModelRead(request=asked, files=network_files),))
        close_bar(stage, market, 3 * WEEK_BARS + 1)

    now_ns = int(market["EURUSD"]["close_ns"][3 * WEEK_BARS + 1])
    histories = [
        ReadBars(
            symbol=symbol,
            timeframe=killed.agent.settings.timeframe,
            from_ns=SUNDAY_OPEN_NS,
            until_ns=int(market[symbol]["close_ns"][3 * WEEK_BARS - 1]),
        )
        for symbol in SYMBOLS
    ]
    killed.rebuild(
        now_ns,
        [*history_replies(histories, market), ModelRead(request=asked, files=network_files)],
    )
    for stage in (steady, killed):
        close_bar(stage, market, 3 * WEEK_BARS + 2)

    assert steady.facts(VolatilityForecast)[-1].model == NETWORK
    assert steady.facts(VolatilityForecast) == killed.facts(VolatilityForecast)


def test_a_challenger_that_cannot_be_read_is_passed_over(market: dict[str, BarArray]) -> None:
    """Neither an unreadable file nor a missing one is asked for again, or told of."""
    stage = a_stage()
    now_ns = begin_week(stage, market)
    asked = a_candidate(stage, now_ns)

    outbox = stage.turn(now_ns, (ModelRead(request=asked, files=(("lstm.json", b"{"),)),))
    close_bar(stage, market, 3 * WEEK_BARS + 1)

    assert not [each for each in outbox.requests if isinstance(each, ReadModel)]
    assert {fact.challenger for fact in stage.facts(VolatilityForecast)} == {""}
    assert stage.facts(ModelFailed) == []
