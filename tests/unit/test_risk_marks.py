"""The marks of a book: F33, the first, rebuilt from the deals or not at all; and of probations."""

from agents.risk import RiskAgent
from agents.rounds.restrictions import Restrictions, strictest
from blackboard.facts import EquityMark, LimitBreached, RiskRefused
from blackboard.facts.control import Command, TradingState
from config.settings import Settings
from models.market.sessions import DAY_NS, MINUTE_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_command,
    a_snapshot,
    a_state,
    an_entry,
    an_intent,
)
from tests.desk import Desk
from tests.risk_desk import a_desk, an_open_desk, settings, verdicts

HOLED = a_snapshot(balance=10_250.0, is_explained=False)


def breaches(desk: Desk) -> list[str]:
    """Return the limits of all breaches on the board."""
    facts = [entry.fact for entry in desk.entries()]
    return [fact.limit for fact in facts if isinstance(fact, LimitBreached)]


def test_f33_a_missing_mark_is_the_highest_balance_of_the_deals() -> None:
    """A record of 12,000 that stands at 9,000 is down by a quarter, whatever was paid in."""
    desk = a_desk()
    desk.say(a_snapshot(equity=9_000.0, peak_balance=12_000.0))
    desk.run()

    mark = desk.latest(EquityMark)
    assert isinstance(mark, EquityMark)
    assert (mark.high_water_mark, mark.drawdown_frac) == (12_000.0, 0.25)
    assert "drawdown_reducing" in breaches(desk)


def test_f33_f34_credit_is_neither_profit_nor_drawdown() -> None:
    """With a loss of 500 of 10,000, credit of 2,000 comes and goes: the loss stays 500."""
    desk = a_desk()
    desk.say(a_snapshot(equity=9_500.0))
    desk.run()
    lost = []
    for equity, credit in ((11_500.0, 2_000.0), (9_500.0, 0.0)):
        desk.now_ns += MINUTE_NS
        desk.say(a_snapshot(equity=equity, deposits=10_000.0 + credit, credit=credit))
        desk.run()
        mark = desk.latest(EquityMark)
        assert isinstance(mark, EquityMark)
        lost.append(mark.high_water_mark - mark.equity)

    assert lost == [500.0, 500.0]


def test_f33_a_mark_that_cannot_be_rebuilt_halts_and_permits_nothing() -> None:
    """Deals that do not make the balance give no mark: said once, and no entry passes."""
    desk = a_desk()
    desk.say(HOLED, an_intent())
    desk.run()
    desk.now_ns += MINUTE_NS
    desk.say(HOLED)
    desk.run(T0_NS + M15_NS + 1)

    (verdict,) = verdicts(desk)
    assert isinstance(verdict, RiskRefused)
    assert verdict.reason == "no_account"
    assert desk.count(EquityMark) == 0
    assert breaches(desk) == ["high_water_mark"]


def test_f33_deals_that_come_late_give_the_mark_after_all() -> None:
    """A history that was still loading is no reason to wait for a person."""
    desk = a_desk()
    desk.say(HOLED)
    desk.run()
    desk.now_ns += MINUTE_NS
    desk.say(a_snapshot(equity=9_900.0, peak_balance=11_000.0))
    desk.run()

    mark = desk.latest(EquityMark)
    assert isinstance(mark, EquityMark)
    assert mark.high_water_mark == 11_000.0
    assert desk.count(EquityMark) == 1


def test_f33_only_a_person_lets_the_mark_begin_with_the_equity() -> None:
    """A resume after the breach is a person's word; one before it is about something else."""
    desk = a_desk()
    desk.say(a_command(Command.RESUME))
    desk.say(HOLED)
    desk.run()
    assert desk.count(EquityMark) == 0

    desk.say(a_command(Command.RESUME))
    desk.run()

    mark = desk.latest(EquityMark)
    assert isinstance(mark, EquityMark)
    assert mark.high_water_mark == 10_000.0
    assert breaches(desk) == ["high_water_mark"]


def test_f33_a_rebuilt_risk_agent_wants_nothing_else() -> None:
    """What was said of the missing mark is on the board, and follows from it again."""
    desk = a_desk()
    desk.say(HOLED)
    desk.run()

    assert desk.replace(RiskAgent(settings())) == []


def test_f33_without_a_mark_trading_is_halted_until_there_is_one() -> None:
    """The breach opens HALTED; the first mark lifts it, and so does a person."""
    breach = LimitBreached(
        scope="account", limit="high_water_mark", value=1.0, threshold=0.0, consequence="HALTED"
    )
    mark = EquityMark(
        scope="account", equity=1.0, high_water_mark=1.0, drawdown_frac=0.0, deposits=1.0
    )
    for way_out in (mark, a_command(Command.RESUME)):
        restrictions = Restrictions(Settings())
        restrictions.see(an_entry(breach, seq=1))
        assert strictest(restrictions.at(an_entry(breach).ts_event_ns)) is TradingState.HALTED

        restrictions.see(an_entry(way_out, seq=2))
        assert restrictions.at(an_entry(breach).ts_event_ns) == ()


def test_after_a_restart_a_second_probation_still_runs_against_its_own_mark() -> None:
    """Of the time between the two no mark is seen any more; the breaker trips all the same."""
    wide = {"daily_loss_max": 0.2, "weekly_loss_max": 0.3, "drawdown_halted": 0.3}
    desk = an_open_desk(wide)
    fall_and_let_on(desk, 9_000.0)
    read(desk, 9_100.0, 9_050.0, 20_000.0)
    fall_and_let_on(desk, 18_000.0)
    read(desk, *[17_900.0] * 20, apart_ns=DAY_NS)
    assert breaches(desk) == ["drawdown_reducing"] * 2

    desk.restart(RiskAgent(settings(wide)))
    read(desk, 17_000.0, 16_100.0)

    assert breaches(desk) == ["drawdown_reducing"] * 3
    mark = desk.latest(EquityMark)
    assert isinstance(mark, EquityMark)
    assert mark.probation_mark == 18_000.0


def fall_and_let_on(desk: Desk, equity: float) -> None:
    """Let the account fall, and trading go on from there."""
    read(desk, equity)
    desk.say(a_state(TradingState.REDUCING))
    read(desk, equity)
    desk.say(a_state(TradingState.ACTIVE))
    read(desk, equity)


def read(desk: Desk, *equities: float, apart_ns: int = MINUTE_NS) -> None:
    """Read the account time and again."""
    for equity in equities:
        desk.now_ns += apart_ns
        desk.say(a_snapshot(equity=equity))
        desk.run()


def test_f33_deals_that_come_after_the_mark_began_anew_are_no_payments() -> None:
    """Else the whole deposit would be a drawdown; what is paid in from then on moves the mark."""
    desk = a_desk()
    desk.say(a_snapshot(deposits=0.0, is_explained=False))
    desk.run()
    desk.say(a_command(Command.RESUME))
    desk.run()
    marks = []
    for paid_in in (0.0, 500.0):
        desk.now_ns += MINUTE_NS
        desk.say(a_snapshot(equity=10_000.0 + paid_in, deposits=10_000.0 + paid_in))
        desk.run()
        mark = desk.latest(EquityMark)
        assert isinstance(mark, EquityMark)
        marks.append((mark.high_water_mark, mark.deposits))

    assert marks == [(10_000.0, 10_000.0), (10_500.0, 10_500.0)]
    assert breaches(desk) == ["high_water_mark"]
