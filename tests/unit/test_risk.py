"""Every refusal, the size of an approval, marks, counters, breaches and locks, by facts alone."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.agent import Inbox
from agents.limits.rules import RULES
from agents.requests import Wake
from agents.risk import RiskAgent
from blackboard.facts import (
    ACCOUNT,
    AnyFact,
    DayCounters,
    EquityMark,
    Exposure,
    LimitBreached,
    Lock,
    LockReleased,
    RiskApproved,
    RiskRefused,
    SentimentScore,
)
from blackboard.facts.control import Command, Restriction, TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from blackboard.facts.opinion import SymbolCorrelation
from blackboard.facts.permission import LockSide
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_blackout,
    a_budget,
    a_command,
    a_coverage,
    a_feed,
    a_health,
    a_position,
    a_quote,
    a_reconciled,
    a_snapshot,
    a_spec,
    a_state,
    a_submission,
    a_trade,
    an_intent,
    an_outcome,
    some_parameters,
)
from tests.desk import Desk
from tests.risk_desk import a_desk, an_open_desk, market, settings, verdict_on, verdicts

A_PROBATION = Restriction(
    scope="drawdown",
    state=TradingState.ACTIVE,
    since_ns=T0_NS,
    evidence="",
    way_out="",
    is_probation=True,
)
FRIDAY_2115_UTC_NS = T0_NS + 2 * DAY_NS + 9 * HOUR_NS + 15 * MINUTE_NS


def test_valid_intent_is_approved_with_lots_worked_by_hand() -> None:
    """Lots are the budget over the loss of one lot, floored to the broker's step."""
    desk = an_open_desk()

    verdict = verdict_on(desk)

    assert isinstance(verdict, RiskApproved)
    # Budget 10,000 × 0.005 = 50; one lot loses (0.0020 + 0.0001) × 100,000 + 2 × 3.50 = 217.
    assert verdict.lots == 0.23  # 50 / 217 = 0.2304
    assert verdict.risk_account == pytest.approx(49.91)  # 0.23 × 217
    assert verdict.risk_frac == pytest.approx(0.004991)
    assert verdict.valid_until_ns == T0_NS + M15_NS
    assert {factor.name: factor.value for factor in verdict.factors} == {
        "base": 0.005,
        "drawdown": 1.0,
        "portfolio": 1.0,
        "confidence": 1.0,  # Kelly 0.2 / 3, of which a quarter is 0.0167
        "news": 1.0,
        "state": 1.0,
    }


def test_approval_names_what_it_was_derived_from() -> None:
    """The lineage of an approval holds the intent, the price, the account and the advice."""
    desk = an_open_desk()
    desk.say(a_budget(), some_parameters())
    desk.say(an_intent())
    desk.run()

    entry = desk.board.history(RiskApproved)[-1]

    kinds = {desk.board.entry(seq).kind for seq in entry.causes}
    assert kinds == {
        "OrderIntent",
        "SymbolSpec",
        "Quote",
        "AccountSnapshot",
        "EquityMark",
        "DayCounters",
        "CalendarCoverage",
        "PortfolioBudget",
        "ParametersChanged",
        "TradingStateChanged",
        "Reconciled",
    }
    assert entry.ts_event_ns == T0_NS
    assert entry.key == f"risk/RiskApproved/EURUSD/M15/{T0_NS}/EURUSD-1"


Story = Callable[[Desk], None]
"""What happens before the intent is judged; it may say the intent itself."""


def say(*facts: AnyFact) -> Story:
    """Return a story in which the world says something."""
    return lambda desk: void(desk.say(*facts))


def void(_: object) -> None:
    """Drop a result."""


def unanswered_breach(desk: Desk) -> None:
    """Let equity fall by 10 % before anybody reacts."""
    desk.say(a_snapshot(equity=9_000.0))


def a_losing_run(desk: Desk) -> None:
    """Lose two trades in a row in another symbol."""
    desk.say(a_trade("GBPUSD", ticket=8), a_trade("GBPUSD", ticket=9))


def unknown_order(desk: Desk) -> None:
    """Send an order of the symbol whose fate nobody knows."""
    desk.say(a_submission(), an_outcome(outcome=Outcome.UNKNOWN))


def sent_order(desk: Desk) -> None:
    """Send an order of the symbol and post no outcome."""
    desk.say(a_submission())


def friday_evening(desk: Desk) -> None:
    """Judge on Friday 21:15 UTC: New York's winter time closes the week at 22:00."""
    desk.now_ns = FRIDAY_2115_UTC_NS
    desk.say(a_quote(), a_snapshot())
    desk.run()
    desk.say(an_intent(valid_until_ns=desk.now_ns))


