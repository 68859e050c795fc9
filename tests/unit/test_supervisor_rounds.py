"""Rounds: when one is closed, what is decided, and which intents follow."""

from typing import Any

import msgspec
import pytest

from agents import voters
from agents.intents import intent_id
from blackboard.facts import (
    ACCOUNT,
    Calibration,
    Decision,
    OrderIntent,
    Timeframe,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.control import Health, TradingState
from blackboard.facts.decision import Action, Side
from blackboard.facts.execution import Origin, Outcome
from blackboard.facts.learning import VoterWeight
from blackboard.facts.news import Coverage
from blackboard.facts.opinion import Evidence
from config.settings import Settings
from config.system import TerminalSection
from models.market.sessions import SECOND_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_blackout,
    a_coverage,
    a_health,
    a_position,
    a_quote,
    a_spec,
    an_outcome,
    some_parameters,
)
from tests.chamber import PATIENT, SETTINGS, Chamber, a_bar, a_forecast, a_stop, a_vote

DEADLINE_NS = 3 * 60 * SECOND_NS
"""Three seconds of process time at a speed of 60."""


def with_agents(**agents: Any) -> Settings:
    """Return settings with changes in the agents' sections."""
    patient = {"decision_deadline_ms": 3000, **agents.pop("supervisor", {})}
    return Settings.model_validate({"agents": {**agents, "supervisor": patient}})


def test_a_complete_round_is_decided() -> None:
    """Votes of 0.6 and 0.55 at two tenths each pool with a constant of four tenths, and buy."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()

    decision = chamber.decision()
    assert decision.action is Action.BUY
    assert decision.probability_up == pytest.approx(0.5 + 0.2 * (0.1 + 0.05) / 0.8)
    assert [gate.name for gate in decision.gates if not gate.passed] == []


def test_an_intent_follows_its_decision() -> None:
    """The stop is 1.5 ranges of 20 pips, the target three times as far, the price the ask."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()

    intent = chamber.last(OrderIntent)
    assert intent.side is Side.BUY
    assert intent.reference_price == 1.1001
    assert intent.stop_distance == pytest.approx(0.003)  # 1.5 * 0.002 * 1.0
    assert intent.target_distance == pytest.approx(0.009)
    assert intent.valid_until_ns == T0_NS + M15_NS
    assert intent.intent_id == intent_id("embedded", "EURUSD", Timeframe.M15, T0_NS, "entry", 1)


def test_costs_are_counted_in_stop_distances() -> None:
    """A pip of spread and 0.7 of commission are 1.7 pips on a stop of 30: break-even 0.264."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()

    gate = next(gate for gate in chamber.decision().gates if gate.name == "expected_value")
    assert gate.detail.endswith("break-even 0.264")  # (1 + 1.7 / 30) / 4


def test_the_forecast_scales_the_stop() -> None:
    """The first horizon's scale of 1.2 makes 30 pips 36; an abstaining forecast scales nothing."""
    chamber = Chamber()
    chamber.hear_close(forecast={"atr_scale": 1.2})
    chamber.settle()
    assert chamber.last(OrderIntent).stop_distance == pytest.approx(0.0036)

    chamber = Chamber()
    chamber.hear_close(forecast={"atr_scale": 1.2, "abstains": True})
    chamber.settle()
    assert chamber.last(OrderIntent).stop_distance == pytest.approx(0.003)


def test_a_sell_is_priced_at_the_bid() -> None:
    """Votes below 0.5 sell."""
    chamber = Chamber()
    chamber.hear_close(trend=0.4, reversion=0.45)
    chamber.settle()

    intent = chamber.last(OrderIntent)
    assert (intent.side, intent.reference_price) == (Side.SELL, 1.1)


def test_decisions_come_first_and_intents_by_value() -> None:
    """Decisions stand in symbol order, intents with the best expected value first."""
    chamber = Chamber()
    chamber.hear_close("GBPUSD", trend=0.7)
    chamber.hear_close("EURUSD", trend=0.6)
    posted = chamber.settle()

    assert [(type(fact).__name__, fact.scope) for fact in posted] == [
        ("Decision", "EURUSD"),
        ("Decision", "GBPUSD"),
        ("OrderIntent", "GBPUSD"),
        ("OrderIntent", "EURUSD"),
    ]


