"""Which clock a server keeps: found from bars, proven by ticks, over both dates of each switch.

In 2025 New York changes on 9 March and 2 November, Europe on 30 March and 26 October.
"""

from datetime import UTC, datetime, timedelta

import pytest

from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, is_open, next_week_open_ns
from runtime.terminals.server_offset import NotDated, ServerTime, fitting_zone
from runtime.terminals.server_time import MARKET_ZONE, ServerClock, fixed_zone

EU = "Europe/Athens"


def at(text: str) -> int:
    """Return an instant of 2025 in nanoseconds, from month-day hour:minute in UTC."""
    moment = datetime.strptime(f"2025-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND_NS


def year_of_hours(server: ServerClock, until_ns: int, weeks: int = 52) -> list[int]:
    """Return the opens of all hourly bars of a year in a server's time."""
    first_ns = until_ns // HOUR_NS * HOUR_NS - weeks * 7 * 24 * HOUR_NS
    opens_ns = range(first_ns, until_ns, HOUR_NS)
    return [server.to_server_ns(open_ns) for open_ns in opens_ns if is_open(open_ns)]


def look(time: ServerTime, now_ns: int, server_ns: int) -> None:
    """Take one look at one symbol."""
    time.observe({"EURUSD": server_ns}, now_ns)


def looks(time: ServerTime, now_ns: int, offset_ns: int, apart_ns: int = MINUTE_NS) -> None:
    """Take three looks between which ticks were made, by a server that is `offset_ns` ahead."""
    for back in (2, 1, 0):
        at_ns = now_ns - back * apart_ns
        look(time, at_ns, at_ns + offset_ns - SECOND_NS)


def an_auto(server: ServerClock, now_ns: int) -> ServerTime:
    """Return a clock that was found from a year of a server's bars."""
    time = ServerTime("auto")
    time.find(year_of_hours(server, now_ns), now_ns)
    return time


@pytest.mark.parametrize("zone", [MARKET_ZONE, EU, "UTC", "Europe/London", "UTC+03:00"])
@pytest.mark.parametrize("now", ["01-15 12:00", "03-12 12:00", "07-15 12:00", "10-29 12:00"])
def test_f26_a_year_of_bars_tells_the_zone(zone: str, now: str) -> None:
    """F26: four weeks a year tell American from European dates, and every week tells the offset."""
    found = fitting_zone(year_of_hours(ServerClock(zone), at(now)), at(now), None)

    assert found == zone


def test_f26_bars_that_are_never_closed_fit_no_zone() -> None:
    """F26: a market without weekends, such as a coin, tells nothing."""
    opens_ns = [at("07-01 00:00") + count * HOUR_NS for count in range(24 * 60)]

    assert fitting_zone(opens_ns, at("08-29 00:00"), None) is None


def test_f26_the_offset_is_proven_by_a_tick_made_between_two_looks() -> None:
    """F26: the server is at 15:00:59 where we have 12:00 to 12:01, so it is three hours ahead."""
    time = an_auto(ServerClock(EU), at("07-15 12:00"))

    look(time, at("07-15 12:00"), at("07-15 14:59"))
    assert not time.is_proven(at("07-15 12:01"))
    look(time, at("07-15 12:01"), at("07-15 15:00") + 59 * SECOND_NS)

    assert time.is_proven(at("07-15 12:01"))
    time.require_dated(at("07-15 12:01"))
    assert time.clock.offset_ns(at("07-15 12:01")) == 3 * HOUR_NS


def test_f26_a_frozen_clock_proves_nothing() -> None:
    """F26: on Sunday the server shows Friday evening, at every look, which is no offset."""
    time = an_auto(ServerClock(MARKET_ZONE), at("03-08 12:00"))
    friday_ns = at("03-07 23:59")

    for minutes in range(0, 600, 5):
        look(time, at("03-08 12:00") + minutes * MINUTE_NS, friday_ns)

    assert not time.is_proven(at("03-08 22:00"))
    with pytest.raises(NotDated, match="no tick of this week"):
        time.require_dated(at("03-08 22:00"))


def test_f26_looks_far_apart_prove_nothing() -> None:
    """F26: after half an hour two offsets are possible."""
    time = an_auto(ServerClock(MARKET_ZONE), at("07-15 12:00"))

    looks(time, at("07-15 12:00"), 3 * HOUR_NS, apart_ns=30 * MINUTE_NS)
    assert not time.is_proven(at("07-15 12:00"))
    looks(time, at("07-15 13:00"), 3 * HOUR_NS, apart_ns=15 * MINUTE_NS)
    assert time.is_proven(at("07-15 13:00"))


def test_f26_a_tick_that_was_delivered_late_changes_nothing() -> None:
    """F26: a terminal that was just started shows one of half an hour ago, then one of now."""
    time = ServerTime(MARKET_ZONE)
    now_ns, offset_ns = at("07-16 10:00"), 3 * HOUR_NS

    look(time, now_ns, now_ns + offset_ns - DAY_NS)
    look(time, now_ns + MINUTE_NS, now_ns + offset_ns - 30 * MINUTE_NS)
    time.require_undoubted()
    assert not time.is_proven(now_ns)
    look(time, now_ns + 2 * MINUTE_NS, now_ns + offset_ns + MINUTE_NS)

    time.require_undoubted()
    assert time.is_proven(now_ns)


def test_f26_a_symbol_that_stands_still_does_not_spoil_another() -> None:
    """F26: only ticks that are new say when they were made."""
    time = an_auto(ServerClock(MARKET_ZONE), at("07-15 12:00"))
    old_ns = at("07-14 09:00")

    time.observe({"EURUSD": at("07-15 14:59"), "USDTRY": old_ns}, at("07-15 12:00"))
    time.observe({"EURUSD": at("07-15 15:00"), "USDTRY": old_ns}, at("07-15 12:01"))

    assert time.is_proven(at("07-15 12:01"))


@pytest.mark.parametrize(
    ("kept", "believed", "first_look"),
    [
        (EU, MARKET_ZONE, "03-09 22:00"),  # New York has changed, Europe has not
        (MARKET_ZONE, EU, "03-09 22:00"),
        ("UTC+02:00", EU, "03-30 22:00"),  # Europe has changed, the server never does
        (MARKET_ZONE, EU, "10-26 22:00"),  # Europe has changed back, New York has not
        (EU, MARKET_ZONE, "10-26 22:00"),
        ("UTC+03:00", MARKET_ZONE, "11-02 23:00"),  # New York has changed back
    ],
)
def test_f26_the_first_ticks_of_a_week_correct_the_zone(
    kept: str, believed: str, first_look: str
) -> None:
    """F26: what was believed over the winter is given up as soon as a tick disproves it."""
    server, now_ns = ServerClock(kept), at(first_look)
    time = an_auto(ServerClock(believed), now_ns - 3 * 24 * HOUR_NS)
    looks(time, now_ns - 3 * 24 * HOUR_NS, time.clock.offset_ns(now_ns - 3 * 24 * HOUR_NS))
    assert not time.lacks_zone

    looks(time, now_ns, server.offset_ns(now_ns))
    assert time.lacks_zone
    time.find(year_of_hours(server, now_ns), now_ns)

    time.require_dated(now_ns)
    assert time.clock.offset_ns(now_ns) == server.offset_ns(now_ns)


@pytest.mark.parametrize("sunday", ["03-09", "03-30", "10-26", "11-02"])
@pytest.mark.parametrize("zone", [MARKET_ZONE, EU])
def test_f26_every_quarter_of_an_hour_has_its_own_place_over_a_switch(
    sunday: str, zone: str
) -> None:
    """F26: from Friday to Monday no close of the market is doubled and none is lost."""
    server = ServerClock(zone)
    friday_ns = at(f"{sunday} 12:00") - 2 * 24 * HOUR_NS
    closes_ns = [
        friday_ns + count * 15 * MINUTE_NS
        for count in range(3 * 96)
        if is_open(friday_ns + count * 15 * MINUTE_NS)
    ]

    shown_ns = [server.to_server_ns(each) for each in closes_ns]

    assert shown_ns == sorted(set(shown_ns))
    assert [server.to_utc_ns(each) for each in shown_ns] == closes_ns


def test_f26_a_change_within_a_week_is_a_clock_that_was_set() -> None:
    """F26: our own clock jumps by an hour on a Wednesday: nothing can be dated until it is back."""
    time = an_auto(ServerClock(MARKET_ZONE), at("07-16 10:00"))
    looks(time, at("07-16 10:00"), 3 * HOUR_NS)

    looks(time, at("07-16 11:30"), 2 * HOUR_NS)  # 10:30 it is, and the server says 13:30
    with pytest.raises(NotDated, match=r"UTC\+02:00.*UTC\+03:00"):
        time.require_dated(at("07-16 11:30"))
    assert not time.lacks_zone

    looks(time, at("07-16 12:00"), 3 * HOUR_NS)
    time.require_dated(at("07-16 12:00"))


def test_f26_a_clock_that_is_wrong_from_the_start_fits_no_zone() -> None:
    """F26: the bars say three hours and the ticks say four: no zone is invented to please both."""
    server, now_ns = ServerClock(MARKET_ZONE), at("07-16 10:00")
    time = an_auto(server, now_ns)

    looks(time, now_ns, 4 * HOUR_NS)

    assert time.lacks_zone
    with pytest.raises(NotDated, match=r"set terminal\.server_zone"):
        time.find(year_of_hours(server, now_ns), now_ns)


def test_f26_a_named_zone_is_never_exchanged() -> None:
    """F26: an operator's zone that the ticks disprove stops all dating, and says both offsets."""
    time = ServerTime("UTC")
    time.require_dated(at("07-16 09:00"))  # a named zone is believed before any proof

    looks(time, at("07-16 10:00"), 3 * HOUR_NS)

    assert not time.lacks_zone
    assert "UTC+03:00" in time.doubt
    with pytest.raises(NotDated):
        time.require_undoubted()


def test_f26_a_new_week_needs_a_new_proof() -> None:
    """F26: what Friday has shown says nothing of Sunday."""
    time = an_auto(ServerClock(MARKET_ZONE), at("07-16 10:00"))
    looks(time, at("07-16 10:00"), 3 * HOUR_NS)
    time.require_dated(at("07-18 20:00"))

    sunday_ns = next_week_open_ns(at("07-18 20:00"))

    with pytest.raises(NotDated, match="no tick of this week"):
        time.require_dated(sunday_ns)


def test_fixed_zones_are_named_by_their_distance() -> None:
    """Half hours and the west of Greenwich included; what is no such name is refused elsewhere."""
    assert fixed_zone(330 * MINUTE_NS) == "UTC+05:30"
    assert fixed_zone(-8 * HOUR_NS) == "UTC-08:00"
    assert ServerClock("UTC-08:00").to_server_ns(at("07-16 10:00")) == at("07-16 02:00")
    assert ServerClock("auto").offset_ns(at("01-16 10:00")) == 2 * HOUR_NS
    assert timedelta(hours=5.5).total_seconds() * SECOND_NS == ServerClock("UTC+05:30").offset_ns(0)