def sunday_evening(desk: Desk) -> None:
    """Judge half an hour after the week's open: Sunday 21:30 UTC, New York's first summer day."""
    desk.now_ns = T0_NS + 4 * DAY_NS + 9 * HOUR_NS + 30 * MINUTE_NS
    desk.say(a_quote(), a_snapshot())
    desk.run()
    desk.say(an_intent(valid_until_ns=desk.now_ns))


def after_the_rollover(desk: Desk) -> None:
    """Judge five minutes after 17:00 New York, 22:00 UTC in winter."""
    desk.now_ns = T0_NS + 10 * HOUR_NS + 5 * MINUTE_NS
    desk.say(a_quote(), a_snapshot())
    desk.run()
    desk.say(an_intent(valid_until_ns=desk.now_ns))


def an_old_quote(desk: Desk) -> None:
    """Let 21 minutes pass without a price."""
    desk.now_ns += 21 * MINUTE_NS
    desk.say(a_snapshot())
    desk.run()
    desk.say(an_intent(valid_until_ns=desk.now_ns))


def a_late_look(desk: Desk) -> None:
    """Let the intent run out before anybody judges it."""
    desk.say(an_intent())
    desk.now_ns += M15_NS + MINUTE_NS


def an_earlier_approval(desk: Desk) -> None:
    """Approve an intent of another symbol before."""
    desk.say(an_intent("GBPUSD"))
    desk.run()


def a_correlated_position(desk: Desk) -> None:
    """Hold GBPUSD long, which moves with EURUSD."""
    correlation = SymbolCorrelation(scope="EURUSD", other="GBPUSD", correlation=0.9)
    desk.say(a_position("GBPUSD"), a_budget(correlations=(correlation,)))


