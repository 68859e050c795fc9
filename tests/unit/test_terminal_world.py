"""A real broker's terminal read honestly: budgets, parts, clocks, names, terms, and one send."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.orders.outcomes import classify
from agents.requests import (
    BarsRead,
    BrokerRead,
    QuotesRead,
    ReadBars,
    ReadBroker,
    ReadQuotes,
    ReadSymbols,
    Reply,
    Request,
    SendAnswered,
    SendOrder,
    SymbolsRead,
    Unanswered,
)
from blackboard.errors import TerminalUnavailable
from blackboard.facts import Timeframe
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome, Purpose
from config.settings import Settings
from models.market.bars import empty_bars
from models.market.quote_validation import QuoteDefect, quote_defect
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    is_open,
    next_bar_close_ns,
)
from runtime import clock
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.run_plan import RunPlan
from runtime.terminal_world import TerminalWorld, with_broker_names
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.edge import Edge
from runtime.terminals.prices import symbol_spec
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult, TradeDeal, TradePosition, TradeRequest
from tests.hand_terminal import HandTerminal, a_result, an_info, blank, blank_check, hours
from tests.scripted_market import START_NS, HandClock, ScriptedMarket, a_terminal, traits
from tests.unit.test_pacing import HandTime

M15_NS = 15 * MINUTE_NS
NOW_S = START_NS // SECOND_NS + 2 * 3600
"""The server's wall time at `START_NS`, two hours ahead."""
ENTRY = SendOrder(
    intent_id="one",
    purpose=Purpose.ENTRY,
    symbol="EURUSD",
    side=Side.BUY,
    lots=0.2,
    stop_price=1.098,
    target_price=1.106,
    position_ticket=0,
    magic=4711,
    comment="fxabcdefghij",
    deviation_points=20,
)
EXIT = msgspec.structs.replace(ENTRY, purpose=Purpose.EXIT, side=Side.SELL, position_ticket=7)


@pytest.fixture(autouse=True)
def time() -> Iterator[HandTime]:
    """Let no test wait: time passes by sleeping only, at once."""
    source = HandTime()
    with clock.installed(source):
        yield source


def a_world(
    terminal: HandTerminal | SimulatedTerminal,
    symbols: tuple[str, ...] = ("EURUSD",),
    *,
    is_virtual: bool = False,
    another: Callable[[], HandTerminal] | None = None,
    **section: Any,
) -> TerminalWorld:
    """Return the world over a terminal, following the clock of a real market unless virtual."""
    settings = Settings.model_validate(
        {"symbols": symbols, "speed": 1.0, "terminal": {"requests_per_s": 1000.0, **section}}
    )
    return TerminalWorld(
        terminal,
        settings,
        is_virtual=is_virtual,
        calendar=open_calendar(settings),
        headlines=open_headlines(settings),
        another=another,
    )


def ask(world: TerminalWorld, request: Request, now_ns: int = START_NS) -> Reply:
    """Perform a request."""
    return world.perform(request, now_ns=now_ns, epoch=1).reply


def a_euro(**changes: Any) -> HandTerminal:
    """Return a terminal with EURUSD, whose latest tick is from now."""
    return HandTerminal(an_info("EURUSD", **({"time": NOW_S} | changes)))


def failing(times: int, code: int) -> Callable[..., Any]:
    """Return an answer that fails some times and is then the terminal's own."""
    left = [times]

    def fail(*_: object, **__: object) -> Any:
        if left[0]:
            left[0] -= 1
            raise CallFailed(code)
        return an_info("EURUSD", time=NOW_S)

    return fail


# Reads are repeated within their budget, sends never.


@pytest.mark.parametrize("code", [mt5.RES_E_FAIL, -10001, -10004])
def test_a_read_is_repeated_within_its_budget(code: int, time: HandTime) -> None:
    """The first calls after a start fail; the third try of three is answered."""
    terminal = a_euro()
    terminal.answers["symbol_info"] = failing(2, code)

    reply = ask(a_world(terminal, read_tries=3, read_pause_s=0.5), ReadQuotes(symbols=("EURUSD",)))

    assert isinstance(reply, QuotesRead)
    assert time.naps.count(0.5) == 2


