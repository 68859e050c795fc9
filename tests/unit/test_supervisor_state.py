"""The trading state on the board, retraining orders, and what people are told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.requests import Wake
from agents.rounds.days import SETTLING_NS
from agents.rounds.digests import at_hour_ns
from blackboard.facts import (
    ACCOUNT,
    EquityMark,
    GateReport,
    LimitBreached,
    OperatorCommand,
    OrderIntent,
    RetrainRequested,
    RiskRefused,
    Summary,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.learning import VoterWeight
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_budget,
    a_health,
    a_reconciled,
    a_snapshot,
    a_trade,
    an_outcome,
)
from tests.chamber import SETTINGS, Chamber

DAY_END_NS = T0_NS + 10 * HOUR_NS
"""17:00 New York of the Wednesday."""
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def a_command(command: Command, argument: str = "") -> OperatorCommand:
    """Return an operator's word."""
    return OperatorCommand(scope=ACCOUNT, command=command, origin="cli", argument=argument)


def a_breach(limit: str = "drawdown_reducing") -> LimitBreached:
    """Return a breach of a limit."""
    return LimitBreached(scope=ACCOUNT, limit=limit, value=0.11, threshold=0.1, consequence="x")


def states(chamber: Chamber) -> list[TradingState]:
    """Return the states that were posted, in order."""
    return [fact.state for fact in chamber.all(TradingStateChanged)]


def events(chamber: Chamber) -> list[str]:
    """Return the events that people were told of, in order."""
    return [fact.event for fact in chamber.all(Summary)]


def test_trading_starts_with_the_first_clean_comparison() -> None:
    """Before it there is no state; with it there is one, and people are told."""
    chamber = Chamber(start=False)
    chamber.say("execution", a_reconciled(is_clean=False, reason="outcome of x is unknown"))
    chamber.settle()
    assert states(chamber) == []

    chamber.say("execution", a_reconciled())
    chamber.settle()
    (start,) = chamber.all(TradingStateChanged)
    assert (start.state, start.previous, start.reason) == (ACTIVE, HALTED, "start")
    assert events(chamber) == ["start"]


@pytest.mark.parametrize("mode", [False, "shadow"])
def test_without_execution_there_is_nothing_to_wait_for(*, mode: Any) -> None:
    """Where no order can leave, the state is ACTIVE at once."""
    settings = Settings.model_validate({"agents": {"execution": {"enabled": mode}}})
    chamber = Chamber(settings, start=False)
    chamber.settle()

    assert states(chamber) == [ACTIVE]


def test_a_start_may_find_restrictions() -> None:
    """A pause from before the start makes the first state REDUCING."""
    chamber = Chamber(start=False)
    chamber.say("driver", a_command(Command.PAUSE))
    chamber.say("execution", a_reconciled())
    chamber.settle()

    assert states(chamber) == [REDUCING]


def test_pause_and_resume_change_the_state_with_their_causes() -> None:
    """Each change is a fact that names its cause, its beginning and the way out."""
    chamber = Chamber()
    (seq,) = chamber.say("driver", a_command(Command.PAUSE))
    chamber.settle()
    paused = chamber.entries(TradingStateChanged)[-1]
    assert seq in paused.causes
    (pause,) = chamber.last(TradingStateChanged).restrictions
    assert (pause.scope, pause.since_ns, pause.way_out) == ("pause", T0_NS, "resume")

    (seq,) = chamber.say("driver", a_command(Command.RESUME))
    chamber.settle()
    assert states(chamber) == [ACTIVE, REDUCING, ACTIVE]
    assert seq in chamber.entries(TradingStateChanged)[-1].causes
    assert events(chamber) == ["start", "state", "state"]


def test_changes_at_one_instant_do_not_displace_each_other() -> None:
    """Several changes at one market time each have a slot of their own."""
    chamber = Chamber()
    for command in (Command.PAUSE, Command.FLATTEN, Command.RESUME, Command.PAUSE):
        chamber.say("driver", a_command(command))
        chamber.settle()

    assert states(chamber) == [ACTIVE, REDUCING, HALTED, ACTIVE, REDUCING]


def test_a_drawdown_asks_for_retraining_and_leads_back() -> None:
    """REDUCING and a request at once; a verdict, cooldown, probation at half risk, ACTIVE."""
    chamber = Chamber()
    (seq,) = chamber.say("risk", a_breach())
    chamber.settle()
    (request,) = chamber.entries(RetrainRequested)
    assert request.fact.scope == "all"
    assert seq in request.causes

    report = GateReport(scope="all", version="1", is_promoted=False, failed_gate="dsr", detail="")
    chamber.say("learner", report)
    chamber.settle()
    assert chamber.wake_ns <= T0_NS + 24 * HOUR_NS
    chamber.at(T0_NS + 24 * HOUR_NS)
    assert chamber.last(TradingStateChanged).halves_risk

    chamber.at(T0_NS + 96 * HOUR_NS)
    assert not chamber.last(TradingStateChanged).halves_risk
    assert states(chamber) == [ACTIVE, REDUCING, REDUCING, ACTIVE, ACTIVE]
    assert len(chamber.all(RetrainRequested)) == 1