CASES: list[tuple[str, dict[str, Any], Story, float, float]] = [
    # reason, risk settings, story, value, limit
    ("expired", {}, a_late_look, 1.0, 0.0),
    ("trading_state", {}, say(a_state(TradingState.REDUCING)), 2.0, 1.0),
    ("trading_state", {}, say(a_state(TradingState.HALTED)), 3.0, 1.0),
    ("drawdown_reducing", {}, unanswered_breach, 0.1, 0.1),
    ("drawdown_halted", {}, say(a_snapshot(equity=8_500.0)), 0.15, 0.15),
    ("unanswered_command", {}, say(a_command(Command.PAUSE)), 1.0, 0.0),
    ("unanswered_command", {}, say(a_command(Command.FLATTEN)), 1.0, 0.0),
    ("agent_health", {}, say(a_health("execution")), 1.0, 0.0),
    ("agent_health", {}, say(a_health("supervisor")), 1.0, 0.0),
    ("not_reconciled", {}, say(a_reconciled(is_clean=False)), 0.0, 1.0),
    ("symbol_frozen", {}, unknown_order, 1.0, 0.0),
    ("symbol_frozen", {}, sent_order, 1.0, 0.0),
    ("symbol_closed", {}, say(a_spec(trade_mode=3)), 3.0, 4.0),
    ("symbol_closed", {}, say(a_spec(trade_mode=2)), 2.0, 4.0),
    ("feed_stale", {}, say(a_feed(state=FeedState.STALE)), 0.0, 1.0),
    ("feed_stale", {}, say(a_feed(state=FeedState.CLOSED)), 0.0, 1.0),
    ("quote_missing", {}, say(a_quote(valid_until_ns=T0_NS - 1)), 0.0, 1.0),
    ("quote_age_max_min", {}, an_old_quote, 21.0, 20.0),
    ("spread_majors_pips_max", {}, say(a_quote(ask=1.10031)), 3.1, 3.0),
    (
        "spread_median_max",  # 16 points where three quotes of the hour had 10
        {"spread_samples_min": 3},
        say(a_quote(), a_quote(), a_quote(ask=1.10016)),
        1.6,
        1.5,
    ),
    ("friday_flat_min", {}, friday_evening, 45.0, 60.0),
    ("week_open_rest_min", {}, sunday_evening, 30.0, 60.0),
    ("rollover_min", {}, after_the_rollover, 5.0, 10.0),
    ("conversion_rate", {}, say(a_feed(state=FeedState.UNVALUED)), 0.0, 1.0),
    ("calendar_unknown", {}, say(a_coverage(Coverage.UNKNOWN)), 0.0, 1.0),
    ("calendar_unknown", {}, say(a_coverage(valid_until_ns=T0_NS - 1)), 0.0, 1.0),
    ("blackout", {}, say(a_blackout()), 1.0, 0.0),
    ("consecutive_losses_max", {"consecutive_losses_max": 2}, a_losing_run, 2.0, 2.0),
    ("entry_cooldown_min", {}, say(a_trade(ticket=7, pnl=5.0)), 30.0, 0.0),
    ("stop_cooldown_min", {}, say(a_trade(ticket=7, reason="stop")), 60.0, 0.0),
    (
        "stop_side_cooldown_min",
        {"stop_cooldown_min": 0},
        say(a_trade(ticket=7, reason="stop")),
        120.0,
        0.0,
    ),
    ("daily_loss_max", {}, say(a_snapshot(equity=9_800.0)), 0.02, 0.02),
    ("weekly_loss_max", {"daily_loss_max": 0.2}, say(a_snapshot(equity=9_500.0)), 0.05, 0.05),
    ("margin_use_max", {}, say(a_snapshot(margin=8_000.0)), 0.8, 0.8),
    ("entries_per_hour_max", {"entries_per_hour_max": 1}, an_earlier_approval, 2.0, 1.0),
    ("entries_per_day_max", {"entries_per_day_max": 1}, an_earlier_approval, 2.0, 1.0),
    ("positions_max", {"positions_max": 1}, say(a_position("GBPUSD")), 2.0, 1.0),
    ("positions_max", {"positions_max": 1}, an_earlier_approval, 2.0, 1.0),
    ("positions_per_symbol_max", {}, say(a_position(intent_id="")), 2.0, 1.0),
    ("correlation_max", {}, a_correlated_position, 0.9, 0.8),
    ("not_finite", {}, say(an_intent(expected_value_r=float("nan"))), 0.0, 1.0),
    ("no_edge", {}, say(), -0.01, 0.0),
    ("below_minimum_lot", {}, say(a_spec(volume_min_lots=0.24)), 0.0, 0.24),
    ("heat_max", {"heat_max": 0.004}, say(), 0.004991, 0.004),
    ("heat_max", {"heat_max": 0.009}, an_earlier_approval, 0.009982, 0.009),
    ("heat_max", {}, say(a_position("GBPUSD", stop_price=0.0, intent_id="")), 0.024991, 0.02),
    # Nobody knows the correlation, so both count as one bet: 0.004991 + 0.004991.
    (
        "correlated_heat_max",
        {"correlated_heat_max": 0.009},
        an_earlier_approval,
        0.009982,
        0.009,
    ),
    ("currency_risk_max", {"currency_risk_max": 0.009}, an_earlier_approval, 0.009982, 0.009),
    ("slipped_heat_max", {"slipped_heat_max": 0.014}, say(), 0.014973, 0.014),  # 3 × 0.004991
    ("leverage_max", {"leverage_max": 2.0}, say(), 2.530115, 2.0),  # 0.23 × 110,005 / 10,000
    (
        "leverage_profile",
        {"leverage_profile": "esma", "leverage_max": 500.0},
        say(a_position("GBPUSD", lots=3.0, stop_price=1.1, intent_id="")),  # no risk at its stop
        (330_015.0 + 25_301.15) / 30,
        10_000.0,
    ),
    ("margin", {}, say(a_snapshot(margin_free=800.0)), 25_301.15 / 30, 800.0),  # 0.23 × 110,005
]


@pytest.mark.parametrize(("reason", "risk", "story", "value", "limit"), CASES)
def test_every_rule_refuses(
    reason: str, risk: dict[str, Any], story: Story, value: float, limit: float
) -> None:
    """Each rule refuses by facts alone, under its own name, with its figure and its limit."""
    desk = an_open_desk(risk)
    edge = -0.03 if reason == "no_edge" else 0.2  # −0.03 R of a target at 3 R: Kelly −0.01

    story(desk)
    desk.run()
    desk.say(an_intent(intent_id="EURUSD-2", expected_value_r=edge))
    desk.run()

    verdict = next(one for one in verdicts(desk) if one.scope == "EURUSD")
    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == reason
    assert [verdict.value, verdict.limit] == pytest.approx([value, limit], abs=1e-9)


def test_no_rule_is_without_a_case() -> None:
    """Every rule of the table has refused somewhere in this file."""
    elsewhere = {"no_account", "spread_pips_max", "slippage_pips_max"}

    refused = {reason for reason, *_ in CASES} | elsewhere

    # One rule for both breakers, one for both ceilings of spreads, one for the locks of a symbol.
    assert len(refused) - 5 == len(RULES)


def test_cross_has_the_wider_limit_of_the_spread() -> None:
    """A symbol that is no major may be entered at 15 pips and not above."""
    desk = an_open_desk()
    desk.say(a_quote("EURGBP", bid=0.85, ask=0.85151))

    desk.say(an_intent("EURGBP"))
    desk.run()

    verdict = verdicts(desk)[-1]
    assert isinstance(verdict, RiskRefused)
    assert (verdict.reason, verdict.value, verdict.limit) == ("spread_pips_max", 15.1, 15.0)