def test_a_read_beyond_its_budget_is_unanswered() -> None:
    """Which is what makes a feed stale; the reason says the last error."""
    terminal = a_euro()
    terminal.answers["symbol_info"] = failing(3, -10001)

    reply = ask(a_world(terminal, read_tries=3), ReadQuotes(symbols=("EURUSD",)))

    assert isinstance(reply, Unanswered)
    assert "-10001" in reply.reason


def test_a_send_is_never_repeated() -> None:
    """No reply is no reply, whatever the budget of reads is."""
    terminal = a_euro()

    def lost(*_: object, **__: object) -> Any:
        raise CallFailed(mt5.RES_E_INTERNAL_FAIL_RECEIVE)

    terminal.answers["order_send"] = lost
    reply = ask(a_world(terminal, read_tries=9), ENTRY)

    assert isinstance(reply, SendAnswered)
    assert classify(reply).outcome is Outcome.UNKNOWN
    assert len(terminal.called("order_send")) == 1


def test_f25_ranges_are_read_in_parts_below_what_a_chart_holds() -> None:
    """F25: 250 bars of a terminal that keeps 100 come in parts of 50, whole and in order."""
    terminal = a_euro()
    terminal.program = terminal.program._replace(maxbars=100)

    def rates(_: str, __: int, from_s: float, to_s: float) -> Any:
        opens_ns = range(int(from_s) * SECOND_NS, int(to_s) * SECOND_NS + 1, M15_NS)
        if len(opens_ns) >= 100:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        return hours(*opens_ns)

    terminal.answers["copy_rates_range"] = rates
    from_ns = START_NS - 250 * M15_NS

    reply = ask(a_world(terminal), bars_from(from_ns))

    assert isinstance(reply, BarsRead)
    expected = range(from_ns + M15_NS, START_NS + 1, M15_NS)
    assert reply.bars["close_ns"].tolist() == list(expected)
    assert len(terminal.called("copy_rates_range")) == 5  # 250 / 50


def sends_of(terminal: HandTerminal) -> list[TradeRequest]:
    """Let every send be done, and return the list in which they are kept."""
    sent: list[TradeRequest] = []

    def send(request: TradeRequest, **_: object) -> OrderSendResult:
        sent.append(request)
        return a_result(request)

    terminal.answers["order_send"] = send
    return sent


def bars_from(from_ns: int, until_ns: int = START_NS) -> ReadBars:
    """Return the request for bars of a quarter of an hour."""
    return ReadBars(symbol="EURUSD", timeframe=Timeframe.M15, from_ns=from_ns, until_ns=until_ns)


def test_f25_history_that_still_loads_is_read_until_it_no_longer_grows() -> None:
    """F25: 3, then 6, then 6 bars of four weeks: six is all there is."""
    terminal, counts = a_euro(), iter([3, 6, 6])

    def rates(*_: object) -> Any:
        return hours(*(NOW_S * SECOND_NS - back * M15_NS for back in range(next(counts), 0, -1)))

    terminal.answers["copy_rates_range"] = rates
    reply = ask(a_world(terminal), bars_from(START_NS - 28 * DAY_NS))

    assert isinstance(reply, BarsRead)
    assert len(reply.bars) == 6


def test_f25_history_that_never_stops_growing_is_unanswered() -> None:
    """F25: a window must not begin in the middle of its history."""
    terminal, counts = a_euro(), iter(range(1, 100))

    def rates(*_: object) -> Any:
        return hours(*(NOW_S * SECOND_NS - back * M15_NS for back in range(next(counts), 0, -1)))

    terminal.answers["copy_rates_range"] = rates
    reply = ask(a_world(terminal), bars_from(START_NS - 28 * DAY_NS))

    assert isinstance(reply, Unanswered)
    assert "still loading" in reply.reason


# Several at once.


def test_requests_are_under_way_together_each_by_a_client_of_its_own() -> None:
    """Two readings meet inside the terminal, and each keeps its own last error."""
    met = threading.Barrier(2, timeout=10.0)

    def meet(symbol: str) -> Any:
        met.wait()
        if symbol == "USDJPY":
            raise CallFailed(mt5.RES_E_FAIL)
        return an_info(symbol, time=NOW_S)

    def client() -> HandTerminal:
        made = HandTerminal()
        made.answers["symbol_info"] = meet
        return made

    given = {"EURUSD": "EURUSD", "USDJPY": "USDJPY"}
    world = a_world(client(), tuple(given), another=client, symbol_names=given, read_tries=1)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda name: ask(world, ReadQuotes(symbols=(name,))), given))

    assert isinstance(told[0], QuotesRead)
    assert isinstance(told[1], Unanswered)
    assert told[1].reason == "quote of USDJPY: -1 Terminal: Call failed"


