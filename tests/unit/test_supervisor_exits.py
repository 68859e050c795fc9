"""How open positions are left: by the terms of their entry, whatever is set or learned later."""

from typing import Any

import pytest
from msgspec import structs

from agents.supervisor import SupervisorAgent
from blackboard.facts import (
    AmendIntent,
    EntryBlackout,
    ExitIntent,
    OrderIntent,
    ParametersChanged,
    PositionChanged,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome, Purpose
from config.agents import AgentsSection, SupervisorSection, TechnicalSection
from config.settings import Settings
from config.system import ExitsSection, TradingSection
from models.market.sessions import DAY_NS, MINUTE_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_blackout,
    a_position,
    a_quote,
    an_outcome,
    some_parameters,
)
from tests.chamber import Chamber

SLOW_ROUND = SupervisorSection(decision_deadline_ms=3000)


def settings_of(exits: dict[str, Any] | None = None, **agents: Any) -> Settings:
    """Return settings with stops 30 pips away: 1.5 ranges of 20 pips."""
    trading = TradingSection(atr_multiplier=1.5, exits=ExitsSection(**(exits or {})))
    sections: dict[str, Any] = {"supervisor": SLOW_ROUND, **agents}
    return Settings(trading=trading, agents=AgentsSection(**sections))


def entered(settings: Settings | None = None, **position: Any) -> Chamber:
    """Return a chamber with a long of its own intent, opened at 1.1001 with its stop at 1.0971."""
    chamber = Chamber(settings or settings_of())
    chamber.hear_close()
    chamber.settle()
    intent_id = chamber.last(OrderIntent).intent_id
    chamber.now_ns += MINUTE_NS
    fields = {
        "open_price": 1.1001,
        "stop_price": 1.0971,
        "target_price": 1.1091,
        "opened_ns": T0_NS,
    }
    chamber.say("execution", an_outcome(intent_id=intent_id))
    chamber.say("execution", a_position(intent_id=intent_id, **{**fields, **position}))
    chamber.settle()
    return chamber


def close(chamber: Chamber, bars: int = 1, bid: float = 1.1, **opinions: Any) -> list[Any]:
    """Let a close come at a bid, some bars after the entry; return the intents it led to."""
    chamber.now_ns = T0_NS + bars * M15_NS
    chamber.say("data", a_quote(bid=bid, ask=bid + 0.0001))
    chamber.hear_close(**{"trend": 0.5, "reversion": 0.5, **opinions})
    posted = chamber.settle()
    return [fact for fact in posted if isinstance(fact, AmendIntent | ExitIntent)]


def test_an_intent_carries_the_terms_of_its_exit() -> None:
    """What is set at the entry stands in the OrderIntent."""
    chamber = entered(settings_of({"break_even_r": 2.0, "before_jump": "close"}))
    intent = chamber.last(OrderIntent)

    assert (intent.break_even_r, intent.trail_from_r, intent.hold_bars_max) == (2.0, 2.0, 192)
    assert (intent.trail_multiplier, intent.jump_sigmas, intent.lock_atr) == (3.0, 2.0, 0.5)
    assert intent.closes_before_jump


def test_break_even_at_a_close() -> None:
    """From 45 pips, which is 1.5 R, the stop covers the entry and two commissions of 0.35 pips."""
    chamber = entered()
    assert close(chamber, 1, bid=1.10455) == []

    (amend,) = close(chamber, 2, bid=1.1046)

    assert (amend.stop_price, amend.reason) == (pytest.approx(1.10017), "break_even")


def test_the_stop_stays_where_risk_was_sized_until_the_trade_earns_it() -> None:
    """A chandelier above the planned stop is taken at 1 R, 30 pips, and not at 29."""
    chamber = entered(settings_of({"trail_from_r": 1.0}))
    assert close(chamber, 1, bid=1.1030, stop={"long_stop_price": 1.099}) == []

    (amend,) = close(chamber, 2, bid=1.1031, stop={"long_stop_price": 1.099})

    assert (amend.stop_price, amend.reason) == (pytest.approx(1.099), "trailing")


def restart(chamber: Chamber, settings: Settings) -> None:
    """Let a new process with other settings take over the same journal."""
    chamber.settings, chamber.agent = settings, SupervisorAgent(settings)
    chamber._cursor = 0
    chamber.settle()


