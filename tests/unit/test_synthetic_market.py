"""The synthetic market: one answer to one question, consistent crosses, and what is planted."""

from itertools import pairwise

import numpy as np
import pytest

from blackboard.errors import ConfigError
from blackboard.facts.news import Impact
from config.system import SyntheticSection
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    WEEK_NS,
    is_open,
    new_york_offset_ns,
    week_close_ns,
)
from runtime.instants import instant_ns
from runtime.terminals.simulated.currencies import TREND_RATE
from runtime.terminals.simulated.economy import RELEASES, Economy
from runtime.terminals.simulated.regimes import WEEK_MINUTES, Regime
from runtime.terminals.simulated.source import ENDLESS_NS, MinuteArray
from runtime.terminals.simulated.synthetic import SyntheticMarket, open_of_week_ns, week_of

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "EURGBP", "EURJPY")


def a_market(symbols: tuple[str, ...] = SYMBOLS, **fields: object) -> SyntheticMarket:
    """Return a market of three weeks of history."""
    section = SyntheticSection.model_validate({"history_weeks": 3, **fields})
    return SyntheticMarket(symbols, section)


def weeks(market: SyntheticMarket, symbol: str, count: int) -> MinuteArray:
    """Return the first weeks of a market."""
    until_ns = open_of_week_ns(week_of(market.first_ns) + count)
    return market.minutes(symbol, market.first_ns, until_ns)


def test_prices_do_not_depend_on_what_was_asked_before() -> None:
    """The same seed gives the same bytes, whatever the order of the questions."""
    straight, scattered = a_market(), a_market()
    later_ns = scattered.first_ns + 20 * WEEK_NS
    for symbol, from_ns in (("EURJPY", later_ns), ("USDJPY", scattered.first_ns)):
        scattered.minutes(symbol, from_ns, from_ns + DAY_NS)

    for symbol in SYMBOLS:
        expected = weeks(straight, symbol, 22)
        assert weeks(scattered, symbol, 22).tobytes() == expected.tobytes()


def test_prices_do_not_depend_on_the_other_symbols() -> None:
    """A symbol's prices are the same in a market of one and in a market of many."""
    alone, many = a_market(("EURGBP",)), a_market(("USDJPY", "XAUUSD", "EURGBP", "NZDCAD"))

    assert weeks(alone, "EURGBP", 3).tobytes() == weeks(many, "EURGBP", 3).tobytes()


def test_another_seed_gives_another_market() -> None:
    """The seed is what the prices are made of."""
    one, other = weeks(a_market(seed=1), "EURUSD", 1), weeks(a_market(seed=2), "EURUSD", 1)

    assert (one["close"] != other["close"]).mean() > 0.9


def test_any_range_is_a_part_of_the_whole() -> None:
    """A range includes its start, excludes its end, and may begin and end within weeks."""
    market = a_market()
    whole = weeks(market, "EURUSD", 3)
    from_ns, until_ns = int(whole["open_ns"][100]), int(whole["open_ns"][9000])

    part = market.minutes("EURUSD", from_ns, until_ns)

    assert part.tobytes() == whole[100:9000].tobytes()
    assert len(market.minutes("EURUSD", until_ns, from_ns)) == 0
    assert len(market.minutes("EURUSD", 0, market.first_ns)) == 0
    assert not part.flags.writeable


def test_crosses_agree_with_their_majors() -> None:
    """EURGBP is EURUSD over GBPUSD, and EURJPY is EURUSD times USDJPY, up to rounding."""
    market = a_market()
    close = {symbol: weeks(market, symbol, 4)["close"] for symbol in SYMBOLS}

    # Half a point of each price: 0.5e-5 * (1 + 0.85 + 1) / 1.27 < 1.2e-5 for EURGBP.
    assert np.abs(close["EURGBP"] - close["EURUSD"] / close["GBPUSD"]).max() < 1.2e-5
    assert np.abs(close["EURJPY"] - close["EURUSD"] * close["USDJPY"]).max() < 2.0e-3


