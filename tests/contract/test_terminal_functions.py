"""What the reading functions show of a written market, minute by minute."""

from datetime import UTC, datetime

import numpy as np
import pytest

from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.structures import RATES_DTYPE, Tick
from tests.contract.covers import covers
from tests.contract.terminals import START_SERVER_S, Lab, MakeLab
from tests.scripted_market import START_NS, ScriptedMarket, traits

SATURDAY_MIN = 4 * 24 * 60


@covers("account_info")
def test_the_account_says_who_it_is(lab: Lab) -> None:
    """Identity, mode and money are those of the simulated broker."""
    account = lab.account()

    assert (account.login, account.server, account.company) == (
        1_000_001, "Quorum-Simulated", "Quorum",
    )  # fmt: skip
    assert account.trade_mode == mt5.ACCOUNT_TRADE_MODE_DEMO
    assert account.margin_mode == mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    assert (account.balance, account.equity, account.margin_level) == (10_000.0, 10_000.0, 0.0)


@covers("login", -6)
@covers("initialize", -6, -10004)
def test_a_failed_initialize_has_closed_the_connection(lab: Lab) -> None:
    """`initialize` closes what is open before it looks at anything; `login` does not."""
    assert lab.terminal.login(42) is False
    assert lab.terminal.last_error() == (-6, "Terminal: Authorization failed")
    assert lab.terminal.account_info() is not None
    assert lab.terminal.login(1_000_001, "secret", "Quorum-Simulated") is True
    assert lab.terminal.initialize(login=42) is False
    assert lab.terminal.last_error()[0] == -6
    assert lab.terminal.account_info() is None
    assert lab.terminal.last_error()[0] == -10004
    assert lab.terminal.initialize() is True
    assert lab.terminal.initialize(timeout="soon") is False
    assert lab.terminal.account_info() is None


@covers("version")
@covers("terminal_info")
def test_the_terminal_says_what_it_is(lab: Lab) -> None:
    """Version and build agree, and the bars of a chart are the setting's."""
    info = lab.terminal.terminal_info()

    assert info is not None
    assert lab.terminal.version() == (500, info.build, "25 Feb 2019")
    assert info.maxbars == 100_000
    lab.behind.conditions.is_connected = False
    offline = lab.terminal.terminal_info()
    assert offline is not None
    assert (info.connected, offline.connected) == (True, False)


@covers("symbol_info")
def test_symbol_properties_follow_the_quote(lab: Lab) -> None:
    """Bid, ask and spread are the tick's; a point of a lot is worth a dollar."""
    info = lab.info()

    assert (info.bid, info.ask, info.spread) == (1.1, 1.1001, 10)
    assert info.time == START_SERVER_S + 5 * 60
    assert info.filling_mode == 3
    assert info.trade_tick_value == pytest.approx(1.0)  # 0.00001 * 100 000 USD


@covers("symbol_info_tick")
def test_a_tick_carries_server_time(lab: Lab) -> None:
    """The running minute's open is the tick, in server time dressed as UTC."""
    tick = lab.terminal.symbol_info_tick("EURUSD")

    assert tick is not None
    assert (tick.bid, tick.ask, tick.last) == (1.1, 1.1001, 0.0)
    assert tick.time == START_SERVER_S + 5 * 60
    assert tick.time_msc == tick.time * 1000


@covers("symbol_info_tick", -4)
def test_a_symbol_without_a_price_has_no_tick(lab: Lab) -> None:
    """One that has never had a quote gives None and -4, selected or not."""
    assert lab.terminal.symbol_select("AUDNZD") is True

    assert lab.terminal.symbol_info_tick("AUDNZD") is None
    assert lab.terminal.last_error() == (-4, "Terminal: Not found")


@covers("symbol_info_tick", -4)
def test_pitfall_a_symbol_that_is_not_selected(lab: Lab) -> None:
    """It has no tick, or a stale one, or zeros: three ways to be wrong without an error."""
    conditions = lab.behind.conditions
    midnight_s = START_SERVER_S - 14 * 3600
    lab.terminal.symbol_select("EURUSD", False)

    assert lab.terminal.symbol_info_tick("EURUSD") is None
    assert lab.terminal.last_error()[0] == -4
    conditions.tick_of_unselected = "zero"
    assert lab.terminal.symbol_info_tick("EURUSD") == Tick(0, 0.0, 0.0, 0.0, 0, 0, 0, 0.0)
    assert lab.terminal.last_error() == (1, "Success")
    conditions.tick_of_unselected = "stale"
    assert lab.terminal.symbol_info_tick("EURUSD") is None  # yesterday had no market yet
    lab.clock.minute(24 * 60)
    stale = lab.terminal.symbol_info_tick("EURUSD")
    assert stale is not None
    assert stale.time == START_SERVER_S + 119 * 60 + 59  # the last minute's last second
    assert stale.time < midnight_s + 24 * 3600
    assert lab.terminal.symbol_info_tick("XXXYYY") is None


