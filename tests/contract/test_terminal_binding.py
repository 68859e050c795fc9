"""How strictly arguments are read, and what the last error says: the same for every terminal."""

from typing import Any

import numpy as np
import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.structures import TradeRequest
from tests.contract.bad_calls import BAD_CALLS, NOW, BadCall
from tests.contract.covers import covers
from tests.contract.terminals import Bench, Lab, done

SUCCESS = (1, "Success")


def put(terminal: Any, bad: BadCall) -> tuple[object, tuple[int, str]]:
    """Put a bad call to a terminal, or to the package itself; return answer and last error."""
    function = getattr(terminal, bad.function)
    if bad.raises:
        with pytest.raises(SystemError):
            function(*bad.args, **bad.named)
        return bad.result, terminal.last_error()
    return function(*bad.args, **bad.named), terminal.last_error()


FUNCTIONS = sorted({bad.function for bad in BAD_CALLS})


@pytest.mark.parametrize(
    "function", [pytest.param(name, marks=covers(name, -2)) for name in FUNCTIONS]
)
def test_bad_arguments_never_leave(bench: Bench, function: str) -> None:
    """None or False, -2 and the package's words; a range that CPython checks raises as well."""
    for bad in BAD_CALLS:
        if bad.function == function:
            assert put(bench.terminal, bad) == (bad.result, (-2, bad.text)), bad


@pytest.mark.metatrader
def test_the_package_itself_refuses_the_same(package: Any) -> None:
    """The table was read from the package's code; where the package is, it is asked."""
    for bad in BAD_CALLS:
        assert put(package, bad) == (bad.result, (-2, bad.text)), bad


@covers("initialize", -2)
def test_initialize_closes_what_is_open_even_if_it_is_wrong(lab: Lab) -> None:
    """Its own arguments are judged after the old connection is gone."""
    for args, named, text in (
        (("a", "b"), {}, "Invalid number of arguments"),
        (("p" * 258,), {}, "Invalid 1st unnamed argument"),
        ((), {"path": 7}, 'Invalid "path" argument'),
        ((), {"login": "1"}, 'Invalid "login" argument'),
        ((), {"server": "s" * 254}, 'Invalid "server" argument'),
        ((), {"timeout": None, "password": 5}, 'Invalid "password" argument'),
    ):
        assert lab.terminal.initialize() is True
        assert lab.terminal.initialize(*args, **named) is False
        assert lab.terminal.last_error() == (-2, text)
        assert lab.terminal.version() is None
    with pytest.raises(SystemError):
        lab.terminal.initialize(login=-1)
    assert lab.terminal.initialize("path", portable=True, unknown=1) is True


@covers("order_send", -2)
@pytest.mark.parametrize(
    ("field", "value"), [("volume", 1), ("price", None), ("symbol", "X" * 30), ("magic", 1.0)]
)
def test_a_request_that_the_package_refuses_is_not_sent(
    bench: Bench, field: str, value: object
) -> None:
    """None and -2, nothing behind it, and the id is still free."""
    before = bench.terminal.positions_total()

    assert bench.send("refused", **bench.entry(**{field: value})) is None
    assert bench.terminal.last_error() == (-2, f'Invalid "{field}" argument')
    assert bench.terminal.positions_total() == before


@covers("order_send")
@covers("order_check")
def test_what_the_types_allow_passes_whatever_its_value(bench: Bench) -> None:
    """NaN, infinity, np.float64, bool, unknown keys and 29 characters are the server's matter."""
    terminal: Any = bench.terminal  # the port names one form of a request, the package has two
    request = {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "X" * 29,
        "volume": float("nan"),
        "price": np.float64(1.5),
        "sl": float("inf"),
        "type": True,
        "magic": 2**63 - 1,
        "comment": "c" * 29,
        "no such key": object(),
    }

    check = terminal.order_check(request)
    by_keywords = terminal.order_check(**request)

    assert check is not None
    assert by_keywords is not None
    assert check.retcode == by_keywords.retcode != 0
    assert (check.request.type, check.request.price) == (1, 1.5)
    assert (type(check.request.type), type(check.request.price)) == (int, float)
    assert np.isnan(check.request.volume)


@covers("order_check")
def test_a_missing_key_is_zero_or_empty(bench: Bench) -> None:
    """An empty request reads as zeros, which is no known action."""
    check = bench.terminal.order_check({})

    assert check is not None
    assert check.retcode != 0
    assert check.request == TradeRequest(
        0, 0, 0, "", 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, "", 0, 0
    )  # fmt: skip


