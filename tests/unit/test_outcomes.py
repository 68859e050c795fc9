"""The table from replies to outcomes, against the classes of the terminal's contract."""

import pytest

from agents.orders.outcomes import ERRORS, RETCODES, classify, verdict_on
from agents.requests import SendAnswered, SendOrder
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome, Purpose
from runtime.terminals import constants as mt5

ORDER = SendOrder(
    intent_id="i",
    purpose=Purpose.ENTRY,
    symbol="EURUSD",
    side=Side.BUY,
    lots=0.1,
    stop_price=1.098,
    target_price=1.106,
    position_ticket=0,
    magic=1,
    comment="fx",
    deviation_points=20,
)

CLASSES = {
    Outcome.ACCEPTED: {10008},
    Outcome.FILLED: {10009},
    Outcome.PARTIAL: {10010},
    Outcome.UNKNOWN: {0, 10011, 10012, 10028, 10031, 10046, 99999, 1},
    Outcome.REJECTED: {
        *(10004, 10006, 10007, *range(10013, 10028), 10029, 10030, 10032, 10033, 10034),
        *(10035, 10036, 10038, 10039, 10040, 10041, 10042, 10043, 10044, 10045),
    },
}
RESTRICTIONS = {
    10017: TradingState.HALTED,
    10019: TradingState.REDUCING,
    10026: TradingState.HALTED,
    10027: TradingState.HALTED,
}


def a_reply(code: int, *, has_result: bool = True, refused: str = "") -> SendAnswered:
    """Return what came back from the one order."""
    return SendAnswered(
        request=ORDER,
        has_result=has_result,
        code=code,
        comment=refused,
        lots=0.0,
        price=0.0,
        order_ticket=0,
        deal_ticket=0,
        was_refused_before_send=bool(refused),
    )


@pytest.mark.parametrize(
    ("outcome", "code"), [(o, c) for o, codes in CLASSES.items() for c in sorted(codes)]
)
def test_f4_each_return_code_falls_into_its_class(outcome: Outcome, code: int) -> None:
    """A retcode gives the outcome of the contract, also one that nobody has listed (F4)."""
    assert classify(a_reply(code)).outcome is outcome


@pytest.mark.parametrize("code", [-2, -3, -5, -6, -7, -8, -10003, -10004])
def test_f1_errors_before_the_wire_mean_not_sent(code: int) -> None:
    """These last errors prove that nothing left (F1)."""
    assert classify(a_reply(code, has_result=False)).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("code", [-1, -4, -10000, -10001, -10002, -10005, -77, 0, 1])
def test_f2_f3_f4_every_other_error_means_unknown(code: int) -> None:
    """Whatever does not prove the opposite may have run (F2, F3, F4)."""
    assert classify(a_reply(code, has_result=False)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("code", "has_result"),
    [(10004, True), (10020, True), (10021, True), (10024, True), (-10003, False), (-10004, False)],
)
def test_f9_only_passing_causes_may_be_tried_anew(code: int, has_result: bool) -> None:
    """Requotes, a full queue and a lost connection allow a new intent."""
    assert verdict_on(code, has_result=has_result).may_retry


def test_nothing_else_may_be_tried_anew() -> None:
    """A retry of anything but a passing cause could double an order or loop."""
    retried = {code for code, verdict in (RETCODES | ERRORS).items() if verdict.may_retry}

    assert retried == {10004, 10020, 10021, 10024, -10003, -10004}


def test_f16_f18_restrictions_are_those_of_the_contract() -> None:
    """Switched-off trading halts, missing money reduces, and nothing else restricts (F16, F18)."""
    asked = {c: v.restricts_to for c, v in RETCODES.items() if v.restricts_to != "ACTIVE"}

    assert asked == RESTRICTIONS
    assert {c for c, v in ERRORS.items() if v.restricts_to is TradingState.HALTED} == {-8}


def test_f8_a_refusal_before_the_send_names_its_predicate() -> None:
    """The terminal process's own refusal is definitive and says which rule it was."""
    verdict = classify(a_reply(0, has_result=False, refused="stop_file: var/STOP exists"))

    assert verdict.outcome is Outcome.NOT_SENT
    assert verdict.reason == "stop_file: var/STOP exists"


def test_a_failed_check_is_not_sent_and_keeps_its_consequence() -> None:
    """No money found by the check restricts as no money found by the send does."""
    verdict = classify(a_reply(10019, refused="No money"))

    assert verdict.outcome is Outcome.NOT_SENT
    assert (verdict.reason, verdict.restricts_to) == ("no_money", TradingState.REDUCING)


def test_reasons_are_the_names_of_the_terminals_constants() -> None:
    """A code in the table is called what the package calls it."""
    names = {
        value: name.removeprefix("TRADE_RETCODE_").lower()
        for name, value in vars(mt5).items()
        if name.startswith("TRADE_RETCODE_")
    }

    assert {code: RETCODES[code].reason for code in names} == names