@covers("symbols_get")
@covers("symbols_total")
def test_masks_select_symbols_in_their_order(lab: Lab) -> None:
    """Masks apply one after the other, and a bang takes out what came before it."""

    def names(group: str) -> list[str]:
        found = lab.terminal.symbols_get(group)
        assert isinstance(found, tuple)
        return [one.name for one in found]

    assert names("*") == names("") == ["EURUSD", "USDJPY", "AUDNZD"]
    assert names("*USD*,!EUR*") == ["USDJPY"]
    assert names("!EUR*") == ["USDJPY", "AUDNZD"]
    assert names("!EUR*,EURUSD") == ["EURUSD", "USDJPY", "AUDNZD"]
    assert names("AUD*, *JPY") == ["USDJPY", "AUDNZD"]
    assert names("XAU*") == []
    assert lab.terminal.symbols_total() == 3


@covers("symbol_select", -1, -4)
def test_a_symbol_in_use_cannot_be_hidden(lab: Lab) -> None:
    """Hiding fails while a position is open in it, and so does anything with an unknown one."""
    ticket = lab.buy().order

    assert lab.terminal.symbol_select("EURUSD", False) is False
    assert lab.terminal.last_error() == (-1, "Terminal: Call failed")
    assert lab.terminal.symbol_select("XXXYYY") is False
    assert lab.terminal.last_error()[0] == -4
    lab.buy("exit", type=1, position=ticket)
    assert lab.terminal.symbol_select("EURUSD", False) is True
    info = lab.terminal.symbol_info("EURUSD")
    assert info is not None
    assert (info.select, info.visible) == (False, False)


@covers("copy_rates_from_pos")
def test_pitfall_the_forming_bar_shows_its_open_only(lab: Lab) -> None:
    """Position 0 is the forming bar; used as a closed one it would change afterwards."""
    bars = lab.terminal.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 2)

    assert bars is not None
    assert bars.dtype == RATES_DTYPE
    assert bars["time"].tolist() == [START_SERVER_S + 240, START_SERVER_S + 300]
    assert bars["high"].tolist() == [1.101, 1.1]
    assert bars["low"].tolist() == [1.099, 1.1]
    assert bars["tick_volume"].tolist() == [10, 1]
    lab.clock.minute(6)
    later = lab.terminal.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 1, 1)
    assert later is not None
    assert (later["time"][0], later["high"][0]) == (bars["time"][1], 1.101)


@covers("copy_rates_range")
@covers("copy_rates_from")
def test_bars_gather_their_minutes(lab: Lab) -> None:
    """A closed M15 bar holds fifteen minutes; ranges include both ends by the bar's open."""
    range_ = (START_SERVER_S - 900, START_SERVER_S - 1)
    bars = lab.terminal.copy_rates_range("EURUSD", mt5.TIMEFRAME_M15, *range_)

    assert bars is not None
    assert bars["time"].tolist() == [START_SERVER_S - 900]
    assert bars["tick_volume"].tolist() == [150]
    assert (bars["high"][0], bars["low"][0], bars["spread"][0]) == (1.101, 1.099, 10)
    from_date = lab.terminal.copy_rates_from(
        "EURUSD", mt5.TIMEFRAME_M15, datetime.fromtimestamp(START_SERVER_S - 1, UTC), 1
    )
    assert from_date is not None
    assert np.array_equal(from_date, bars)


@covers("copy_rates_from")
@covers("copy_rates_range")
def test_bars_end_where_the_market_or_the_question_does(lab: Lab) -> None:
    """A date ahead gives the latest bars, one before all history nothing; ends may be one bar."""
    read, range_ = lab.terminal.copy_rates_from, lab.terminal.copy_rates_range
    ahead = read("EURUSD", 1, START_SERVER_S + 10**6, 2)
    before = read("EURUSD", 1, START_SERVER_S - 10**6, 2)
    one = range_("EURUSD", 1, START_SERVER_S, START_SERVER_S)
    backward = range_("EURUSD", 1, START_SERVER_S, START_SERVER_S - 60)

    assert ahead is not None
    assert ahead["time"].tolist() == [START_SERVER_S + 240, START_SERVER_S + 300]
    assert before is not None
    assert len(before) == 0
    assert one is not None
    assert one["time"].tolist() == [START_SERVER_S]
    assert backward is not None
    assert len(backward) == 0