def test_a_breach_on_probation_asks_for_retraining_again() -> None:
    """The way out begins anew, with a request of its own."""
    chamber = Chamber()
    chamber.say("risk", a_breach())
    chamber.settle()
    report = GateReport(scope="all", version="1", is_promoted=True, failed_gate="", detail="")
    chamber.say("learner", report)
    chamber.at(T0_NS + 25 * HOUR_NS)
    chamber.say("risk", a_breach())
    chamber.settle()

    assert states(chamber)[-1] is REDUCING
    assert len(chamber.all(RetrainRequested)) == 2


def test_a_tripped_breaker_says_why() -> None:
    """The reason that a person gave stands in the evidence; resume clears it."""
    chamber = Chamber()
    chamber.say("driver", a_command(Command.PAUSE, "rumours of an intervention"))
    chamber.settle()
    (restriction,) = chamber.all(TradingStateChanged)[-1].restrictions
    assert restriction.evidence == "asked by cli: rumours of an intervention"

    chamber.say("driver", a_command(Command.RESUME))
    chamber.settle()
    assert states(chamber) == [ACTIVE, REDUCING, ACTIVE]


def test_an_operator_can_ask_for_a_retraining() -> None:
    """The request names the model and who asked."""
    chamber = Chamber()
    chamber.say("driver", a_command(Command.RETRAIN, "direction"))
    chamber.settle()

    (request,) = chamber.all(RetrainRequested)
    assert (request.scope, request.reason) == ("direction", "operator")
    assert states(chamber) == [ACTIVE]


@pytest.mark.parametrize("command", [Command.SWITCH, Command.RESTART])
def test_switching_an_agent_is_told_and_restricts_nothing(command: Command) -> None:
    """People hear who asked for it; what is switched off is no failure."""
    chamber = Chamber()
    chamber.say("driver", a_command(command, "sentiment"))
    chamber.say("driver", a_health("sentiment", Health.OFF))
    chamber.settle()

    assert states(chamber) == [ACTIVE]
    titles = [each.title for each in chamber.all(Summary)]
    assert f"{command.value} of an agent: sentiment" in titles
    assert not any("is back" in title for title in titles)


def test_a_failed_agent_that_is_switched_off_restricts_no_longer() -> None:
    """Its absence is a person's choice from then on."""
    chamber = Chamber()
    chamber.say("driver", a_health("sentiment"))
    chamber.settle()
    chamber.say("driver", a_health("sentiment", Health.OFF))
    chamber.settle()

    assert states(chamber) == [ACTIVE, TradingState.SAFE, ACTIVE]


def test_time_wakes_the_supervisor_for_what_time_ends() -> None:
    """A daily loss ends with the day, and the supervisor asks to be there."""
    chamber = Chamber()
    chamber.say("risk", a_breach("daily_loss_max"))
    outbox = chamber.turn()

    assert outbox.requests == [Wake(at_ns=DAY_END_NS)]
    assert chamber.turn().requests == []
    chamber.at(DAY_END_NS)
    assert states(chamber) == [ACTIVE, REDUCING, ACTIVE]


def test_f18_autotrading_switched_off_halts_with_one_alarm() -> None:
    """Several rejections of the same cause are one change of state and one text."""
    chamber = Chamber()
    for _ in range(3):
        chamber.say("execution", an_outcome(retcode=10027, reason="AutoTrading disabled"))
        chamber.settle()

    assert states(chamber) == [ACTIVE, HALTED]
    assert events(chamber) == ["start", "state"]
    assert "retcode 10027" in chamber.last(Summary).text


def test_f32_a_restart_finds_the_state() -> None:
    """What a rebuilt supervisor wants is what its predecessor wanted: nothing."""
    chamber = Chamber()
    chamber.say("risk", a_breach())
    chamber.settle()

    assert chamber.turn().drafts == []  # the chamber rebuilds a second one at every turn


def test_agents_that_go_and_come_are_told() -> None:
    """Down and back are told once each; health as usual is not."""
    chamber = Chamber()
    for health in (Health.HEALTHY, Health.DOWN, Health.QUARANTINED, Health.DEGRADED):
        chamber.say("driver", a_health("portfolio", health))
        chamber.settle()

    assert [fact.title for fact in chamber.all(Summary)[1:]] == [
        "portfolio is down",
        "portfolio is back",
    ]