def test_without_further_clients_requests_go_one_by_one() -> None:
    """The last error of one client belongs to its latest call."""
    terminal, inside = a_euro(), [0]

    def count(_: str) -> Any:
        inside[0] += 1
        assert inside[0] == 1
        inside[0] -= 1
        return an_info("EURUSD", time=NOW_S)

    terminal.answers["symbol_info"] = count
    world = a_world(terminal)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: ask(world, ReadQuotes(symbols=("EURUSD",))), range(20)))

    assert all(isinstance(each, QuotesRead) for each in told)


# Names and terms.


def test_names_are_the_brokers_outside_and_ours_inside() -> None:
    """Requests name EURUSD.m, answers EURUSD; what a person trades beside keeps its name."""
    terminal = HandTerminal(an_info("EURUSD.m", "EURUSD", time=NOW_S))
    terminal.positions = (
        blank(TradePosition, ticket=7, symbol="EURUSD.m", volume=0.2),
        blank(TradePosition, ticket=8, symbol="XAUUSD.m", volume=0.1),
    )
    deal = blank(TradeDeal, ticket=1, symbol="EURUSD.m", time_msc=NOW_S * 1000)
    terminal.answers["history_deals_get"] = lambda *_, **__: (deal,)
    sent = sends_of(terminal)
    world = a_world(terminal)

    specs = ask(world, ReadSymbols(symbols=("EURUSD",)))
    quotes = ask(world, ReadQuotes(symbols=("EURUSD",)))
    read = ask(world, ReadBroker(since_ns=START_NS - DAY_NS))
    ask(world, ENTRY)

    assert isinstance(specs, SymbolsRead)
    assert isinstance(quotes, QuotesRead)
    assert isinstance(read, BrokerRead)
    assert [(each.scope, each.terminal_name) for each in specs.specs] == [("EURUSD", "EURUSD.m")]
    assert [each.symbol for each in quotes.quotes] == ["EURUSD"]
    assert [each.symbol for each in read.positions] == ["EURUSD", "XAUUSD.m"]
    assert [each.symbol for each in read.deals] == ["EURUSD"]
    assert [each.symbol for each in sent] == ["EURUSD.m"]


def test_an_exit_names_the_symbol_under_which_the_position_is_held() -> None:
    """A position from before the broker's names changed is closed under its own."""
    terminal = HandTerminal(an_info("EURUSD.m", "EURUSD"), an_info("EURUSD.old", "EURUSD"))
    terminal.positions = (blank(TradePosition, ticket=7, symbol="EURUSD.old", volume=0.2),)
    sent = sends_of(terminal)

    ask(a_world(terminal, symbol_names={"EURUSD": "EURUSD.m"}), EXIT)

    assert [(each.symbol, each.position) for each in sent] == [("EURUSD.old", 7)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trade_mode": 3}, "trade_mode of EURUSD was 4, is 3"),
        ({"digits": 4}, "digits of EURUSD was 5, is 4"),
        ({"volume_step": 0.1}, "volume_step_lots of EURUSD was 0.01, is 0.1"),
        ({"volume_min": 0.1}, "volume_min_lots of EURUSD was 0.01, is 0.1"),
        ({"trade_stops_level": 50}, "stops_level_points of EURUSD was 0, is 50"),
        ({"trade_contract_size": 1000.0}, "contract_size of EURUSD was 100000.0, is 1000.0"),
        ({"point": 0.0}, "make no sense"),
    ],
)
def test_f27_an_entry_is_refused_where_the_terms_have_changed(
    changes: dict[str, Any], reason: str
) -> None:
    """F27: it was sized and priced by other terms; nothing leaves, and the reason says which."""
    terminal = a_euro()
    order = msgspec.structs.replace(ENTRY, spec=symbol_spec("EURUSD", terminal.infos["EURUSD"]))
    terminal.change("EURUSD", **changes)

    reply = ask(a_world(terminal), order)

    assert isinstance(reply, SendAnswered)
    assert reason in reply.comment
    assert classify(reply).outcome is Outcome.NOT_SENT
    assert terminal.called("order_send") == terminal.called("order_check") == []