@covers("copy_rates_from_pos")
def test_bars_stop_at_the_oldest_one(lab: Lab) -> None:
    """A count beyond history gives what there is: 125 minutes and the forming one."""
    bars = lab.terminal.copy_rates_from_pos("EURUSD", 1, 0, 99_999)

    assert bars is not None
    assert len(bars) == 126
    assert bars["time"][0] == START_SERVER_S - 120 * 60


@pytest.mark.parametrize(
    ("timeframe", "opens"),
    [
        (mt5.TIMEFRAME_H1, ["2025-03-04T13:00", "2025-03-04T14:00"]),
        (mt5.TIMEFRAME_D1, ["2025-03-04T00:00"]),
        (mt5.TIMEFRAME_W1, ["2025-03-02T00:00"]),  # a Sunday
        (mt5.TIMEFRAME_MN1, ["2025-03-01T00:00"]),
    ],
)
@covers("copy_rates_from_pos")
def test_long_bars_lie_on_the_servers_grid(lab: Lab, timeframe: int, opens: list[str]) -> None:
    """Days, weeks and months begin at the server's midnight, not at that of UTC."""
    bars = lab.terminal.copy_rates_from_pos("EURUSD", timeframe, 0, 2)

    assert bars is not None
    shown = [datetime.fromtimestamp(int(one), UTC).isoformat()[:16] for one in bars["time"]]
    assert shown[-len(opens) :] == opens


@covers("copy_rates_from_pos", -1, -2)
@covers("copy_rates_range", -2)
def test_rates_fail_as_measured(lab: Lab) -> None:
    """A start beyond history -1; a negative one, a bad count and a wide range -2."""
    rates = lab.terminal.copy_rates_from_pos
    assert rates("EURUSD", 1, 5_000, 1) is None
    assert lab.terminal.last_error() == (-1, "Terminal: Call failed")
    for start, count in ((0, 100_000), (0, 0), (0, -1), (-1, 1)):
        assert rates("EURUSD", 1, start, count) is None
        assert lab.terminal.last_error() == (-2, "Terminal: Invalid params")


@covers("copy_rates_range", -2)
def test_pitfall_a_wide_range_is_an_error_and_not_an_empty_history(make_lab: MakeLab) -> None:
    """As many bars as a chart holds give None and -2: reading in parts is the caller's part."""
    market = ScriptedMarket(traits("EURUSD")).still("EURUSD", 1.1, range(-1_200, 10))
    lab = make_lab(market, bars_max=1_000)

    wide = lab.terminal.copy_rates_range("EURUSD", 1, START_SERVER_S - 999 * 60, START_SERVER_S)
    error = lab.terminal.last_error()
    narrow = lab.terminal.copy_rates_range("EURUSD", 1, START_SERVER_S - 998 * 60, START_SERVER_S)

    assert wide is None
    assert error == (-2, "Terminal: Invalid params")
    assert narrow is not None
    assert len(narrow) == 999


@covers("copy_rates_from_pos", -1)
@covers("history_deals_get", -1)
def test_pitfall_the_first_reads_while_history_syncs(lab: Lab) -> None:
    """They give None, then a part: neither is "no history"."""
    conditions = lab.behind.conditions
    conditions.syncing_reads = 3

    first = lab.terminal.copy_rates_from_pos("EURUSD", 1, 0, 10)
    error = lab.terminal.last_error()
    deals = lab.terminal.history_deals_get(0, START_SERVER_S + 86_400)
    part = lab.terminal.copy_rates_from_pos("EURUSD", 1, 0, 10)
    whole = lab.terminal.copy_rates_from_pos("EURUSD", 1, 0, 10)

    assert first is None
    assert error == (-1, "Terminal: Call failed")
    assert deals is None
    assert part is not None
    assert whole is not None
    assert (len(part), len(whole)) == (5, 10)
    assert np.array_equal(part, whole[5:])


@covers("symbol_info_tick")
@covers("symbol_info")
@covers("copy_rates_from_pos")
def test_pitfall_the_server_clock_stands_still_at_the_weekend(lab: Lab) -> None:
    """On Saturday every time is that of the last tick, and nothing says that it is old."""
    last_s = START_SERVER_S + 119 * 60 + 59  # the last minute's last second
    lab.clock.minute(SATURDAY_MIN)
    saturday = lab.terminal.symbol_info_tick("EURUSD")
    lab.clock.minute(SATURDAY_MIN + 24 * 60)
    sunday = lab.terminal.symbol_info_tick("EURUSD")
    bars = lab.terminal.copy_rates_from_pos("EURUSD", 1, 0, 1)

    assert saturday is not None
    assert saturday == sunday
    assert saturday.time == lab.info().time == last_s
    assert bars is not None
    assert bars["time"][0] == last_s - 59