@covers("order_send", 10009)
def test_a_request_may_be_given_by_keywords(lab: Lab) -> None:
    """As one dict or as keywords, never both; the id and the epoch are our own."""
    request = lab.entry()

    result = lab.terminal.order_send(**request, request_id="named", epoch=1)

    assert done(result).retcode == mt5.TRADE_RETCODE_DONE
    again = lab.terminal.order_send(request, request_id="named", epoch=1)
    assert again == result
    assert lab.terminal.order_send(request, action=1, request_id="both", epoch=1) is None
    assert lab.terminal.last_error() == (-2, "Unnamed arguments not allowed")


@covers("order_send")
@pytest.mark.parametrize(
    ("request_id", "epoch"), [("", 1), ("x" * 129, 1), ("a\0b", 1), ("é", 1), ("x", -1)]
)
def test_our_own_errors_raise(lab: Lab, request_id: str, epoch: int) -> None:
    """An id or an epoch that cannot be one is no refusal of the broker's."""
    with pytest.raises(ValueError, match="must"):
        lab.terminal.order_send({"action": 1}, request_id=request_id, epoch=epoch)


@pytest.mark.parametrize(
    ("function", "named"),
    [
        ("symbol_info", {"symbol": "EURUSD"}),
        ("symbol_select", {"symbol": "EURUSD", "enable": True}),
        ("copy_rates_from_pos", {"symbol": "EURUSD", "timeframe": 1, "start_pos": 0, "count": 1}),
        ("order_calc_margin", {"action": 0, "symbol": "EURUSD", "volume": 1.0, "price": 1.0}),
        ("history_deals_total", {"date_from": 0, "date_to": 1}),
        ("positions_total", {"symbol": "EURUSD"}),
    ],
)
def test_positional_functions_take_no_keywords(
    bench: Bench, function: str, named: dict[str, object]
) -> None:
    """CPython itself refuses them, as it does for every function of that kind."""
    with pytest.raises(TypeError):
        getattr(bench.terminal, function)(**named)


@covers("last_error", -4)
def test_pitfall_the_last_error_is_that_of_the_latest_call(bench: Bench) -> None:
    """Each call starts from success; `last_error` alone changes nothing."""
    assert bench.terminal.symbol_info("XXXYYY") is None
    assert bench.terminal.last_error() == bench.terminal.last_error() != SUCCESS
    assert bench.terminal.symbols_total() is not None
    assert bench.terminal.last_error() == SUCCESS


@covers("order_calc_margin")
def test_calculations_take_whatever_converts(lab: Lab) -> None:
    """Integers and NumPy's numbers are fine here, and an action loses its high bits."""
    calc: Any = lab.terminal.order_calc_margin

    assert calc(0, "EURUSD", 1, 1) == calc(2**32, "EURUSD", np.float32(1.0), np.int64(1))
    assert calc(True, "EURUSD", 1.0, 1.0) == calc(1, "EURUSD", 1.0, 1.0)


@covers("copy_rates_from")
@covers("history_deals_get")
def test_an_int_moment_has_32_bits(lab: Lab) -> None:
    """From 2038 on an int raises; a float or a datetime says the same and passes."""
    late = 2**31

    with pytest.raises(SystemError):
        lab.terminal.copy_rates_from("EURUSD", 1, late, 1)
    with pytest.raises(SystemError):
        lab.terminal.history_deals_get(0, late)
    assert lab.terminal.copy_rates_from("EURUSD", 1, float(late), 1) is not None
    assert lab.terminal.copy_rates_from("EURUSD", 1, NOW.replace(year=2040), 1) is not None
    assert lab.terminal.copy_rates_from("EURUSD", 1, float("nan"), 1) is None
    assert lab.terminal.last_error() == (-2, "Terminal: Invalid params")


@covers("symbol_info", -4)
@covers("order_check")
def test_text_ends_at_its_first_nul(lab: Lab) -> None:
    """The package hands over C strings; half a character arrives as a question mark."""
    assert lab.terminal.symbol_info("EURUSD\0.m") is not None
    assert lab.terminal.symbol_info("EUR\ud800USD") is None
    assert lab.terminal.last_error()[0] == -4
    check = lab.terminal.order_check({"comment": "a\0b", "symbol": "\ud800"})
    assert check is not None
    assert (check.request.comment, check.request.symbol) == ("a", "?")