def test_f27_changed_terms_keep_no_position_open() -> None:
    """F27: an exit is held to the contract alone; the broker judges the rest."""
    terminal = a_euro()
    spec = symbol_spec("EURUSD", terminal.infos["EURUSD"])
    order = msgspec.structs.replace(EXIT, spec=spec)
    terminal.change("EURUSD", trade_mode=3, volume_step=0.1, trade_stops_level=50)

    reply = ask(a_world(terminal), order)

    assert isinstance(reply, SendAnswered)
    assert reply.code == mt5.TRADE_RETCODE_DONE


def test_f27_terms_that_hold_and_a_new_swap_let_an_entry_pass() -> None:
    """F27: swaps change overnight and size nothing."""
    terminal = a_euro()
    order = msgspec.structs.replace(ENTRY, spec=symbol_spec("EURUSD", terminal.infos["EURUSD"]))
    terminal.change("EURUSD", swap_long=-9.0)

    reply = ask(a_world(terminal), order)

    assert isinstance(reply, SendAnswered)
    assert reply.code == mt5.TRADE_RETCODE_DONE


def test_f27_a_symbol_that_was_renamed_gets_no_order_under_either_name() -> None:
    """F27: the first order finds it gone; the next finds another name than it was made by."""
    terminal = HandTerminal(an_info("EURUSD.m", "EURUSD", time=NOW_S))
    spec = symbol_spec("EURUSD", terminal.infos["EURUSD.m"])
    order, world = msgspec.structs.replace(ENTRY, spec=spec), a_world(terminal)
    ask(world, ReadQuotes(symbols=("EURUSD",)))
    terminal.infos = {"EURUSD.x": an_info("EURUSD.x", "EURUSD", time=NOW_S)}

    first, second = ask(world, order), ask(world, order)

    assert isinstance(first, SendAnswered)
    assert isinstance(second, SendAnswered)
    assert first.was_refused_before_send
    assert "EURUSD.m" in first.comment
    assert "terminal_name of EURUSD was EURUSD.m, is EURUSD.x" in second.comment
    assert terminal.called("order_send") == []


def test_f27_a_symbol_that_was_deselected_is_selected_again() -> None:
    """F27: a person hid it in the terminal's list; without ticks no order would fill."""
    terminal = a_euro(select=False)

    reply = ask(a_world(terminal), ENTRY)

    assert isinstance(reply, SendAnswered)
    assert reply.code == mt5.TRADE_RETCODE_DONE
    assert terminal.infos["EURUSD"].select


def test_f27_quotes_carry_the_terms_of_the_moment() -> None:
    """F27: so a change within the day is posted at the next close."""
    terminal = a_euro(trade_mode=3)

    reply = ask(a_world(terminal), ReadQuotes(symbols=("EURUSD",)))

    assert isinstance(reply, QuotesRead)
    assert [spec.trade_mode for spec in reply.specs] == [3]


# The check before a send.


def test_a_passed_check_is_zero_not_done() -> None:
    """`order_check` answers 0 where the order could be sent, and then it is sent once."""
    terminal = a_euro()

    reply = ask(a_world(terminal), ENTRY)

    assert isinstance(reply, SendAnswered)
    assert (reply.code, reply.was_refused_before_send) == (mt5.TRADE_RETCODE_DONE, False)
    assert len(terminal.called("order_check")) == len(terminal.called("order_send")) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [(10009, "done"), (10016, "invalid_stops"), (10019, "no_money"), (10027, "client_disables_at")],
)
def test_a_failed_check_is_definitive_and_keeps_its_code(code: int, reason: str) -> None:
    """Nothing left; what the code asks for, such as HALTED, is asked for still."""
    terminal = a_euro()
    terminal.answers["order_check"] = lambda request: blank_check(request, code)

    reply = ask(a_world(terminal), ENTRY)

    assert isinstance(reply, SendAnswered)
    verdict = classify(reply)
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_SENT, reason)
    assert terminal.called("order_send") == []