@covers("orders_total")
@covers("positions_total")
@covers("history_orders_total")
@covers("history_deals_total")
def test_totals_count_what_the_lists_hold(lab: Lab) -> None:
    """One position open, none working; an order, and beside its deal the deposit."""
    lab.buy()
    day = START_SERVER_S - 86_400, START_SERVER_S + 86_400

    assert lab.terminal.positions_total() == 1
    assert lab.terminal.orders_total() == 0
    assert lab.terminal.history_orders_total(*day) == 1
    assert lab.terminal.history_deals_total(*day) == 2
    assert lab.terminal.history_deals_total(*map(float, day)) == 2
    assert lab.terminal.history_deals_total(day[1], day[1]) == 0


@covers("positions_get")
def test_the_ticket_goes_before_the_symbol_before_the_group(lab: Lab) -> None:
    """Positions are selected by the first of the three; a ticket of 0 is one that nobody has."""
    mine = lab.buy().order
    other = lab.buy("yen", symbol="USDJPY").order

    def tickets(**asked: object) -> list[int]:
        found = lab.terminal.positions_get(**asked)
        assert found is not None
        return [one.ticket for one in found]

    assert tickets() == [mine, other]
    assert tickets(ticket=mine, symbol="USDJPY", group="*JPY") == [mine]
    assert tickets(symbol="USDJPY", group="EUR*") == [other]
    assert tickets(group="*,!EUR*") == [other]
    assert tickets(ticket=0) == tickets(symbol="XXXYYY") == tickets(group="XAU*") == []
    assert lab.terminal.last_error() == (1, "Success")


@covers("history_orders_get")
@covers("history_deals_get")
def test_the_history_is_read_by_range_ticket_or_position(lab: Lab) -> None:
    """A range and its group, one record of a ticket, or everything of a position."""
    ticket = lab.buy().order
    exit_ticket = lab.buy("exit", type=1, position=ticket).order
    deals, orders = lab.terminal.history_deals_get, lab.terminal.history_orders_get
    day = START_SERVER_S - 86_400, START_SERVER_S + 86_400

    assert [one.entry for one in deals(position=ticket) or ()] == [0, 1]
    assert [one.ticket for one in orders(position=ticket) or ()] == [ticket, exit_ticket]
    assert [one.order for one in deals(ticket=exit_ticket) or ()] == [exit_ticket]
    assert [one.ticket for one in orders(ticket=ticket) or ()] == [ticket]
    assert [one.symbol for one in deals(*day, group="*USD") or ()] == ["EURUSD", "EURUSD"]
    assert (deals(*day, group="*JPY"), orders(*day, group="*JPY")) == ((), ())
    assert (deals(ticket=0), orders(ticket=7), deals(position=7)) == ((), (), ())
    assert len(deals(*day, ticket=exit_ticket) or ()) == 3  # two dates, and nothing else counts


@covers("history_deals_get")
def test_moments_are_cut_to_whole_seconds(lab: Lab) -> None:
    """A range that ends half a second later ends with the same second."""
    second_s = START_SERVER_S + 5 * 60
    lab.buy()

    ends = (second_s - 0.5, second_s - 1.0, second_s + 0.9)
    found = [lab.terminal.history_deals_get(second_s - 9.0, end_s) for end_s in ends]

    assert [len(one or ()) for one in found] == [0, 0, 1]


def test_a_symbol_without_a_rate_has_no_tick_value(make_lab: MakeLab) -> None:
    """Where the profit currency cannot be valued the value is 0, as in a terminal."""
    market = ScriptedMarket(traits("AUDNZD")).still("AUDNZD", 1.1, range(10))
    lab = make_lab(market)

    info = lab.terminal.symbol_info("AUDNZD")

    assert info is not None
    assert (info.bid, info.trade_tick_value) == (1.1, 0.0)


def test_a_steered_terminal_goes_where_it_is_told_and_never_back(lab: Lab) -> None:
    """Virtual time comes with the calls; an earlier moment changes nothing."""
    lab.terminal.steer(START_NS + 9 * MINUTE_NS)
    later = lab.terminal.symbol_info_tick("EURUSD")
    lab.terminal.steer(START_NS + 7 * MINUTE_NS)
    earlier = lab.terminal.symbol_info_tick("EURUSD")

    assert later is not None
    assert later.time == START_SERVER_S + 9 * 60
    assert earlier == later