def test_closed_trades_are_told() -> None:
    """With side, size, symbol and result."""
    chamber = Chamber()
    chamber.say("execution", a_trade(pnl=-20.0))
    chamber.settle()

    assert chamber.last(Summary).title == "BUY 0.1 EURUSD closed: -20.00"
    assert chamber.last(Summary).event == "trade"


def test_losses_in_a_row_are_told() -> None:
    """The RiskAgent's lock rests entries; people learn why."""
    chamber = Chamber()
    chamber.say("risk", a_breach("consecutive_losses_max"))
    chamber.settle()

    assert states(chamber) == [ACTIVE]
    assert chamber.last(Summary).event == "limit"


def test_a_long_text_is_cut() -> None:
    """Whatever an agent died of fits into a message."""
    chamber = Chamber()
    report = a_health("portfolio")
    chamber.say("driver", type(report)(**{**_fields(report), "reason": "x" * 10_000}))
    chamber.settle()

    assert len(chamber.last(Summary).text) == 2000


def _fields(fact: Any) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__struct_fields__}


def test_the_digest_tells_the_day() -> None:
    """Equity and its change, drawdown, trades, holds, refusals, weights, budgets and state."""
    chamber = Chamber()
    weight = VoterWeight(
        scope="technical.trend", weight=1.0, brier=0.25, skill=0.0, outcomes=0, is_proven=False
    )
    mark = EquityMark(
        scope=ACCOUNT,
        equity=9_980.0,
        high_water_mark=10_000.0,
        drawdown_frac=0.002,
        deposits=10_000.0,
    )
    chamber.say("execution", a_snapshot())
    chamber.say("portfolio", a_budget(multiplier=0.9))
    chamber.say("learner", VoterWeights(scope=ACCOUNT, weights=(weight,), effective_from_ns=0))
    chamber.hear_close(trend=0.6)
    chamber.settle()
    refused = RiskRefused(
        scope="EURUSD",
        intent_id=chamber.last(OrderIntent).intent_id,
        reason="heat_max",
        value=0.03,
        limit=0.02,
    )
    chamber.say("risk", refused, mark)
    chamber.now_ns = T0_NS + M15_NS
    chamber.hear_close(trend=0.5, reversion=0.5)
    chamber.say("execution", a_trade(pnl=-20.0), a_snapshot(equity=9_980.0))
    chamber.settle()

    chamber.at(DAY_END_NS + SETTLING_NS - 1)
    assert "day" not in events(chamber)
    chamber.at(DAY_END_NS + SETTLING_NS)
    digest = chamber.last(Summary)
    assert digest.title == "Day 2025-03-05"
    assert digest.text.splitlines() == [
        "state ACTIVE",
        "equity 9980.00 USD, -20.00 on the day",
        "drawdown 0.20%",
        "entries 0",
        "trades closed 1, won 0, P&L -20.00",
        "decisions 2, held by min_confidence 1",
        "refused by risk: heat_max 1",
        "bars on time 1 of 280",
        "weights technical.trend 1.00",
        "budgets EURUSD 0.90",
    ]


def test_the_digest_comes_once_a_day_and_not_for_idle_days() -> None:
    """A day without decisions is not worth a message, and none is told twice."""
    section = SETTINGS.agents.supervisor.model_copy(update={"session_summaries": ()})
    agents = SETTINGS.agents.model_copy(update={"supervisor": section})
    chamber = Chamber(SETTINGS.model_copy(update={"agents": agents}))
    chamber.hear_close()
    chamber.settle()
    due_ns = DAY_END_NS + SETTLING_NS
    assert chamber.wake_ns == due_ns
    chamber.at(due_ns)
    chamber.at(due_ns + MINUTE_NS)
    chamber.say("execution", a_snapshot())
    chamber.at(due_ns + DAY_NS)

    assert events(chamber).count("day") == 1


@pytest.mark.parametrize(
    ("text", "hour", "end"),
    [
        ("2025-03-05T12:00", 17, "2025-03-05T22:00"),
        ("2025-03-05T22:00", 17, "2025-03-05T22:00"),  # the close at the end belongs to the day
        ("2025-03-05T22:01", 17, "2025-03-06T22:00"),
        ("2025-03-10T12:00", 17, "2025-03-10T21:00"),  # daylight saving time
        ("2025-03-05T12:00", 8, "2025-03-05T13:00"),
        ("2025-03-05T14:00", 8, "2025-03-06T13:00"),
    ],
)
def test_a_day_ends_at_its_hour_in_new_york(text: str, hour: int, end: str) -> None:
    """The end is the first such hour at or after the instant."""

    def ns(moment: str) -> int:
        parsed = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        return int(parsed.timestamp()) * 1_000_000_000

    assert at_hour_ns(ns(text), hour) == ns(end)
