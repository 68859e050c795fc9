"""Nothing of the terminal's contract is without a test: each function, each code, each pitfall."""

import inspect

import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal
from runtime.terminals.wire import FUNCTIONS
from tests.contract.covers import (
    SIMULATED_WAYS,
    WAYS,
    codes_covered,
    functions_covered,
    names_of_tests,
    table,
)

PORT = sorted(
    name for name, _ in inspect.getmembers(Terminal, inspect.isfunction) if name[0] != "_"
)
RETCODES = sorted(
    {value for name, value in vars(mt5).items() if name.startswith("TRADE_RETCODE_")} | {0, 10046}
)
ERRORS = (-1, -2, -3, -4, -6, -8, -10004)
"""Last errors that a simulated terminal gives by itself; the others are faults of a connection."""
PITFALLS = {
    "a result taken as success": "a_result_is_true_whatever_it_says",
    "a check tested against 10009": "a_check_that_passes_has_retcode_0",
    "an int volume, a None, a long comment": "a_type_that_looks_right",
    "a negative magic": "a_negative_magic_raises",
    "a hard-coded filling": "a_filling_that_the_symbol_does_not_have",
    "price 0 on INSTANT": "price_0_is_no_market_price_on_instant",
    "a naive datetime": "a_naive_datetime_moves_with_the_machine",
    "a history that ends now": "now_is_not_the_end_of_the_servers_history",
    "a weekend's tick taken as fresh": "the_server_clock_stands_still_at_the_weekend",
    "the forming bar": "the_forming_bar_shows_its_open_only",
    "-2 read as no history": "a_large_count_is_an_error_and_not_an_empty_history",
    "the first read after a start": "the_first_reads_while_history_syncs",
    "a suffix": "brokers_put_a_suffix_on_symbols",
    "a symbol that is not selected": "a_symbol_that_is_not_selected",
    "a close without position": "a_close_without_its_position_opens_the_opposite",
    "SLTP with one stop": "a_change_of_one_stop_deletes_the_other",
    "a magic filter": "a_magic_filter_overlooks_what_a_person_did",
    "deals read by ticket": "a_ticket_finds_one_deal_of_an_order_that_has_several",
    "several threads on one handle": "calls_of_several_threads_go_one_after_the_other",
    "one last error for several clients": "two_clients_each_have_their_own_last_error",
    "the last error of another call": "the_last_error_is_that_of_the_latest_call",
}
"""Mistakes that the contract lists, and the test that shows each."""
NOT_CALLED = {"close": "lets go of the terminal, and every test does it"}


@pytest.mark.parametrize("function", [name for name in PORT if name not in NOT_CALLED])
def test_every_function_has_a_contract_test(function: str) -> None:
    """Directly and over HTTP; whatever the port offers, the terminal process lets be called."""
    counts = functions_covered()

    assert [way for way in SIMULATED_WAYS if not counts[function, way]] == []
    assert function in FUNCTIONS or function == "last_error"


@pytest.mark.parametrize("code", [*RETCODES, *ERRORS])
def test_every_code_has_a_contract_test(code: int) -> None:
    """Each return code of a request, and each last error, directly and over HTTP."""
    counts = codes_covered()

    assert [way for way in SIMULATED_WAYS if not counts[code, way]] == []


def test_every_pitfall_is_shown() -> None:
    """None of the known mistakes is without a test that names it."""
    shown = {name for name in names_of_tests() if name.startswith("test_pitfall_")}

    assert {f"test_pitfall_{name}" for name in PITFALLS.values()} <= shown


def test_the_table_names_every_way() -> None:
    """The count is printed by function and code, a column a way."""
    head, first, *_ = table().splitlines()

    assert head.split() == list(WAYS)
    assert first.split()[0] == min(function for function, _ in functions_covered())