@pytest.mark.parametrize("code", [-2, -8, -10002, -10005])
def test_a_check_without_an_answer_sends_nothing(code: int) -> None:
    """A check has no effect, so even a lost reply to it is definitive."""
    terminal = a_euro()

    def lost(*_: object) -> Any:
        raise CallFailed(code)

    terminal.answers["order_check"] = lost
    reply = ask(a_world(terminal), ENTRY)

    assert isinstance(reply, SendAnswered)
    assert classify(reply).outcome is Outcome.NOT_SENT
    assert terminal.called("order_send") == []


# Too many requests.


def test_f19_after_too_many_requests_the_next_send_waits_and_later_entries_are_refused(
    time: HandTime,
) -> None:
    """F19: one second before the second try; then the pause is longer than a send may wait."""
    terminal = a_euro()
    terminal.answers["order_send"] = lambda one, **_: a_result(one, 10024)
    world = a_world(terminal, backoff_s=1.0)
    ask(world, ENTRY)

    second_from_s = time.now_s
    ask(world, ENTRY)
    third = ask(world, ENTRY)

    assert time.now_s - second_from_s == pytest.approx(1.0, abs=0.1)
    assert isinstance(third, SendAnswered)
    assert third.was_refused_before_send
    assert classify(third).may_retry
    assert len(terminal.called("order_send")) == 2


def test_f19_an_exit_leaves_after_the_short_pause(time: HandTime) -> None:
    """F19: while entries wait eight seconds, a close waits one."""
    terminal = a_euro()
    terminal.answers["order_send"] = lambda one, **_: a_result(one, 10024)
    world = a_world(terminal, backoff_s=1.0)
    for _ in range(4):
        ask(world, EXIT)
    before_s = time.now_s

    reply = ask(world, EXIT)

    assert time.now_s - before_s == pytest.approx(1.0, abs=0.1)
    assert isinstance(reply, SendAnswered)
    assert not reply.was_refused_before_send


# Worth in account currency.


def test_a_symbol_that_only_values_a_currency_is_selected_and_read_but_not_traded() -> None:
    """EURGBP in dollars: pounds are worth what GBPUSD says, which nobody asked to trade."""
    terminal = HandTerminal(
        an_info("EURGBP", time=NOW_S, trade_tick_value=1.25),
        an_info("GBPUSD", time=NOW_S, bid=1.25, ask=1.2501, select=False),
    )

    reply = ask(a_world(terminal, ("EURGBP",)), ReadQuotes(symbols=("EURGBP",)))

    assert isinstance(reply, QuotesRead)
    assert [(each.symbol, each.account_per_quote) for each in reply.quotes] == [("EURGBP", 1.25)]
    assert terminal.infos["GBPUSD"].select


@pytest.mark.parametrize(
    ("pound", "value"),
    [
        ({"time": NOW_S - 3601}, 1.25),  # the price is an hour old
        ({"bid": 0.0}, 1.25),
        ({}, 0.0),  # the terminal itself cannot value it
        ({}, 2.5),  # twice what the price says
    ],
)
def test_a_symbol_without_a_fresh_rate_has_no_quote(pound: dict[str, Any], value: float) -> None:
    """No size can be made of it, so it is left out and its feed is stale."""
    terminal = HandTerminal(
        an_info("EURGBP", time=NOW_S, trade_tick_value=value),
        an_info("GBPUSD", **({"time": NOW_S, "bid": 1.25, "ask": 1.2501} | pound)),
    )

    reply = ask(a_world(terminal, ("EURGBP",)), ReadQuotes(symbols=("EURGBP",)))

    assert isinstance(reply, QuotesRead)
    assert reply.quotes == ()


@pytest.mark.parametrize(
    ("bid", "ask_price", "defect"),
    [
        (151.0, 150.0, QuoteDefect.CROSSED),
        (150.0, 150.0, QuoteDefect.CROSSED),
        (-150.0, 150.0, QuoteDefect.PRICE),
        (0.0, 150.0, QuoteDefect.PRICE),
        (math.nan, 150.0, QuoteDefect.PRICE),
        (0.0, 0.0, None),  # there is no quote yet
    ],
)
def test_f24_prices_that_make_no_sense_reach_who_refuses_them(
    bid: float, ask_price: float, defect: QuoteDefect | None
) -> None:
    """F24: dropped here they would look like silence; the DataAgent names what is wrong."""
    terminal = HandTerminal(
        an_info("USDJPY", time=NOW_S, bid=bid, ask=ask_price, trade_tick_value=1.0 / 150.0)
    )

    reply = ask(a_world(terminal, ("USDJPY",)), ReadQuotes(symbols=("USDJPY",)))

    assert isinstance(reply, QuotesRead)
    found = [
        quote_defect(
            each.bid,
            each.ask,
            each.account_per_quote,
            each.tick_ns,
            empty_bars(),
            now_ns=each.tick_ns,
            age_ns_max=MINUTE_NS,
            point=0.001,
            jump_atr_max=10.0,
        )
        for each in reply.quotes
    ]
    assert found == ([] if defect is None else [defect])