def test_market_is_closed_at_the_weekend_and_complete_in_the_week() -> None:
    """Every minute of the FX week has one bar, in both halves of the year, and no other has."""
    market = a_market(("EURUSD",), start="2025-03-24T06:00:00+00:00")
    opens_ns = weeks(market, "EURUSD", 4)["open_ns"]

    assert len(opens_ns) == 4 * WEEK_MINUTES
    assert all(is_open(int(ts_ns)) for ts_ns in opens_ns[::60])
    assert int(opens_ns[WEEK_MINUTES - 1]) + MINUTE_NS == week_close_ns(int(opens_ns[0]))
    breaks = np.flatnonzero(np.diff(opens_ns) != MINUTE_NS)
    assert breaks.tolist() == [WEEK_MINUTES - 1, 2 * WEEK_MINUTES - 1, 3 * WEEK_MINUTES - 1]
    assert (np.diff(opens_ns)[breaks] // HOUR_NS).tolist() == [47, 48, 48]  # US clocks: 9 March


def test_a_start_in_the_weekend_waits_for_the_open() -> None:
    """The account can trade from the first moment of an open market."""
    market = a_market(start="2025-03-08T12:00:00+00:00")  # a Saturday

    assert market.start_ns == instant_ns("2025-03-09T21:00:00Z")  # New York is at −4 from then
    assert market.end_ns == ENDLESS_NS
    assert market.first_ns == instant_ns("2025-02-16T22:00:00Z")


def test_weeks_are_counted_on_the_market_clock() -> None:
    """The weekend belongs to the week before it, and a week begins with its own open."""
    open_ns = instant_ns("2025-03-09T21:00:00Z")

    assert week_of(open_ns) == week_of(open_ns - 1) + 1
    assert open_of_week_ns(week_of(open_ns + DAY_NS)) == open_ns


def test_volatility_follows_the_hours_of_new_york() -> None:
    """Ranges are about three times as wide when London and New York overlap as in Asia's lull."""
    market = a_market(("EURUSD",))
    minutes = weeks(market, "EURUSD", 26)
    hour = (minutes["open_ns"] + new_york_offset_ns(market.first_ns)) // HOUR_NS % 24
    width = minutes["high"] - minutes["low"]

    overlap = width[(hour >= 9) & (hour < 11)].mean()
    lull = width[(hour >= 22) & (hour < 24)].mean()

    assert 2.2 < overlap / lull < 4.0


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_daily_volatility_is_that_of_a_currency(symbol: str) -> None:
    """Over a year, daily closes move by 6 to 11 % a year."""
    close = weeks(a_market(), symbol, 52)["close"].reshape(-1, 1440)[:, -1]

    assert 0.06 < np.diff(np.log(close)).std() * np.sqrt(252) < 0.11


def test_volatility_clusters() -> None:
    """A wild hour follows a wild hour, also when the time of day is taken out."""
    minutes = weeks(a_market(("EURUSD",)), "EURUSD", 26)
    width = (minutes["high"] - minutes["low"]).reshape(-1, 24, 60).sum(axis=2)
    relative = np.log(width / width.mean(axis=0)).ravel()

    assert np.corrcoef(relative[:-1], relative[1:])[0, 1] > 0.4


def test_weekends_gap() -> None:
    """A week opens away from the close before it, by basis points and not by percents."""
    minutes = weeks(a_market(("EURUSD",)), "EURUSD", 20)
    opens = minutes["open"][WEEK_MINUTES::WEEK_MINUTES]
    closes = minutes["close"][WEEK_MINUTES - 1 : -1 : WEEK_MINUTES]

    gaps_bp = np.abs(np.log(opens / closes)) * 1e4

    assert 3.0 < gaps_bp.mean() < 30.0


def test_spread_is_a_pip_and_wider_at_rollover() -> None:
    """The usual spread of EURUSD is 1.0 to 1.2 pips, two to three times that after 17:00."""
    minutes = weeks(a_market(("EURUSD",)), "EURUSD", 8)
    minute_of_day = np.arange(len(minutes)) % 1440

    by_day = np.median(minutes["spread_points"][(minute_of_day >= 480) & (minute_of_day < 1200)])
    at_rollover = np.median(minutes["spread_points"][minute_of_day < 60])

    assert 10 <= by_day <= 12
    assert 2.0 < at_rollover / by_day < 3.0


def test_payrolls_come_on_the_first_friday_and_move_the_dollar() -> None:
    """They are announced as high impact at 08:30 New York, widen spreads tenfold and jump."""
    market = a_market(("EURUSD",))
    events = market.events(market.first_ns, market.first_ns + 52 * WEEK_NS)
    payrolls = [one for one in events if one.title.startswith("Non-Farm")]
    assert payrolls[0].scheduled_ns == instant_ns("2025-03-07T13:30:00Z")
    assert {one.impact for one in payrolls} == {Impact.HIGH}

    jumps_bp, spreads, fades = [], [], []
    for event in payrolls:
        from_ns = event.scheduled_ns - 5 * MINUTE_NS
        around = market.minutes("EURUSD", from_ns, from_ns + 20 * MINUTE_NS)
        jumps_bp.append(abs(np.log(around["close"][5] / around["open"][5])) * 1e4)
        spreads.append(around["spread_points"][5] / around["spread_points"][0])
        fades.append(around["spread_points"][15] / around["spread_points"][0])

    assert len(payrolls) == 12
    assert np.mean(jumps_bp) > 8.0  # an average minute moves by less than one
    assert 7.0 < np.mean(spreads) < 13.0
    assert np.mean(fades) < 1.5


def test_events_are_in_order_and_of_the_traded_currencies() -> None:
    """Events come by time, lie in the range asked for, and speak of what is traded."""
    market = a_market(("EURUSD",))
    from_ns = market.start_ns
    events = market.events(from_ns, from_ns + 8 * WEEK_NS)

    assert {one.currency for one in events} == {"EUR", "USD"}
    assert all(a.scheduled_ns <= b.scheduled_ns for a, b in pairwise(events))
    assert all(is_open(one.scheduled_ns) for one in events)
    first = events[0].scheduled_ns
    assert market.events(first, first) == ()
    assert market.events(first, first + 1)[0] == events[0]
    assert market.has_calendar


def test_surprise_and_jump_agree() -> None:
    """A figure better than forecast lifts its currency, unless higher is worse."""
    economy = Economy(seed=5)
    signs = {(one.currency, one.title): one.figure.sign for one in RELEASES if one.figure}
    agreements = []
    for surprise in (one for week in range(2_800, 2_900) for one in economy.week(week)):
        event = surprise.event
        if event.actual != event.forecast:
            actual, forecast = (float(text.rstrip("%K")) for text in (event.actual, event.forecast))
            better = (actual - forecast) * signs[event.currency, event.title]
            agreements.append(better * surprise.jump > 0.0)

    assert len(agreements) > 300
    assert 0.7 < np.mean(agreements) < 0.9  # correlation 0.8: 1 − acos(0.8) / π = 0.795


def test_trends_drift_as_they_are_labelled() -> None:
    """In episodes that trend, the mean move a minute is the planted share of its deviation."""
    market = a_market(("EURUSD",))
    moves = []
    for episode in market.episodes("EURUSD", market.first_ns, market.first_ns + 104 * WEEK_NS):
        if episode.regime is Regime.TREND and abs(episode.direction) > 1.5:
            close = np.log(market.minutes("EURUSD", episode.from_ns, episode.until_ns)["close"])
            steps = np.diff(close) * np.sign(episode.direction)
            moves.append(steps.mean() / steps.std())

    # Two currencies drift apart by 2 rates, over the deviation of two: √2 of the rate of one.
    assert len(moves) > 50
    assert abs(np.mean(moves) - np.sqrt(2.0) * TREND_RATE) < 0.01


def test_ranges_come_back() -> None:
    """In ranges, the move of the next hours goes against the deviation from the start."""
    market = a_market(("EURUSD",))
    products = []
    for episode in market.episodes("EURUSD", market.first_ns, market.first_ns + 104 * WEEK_NS):
        if episode.regime is Regime.RANGE:
            close = np.log(market.minutes("EURUSD", episode.from_ns, episode.until_ns)["close"])
            deviation = close - close[0]
            slope = (deviation[:-180] * (close[180:] - close[:-180])).sum()
            products.append(slope / (deviation[:-180] ** 2).sum() if len(close) > 360 else 0.0)

    # Half comes back in 300 minutes, so in 180 minutes 1 − 2 ** (−180 / 300) = 0.34 does.
    assert len(products) > 50
    assert np.mean(products) < -0.25


def test_levels_stay_near_their_homes() -> None:
    """Five years on, EURUSD still has a price of which nobody would be surprised."""
    market = a_market(("EURUSD",), seed=3)
    later_ns = market.first_ns + 260 * WEEK_NS

    close = market.minutes("EURUSD", later_ns, later_ns + DAY_NS)["close"]

    assert 0.7 < close.min() < close.max() < 1.6


@pytest.mark.parametrize(
    ("symbols", "fields", "expected"),
    [
        (("EURUSD", "EUR"), {}, "such as EURUSD, was 'EUR'"),
        (("EUREUR",), {}, "was 'EUREUR'"),
        (("eurusd",), {}, "was 'eurusd'"),
        (("EURXAU",), {}, "is XAUEUR meant"),
        (("EURUSD",), {"start": "soon"}, "market.synthetic.start must be a time"),
        (("EURUSD",), {"start": "2025-03-03T06:00:00"}, "must have an offset from UTC"),
        (("EURUSD",), {"start": "1999-12-31"}, "must not be before 2000-01-01T00:00:00Z"),
    ],
)
def test_wrong_settings_are_refused(
    symbols: tuple[str, ...], fields: dict[str, object], expected: str
) -> None:
    """The refusal names setting, value and what is allowed."""
    with pytest.raises(ConfigError, match=expected):
        a_market(symbols, **fields)


def test_all_wrong_settings_are_named_at_once() -> None:
    """One refusal names the symbols and the start."""
    with pytest.raises(ConfigError) as refusal:
        a_market(("XX", "YYYYYYY"), start="")

    assert len(str(refusal.value).splitlines()) == 3
