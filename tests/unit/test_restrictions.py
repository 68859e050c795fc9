"""Every restriction's way in and way out, and that the strictest holds."""

import pytest

from agents.rounds.restrictions import RETCODES_HALTING, RULES, Restrictions, change, strictest
from blackboard.facts import (
    ACCOUNT,
    AnyFact,
    GateReport,
    LimitBreached,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    OperatorCommand,
    RetrainRequested,
    TradingStateChanged,
    TrainingSkipped,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.execution import Outcome
from config.settings import Settings
from models.market.sessions import HOUR_NS
from tests.builders import T0_NS, a_health, a_reconciled, an_entry, an_outcome

DAY_END_NS = T0_NS + 10 * HOUR_NS
"""17:00 New York of the Wednesday, which is 22:00 UTC in winter."""
WEEK_OPEN_NS = T0_NS + (9 + 3 * 24 + 24) * HOUR_NS
"""17:00 New York of the Sunday, which is 21:00 UTC: daylight saving began that day."""
COOLDOWN_NS, PROBATION_NS = 24 * HOUR_NS, 72 * HOUR_NS


class Log:
    """Restrictions, told one fact after the other."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.restrictions = Restrictions(settings or Settings())
        self._seq = 0

    def tell(self, *facts: AnyFact, ts_ns: int = T0_NS) -> "Log":
        """Let facts be seen at an instant."""
        for fact in facts:
            self._seq += 1
            self.restrictions.see(an_entry(fact, seq=self._seq, ts_ns=ts_ns))
        return self

    def state(self, now_ns: int = T0_NS) -> TradingState:
        """Return the trading state at an instant."""
        return strictest(self.restrictions.at(now_ns))

    def causes(self, now_ns: int = T0_NS) -> list[str]:
        """Return the open causes at an instant."""
        return [each.scope for each in self.restrictions.at(now_ns)]


def a_command(command: Command) -> OperatorCommand:
    """Return an operator's word."""
    return OperatorCommand(scope=ACCOUNT, command=command, origin="cli")


def a_breach(limit: str) -> LimitBreached:
    """Return a breach of a limit."""
    return LimitBreached(scope=ACCOUNT, limit=limit, value=0.2, threshold=0.1, consequence="")


def a_report(*, promoted: bool = False) -> GateReport:
    """Return the verdict on a candidate."""
    return GateReport(scope="all", version="1", is_promoted=promoted, failed_gate="", detail="")


def a_request() -> RetrainRequested:
    """Return the supervisor's own request after a drawdown."""
    return RetrainRequested(scope="all", reason="drawdown_reducing", evidence="")


RESUME = a_command(Command.RESUME)


def test_nothing_restricts_at_first() -> None:
    """Without any restriction the state is ACTIVE, and no time changes it."""
    log = Log()

    assert log.state() is TradingState.ACTIVE
    assert log.restrictions.next_change_ns(T0_NS) > T0_NS + 10 * 365 * 24 * HOUR_NS


@pytest.mark.parametrize(
    ("cause", "fact", "state"),
    [
        ("pause", a_command(Command.PAUSE), TradingState.REDUCING),
        ("flatten", a_command(Command.FLATTEN), TradingState.HALTED),
        (
            "identity",
            a_reconciled(is_clean=False, reason="identity: login must be 1, was 2"),
            TradingState.HALTED,
        ),
        ("no_money", an_outcome(outcome=Outcome.REJECTED, retcode=10019), TradingState.REDUCING),
        *(
            ("terminal", an_outcome(outcome=Outcome.REJECTED, retcode=code), TradingState.HALTED)
            for code in sorted(RETCODES_HALTING)
        ),
    ],
)
def test_what_only_a_person_lifts(cause: str, fact: AnyFact, state: TradingState) -> None:
    """A restriction of this kind stands until an operator's resume."""
    log = Log().tell(fact)
    assert log.causes() == [cause]
    assert log.state() is state

    log.tell(a_reconciled(), a_health("risk", Health.HEALTHY))
    assert log.causes() == [cause]

    log.tell(RESUME)
    assert log.state() is TradingState.ACTIVE


def a_failure(*, was_serving: bool) -> ModelFailed:
    """Return what is told of a model."""
    return ModelFailed(scope="lstm", version="lstm/1", reason="nan", was_serving=was_serving)


def test_a_model_that_served_and_fails_leaves_the_rules_alone() -> None:
    """SAFE until another version of the same family serves; another family lifts nothing."""
    log = Log().tell(a_failure(was_serving=True))
    assert log.causes() == ["model.lstm"]
    assert log.state() is TradingState.SAFE

    log.tell(
        ModelPromoted(scope="rf", version="rf/1", content_hash="h", effective_from_ns=0), RESUME
    )
    assert log.state() is TradingState.SAFE

    log.tell(
        ModelRolledBack(
            scope="lstm", version="", replaced_version="lstm/1", reason="nan", effective_from_ns=0
        )
    )
    assert log.state() is TradingState.ACTIVE


def test_a_model_that_never_served_restricts_nothing() -> None:
    """What was in charge before still is."""
    assert Log().tell(a_failure(was_serving=False)).state() is TradingState.ACTIVE


def test_daily_loss_ends_with_the_trading_day() -> None:
    """Entries stop until 17:00 New York, whatever an operator says."""
    log = Log().tell(a_breach("daily_loss_max"), RESUME)

    assert log.state(DAY_END_NS - 1) is TradingState.REDUCING
    assert log.state(DAY_END_NS) is TradingState.ACTIVE
    assert log.restrictions.next_change_ns(T0_NS) == DAY_END_NS


def test_daily_loss_of_the_next_day_counts_anew() -> None:
    """A breach on the next day restricts until that day's end."""
    log = Log().tell(a_breach("daily_loss_max"))
    log.tell(a_breach("daily_loss_max"), ts_ns=DAY_END_NS + HOUR_NS)

    assert log.state(DAY_END_NS + 2 * HOUR_NS) is TradingState.REDUCING
    assert log.state(DAY_END_NS + 24 * HOUR_NS) is TradingState.ACTIVE


def test_weekly_loss_ends_with_the_trading_week() -> None:
    """Entries stop until the next week opens."""
    log = Log().tell(a_breach("weekly_loss_max"))

    assert log.state(WEEK_OPEN_NS - 1) is TradingState.REDUCING
    assert log.state(WEEK_OPEN_NS) is TradingState.ACTIVE


def test_missing_money_is_forgotten_on_the_next_day() -> None:
    """A margin that was short once is tried again on the next trading day."""
    log = Log().tell(an_outcome(outcome=Outcome.REJECTED, retcode=10019))

    assert log.state(DAY_END_NS) is TradingState.ACTIVE


def test_an_unclear_book_reduces_until_it_is_clean() -> None:
    """A comparison that leaves a question open stops entries until one leaves none."""
    log = Log().tell(a_reconciled(is_clean=False, reason="outcome of x is unknown"))
    assert (log.causes(), log.state()) == (["reconciliation"], TradingState.REDUCING)

    log.tell(a_reconciled())
    assert log.state() is TradingState.ACTIVE


@pytest.mark.parametrize("health", [Health.DOWN, Health.QUARANTINED])
@pytest.mark.parametrize(
    ("agent", "state"),
    [
        ("data", TradingState.REDUCING),
        ("risk", TradingState.REDUCING),
        ("execution", TradingState.REDUCING),
        ("sentiment", TradingState.SAFE),
        ("lstm_vol", TradingState.SAFE),
        ("technical", TradingState.ACTIVE),
        ("portfolio", TradingState.ACTIVE),
        ("learner", TradingState.ACTIVE),
    ],
)
def test_missing_agents_have_their_price(agent: str, state: TradingState, health: Health) -> None:
    """What is down restricts as the table says, until it is back, degraded or not."""
    log = Log().tell(a_health(agent, health))
    assert log.state() is state

    log.tell(a_health(agent, Health.DEGRADED))
    assert log.state() is TradingState.ACTIVE


def test_an_agent_that_takes_no_part_is_not_missed() -> None:
    """A disabled forecaster that is down restricts nothing."""
    settings = Settings.model_validate({"agents": {"lstm_vol": {"enabled": False}}})

    assert Log(settings).tell(a_health("lstm_vol")).state() is TradingState.ACTIVE


def in_drawdown() -> Log:
    """Return restrictions after a breach whose retraining was asked for."""
    return Log().tell(a_breach("drawdown_reducing"), a_request())


@pytest.mark.parametrize(
    "verdict",
    [
        a_report(promoted=True),
        a_report(promoted=False),
        TrainingSkipped(scope="all", reason="too few rows", have=1, need=2),
    ],
)
def test_drawdown_leads_through_judgement_cooldown_and_probation(verdict: AnyFact) -> None:
    """REDUCING until the verdict, a day of cooldown, three at half risk, then ACTIVE."""
    log = in_drawdown()
    assert log.state(T0_NS + 1000 * HOUR_NS) is TradingState.REDUCING

    judged_ns = T0_NS + HOUR_NS
    log.tell(verdict, ts_ns=judged_ns)
    assert log.state(judged_ns + COOLDOWN_NS - 1) is TradingState.REDUCING

    (probation,) = log.restrictions.at(judged_ns + COOLDOWN_NS)
    assert probation.is_probation
    assert probation.state is TradingState.ACTIVE
    assert probation.since_ns == judged_ns + COOLDOWN_NS

    assert log.causes(judged_ns + COOLDOWN_NS + PROBATION_NS) == []


def test_a_verdict_before_the_request_is_none() -> None:
    """A report on an earlier training does not open the way out."""
    log = Log().tell(a_breach("drawdown_reducing"), a_report())

    assert log.state(T0_NS + 1000 * HOUR_NS) is TradingState.REDUCING


@pytest.mark.parametrize("family", ["har", "calibration"])
def test_a_verdict_on_another_question_is_none(family: str) -> None:
    """A training that the timetable was due for, promoted or skipped, opens no way out."""
    report = GateReport(
        scope=family, version="1", is_promoted=True, failed_gate="", detail="scheduled"
    )
    skipped = TrainingSkipped(scope=family, reason="too few rows", have=1, need=2)

    log = in_drawdown().tell(report, skipped)

    assert log.state(T0_NS + 1000 * HOUR_NS) is TradingState.REDUCING
    assert log.tell(a_report()).state(T0_NS + COOLDOWN_NS) is TradingState.ACTIVE


def test_a_request_for_another_reason_is_none() -> None:
    """An operator's retraining does not count as the drawdown's."""
    other = RetrainRequested(scope="all", reason="operator", evidence="")
    log = Log().tell(a_breach("drawdown_reducing"), other, a_report())

    assert log.state(T0_NS + 1000 * HOUR_NS) is TradingState.REDUCING


def test_a_breach_on_probation_begins_anew() -> None:
    """The way out starts again with a new request."""
    log = in_drawdown().tell(a_report())
    again_ns = T0_NS + COOLDOWN_NS + HOUR_NS
    log.tell(a_breach("drawdown_reducing"), ts_ns=again_ns)

    assert log.state(again_ns + 1000 * HOUR_NS) is TradingState.REDUCING
    assert log.restrictions.drawdown is not None
    assert not log.restrictions.drawdown.is_requested


def test_a_breach_while_cooling_down_changes_nothing() -> None:
    """Entries are off already, and the end of the cooldown stands."""
    log = in_drawdown().tell(a_report())
    before = log.restrictions.at(T0_NS)
    log.tell(a_breach("drawdown_reducing"), ts_ns=T0_NS + HOUR_NS)

    assert log.restrictions.at(T0_NS + HOUR_NS) == before


def test_without_a_learner_the_cooldown_begins_at_once() -> None:
    """Where nobody can judge, the incumbent stays by the operator's choice."""
    settings = Settings.model_validate({"agents": {"learner": {"enabled": False}}})
    log = Log(settings).tell(a_breach("drawdown_reducing"))

    assert log.state(T0_NS + COOLDOWN_NS - 1) is TradingState.REDUCING
    assert log.restrictions.at(T0_NS + COOLDOWN_NS)[0].is_probation


def test_a_deep_drawdown_needs_a_person_and_then_the_way_out() -> None:
    """Resume lifts the halt; judgement, cooldown and probation still follow."""
    log = Log().tell(a_breach("drawdown_halted"))
    assert log.causes() == ["drawdown_halted", "drawdown_reducing"]
    assert log.state(T0_NS + 1000 * HOUR_NS) is TradingState.HALTED

    log.tell(RESUME)
    assert log.causes() == ["drawdown_reducing"]
    assert log.state() is TradingState.REDUCING


def test_the_strictest_of_all_holds() -> None:
    """Several causes stand beside each other, the strictest first."""
    log = Log().tell(a_health("sentiment"), a_command(Command.PAUSE), a_command(Command.FLATTEN))

    assert log.causes() == ["flatten", "pause", "agent.sentiment"]
    assert log.state() is TradingState.HALTED


def test_repetition_keeps_the_beginning() -> None:
    """A second pause does not move the first; a second flatten is a new order to close."""
    log = Log().tell(a_command(Command.PAUSE), a_command(Command.FLATTEN))
    log.tell(a_command(Command.PAUSE), a_command(Command.FLATTEN), ts_ns=T0_NS + HOUR_NS)

    since = {each.scope: each.since_ns for each in log.restrictions.at(T0_NS + HOUR_NS)}
    assert since == {"pause": T0_NS, "flatten": T0_NS + HOUR_NS}


def test_losses_in_a_row_are_left_to_the_lock() -> None:
    """The RiskAgent's lock rests entries; the state stays as it is."""
    assert Log().tell(a_breach("consecutive_losses_max")).causes() == []


def test_every_rule_tells_its_way_out() -> None:
    """No restriction is without words that an operator can act on."""
    assert all(rule.way_out for rule in RULES.values())


def test_the_first_change_is_the_start() -> None:
    """Before anything was posted the state was HALTED."""
    first = change((), None)

    assert first is not None
    assert (first.reason, first.previous, first.state) == (
        "start",
        TradingState.HALTED,
        TradingState.ACTIVE,
    )


def test_a_change_names_what_opened_and_what_was_lifted() -> None:
    """The reason is the difference, and no difference is no change."""
    before = Log().tell(a_command(Command.PAUSE)).restrictions.at(T0_NS)
    after = Log().tell(a_breach("daily_loss_max")).restrictions.at(T0_NS)
    latest = TradingStateChanged(
        scope=ACCOUNT,
        state=TradingState.REDUCING,
        previous=TradingState.ACTIVE,
        reason="pause opened",
        restrictions=before,
    )

    assert change(before, latest) is None
    changed = change(after, latest)
    assert changed is not None
    assert changed.reason == "pause lifted; daily_loss_max opened"


def test_a_new_stage_is_a_change_of_the_same_cause() -> None:
    """From judgement to cooldown the cause stays and its way out changes."""
    log = in_drawdown()
    latest = change(log.restrictions.at(T0_NS), None)
    log.tell(a_report())
    changed = change(log.restrictions.at(T0_NS), latest)

    assert changed is not None
    assert changed.reason.startswith("drawdown_reducing: candidate refused")