def test_spread_at_its_limit_passes() -> None:
    """Three pips are three pips, also in floats."""
    assert isinstance(verdict_on(an_open_desk(), a_quote(ask=1.1003)), RiskApproved)


def test_before_the_first_state_nothing_is_entered() -> None:
    """Without a TradingStateChanged the system is not yet ACTIVE."""
    desk = Desk(RiskAgent(settings()))
    desk.say(*market(), a_reconciled(), a_coverage(), a_snapshot())

    verdict = verdict_on(desk)

    assert isinstance(verdict, RiskRefused)
    assert (verdict.reason, verdict.detail) == ("trading_state", "unknown")


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("Reconciled", "not_reconciled"),
        ("SymbolSpec", "symbol_closed"),
        ("FeedStatus", "feed_stale"),
        ("Quote", "quote_missing"),
        ("CalendarCoverage", "calendar_unknown"),
    ],
)
def test_absence_of_a_fact_refuses(missing: str, reason: str) -> None:
    """What was never said permits nothing."""
    desk = Desk(RiskAgent(settings()))
    said = [*market(), a_state(), a_reconciled(), a_coverage(), a_snapshot()]
    desk.say(*(fact for fact in said if type(fact).__name__ != missing))

    verdict = verdict_on(desk)

    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == reason


def test_intent_waits_for_the_reading_of_its_close() -> None:
    """An intent is not judged on an older account, and refused once its time is over."""
    desk = an_open_desk()
    desk.now_ns = T0_NS + M15_NS
    desk.say(an_intent(valid_until_ns=T0_NS + 2 * M15_NS))

    assert desk.run() == []
    assert desk.requests == [Wake(at_ns=T0_NS + 2 * M15_NS + 1)]
    desk.run(T0_NS + 2 * M15_NS + 1)

    verdict = verdicts(desk)[-1]
    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == "no_account"


def test_intents_of_a_round_see_what_was_reserved_before_them() -> None:
    """Two intents of one close do not both get the last of the heat."""
    desk = an_open_desk({"heat_max": 0.009})

    desk.say(an_intent("GBPUSD"), an_intent("EURUSD"))
    desk.run()

    first, second = verdicts(desk)
    assert isinstance(first, RiskApproved)
    assert first.scope == "GBPUSD"
    assert isinstance(second, RiskRefused)
    assert second.reason == "heat_max"


def test_verdict_that_has_not_come_back_is_repeated_as_it_was() -> None:
    """An intent never gets two verdicts, whatever is known by the time of the second step."""
    desk = an_open_desk()
    desk.say(an_intent())
    unheard = [entry for entry in desk.entries() if entry.kind == "OrderIntent"]
    agent = desk.agent

    (first,) = agent.step(T0_NS, Inbox(tuple(unheard))).drafts
    desk.say(a_coverage(Coverage.UNKNOWN))
    (second,) = agent.step(T0_NS, Inbox((desk.entries()[-1],))).drafts

    assert isinstance(first.fact, RiskApproved)
    assert second is first


@pytest.mark.parametrize(
    ("figure", "changes"),
    [
        ("loss_per_lot", {"stop_distance": 1e305, "target_distance": 1e305}),
        ("expected_value_r", {"expected_value_r": float("nan")}),
        ("expected_value_r", {"expected_value_r": float("inf")}),
        ("kelly_frac", {"target_distance": 1e-300, "stop_distance": 1e300}),
    ],
)
def test_p8_figure_that_is_no_number_refuses_by_its_name(
    figure: str, changes: dict[str, Any]
) -> None:
    """The gate is total: a poisoned intent is refused, and the agent lives on."""
    desk = an_open_desk()
    desk.say(an_intent(**changes), an_intent("GBPUSD"))
    desk.run()

    refused, approved = verdicts(desk)
    assert isinstance(refused, RiskRefused)
    assert (refused.reason, refused.detail) == ("not_finite", figure)
    assert isinstance(approved, RiskApproved)


def test_account_that_cannot_be_read_is_no_fact() -> None:
    """A balance that is no number never comes onto the board."""
    with pytest.raises(ValueError, match="equity must be in"):
        a_snapshot(equity=float("nan"))