def test_a_trade_keeps_its_terms_over_a_restart_with_other_settings() -> None:
    """One trade: neither learned parameters nor new settings change where and when it ends.

    It was entered with break-even at 1.5 R and a chandelier of three ranges below 1.107; the new
    settings would close it at once, never break even, and trail at five ranges.
    """
    chamber = entered()
    chamber.say("learner", some_parameters(atr_multiplier=4.0, min_rr_ratio=2.5))
    others = {"hold_bars_max": 1, "break_even_r": 0.0, "trail_from_r": 0.0, "jump_sigmas": 20.0}
    restart(chamber, settings_of(others, technical=TechnicalSection(chandelier_multiplier=5.0)))
    assert chamber.last(ParametersChanged).atr_multiplier == 4.0

    assert close(chamber, 3, bid=1.1) == []
    (even,) = close(chamber, 4, bid=1.1046)
    assert (even.stop_price, even.reason) == (pytest.approx(1.10017), "break_even")

    chamber.say("execution", an_outcome(intent_id=even.intent_id))
    kept = chamber.last(OrderIntent).intent_id
    chamber.say(
        "execution",
        a_position(
            intent_id=kept,
            open_price=1.1001,
            stop_price=1.10017,
            target_price=1.1091,
            opened_ns=T0_NS,
        ),
    )
    told = {"long_stop_price": 1.097, "multiplier": 5.0}  # five ranges of 20 pips below 1.107
    (trailed,) = close(chamber, 5, bid=1.1066, stop=told)
    assert trailed.stop_price == pytest.approx(1.101)  # 1.107 - 3 * 0.0020

    (left,) = close(chamber, 192, bid=1.1066, stop=told)
    assert (left.reason, left.lots) == ("time", 0.1)


def test_a_target_and_stop_distance_of_the_entry_are_not_recomputed() -> None:
    """A missing stop is set at the distance that was sized, not at one learned meanwhile."""
    chamber = entered()
    chamber.say("learner", some_parameters(atr_multiplier=4.0))
    intent = chamber.last(OrderIntent)
    chamber.now_ns = T0_NS + 2 * MINUTE_NS
    chamber.say(
        "execution", a_position(intent_id=intent.intent_id, open_price=1.1001, stop_price=0.0)
    )
    chamber.settle()

    assert chamber.last(AmendIntent).stop_price == pytest.approx(1.0971)


@pytest.mark.parametrize(("bars", "reasons"), [(2, []), (3, ["time"]), (4, ["time"])])
def test_a_position_is_closed_after_its_last_bar(bars: int, reasons: list[str]) -> None:
    """Held for three closes at most, it leaves at the third, or later if that was missed."""
    chamber = entered(settings_of({"hold_bars_max": 3}))

    assert [each.reason for each in close(chamber, bars)] == reasons


def test_a_weekend_does_not_count_as_holding() -> None:
    """From Wednesday 12:00 to Monday 12:00 UTC lie three trading days of 96 bars, and an hour."""
    over_weekends = SupervisorSection(decision_deadline_ms=3000, friday_flat=False)
    chamber = entered(settings_of({"hold_bars_max": 288}, supervisor=over_weekends))
    monday = 5 * DAY_NS // M15_NS

    assert close(chamber, monday - 5) == []  # 287: on Sunday the clocks go forward, an hour more
    assert [each.reason for each in close(chamber, monday)] == ["time"]


def ahead(chamber: Chamber, bars: int = 2) -> int:
    """Let a blackout be known that begins some bars after the entry; return its seq."""
    begins_ns = T0_NS + bars * M15_NS
    chamber.say("sentiment", a_blackout(from_ns=begins_ns, until_ns=begins_ns + 30 * MINUTE_NS))
    return chamber.board.head


@pytest.mark.parametrize(
    ("bars", "bid", "expected"),
    [
        (1, 1.0990, 1.0980),  # 19 pips from the stop, a jump of 22: locked 10 pips away
        (2, 1.0990, 1.0980),  # within the blackout, before the event
        (3, 1.0990, None),  # the event is there
        (1, 1.0994, None),  # 23 pips from the stop: the jump ends before it
    ],
)
def test_a_stop_inside_the_jump_of_an_event_is_tightened(
    bars: int, bid: float, expected: float | None
) -> None:
    """Two deviations of 0.1 % are 22 pips; half a range of 20 pips is where the stop is locked."""
    chamber = entered()
    seq = ahead(chamber)

    intents = close(chamber, bars, bid=bid)

    if expected is None:
        assert intents == []
    else:
        (amend,) = intents
        assert (amend.stop_price, amend.reason) == (pytest.approx(expected), "blackout")
        assert seq in chamber.entries(AmendIntent)[-1].causes


def test_before_the_last_close_ahead_of_a_blackout_nothing_is_locked() -> None:
    """An event that lies further away than the next close is no concern yet."""
    chamber = entered()
    ahead(chamber, bars=3)

    assert close(chamber, 1, bid=1.0990) == []


def test_a_forecast_that_abstains_is_replaced_by_the_range() -> None:
    """A range of 20 pips over four bars is a deviation of 25 pips: twice that passes the stop."""
    chamber = entered()
    ahead(chamber)

    silent = {"abstains": True, "sigma_frac": 1e-6, "sigma_low_frac": 0.0}
    (amend,) = close(chamber, 1, bid=1.1, forecast=silent)

    assert (amend.stop_price, amend.reason) == (pytest.approx(1.099), "blackout")