def test_a_decision_names_its_causes() -> None:
    """Bar, quote, specification, stop, votes, the forecast and the coverage are its parents."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()

    (decision,) = chamber.entries(Decision)
    (intent,) = chamber.entries(OrderIntent)
    kinds = sorted(chamber.board.entry(seq).kind for seq in decision.causes)
    assert kinds == [
        "Bar",
        "CalendarCoverage",
        "Quote",
        "SymbolSpec",
        "TrailingStop",
        "VolatilityForecast",
        "Vote",
        "Vote",
        "Vote",
    ]
    assert intent.causes == (decision.seq,)


@pytest.mark.parametrize("missing", ["trend", "sentiment", "forecast", "second bar's votes"])
def test_a_round_waits_for_everybody(missing: str) -> None:
    """Nothing is decided while an answer of any symbol with a bar is missing."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    if missing == "second bar's votes":
        chamber.say("data", a_bar("GBPUSD"), a_quote("GBPUSD"))
    technical = chamber.technical("EURUSD", 0.6, 0.55)
    chamber.say("technical", *(technical[1:] if missing == "trend" else technical))
    horizons = (4,) if missing == "forecast" else (4, 16)
    chamber.say("lstm_vol", *(a_forecast(bars) for bars in horizons))
    if missing != "sentiment":
        chamber.say("sentiment", chamber.sentiment("EURUSD", None))

    assert chamber.settle() == []


def test_a_round_is_decided_without_the_rest_after_its_deadline() -> None:
    """Three seconds of process time are three minutes of a market at 60 times the speed."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.6, 0.6))
    chamber.say("lstm_vol", a_forecast(4), a_forecast(16))
    assert chamber.settle() == []
    assert chamber.wake_ns == T0_NS + DEADLINE_NS + 1

    chamber.at(chamber.wake_ns)
    assert chamber.decision().action is Action.BUY
    assert chamber.decision().gates[0].value == 2.0  # both of technical's voters answered


def test_real_money_has_no_time_lapse() -> None:
    """On a real market three seconds are three seconds."""
    real = TerminalSection(kind="metatrader")
    chamber = Chamber(Settings(profile="paper", terminal=real, speed=1.0, agents=PATIENT))
    chamber.say("data", a_bar(), a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.6, 0.6))
    chamber.settle()

    assert chamber.wake_ns == T0_NS + 3 * SECOND_NS + 1


def test_below_the_quorum_the_decision_is_to_hold() -> None:
    """One answer of three is not enough."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    chamber.say("sentiment", chamber.sentiment("EURUSD", 0.9))
    chamber.settle()
    chamber.at(T0_NS + DEADLINE_NS + 1)

    assert chamber.decision().blocked_by == "quorum"
    assert chamber.all(OrderIntent) == []


@pytest.mark.parametrize(
    ("health", "mode"),
    [
        (Health.DOWN, "true"),
        (Health.QUARANTINED, "true"),
        (Health.HEALTHY, "shadow"),
        (Health.OFF, "false"),
    ],
)
def test_nobody_waits_for_the_dead(health: Health, mode: str) -> None:
    """A voter whose agent is down, or runs as a shadow, is not waited for."""
    chamber = Chamber()
    report = msgspec.structs.replace(a_health("sentiment", health), mode=mode)
    chamber.say("driver", report)
    chamber.say("data", a_bar(), a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.6, 0.6))
    chamber.say("lstm_vol", a_forecast(4), a_forecast(16))
    chamber.settle()

    assert len(chamber.decision().shares) == 3  # two voters and the constant expert


def test_nobody_waits_for_shadows() -> None:
    """A shadow's vote weighs nothing, counts for nothing, and is not waited for."""
    chamber = Chamber(with_agents(sentiment={"enabled": "shadow"}))
    chamber.say("data", a_bar(), a_quote())
    chamber.say("sentiment", chamber.sentiment("EURUSD", 0.02))
    chamber.say("technical", *chamber.technical("EURUSD", 0.6, 0.6))
    chamber.say("lstm_vol", a_forecast(4), a_forecast(16))
    chamber.settle()

    assert "sentiment" not in {share.scope for share in chamber.decision().shares}
    assert chamber.decision().action is Action.BUY