@pytest.mark.parametrize(
    ("facts", "agents"),
    [
        ([a_state(TradingState.SAFE)], {}),
        (
            [a_state(restrictions=(A_PROBATION,))],
            {},
        ),
        ([a_coverage(Coverage.NOT_CONFIGURED)], {}),
        ([], {"sentiment": {"enabled": False}}),
        ([], {"sentiment": {"enabled": "shadow"}}),
        ([a_state(TradingState.SAFE), a_coverage(Coverage.NOT_CONFIGURED)], {}),
    ],
)
def test_half_risk_halves_once(facts: list[AnyFact], agents: dict[str, Any]) -> None:
    """SAFE, probation and a calendar that is not configured halve risk; together they do too."""
    desk = an_open_desk(**agents)

    verdict = verdict_on(desk, *facts)

    assert isinstance(verdict, RiskApproved)
    assert verdict.lots == 0.11  # 25 / 217 = 0.1152


def a_score(currency: str, score: float, **changes: Any) -> SentimentScore:
    """Return what texts say of a currency at the close."""
    fields: dict[str, Any] = {
        "valid_until_ns": T0_NS + M15_NS,
        "weight": 2.0,
        "text_count": 3,
        "scorer": "test",
    }
    return SentimentScore(scope=currency, score=score, **(fields | changes))


def news_of(verdict: RiskApproved | RiskRefused) -> float:
    """Return the factor of the news in an approval."""
    assert isinstance(verdict, RiskApproved)
    return {factor.name: factor.value for factor in verdict.factors}["news"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([a_score("EUR", -0.4)], 0.8),  # a buy against 0.4
        ([a_score("EUR", -0.4), a_score("USD", 0.4)], 0.6),  # against 0.8
        ([a_score("EUR", 0.4)], 1.0),
        ([a_score("JPY", -0.9)], 1.0),
        ([a_score("EUR", -0.9, weight=0.1)], 1.0),  # too few texts to be heard
        ([a_score("EUR", -0.9, valid_until_ns=T0_NS - 1)], 1.0),
        ([a_blackout(from_ns=T0_NS + HOUR_NS, until_ns=T0_NS + 2 * HOUR_NS)], 0.75),
        ([a_blackout(from_ns=T0_NS + 2 * HOUR_NS, until_ns=T0_NS + 3 * HOUR_NS)], 1.0),
        ([a_coverage(Coverage.NOT_CONFIGURED), a_score("EUR", -1.0)], 0.25),
    ],
)
def test_news_lessen_the_risk_of_an_entry(facts: list[AnyFact], expected: float) -> None:
    """Texts against its side and an event within two hours; texts for it and old ones do not."""
    verdict = verdict_on(an_open_desk(), *facts)

    assert news_of(verdict) == pytest.approx(expected)


def test_news_that_nobody_hears_weigh_nothing() -> None:
    """A sentiment agent in shadow leaves half risk, as without a calendar."""
    desk = an_open_desk(sentiment={"enabled": "shadow"})

    assert news_of(verdict_on(desk, a_score("EUR", -1.0))) == 0.5


def test_approval_names_the_news_that_lessened_it() -> None:
    """Scores of both currencies and the event ahead are among its causes; others are not."""
    desk = an_open_desk()
    ahead = a_blackout(from_ns=T0_NS + HOUR_NS, until_ns=T0_NS + 2 * HOUR_NS)
    desk.say(a_score("EUR", -0.4), a_score("USD", 0.1), a_score("JPY", 0.9), ahead)
    desk.say(an_intent())
    desk.run()

    entry = desk.board.history(RiskApproved)[-1]

    causes = [desk.board.entry(seq).fact for seq in entry.causes]
    assert {fact.scope for fact in causes if isinstance(fact, SentimentScore)} == {"EUR", "USD"}
    assert ahead in causes


def test_drawdown_shrinks_risk_to_its_floor() -> None:
    """At half of `drawdown_sizing` half is risked; never less than `risk_frac_min`."""
    desk = an_open_desk({"daily_loss_max": 0.2, "weekly_loss_max": 0.3})

    verdict = verdict_on(desk, a_snapshot(equity=9_500.0))

    assert isinstance(verdict, RiskApproved)
    assert verdict.lots == 0.10  # 9,500 × 0.005 × (1 − 0.05 / 0.10) = 23.75; / 217 = 0.1094


def test_portfolio_budget_and_parameters_scale_the_base() -> None:
    """The learned base and the budget multiply; what is not yet in force does not count."""
    desk = an_open_desk()

    verdict = verdict_on(
        desk,
        a_budget(multiplier=1.5),
        some_parameters(risk_frac=0.004),
        some_parameters(risk_frac=0.01, effective_from_ns=T0_NS + M15_NS),
    )

    assert isinstance(verdict, RiskApproved)
    assert verdict.lots == 0.27  # 10,000 × 0.004 × 1.5 = 60; / 217 = 0.2765


def test_shadowed_portfolio_weighs_nothing() -> None:
    """The budget of an agent in shadow changes no size."""
    desk = an_open_desk(portfolio={"enabled": "shadow"})

    verdict = verdict_on(desk, a_budget(multiplier=1.5))

    assert isinstance(verdict, RiskApproved)
    assert verdict.lots == 0.23