# The broker's book.


@pytest.mark.parametrize(
    "function",
    ["account_info", "positions_get", "orders_get", "history_orders_get", "history_deals_get"],
)
def test_f21_a_book_of_which_a_part_fails_cannot_be_told(function: str) -> None:
    """F21: None of any part is never flat, however often it is read."""
    terminal = a_euro()

    def away(*_: object, **__: object) -> Any:
        raise CallFailed(mt5.RES_E_INTERNAL_FAIL_SEND)

    terminal.answers[function] = away
    reply = ask(a_world(terminal), ReadBroker(since_ns=START_NS - DAY_NS))

    assert isinstance(reply, Unanswered)
    assert "-10001" in reply.reason
    assert len(terminal.called(function)) == 3  # the budget of a read


def test_the_past_is_read_by_range_to_a_day_beyond_the_servers_now() -> None:
    """The server is ahead of us, and by ticket it would give one deal of several."""
    terminal = a_euro()
    paid_in = {"type": mt5.DEAL_TYPE_BALANCE, "profit": terminal.account.balance}
    deposit = blank(TradeDeal, ticket=1, time_msc=NOW_S * 1000, **paid_in)
    terminal.answers["history_deals_get"] = lambda *_, **__: (deposit,)

    ask(a_world(terminal), ReadBroker(since_ns=START_NS - DAY_NS))

    ((_, orders_to_s),) = terminal.called("history_orders_get")
    ((_, deals_to_s),) = terminal.called("history_deals_get")
    assert orders_to_s == deals_to_s == NOW_S + 24 * 3600


# The server's clock.


def test_f17_the_tick_of_a_weekend_is_as_old_as_it_is() -> None:
    """F17: on Sunday noon the latest tick was made on Friday 21:59 UTC, and says so."""
    terminal = a_euro(time=int(datetime(2025, 3, 7, 23, 59, tzinfo=UTC).timestamp()))
    sunday_ns = int(datetime(2025, 3, 9, 12, 0, tzinfo=UTC).timestamp()) * SECOND_NS

    reply = ask(a_world(terminal), ReadQuotes(symbols=("EURUSD",)), sunday_ns)

    assert isinstance(reply, QuotesRead)
    assert [sunday_ns - each.tick_ns for each in reply.quotes] == [38 * HOUR_NS + MINUTE_NS]


def test_f26_a_zone_that_the_ticks_disprove_leaves_nothing_to_trade_on() -> None:
    """F26: the settings say UTC, the server is two hours ahead: neither bars nor quotes."""
    terminal = a_euro()
    world = a_world(terminal, server_zone="UTC", conversion_age_max_min=1440)
    for minute in (0, 1):
        ask(world, ReadQuotes(symbols=("EURUSD",)), START_NS + minute * MINUTE_NS)
        terminal.change("EURUSD", time=NOW_S + minute * 60 + 59)

    quotes = ask(world, ReadQuotes(symbols=("EURUSD",)), START_NS + 2 * MINUTE_NS)
    bars = ask(world, bars_from(START_NS - DAY_NS), START_NS + 2 * MINUTE_NS)

    for reply in (quotes, bars):
        assert isinstance(reply, Unanswered)
        assert "terminal.server_zone or a clock is wrong" in reply.reason