def test_f31_a_vote_that_is_replayed_changes_nothing() -> None:
    """The first vote of a slot counts; a second under another key is passed over."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.6, 0.55))
    chamber.say("technical", a_vote("technical.trend", 0.02))
    chamber.say("lstm_vol", a_forecast(4), a_forecast(16))
    chamber.say("sentiment", chamber.sentiment("EURUSD", None))
    chamber.settle()

    assert chamber.decision().probability_up == pytest.approx(0.5 + 0.2 * (0.1 + 0.05) / 0.8)


def test_nobody_votes_in_another_name() -> None:
    """A vote of technical's voter counts only if technical posted it."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    chamber.say("sentiment", a_vote("technical.trend", 0.02), chamber.sentiment("EURUSD", None))
    chamber.say("lstm_vol", a_forecast(4), a_forecast(16))
    assert chamber.settle() == []

    chamber.say("technical", *chamber.technical("EURUSD", 0.6, 0.55))
    chamber.settle()
    assert chamber.decision().probability_up == pytest.approx(0.5 + 0.2 * (0.1 + 0.05) / 0.8)


def test_f29_a_vote_past_its_lifetime_is_no_answer() -> None:
    """At the deadline an outdated vote no longer counts."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    late = [
        a_vote(voter, 0.9, valid_until_ns=T0_NS + SECOND_NS)
        for voter in ("technical.trend", "technical.reversion")
    ]
    chamber.say("technical", *late)
    chamber.settle()
    chamber.at(T0_NS + DEADLINE_NS + 1)

    assert chamber.decision().blocked_by == "quorum"


def test_an_old_round_is_not_decided_any_more() -> None:
    """Two bars after its close a round's prices are history."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.at(T0_NS + 2 * M15_NS + 1)

    assert chamber.all(Decision) == []


def test_a_late_round_decides_but_wants_nothing() -> None:
    """A bar later the decision is told, its intent would be expired."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.at(T0_NS + M15_NS)

    assert chamber.decision().action is Action.BUY
    assert chamber.all(OrderIntent) == []


def test_a_symbol_whose_bar_comes_late_is_decided_for_itself() -> None:
    """The others' decisions stand, and the late symbol gets one of its own."""
    chamber = Chamber()
    chamber.hear_close("EURUSD")
    chamber.settle()
    chamber.hear_close("GBPUSD")
    posted = chamber.settle()

    assert [fact.scope for fact in posted] == ["GBPUSD", "GBPUSD"]


def test_other_timeframes_are_no_rounds() -> None:
    """An hourly bar and vote at the same close decide nothing."""
    chamber = Chamber()
    chamber.say("data", a_bar(timeframe=Timeframe.H1))
    chamber.say("technical", a_vote(timeframe=Timeframe.H1))

    assert chamber.at(T0_NS + DEADLINE_NS + 1) == []


def test_calibrations_and_weights_count_from_their_time_on() -> None:
    """What is effective at the close counts, what comes into force later does not."""
    chamber = Chamber()
    weights = tuple(
        VoterWeight(scope=voter, weight=w, brier=0.25, skill=0.0, outcomes=0, is_proven=False)
        for voter, w in (
            ("technical.trend", 0.5),
            ("technical.reversion", 0.2),
            ("sentiment", 0.1),
            ("constant", 0.2),
        )
    )
    now = VoterWeights(scope=ACCOUNT, weights=weights, effective_from_ns=T0_NS)
    later = VoterWeights(scope=ACCOUNT, weights=weights[::-1], effective_from_ns=T0_NS + 1)
    half: dict[str, Any] = {"intercept": 0.0, "slope": 0.5, "outcomes": 100}
    platt = Calibration(scope="technical.trend", effective_from_ns=T0_NS, **half)
    chamber.say("learner", now, later, platt)
    chamber.hear_close(trend=0.8, reversion=0.5)
    chamber.settle()

    # 0.8 is calibrated to 2/3; 0.5, 0.2 and 0.2 renormalise by 0.9 without sentiment.
    expected = 0.5 + (0.5 / 0.9) * (2.0 / 3.0 - 0.5)
    assert chamber.decision().probability_up == pytest.approx(expected)


def test_parameters_count_from_their_time_on() -> None:
    """The learner's parameters replace the settings' once they are effective."""
    chamber = Chamber()
    chamber.say(
        "learner",
        some_parameters(atr_multiplier=2.0, min_rr_ratio=2.5, effective_from_ns=T0_NS),
        some_parameters(atr_multiplier=4.0, effective_from_ns=T0_NS + 1),
    )
    chamber.hear_close()
    chamber.settle()

    intent = chamber.last(OrderIntent)
    assert intent.stop_distance == pytest.approx(0.004)
    assert intent.target_distance == pytest.approx(0.01)


