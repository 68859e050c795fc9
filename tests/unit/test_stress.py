"""What held under stress, read from what happened."""

import pytest

from config.agents import RiskSection
from config.loading import load_settings
from config.settings import Settings
from runtime.reports.record import RunRecord, StateChange
from runtime.reports.stress import case_of, dials, limit_checks
from tests.run_records import HOUR_NS, TUESDAY_NS, a_closed_trade, a_record


def largest(record: RunRecord, **limits: object) -> dict[str, float]:
    """Return the furthest use of each limit."""
    section = RiskSection.model_validate(limits)
    return {check.limit: check.largest for check in limit_checks(record, section)}


def test_risk_is_measured_against_the_equity_at_the_entry() -> None:
    """50 of 10,000 is half a percent."""
    assert largest(a_record(a_closed_trade()))["risk_frac_max"] == pytest.approx(0.005)


def test_positions_are_counted_where_they_overlap() -> None:
    """Two symbols at once are two positions; one that closes makes room for one that opens."""
    first = a_closed_trade()
    beside = a_closed_trade(symbol="USDJPY", opened_ns=TUESDAY_NS + 1)
    after = a_closed_trade(opened_ns=first.closed_ns, closed_ns=first.closed_ns + HOUR_NS)

    found = largest(a_record(first, beside, after))

    assert found["positions_max"] == 2
    assert found["positions_per_symbol_max"] == 1
    assert found["entries_per_day_max"] == 3


def test_an_entry_that_was_not_allowed_is_found() -> None:
    """After REDUCING began, and not at the moment of it, an entry counts."""
    paused = StateChange(ts_ns=TUESDAY_NS, state="REDUCING", reason="daily_loss_max")
    at_once = a_closed_trade()
    later = a_closed_trade(opened_ns=TUESDAY_NS + 1)

    allowed = largest(a_record(at_once, states=(paused,)))
    forbidden = largest(a_record(later, states=(paused,)))

    assert allowed["entries while they were not allowed"] == 0
    assert forbidden["entries while they were not allowed"] == 1


def test_a_limit_that_did_not_hold_is_named() -> None:
    """A trade of two percent stands in the table with what it was and what it might be."""
    case = case_of("base", "as it was", a_record(a_closed_trade(risk=200.0)), Settings())

    assert case.exceeded == ("risk_frac_max 0.02 over 0.01",)
    assert case.worst_r == -0.4


def test_a_breaker_is_named_once() -> None:
    """Whatever led away from ACTIVE is listed with its reason, the start left out."""
    states = tuple(
        StateChange(ts_ns=place, state=state, reason=reason)
        for place, (state, reason) in enumerate(
            (("HALTED", "start"), ("REDUCING", "daily_loss_max"), ("ACTIVE", "day is over"),
             ("REDUCING", "daily_loss_max"))
        )
    )  # fmt: skip

    case = case_of("base", "as it was", a_record(states=states), Settings())

    assert case.breakers == ("REDUCING (daily_loss_max)",)


def test_dials_are_valid_settings_and_multiply_what_is_set() -> None:
    """Each can be loaded, and a spread of twice the usual is made four times as wide by × 2."""
    own = load_settings(None, {"terminal.spread_factor": 2.0}).settings

    for dial in dials(own):
        load_settings(None, dial.settings)
    assert dials(own)[3].settings == {"terminal.spread_factor": 4.0}
