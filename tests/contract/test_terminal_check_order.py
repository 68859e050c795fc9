"""In which order a request is checked, and what of it is an assumption."""

from collections.abc import Callable
from typing import Any

from runtime.terminals import constants as mt5
from tests.contract.covers import covers
from tests.contract.order_codes import FOK, INSTANT, SELL, answer, deal
from tests.contract.terminals import Lab, MakeLab


def _set(**changed: Any) -> Callable[[Lab, dict[str, Any]], None]:
    def heal(lab: Lab, request: dict[str, Any]) -> None:
        for name, value in changed.items():
            setattr(lab.behind.conditions, name, value)

    return heal


def _ask(**changed: Any) -> Callable[[Lab, dict[str, Any]], None]:
    def heal(lab: Lab, request: dict[str, Any]) -> None:
        request.update(changed)

    return heal


def test_the_checks_come_in_their_order(make_lab: MakeLab) -> None:
    """A request that fails everything is refused by one rule after the other as each is healed."""
    lab = make_lab(fifo_close=True, hedge_prohibited=True, positions_max=1, execution="instant")
    lab.buy("open", price=1.1001)
    conditions = lab.behind.conditions
    conditions.is_terminal_trade_allowed = conditions.is_expert_allowed = False
    conditions.is_account_trade_allowed = conditions.is_connected = False
    conditions.requests_per_s_max = 1
    conditions.trade_modes["EURUSD"] = mt5.SYMBOL_TRADE_MODE_CLOSEONLY
    conditions.is_session_open = conditions.has_quotes = False
    conditions.order_modes["EURUSD"] = 0
    conditions.volume_limit_lots = 5.0
    request = deal(
        action=99, type=SELL, volume=0.015, type_filling=3, type_time=4, sl=1.0, deviation=0
    )
    steps: list[tuple[int, Callable[[Lab, dict[str, Any]], None]]] = [
        (10027, _set(is_terminal_trade_allowed=True)),
        (10026, _set(is_expert_allowed=True)),
        (10017, _set(is_account_trade_allowed=True)),
        (10031, _set(is_connected=True)),
        (10024, _set(requests_per_s_max=1000)),
        (10013, _ask(action=1)),
        (10044, _set(trade_modes={})),
        (10018, _set(is_session_open=True)),
        (10014, _ask(volume=20.0)),
        (10035, _set(order_modes={})),
        (10030, _ask(type_filling=FOK)),
        (10022, _ask(type_time=0)),
        (10021, _set(has_quotes=True)),
        (10015, _ask(price=1.09)),
        (10004, _ask(price=1.1)),
        (10046, _set(is_hedge_prohibited=False)),
        (10016, _ask(sl=0.0)),
        (10034, _set(volume_limit_lots=0.0)),
        (10040, _set(positions_max=200)),
        (10019, _ask(volume=0.1)),
        (0, _ask()),
    ]

    codes = []
    for _, heal in steps:
        check = lab.terminal.order_check(request)
        assert check is not None
        codes.append(check.retcode)
        heal(lab, request)

    assert codes == [code for code, _ in steps]


def test_the_order_of_the_checks_is_an_assumption(lab: Lab) -> None:
    """A rule may be asked before all others."""
    request = deal(volume=0.0, sl=2.0)
    assert answer(lab, "a", request) == mt5.TRADE_RETCODE_INVALID_VOLUME

    lab.behind.conditions.rules_first = ("stops",)

    assert answer(lab, "b", request) == mt5.TRADE_RETCODE_INVALID_STOPS


@covers("order_check", 0)
def test_a_check_may_ignore_the_switches(lab: Lab) -> None:
    """By default check and send agree; some terminal may pass a check that cannot be sent."""
    lab.behind.conditions.is_terminal_trade_allowed = False

    assert answer(lab, "a", deal()) == mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
    lab.behind.conditions.check_ignores_switches = True
    check = lab.terminal.order_check(deal())
    assert check is not None
    assert check.retcode == 0
    assert lab.buy("b").retcode == mt5.TRADE_RETCODE_CLIENT_DISABLES_AT


def test_known_comments(lab: Lab) -> None:
    """The texts that were seen on a running server go with their codes."""
    lab.behind.conditions.executions["EURUSD"] = INSTANT

    texts = [
        lab.buy(str(n), **request).comment
        for n, request in enumerate(
            (
                {"price": 1.1001},
                {},
                {"price": 1.1001, "sl": 2.0},
                {"price": 1.1001, "type_filling": 3},
                {"price": 1.1001, "volume": 50.0},
            )
        )
    ]

    assert texts == [
        "Request executed", "Invalid price", "Invalid stops", "Unsupported filling mode",
        "No money",
    ]  # fmt: skip


@covers("order_send", 10013)
def test_the_code_for_what_is_unknown_is_an_assumption(lab: Lab) -> None:
    """No source fixes it, so it can be another one."""
    lab.behind.conditions.unknown_symbol_retcode = mt5.TRADE_RETCODE_REJECT
    lab.behind.conditions.unknown_action_retcode = mt5.TRADE_RETCODE_ERROR

    assert lab.buy("a", symbol="XXXYYY").retcode == mt5.TRADE_RETCODE_REJECT
    assert lab.buy("b", action=99).retcode == mt5.TRADE_RETCODE_ERROR