def test_votes_below_the_confluence_count_as_abstentions() -> None:
    """A vote whose timeframes mostly disagree with it is an answer without an opinion."""
    reading = Evidence(scope="M15", name="macd", value=0.5, weight=1.0)
    blocked_by = []
    for share in (0.5, 0.25):
        settings = SETTINGS.model_copy(
            update={"trading": SETTINGS.trading.model_copy(update={"confluence_min": share})}
        )
        chamber = Chamber(settings)
        chamber.say("data", a_bar(), a_quote())
        chamber.say(
            "technical",
            a_vote("technical.trend", 0.8, evidence=(reading,), confluence=0.25),
            a_vote("technical.reversion", 0.8, evidence=(reading,), confluence=0.25),
            a_stop(),
        )
        chamber.say("lstm_vol", *(a_forecast(bars) for bars in (4, 16)))
        chamber.say("sentiment", chamber.sentiment("EURUSD", None))
        chamber.settle()
        blocked_by.append(chamber.decision().blocked_by)

    assert blocked_by == ["opinion", ""]


def test_a_storm_vetoes_reversals() -> None:
    """Where the reversal voter leads, the forecast's veto is the reason for holding."""
    chamber = Chamber()
    chamber.hear_close(trend=0.5, reversion=0.9, forecast={"vetoes_reversal": True})
    chamber.settle()

    assert chamber.decision().blocked_by == "volatility"


def test_a_forecaster_that_says_nothing_permits_no_reversal() -> None:
    """The absence of an enabled forecaster counts as its veto."""
    chamber = Chamber()
    chamber.say("data", a_bar(), a_quote())
    chamber.say("technical", *chamber.technical("EURUSD", 0.5, 0.9))
    chamber.say("sentiment", chamber.sentiment("EURUSD", None))
    chamber.settle()
    chamber.at(T0_NS + DEADLINE_NS + 1)

    decision = chamber.decision()
    assert decision.blocked_by == "volatility"
    assert decision.gates[-1].detail == "no forecast"


def test_without_a_forecaster_reversals_are_free() -> None:
    """Where the operator runs none, nothing vetoes."""
    chamber = Chamber(with_agents(lstm_vol={"enabled": False}))
    chamber.hear_close(trend=0.5, reversion=0.9, forecast={"vetoes_reversal": True})
    chamber.settle()

    assert chamber.decision().action is Action.BUY


def test_a_blackout_names_its_event() -> None:
    """Nothing is entered around an event, and the decision says which."""
    chamber = Chamber()
    chamber.say("sentiment", a_blackout())
    chamber.hear_close()
    chamber.settle()

    assert chamber.decision().blocked_by == "blackout"
    assert chamber.decision().gates[-1].detail == "USD CPI"


@pytest.mark.parametrize(
    "coverage",
    [a_coverage(Coverage.UNKNOWN), a_coverage(Coverage.COVERED, valid_until_ns=T0_NS - 1)],
)
def test_f37_an_unknown_calendar_permits_no_entry(coverage: Any) -> None:
    """A calendar that fails, or has not been heard of for too long, is no empty calendar."""
    chamber = Chamber()
    chamber.say("sentiment", coverage)
    chamber.hear_close()
    chamber.settle()

    assert chamber.decision().blocked_by == "blackout"


def test_a_calendar_never_heard_of_permits_no_entry() -> None:
    """An enabled SentimentAgent that has not spoken leaves the coverage unknown."""
    chamber = Chamber(start=False)
    chamber.say("data", a_spec())
    chamber.hear_close()
    chamber.settle()

    assert chamber.decision().blocked_by == "blackout"


def test_without_a_price_nothing_is_entered() -> None:
    """A symbol whose specification is not known cannot be priced."""
    chamber = Chamber(start=False)
    chamber.hear_close()
    chamber.settle()

    decision = chamber.decision()
    assert decision.blocked_by == "expected_value"
    assert decision.gates[-1].detail.startswith("no price")


def test_no_calendar_by_choice_permits_entries() -> None:
    """Half risk is the RiskAgent's business; the decision goes through."""
    chamber = Chamber()
    chamber.say("sentiment", a_coverage(Coverage.NOT_CONFIGURED))
    chamber.hear_close()
    chamber.settle()

    assert chamber.decision().action is Action.BUY


@pytest.mark.parametrize(
    ("position", "blocks"),
    [
        ({"side": Side.BUY}, True),
        ({"side": Side.SELL, "stop_price": 1.102}, True),
        ({"side": Side.BUY, "origin": Origin.EXTERNAL}, False),
        ({"side": Side.SELL, "origin": Origin.EXTERNAL}, True),
    ],
)
def test_positions_block_entries(position: dict[str, Any], blocks: bool) -> None:
    """A position of ours blocks both sides, somebody else's the one that would reduce it."""
    chamber = Chamber()
    chamber.say("execution", a_position(**position))
    chamber.hear_close()
    chamber.settle()

    assert (chamber.decision().blocked_by == "position") is blocks