def test_thin_edge_is_capped_by_a_quarter_of_kelly() -> None:
    """0.036 R at 3 R is a Kelly fraction of 0.012, of which a quarter is risked."""
    desk = an_open_desk()
    desk.say(an_intent(expected_value_r=0.036))
    desk.run()

    verdict = verdicts(desk)[-1]

    assert isinstance(verdict, RiskApproved)
    assert verdict.lots == 0.13  # 10,000 × 0.003 = 30; / 217 = 0.1382


def test_opposite_side_of_a_correlated_position_is_no_stacked_bet() -> None:
    """The correlation is signed: a hedge is not refused."""
    desk = an_open_desk()
    correlation = SymbolCorrelation(scope="EURUSD", other="GBPUSD", correlation=0.9)

    verdict = verdict_on(
        desk, a_position("GBPUSD", side=Side.SELL), a_budget(correlations=(correlation,))
    )

    assert isinstance(verdict, RiskApproved)


def test_heat_moves_from_approval_to_position() -> None:
    """Reserved from approval on, at the open stop once filled, gone with the position."""
    desk = an_open_desk()
    heats = []

    def heat() -> None:
        desk.now_ns += MINUTE_NS
        desk.say(a_snapshot())
        desk.run()
        exposure = desk.latest(Exposure)
        assert isinstance(exposure, Exposure)
        heats.append((round(exposure.heat_frac, 6), round(exposure.reserved_frac, 6)))

    desk.say(an_intent())
    desk.run()
    heat()
    desk.say(a_submission(lots=0.23))
    heat()
    desk.say(an_outcome(outcome=Outcome.UNKNOWN))
    heat()
    desk.say(an_outcome(lots=0.23))
    heat()
    desk.say(a_position(lots=0.23))
    heat()
    desk.say(a_position(lots=0.23, stop_price=1.1005))
    heat()
    desk.say(a_position(lots=0.23, stop_price=0.0))
    heat()
    desk.say(a_position(lots=0.0), a_trade())
    heat()

    assert heats == [
        (0.004991, 0.004991),  # approved
        (0.004991, 0.004991),  # submitted
        (0.004991, 0.004991),  # unknown
        (0.004991, 0.004991),  # filled, position not known
        (0.0046, 0.0),  # 0.0020 × 23,000 = 46
        (0.0, 0.0),  # the stop locks in a profit
        (0.004991, 0.0),  # no stop: what was approved
        (0.0, 0.0),
    ]


@pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.REJECTED, Outcome.NOT_EXECUTED])
def test_order_that_was_not_done_frees_its_heat(outcome: Outcome) -> None:
    """What is definitely not done puts nothing at stake."""
    desk = an_open_desk({"positions_max": 1})
    desk.say(an_intent("GBPUSD"))
    desk.run()

    verdict = verdict_on(desk, a_submission("GBPUSD"), an_outcome("GBPUSD", outcome))

    assert isinstance(verdict, RiskApproved)


def test_approval_that_was_never_sent_frees_its_heat_when_it_expires() -> None:
    """An order that can no longer leave reserves nothing."""
    desk = an_open_desk({"positions_max": 1})
    desk.say(an_intent("GBPUSD"))
    desk.run()
    desk.now_ns += M15_NS + 1
    desk.say(a_snapshot(), a_quote())
    desk.run()

    desk.say(an_intent(valid_until_ns=desk.now_ns + M15_NS))
    desk.run()

    assert isinstance(verdicts(desk)[-1], RiskApproved)


def test_external_position_counts_in_heat_and_exposure() -> None:
    """A foreign position with a stop is counted at its stop, in both of its currencies."""
    desk = an_open_desk()
    desk.now_ns += MINUTE_NS
    desk.say(a_position("GBPUSD", origin=Origin.EXTERNAL, intent_id=""), a_snapshot())
    desk.run()

    exposure = desk.latest(Exposure)

    assert isinstance(exposure, Exposure)
    assert exposure.heat_frac == pytest.approx(0.002)  # 0.0020 × 10,000 / 10,000
    assert {c.scope: c.notional_frac for c in exposure.currencies} == pytest.approx(
        {"GBP": 1.10005, "USD": -1.10005}  # 0.1 × 100,000 × 1.10005 / 10,000
    )