def test_before_an_event_a_position_is_closed_where_that_is_set() -> None:
    """With `close` the position leaves whole; where the jump ends before the stop it stays."""
    chamber = entered(settings_of({"before_jump": "close"}))
    seq = ahead(chamber)
    assert close(chamber, 1, bid=1.0994) == []

    (leave,) = close(chamber, 2, bid=1.0990)

    assert (leave.reason, leave.side, leave.lots) == ("blackout", Side.SELL, 0.1)
    assert seq in chamber.entries(ExitIntent)[-1].causes
    assert chamber.all(EntryBlackout)


def test_before_an_event_a_position_is_lessened_where_that_is_set() -> None:
    """19 pips from the stop and a jump of 22: 0.08 of 0.1 lots may stay, 0.02 are closed.

    A part that failed is asked for again; one that left is not, and the stop stays as planned.
    """
    chamber = entered(settings_of({"before_jump": "reduce"}))
    assert chamber.last(OrderIntent).reduces_before_jump
    begins_ns = T0_NS + 2 * M15_NS  # its event comes at the fourth close
    chamber.say("sentiment", a_blackout(from_ns=begins_ns, until_ns=begins_ns + 4 * M15_NS))
    seq = chamber.board.head

    (part,) = close(chamber, 1, bid=1.0990)
    assert (part.reason, part.side, part.lots, part.position_lots) == (
        "blackout",
        Side.SELL,
        0.02,  # 0.1 − floor(0.1 × 19 / 21.98)
        0.1,
    )
    assert seq in chamber.entries(ExitIntent)[-1].causes
    answer = an_outcome(
        intent_id=part.intent_id, purpose=Purpose.EXIT, outcome=Outcome.REJECTED, retcode=10_018
    )
    chamber.say("execution", answer)
    chamber.settle()

    (again,) = close(chamber, 2, bid=1.0990)
    assert again.lots == 0.02
    chamber.say("execution", an_outcome(intent_id=again.intent_id, purpose=Purpose.EXIT))
    known = chamber.all(PositionChanged)[-1]
    chamber.say("execution", structs.replace(known, lots=0.08))
    chamber.settle()

    assert close(chamber, 3, bid=1.0990) == []


def test_a_position_too_small_to_part_leaves_whole_before_an_event() -> None:
    """Of 0.01 lots nothing can stay; where the jump ends before the stop nothing leaves."""
    small = entered(settings_of({"before_jump": "reduce"}), lots=0.01)
    ahead(small)
    assert close(small, 1, bid=1.0994) == []

    (whole,) = close(small, 2, bid=1.0990)

    assert whole.lots == 0.01


def test_without_a_factor_no_event_concerns_a_position() -> None:
    """A jump of zero deviations is no jump."""
    chamber = entered(settings_of({"jump_sigmas": 0.0}))
    ahead(chamber)

    assert close(chamber, 1, bid=1.0990) == []


def test_a_reversal_is_named_before_the_time() -> None:
    """Where both hold the opinion gives the reason, and one exit is asked for."""
    chamber = entered(settings_of({"hold_bars_max": 1}))

    assert [each.reason for each in close(chamber, trend=0.4, reversion=0.4)] == ["reversal"]


def test_an_event_is_named_before_a_reversal() -> None:
    """What is expected comes before what is an opinion."""
    chamber = entered(settings_of({"hold_bars_max": 1, "before_jump": "close"}))
    ahead(chamber)

    assert [each.reason for each in close(chamber, bid=1.0990, trend=0.4, reversion=0.4)] == [
        "blackout"
    ]


def test_halted_leaves_trades_to_their_stops_and_targets() -> None:
    """Neither the time nor an event nor break-even moves anything while HALTED."""
    chamber = entered(settings_of({"hold_bars_max": 1, "before_jump": "close"}))
    ahead(chamber)
    chamber.say("execution", an_outcome(outcome=Outcome.REJECTED, retcode=10027))
    chamber.settle()

    assert close(chamber, 1, bid=1.0990) == []
    assert close(chamber, 2, bid=1.1046) == []


def test_a_position_of_a_forgotten_intent_is_trailed_and_nothing_else() -> None:
    """Without its terms there is no time to end it, and no R to break even by."""
    chamber = Chamber(settings_of({"hold_bars_max": 1}))
    chamber.say("execution", a_position(opened_ns=T0_NS - M15_NS))
    chamber.settle()

    assert close(chamber, 1, bid=1.1046, stop={"long_stop_price": 1.0}) == []
    (amend,) = close(chamber, 2, stop={"long_stop_price": 1.099})
    assert amend.reason == "trailing"