def test_a_closed_position_blocks_nothing() -> None:
    """Zero lots are no position."""
    chamber = Chamber()
    chamber.say("execution", a_position(), a_position(lots=0.0))
    chamber.hear_close()
    chamber.settle()

    assert chamber.decision().action is Action.BUY


def test_an_entry_in_flight_blocks_the_next() -> None:
    """An unknown outcome freezes the symbol until it is settled."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    first = chamber.last(OrderIntent).intent_id
    chamber.say("execution", an_outcome(outcome=Outcome.UNKNOWN, intent_id=first, retcode=-1))

    chamber.now_ns = T0_NS + M15_NS
    chamber.hear_close()
    chamber.settle()
    assert chamber.decision().blocked_by == "position"

    chamber.say("execution", an_outcome(outcome=Outcome.NOT_EXECUTED, intent_id=first, retcode=0))
    chamber.now_ns = T0_NS + 2 * M15_NS
    chamber.hear_close()
    chamber.settle()
    assert chamber.decision().action is Action.BUY


def test_before_the_start_nothing_is_entered() -> None:
    """Until the broker's book is clean there is no state, and decisions are held by it."""
    chamber = Chamber(start=False)
    assert chamber.all(TradingStateChanged) == []

    chamber.say("data", a_spec())
    chamber.say("sentiment", a_coverage())
    chamber.hear_close()
    chamber.settle()
    assert chamber.decision().blocked_by == "trading_state"


def test_a_shadow_decides_without_intents() -> None:
    """In shadow mode every Decision is told and nothing is wanted."""
    chamber = Chamber(with_agents(supervisor={"enabled": "shadow"}))
    chamber.say("execution", a_position("GBPUSD", stop_price=0.0))
    chamber.hear_close("EURUSD", "GBPUSD")
    posted = chamber.settle()

    # The Summary is the alarm about the missing stop.
    assert {type(fact).__name__ for fact in posted} == {"Decision", "Summary"}
    assert chamber.all(Decision)[0].action is Action.BUY


def test_bars_that_come_late_are_waited_for_all_the_same() -> None:
    """The deadline counts from the round's first bar: late bars do not close it without votes."""
    chamber = Chamber()
    chamber.at(T0_NS + 2 * DEADLINE_NS)
    chamber.say("data", a_bar(), a_quote(), ts_ns=T0_NS)
    chamber.settle()
    assert chamber.all(Decision) == []

    chamber.at(T0_NS + 3 * DEADLINE_NS + 1)

    assert chamber.decision().blocked_by == "quorum"


def test_learned_voters_count_in_active_and_nowhere_in_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the sentiment agent down the state is SAFE, and only the rules' trend decides."""
    monkeypatch.setattr(voters, "LEARNED", frozenset({"technical.reversion"}))
    monkeypatch.setattr(voters, "latecomers", lambda _: frozenset())
    chamber = Chamber()
    chamber.hear_close(trend=0.6, reversion=0.7)
    chamber.settle()
    active = chamber.decision()
    chamber.say("driver", a_health("sentiment", Health.DOWN))
    chamber.now_ns += M15_NS
    chamber.settle()
    chamber.hear_close(trend=0.6, reversion=0.7)
    chamber.settle()
    chamber.at(chamber.now_ns + DEADLINE_NS)

    assert chamber.all(TradingStateChanged)[-1].state is TradingState.SAFE
    safe = chamber.decision()
    # Four voters with 0.8 of a fifth each, 0.36 of the constant
    assert active.probability_up == pytest.approx(0.5 + 0.16 * (0.1 + 0.2) / 0.68)
    assert safe.probability_up == pytest.approx(0.5 + 0.16 * 0.1 / 0.52)
    shares = {share.scope: share for share in safe.shares}
    assert shares["technical.reversion"].weight == 0.0
    assert shares["technical.reversion"].abstains


def test_rules_count_in_safe_and_the_models_do_not() -> None:
    """Whatever has been promoted, in SAFE the rules decide without it."""
    unheard = {each for each in voters.VOTERS if not voters.is_heard(each, TradingState.SAFE)}

    assert unheard == {"technical.learned"}