def test_f34_deposit_is_no_profit_and_withdrawal_no_drawdown() -> None:
    """Mark and day start move with the payment; the drawdown stays what trading made of it."""
    desk = an_open_desk()
    for minute, (equity, deposits) in enumerate(
        [(9_900.0, 10_000.0), (14_900.0, 15_000.0), (9_900.0, 10_000.0)], 1
    ):
        desk.now_ns = T0_NS + minute * MINUTE_NS
        desk.say(a_snapshot(equity=equity, deposits=deposits))
        desk.run()

    marks = [entry.fact for entry in desk.board.history(EquityMark)]
    counters = desk.latest(DayCounters)

    assert [mark.high_water_mark for mark in marks if isinstance(mark, EquityMark)] == [
        10_000.0,
        10_000.0,
        15_000.0,
        10_000.0,
    ]
    assert isinstance(counters, DayCounters)
    assert counters.start_equity == 10_000.0
    assert desk.count(LimitBreached) == 0


def test_f33_missing_mark_is_rebuilt_from_the_deals() -> None:
    """An account that has lost 20 % of what was paid in is in breach from its first reading."""
    desk = a_desk()
    desk.say(a_snapshot(equity=8_000.0, deposits=10_000.0))

    desk.run()

    assert breaches(desk, "drawdown_halted") == breaches(desk, "drawdown_reducing") == 1


def test_f33_drawdown_crossed_during_a_restart_is_breached_after_it() -> None:
    """A fresh agent takes up the mark of the board and trips."""
    desk = an_open_desk()
    desk.now_ns += MINUTE_NS
    desk.say(a_snapshot(equity=9_000.0))

    desk.replace(RiskAgent(settings()))
    desk.run()

    assert desk.count(LimitBreached) == 1 + 2  # drawdown_reducing; the day and the week as well


def breaches(desk: Desk, limit: str) -> int:
    """Return how often a limit was breached."""
    facts = [entry.fact for entry in desk.board.history(LimitBreached)]
    return sum(isinstance(fact, LimitBreached) and fact.limit == limit for fact in facts)


def equities(desk: Desk, *values: float) -> None:
    """Read the account minute by minute."""
    for value in values:
        desk.now_ns += MINUTE_NS
        desk.say(a_snapshot(equity=value))
        desk.run()


def test_breach_is_posted_once_per_crossing() -> None:
    """Below, above, above, below, above: two breaches."""
    desk = an_open_desk()

    equities(desk, 9_790.0, 9_700.0, 9_900.0, 9_750.0)

    assert breaches(desk, "daily_loss_max") == 2


def test_probation_runs_against_its_own_mark() -> None:
    """After a breach trading resumes at half risk, and trips again 10 % below the new start."""
    desk = an_open_desk({"daily_loss_max": 0.2, "weekly_loss_max": 0.3, "drawdown_halted": 0.3})
    equities(desk, 9_000.0, 8_900.0)
    assert breaches(desk, "drawdown_reducing") == 1
    desk.say(a_state(TradingState.REDUCING))
    equities(desk, 8_800.0)
    desk.say(a_state(restrictions=(A_PROBATION,)))
    equities(desk, 8_800.0)
    mark = desk.latest(EquityMark)
    assert isinstance(mark, EquityMark)
    assert (mark.high_water_mark, mark.probation_mark) == (10_000.0, 8_800.0)

    equities(desk, 8_900.0, 8_100.0)  # the mark of the probation rises to 8,900; 8,010 is 10 %
    assert breaches(desk, "drawdown_reducing") == 1
    equities(desk, 8_000.0)
    assert breaches(desk, "drawdown_reducing") == 2


def test_mark_of_probation_outlives_it_until_the_drawdown_has_healed() -> None:
    """The end of a probation neither trips again at once nor leaves the account unguarded."""
    desk = an_open_desk({"daily_loss_max": 0.2, "weekly_loss_max": 0.3})
    equities(desk, 9_000.0)
    desk.say(a_state(TradingState.REDUCING))
    equities(desk, 9_000.0)
    desk.say(a_state(TradingState.ACTIVE))
    equities(desk, 9_000.0, 8_950.0)
    assert breaches(desk, "drawdown_reducing") == 1

    equities(desk, 9_100.0, 9_050.0)

    mark = desk.latest(EquityMark)
    assert isinstance(mark, EquityMark)
    assert mark.probation_mark == 0.0  # 9,100 is 9 % below the high-water mark
    equities(desk, 8_990.0)
    assert breaches(desk, "drawdown_reducing") == 2


def test_second_threshold_trips_against_the_high_water_mark_during_probation() -> None:
    """A probation does not move the threshold that only a person clears."""
    desk = an_open_desk({"daily_loss_max": 0.2, "weekly_loss_max": 0.3})
    equities(desk, 8_900.0)
    desk.say(a_state(TradingState.REDUCING))
    equities(desk, 8_900.0)
    desk.say(a_state(TradingState.ACTIVE))

    equities(desk, 8_900.0, 8_500.0)

    assert breaches(desk, "drawdown_halted") == 1