@pytest.mark.parametrize("zone", ["Europe/Athens", "new_york+7", "UTC+02:00", "Europe/London"])
def test_f26_no_bar_is_doubled_or_lost_where_the_server_changes_its_clock(zone: str) -> None:
    """F26: read close by close over the weekend of 9 March, whatever dates the server keeps."""
    minutes = [m for m in range(-12 * 1440, 9 * 1440) if is_open(START_NS + m * MINUTE_NS)]
    market = ScriptedMarket(traits("EURUSD"))
    market.write("EURUSD", ((m, 1.1, 1.1, 1.1, 1.1, 10) for m in minutes))
    terminal = a_terminal(market, HandClock(), server_zone=zone)
    world = a_world(terminal, is_virtual=True, server_zone="auto")
    start_ns = START_NS + 3 * DAY_NS  # Friday 12:00
    seen: list[int] = []
    dated_ns = start_ns
    close_ns = start_ns
    while close_ns < START_NS + 7 * DAY_NS:
        quotes = ask(world, ReadQuotes(symbols=("EURUSD",)), close_ns)
        bars = ask(world, bars_from(seen[-1] if seen else start_ns - M15_NS, close_ns), close_ns)
        if isinstance(bars, BarsRead):
            seen += bars.bars["close_ns"].tolist()
        if isinstance(quotes, QuotesRead):
            dated_ns = close_ns
        close_ns = next_bar_close_ns(close_ns, M15_NS)

    expected = [start_ns]
    while expected[-1] < dated_ns:
        expected.append(next_bar_close_ns(expected[-1], M15_NS))
    assert dated_ns == START_NS + 7 * DAY_NS - M15_NS
    assert seen == expected


def test_the_broker_on_paper_keeps_the_markets_own_zone() -> None:
    """Its prices were dated by the terminal behind it, so nothing is left to be found."""
    terminal = a_euro()
    settings = Settings.model_validate(
        {
            "symbols": ("EURUSD",),
            "speed": 1.0,
            "profile": "paper",
            "terminal": {"kind": "metatrader", "server_zone": "auto"},
        }
    )
    edge = Edge(settings, is_virtual=False)

    read = edge.read(terminal, ReadQuotes(symbols=("EURUSD",)), START_NS)

    assert isinstance(read, QuotesRead)
    assert [each.tick_ns for each in read.quotes] == [START_NS]
    assert terminal.called("copy_rates_from_pos") == []


# What every process of a run is told.


def a_plan(folder: Path, **section: Any) -> RunPlan:
    """Return the plan of a start that leaves the choice of symbols to the terminal."""
    settings = Settings.model_validate({"symbols": "auto", **section})
    plan = RunPlan(
        run_id="one",
        folder=str(folder),
        settings_json=settings.model_dump_json(),
        clock=clock.start_clock(START_NS, 1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=START_NS,
    )
    plan.book.terminal_token.write_text("t" * 43, encoding="ascii")
    return plan


REAL: dict[str, Any] = {
    "profile": "paper",
    "speed": 1.0,
    "terminal": {"kind": "metatrader", "read_tries": 3},
}


def test_the_plan_names_what_a_real_terminal_trades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing fails twice, as while a terminal starts, and is there at the third try."""
    terminal, left = HandTerminal(an_info("EURUSD.m", "EURUSD"), an_info("USDJPY")), [2]

    def listed(_: str) -> Any:
        if left[0]:
            left[0] -= 1
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL_SEND)
        return tuple(terminal.infos.values())

    terminal.answers["symbols_get"] = listed
    monkeypatch.setattr("runtime.terminal_world.RemoteTerminal", lambda *_: terminal)

    named = with_broker_names(a_plan(tmp_path, **REAL), "http://127.0.0.1:1").settings

    assert named.symbols == ("EURUSD", "USDJPY")
    assert named.terminal.symbol_names == {"EURUSD": "EURUSD.m"}


def test_a_terminal_that_never_lists_its_symbols_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the budget of a read."""
    terminal = HandTerminal()

    def away(_: str) -> Any:
        raise CallFailed(mt5.RES_E_INTERNAL_FAIL_SEND)

    terminal.answers["symbols_get"] = away
    monkeypatch.setattr("runtime.terminal_world.RemoteTerminal", lambda *_: terminal)

    with pytest.raises(TerminalUnavailable, match="-10001"):
        with_broker_names(a_plan(tmp_path, **REAL), "http://127.0.0.1:1")
    assert len(terminal.called("symbols_get")) == 3


def test_a_simulated_terminal_needs_no_names(tmp_path: Path) -> None:
    """Nobody is asked."""
    plan = a_plan(tmp_path)

    assert with_broker_names(plan, "http://127.0.0.1:1") is plan