def test_second_threshold_stands_until_it_is_answered() -> None:
    """A reading later it still refuses, although the fall from the probation's mark is small."""
    desk = an_open_desk({"daily_loss_max": 0.2, "weekly_loss_max": 0.3})
    equities(desk, 8_900.0)
    desk.say(a_state(restrictions=(A_PROBATION,)))
    equities(desk, 8_900.0, 8_500.0, 8_500.0)
    desk.say(an_intent())
    desk.run()

    verdict = verdicts(desk)[-1]
    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == "drawdown_halted"
    assert breaches(desk, "drawdown_halted") == 1


def test_day_rolls_at_17_new_york_and_week_at_the_weekend() -> None:
    """Start, entries and realised profit begin anew with the day; losses in a row go on."""
    desk = an_open_desk()
    desk.say(an_intent(), a_trade("GBPUSD", pnl=-20.0))
    desk.run()
    rolled = []
    for hours, equity in [(1, 9_990.0), (10, 9_980.0), (5 * 24, 9_970.0)]:
        desk.now_ns = T0_NS + hours * HOUR_NS  # 13:00, 22:00 = 17:00 New York, then Monday
        desk.say(a_snapshot(equity=equity))
        desk.run()
        rolled.append(desk.latest(DayCounters))

    assert rolled == [
        DayCounters(
            scope=ACCOUNT,
            day=day,
            start_equity=start,
            week_start_equity=week_start,
            entries=entries,
            realised=realised,
            consecutive_losses=1,
        )
        for day, start, week_start, entries, realised in [
            ("2025-03-05", 10_000.0, 10_000.0, 1, -20.0),
            ("2025-03-06", 9_980.0, 10_000.0, 0, 0.0),
            ("2025-03-10", 9_970.0, 9_970.0, 0, 0.0),
        ]
    ]


def test_counters_are_posted_on_change_only() -> None:
    """A reading that changes no counter adds none."""
    desk = an_open_desk()

    equities(desk, 10_000.0, 10_010.0)

    assert desk.count(DayCounters) == 1
    assert desk.count(EquityMark) == 3


def test_lock_runs_out_by_itself() -> None:
    """A symbol rests for its cooldown and not a moment longer."""
    desk = an_open_desk()
    desk.say(a_trade(reason="stop"))
    desk.run()

    lock, of_side = [entry.fact for entry in desk.board.history(Lock)]
    assert isinstance(lock, Lock)
    assert isinstance(of_side, Lock)
    assert (lock.scope, lock.reason) == ("EURUSD", "stop_cooldown_min")
    assert lock.valid_until_ns == T0_NS + 60 * MINUTE_NS
    assert (of_side.side, of_side.reason) == (LockSide.BUY, "stop_side_cooldown_min")

    desk.now_ns = of_side.valid_until_ns
    desk.say(a_snapshot(), a_quote())
    desk.run()
    desk.say(an_intent(valid_until_ns=desk.now_ns))
    desk.run()
    assert isinstance(verdicts(desk)[-1], RiskApproved)


def test_operators_resume_lifts_the_lock_of_the_account_once() -> None:
    """Only a person shortens the rest after a run of losses."""
    desk = an_open_desk({"consecutive_losses_max": 2})
    a_losing_run(desk)
    desk.run()
    desk.say(a_state(), a_command(Command.PAUSE))
    desk.run()
    assert desk.count(LockReleased) == 0

    desk.say(a_command())
    desk.run()
    desk.say(a_command())
    desk.run()

    assert desk.count(LockReleased) == 1
    assert isinstance(verdict_on(desk), RiskApproved)


def test_win_ends_a_run_of_losses() -> None:
    """Losses must follow each other; foreign trades count for neither."""
    desk = an_open_desk({"consecutive_losses_max": 2})

    desk.say(
        a_trade("GBPUSD", ticket=1),
        a_trade("GBPUSD", ticket=2, pnl=1.0),
        a_trade("GBPUSD", ticket=3),
        a_trade("GBPUSD", ticket=4, origin=Origin.EXTERNAL),
    )
    desk.run()

    assert isinstance(verdict_on(desk), RiskApproved)


def test_rebuilt_agent_wants_nothing() -> None:
    """An agent that is given the whole board finds everything answered."""
    desk = an_open_desk({"consecutive_losses_max": 2})
    a_losing_run(desk)
    desk.run()
    desk.say(an_intent(), an_intent("GBPUSD"), a_command())
    desk.run()
    equities(desk, 9_000.0, 10_100.0)

    wanted = desk.replace(RiskAgent(settings({"consecutive_losses_max": 2})))

    assert wanted == []
