"""Files of others: each format is dated right on both sides of a change of clocks, or refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blackboard.errors import ConfigError
from models.market.sessions import MINUTE_NS
from runtime.bar_formats.registry import subject_of
from runtime.instants import instant_ns
from runtime.terminals.simulated.history import HistoryMarket
from tests.bar_writers import (
    Columns,
    some_bars,
    write_dukascopy,
    write_fmp,
    write_histdata,
    write_node,
    write_parquet,
    write_twelvedata,
)

SUNDAY_NS = instant_ns("2018-03-04T22:00:00Z")
"""New York changes its clocks on the Sunday after it, Europe two weeks later."""
WEEK_MINUTES = 7200
NEW_YORK = "America/New_York"
EST = "UTC-05:00"
META = {"symbol": "EUR/USD", "interval": "1min", "currency_base": "Euro"}
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

Writes = Callable[[Path, Columns], Path]

FORMATS: dict[str, tuple[str, Writes, str]] = {
    "histdata in EST": (
        "DAT_ASCII_EURUSD_M1_2018.csv",
        lambda path, bars: write_histdata(path, bars, EST),
        "HistData ASCII, clock UTC-05:00 (HistData as stated, without daylight saving)",
    ),
    "histdata in New York": (
        "DAT_ASCII_EURUSD_M1_2018.csv",
        lambda path, bars: write_histdata(path, bars, NEW_YORK),
        "HistData ASCII, clock America/New_York (HistData as found in files of 2018)",
    ),
    "histdata for metatrader": (
        "DAT_MT_EURUSD_M1_201803.csv",
        lambda path, bars: write_histdata(path, bars, EST, form="metatrader"),
        "MetaTrader CSV, clock UTC-05:00 (HistData as stated, without daylight saving)",
    ),
    "metatrader 4 on its server": (
        "EURUSD_M1.csv",
        lambda path, bars: write_histdata(path, bars, "Europe/Helsinki", form="metatrader"),
        "MetaTrader CSV, clock Europe/Helsinki (a MetaTrader server's, terminal.server_zone)",
    ),
    "dukascopy in UTC": (
        "EURUSD_Candlestick_1_M_BID_04.03.2018-06.04.2018.csv",
        lambda path, bars: write_dukascopy(path, bars, "Gmt time"),
        "Dukascopy candles, clock UTC (as the header states)",
    ),
    "dukascopy in local time": (
        "EURUSD_Candlestick_1_M_BID_04.03.2018-06.04.2018.csv",
        lambda path, bars: write_dukascopy(path, bars, "Local time", "Europe/Zurich"),
        "Dukascopy candles, clock as each row states",
    ),
    "jforex in EET": (
        "EURUSD_M1.csv",
        lambda path, bars: write_dukascopy(path, bars, "Time (EET)", "Europe/Helsinki"),
        "Dukascopy candles, clock EET (as the header states)",
    ),
    "dukascopy-node": (
        "eurusd-m1-bid-2018-03-04-2018-04-06.csv",
        write_node,
        "dukascopy-node candles, clock UTC",
    ),
    "twelvedata with its zone": (
        "EURUSD_M1.json",
        lambda path, bars: write_twelvedata(
            path, bars, "Australia/Sydney", meta=META | {"timezone": "Australia/Sydney"}
        ),
        "Twelve Data JSON, clock Australia/Sydney (as its meta states)",
    ),
    "twelvedata without a zone": (
        "any name.json",
        lambda path, bars: write_twelvedata(path, bars, "UTC", meta=META),
        "Twelve Data JSON, clock UTC (as asked with timezone=UTC)",
    ),
    "fmp in New York": (
        "EURUSD_M1.json",
        lambda path, bars: write_fmp(path, bars, NEW_YORK),
        "FMP JSON, clock America/New_York (FMP as stated)",
    ),
    "fmp in UTC": (
        "EURUSD_M1.json",
        lambda path, bars: write_fmp(path, bars, "UTC"),
        "FMP JSON, clock UTC (FMP as found)",
    ),
}


def a_market(path: Path, **options: Any) -> HistoryMarket:
    """Open a folder with a warm-up of one week, exports on the clock of Helsinki."""
    options = {"anchor_weeks": 1, "server_zone": "Europe/Helsinki", **options}
    return HistoryMarket(path, ("EURUSD",), **options)


def whole(market: HistoryMarket) -> np.ndarray:
    """Return everything that was loaded."""
    return market.minutes("EURUSD", 0, 2**62)


@pytest.mark.parametrize(("name", "writes", "origin"), FORMATS.values(), ids=FORMATS)
def test_a_format_gives_the_bars_of_parquet_across_both_changes_of_clocks(
    tmp_path: Path, name: str, writes: Writes, origin: str
) -> None:
    """Five weeks around the American and the European change; the clock is told in the notes."""
    bars = some_bars(SUNDAY_NS, 5 * WEEK_MINUTES)
    writes(tmp_path / "given" / name, bars)
    write_parquet(tmp_path / "ours" / "EURUSD_M1.parquet", bars)

    given, ours = a_market(tmp_path / "given"), a_market(tmp_path / "ours")

    for field in ("open_ns", "open", "high", "low", "close"):
        assert whole(given)[field].tolist() == whole(ours)[field].tolist()
    assert f"{name}: {origin}" in given.notes


def test_winter_alone_asks_no_question(tmp_path: Path) -> None:
    """Both of HistData's clocks say the same until March."""
    write_histdata(tmp_path / "EURUSD_M1.csv", some_bars(SUNDAY_NS, WEEK_MINUTES), NEW_YORK)

    assert int(whole(a_market(tmp_path))["open_ns"][0]) == SUNDAY_NS


def test_a_clock_that_nothing_tells_is_refused_until_a_setting_names_it(tmp_path: Path) -> None:
    """Midweek in summer both clocks lie inside the week, an hour apart."""
    tuesday_ns = instant_ns("2018-06-05T08:00:00Z")
    write_histdata(tmp_path / "EURUSD_M1.csv", some_bars(tuesday_ns, 1000), NEW_YORK)

    with pytest.raises(ConfigError, match=r"EURUSD_M1.csv: nothing in the times tells") as refused:
        a_market(tmp_path)
    assert "UTC-05:00" in str(refused.value)
    assert "market.history.zone must name it" in str(refused.value)
    assert int(whole(a_market(tmp_path, file_zone=NEW_YORK))["open_ns"][0]) == tuesday_ns
    an_hour_on = int(whole(a_market(tmp_path, file_zone=EST))["open_ns"][0]) - tuesday_ns
    assert an_hour_on == 60 * MINUTE_NS  # New York's 04:00 is 08:00 UTC, read as EST it is 09:00


def test_a_file_on_two_clocks_is_refused_with_its_weeks(tmp_path: Path) -> None:
    """One summer week in New York's time, the next without daylight saving."""
    bars = some_bars(instant_ns("2018-06-03T21:00:00Z"), 2 * WEEK_MINUTES)
    first = {name: values[:WEEK_MINUTES] for name, values in bars.items()}
    second = {name: values[WEEK_MINUTES:] for name, values in bars.items()}
    one = write_histdata(tmp_path / "a.csv", first, NEW_YORK).read_text(encoding="utf-8")
    two = write_histdata(tmp_path / "b.csv", second, EST).read_text(encoding="utf-8")
    (tmp_path / "EURUSD_M1.csv").write_text(one + two, encoding="utf-8")

    with pytest.raises(ConfigError, match="the times fit no one clock") as refused:
        a_market(tmp_path)
    assert "not UTC-05:00 (HistData as stated" in str(refused.value)
    assert "in 1 weeks, the first with 2018-06-03T17:00:00Z" in str(refused.value)
    assert "1 weeks, the first with 2018-06-10T16:00:00Z" in str(refused.value)


def test_ticks_become_the_minutes_of_their_bids(tmp_path: Path) -> None:
    """Open, extremes, close and count of each minute; the spread of its wider end."""
    lines = [
        "20180305 080001100,1.20000,1.20010,0",
        "20180305 080030000,1.20040,1.20090,0",
        "20180305 080059999,1.20010,1.20030,0",
        "20180305 080100000,1.20020,1.20040,0",
    ]
    (tmp_path / "DAT_ASCII_EURUSD_T_201803.csv").write_text("\n".join(lines), encoding="utf-8")

    first, second = whole(a_market(tmp_path, anchor_weeks=0))

    opens_ns = [int(first["open_ns"]), int(second["open_ns"])]
    assert opens_ns == [instant_ns("2018-03-05T13:00:00Z"), instant_ns("2018-03-05T13:01:00Z")]
    assert [first[name] for name in ("open", "high", "low", "close")] == [1.2, 1.2004, 1.2, 1.2001]
    assert (int(first["tick_volume"]), int(second["tick_volume"])) == (3, 1)
    assert (int(first["spread_points"]), int(second["spread_points"])) == (20, 20)  # of 10 and 20


def test_both_kinds_of_dukascopy_ticks_are_minutes(tmp_path: Path) -> None:
    """The website names the ask first, dukascopy-node too."""
    website = "Gmt time,Ask,Bid,AskVolume,BidVolume\n05.03.2018 13:00:01.100,1.2001,1.2,1,1\n"
    node = "timestamp,askPrice,bidPrice\n1520254801100,1.2001,1.2\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "EURUSD_Ticks_05.03.2018-05.03.2018.csv").write_text(website, "utf-8")
    (tmp_path / "b" / "eurusd-tick-2018-03-05-2018-03-06.csv").write_text(node, "utf-8")

    one, other = (whole(a_market(tmp_path / each, anchor_weeks=0)) for each in "ab")

    assert one.tobytes() == other.tobytes()
    assert (int(one["open_ns"][0]), float(one["open"][0])) == (
        instant_ns("2018-03-05T13:00:00Z"),
        1.2,
    )


def test_flat_fillings_of_dukascopy_are_left_out(tmp_path: Path) -> None:
    """A minute without a tick, and a weekend, are no bars."""
    path = write_dukascopy(tmp_path / "EURUSD_M1.csv", some_bars(SUNDAY_NS, 100), "Gmt time")
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[51] = lines[51].split(",")[0] + ",1.1,1.1,1.1,1.1,0"
    lines.insert(1, "03.03.2018 12:00:00.000,1.1,1.1,1.1,1.1,0")  # a Saturday
    path.write_text("\n".join(lines), encoding="utf-8")

    minutes = whole(a_market(tmp_path, anchor_weeks=0))

    assert len(minutes) == 99
    assert SUNDAY_NS + 50 * MINUTE_NS not in minutes["open_ns"]


GOOD = "20180305 080000;1.2;1.2;1.2;1.2;0\n"
GMT = "Gmt time,Open,High,Low,Close,Volume\n"
BAR = {"date": "2018-03-05 08:00:00", "open": 1.2, "high": 1.2, "low": 1.2}
WRONG: dict[str, tuple[str, str, str]] = {
    "price": (
        "EURUSD_M1.csv",
        GOOD + "\n20180305 080100;1.2;x1.2;1.2;1.2;0\n",
        "line 3: high must be a number such as 1.20015, was 'x1.2'",
    ),
    "day": (
        "EURUSD_M1.csv",
        GOOD + "20180231 080100;1.2;1.2;1.2;1.2;0\n",
        "line 2: time must be as 20180131 174500, was '20180231 080100'",
    ),
    "clock": (
        "EURUSD_M1.csv",
        GOOD + "20180305 250100;1.2;1.2;1.2;1.2;0\n",
        "line 2: time must be as 20180131 174500, was '20180305 250100'",
    ),
    "cells": (
        "EURUSD_M1.csv",
        GOOD + "20180305 080100;1.2;1.2\n",
        "every line must have 6 cells between ';'",
    ),
    "order": (
        "EURUSD_M1.csv",
        GOOD + GOOD,
        "row 2 (2018-03-05T13:00:00Z): time is repeated; times must rise",
    ),
    "a local time without offset": (
        "EURUSD_M1.csv",
        "Local time,Open,High,Low,Close,Volume\n05.03.2018 08:00:00.000,1.2,1.2,1.2,1.2,5\n",
        "line 2: local time must be as 31.01.2018 17:45:00.000 GMT+0100: a local time needs its",
    ),
    "an unknown zone": (
        "EURUSD_M1.csv",
        "Time (PST),Open,High,Low,Close,Volume\n2018.03.05 08:00:00,1.2,1.2,1.2,1.2,5\n",
        "column time (pst) must be on one of utc, gmt, eet",
    ),
    "asks": (
        "EURUSD_Candlestick_1_M_ASK_05.03.2018-05.03.2018.csv",
        GMT + "05.03.2018 08:00:00.000,1.2,1.2,1.2,1.2,5\n",
        "holds asks; bars are bids",
    ),
    "seconds for milliseconds": (
        "eurusd-m1-bid-2018.csv",
        "timestamp,open,high,low,close\n1520254800,1.2,1.2,1.2,1.2\n",
        "line 2: timestamp must be milliseconds since 1970, from the years 2000 to 2100, was '1520",
    ),
    "a tick whose ask is below its bid": (
        "EURUSD_M1.csv",
        "20180305 080000000,1.2002,1.2001,0\n",
        "line 1 (2018-03-05T13:00:00Z): bid 1.2002, ask 1.2001 must have 0 < bid <= ask",
    ),
    "an error in place of prices": (
        "EURUSD_M1.json",
        '{"code": 429, "message": "You have run out of API credits", "status": "error"}',
        "is an error's answer, code 429: 'You have run out of API credits'",
    ),
    "another symbol than the name's": (
        "GBPUSD_M1.json",
        json.dumps({"meta": META, "values": [], "status": "ok"}),
        "is named GBPUSD M1, but holds EURUSD M1",
    ),
    "a figure": (
        "EURUSD_M1.json",
        json.dumps([BAR | {"close": "n/a"}]),
        "row 1: close must be a number, was 'n/a'",
    ),
    "no figure": (
        "EURUSD_M1.json",
        json.dumps([BAR]),
        "row 1 (2018-03-05T13:00:00Z): close must be a positive number, was nan",
    ),
    "a date of another kind": (
        "EURUSD_M1.json",
        json.dumps([{"date": "03/05/2018 08:00"}]),
        "row 1: datetime must be as 2018-01-31 17:45:00, was '03/05/2018 08:00'",
    ),
    "a zone that is none": (
        "EURUSD_M1.json",
        json.dumps(
            {"meta": META | {"timezone": "Mars/Base"}, "values": [{"datetime": "2018-03-05"}]}
        ),
        "meta's timezone must be auto, new_york+7, UTC, UTC+03:00 or an IANA name, was 'Mars/Base'",
    ),
    "another format": (
        "EURUSD_M1.csv",
        "Date;Last\n1;2\n",
        "is of no known format, it begins with 'Date;Last'; known are: Parquet; MetaTrader 5",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_with_file_line_value_and_what_is_allowed(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    """Nothing is guessed and nothing is skipped."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    symbol = "GBPUSD" if name.startswith("GBP") else "EURUSD"
    zone = NEW_YORK if name.endswith("json") else "auto"

    with pytest.raises(ConfigError) as refused:
        HistoryMarket(tmp_path, (symbol,), anchor_weeks=0, file_zone=zone)

    assert name in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DAT_ASCII_EURUSD_M1_2018.csv", ("EURUSD", "M1")),
        ("DAT_MT_EURUSD_M1_201803.csv", ("EURUSD", "M1")),
        ("DAT_ASCII_EURUSD_T_201803.csv", ("EURUSD", "M1")),
        ("EURUSD_Candlestick_15_M_BID_x.csv", ("EURUSD", "M15")),
        ("EURUSD_Candlestick_4_Hour_BID_x.csv", ("EURUSD", "H4")),
        ("EURUSD_Candlestick_10_s_BID_x.csv", None),
        ("eurusd-h1-bid-2018.csv", ("EURUSD", "H1")),
        ("EURUSD_H1.csv", ("EURUSD", "H1")),
        ("notes.txt", None),
    ],
)
def test_a_name_says_of_what_a_file_is(
    tmp_path: Path, name: str, said: tuple[str, str] | None
) -> None:
    """By our own scheme, or by its provider's."""
    (tmp_path / name).touch()

    subject = subject_of(tmp_path / name)

    assert (None if subject is None else (subject.symbol, subject.timeframe.value)) == said


@pytest.mark.skipif(not DATA.exists(), reason="the recorded prices are not on this machine")
def test_a_year_of_real_minutes_is_dated_by_either_clock(tmp_path: Path) -> None:
    """Holidays, missing hours and stray bars of 2018 leave no doubt about the clock."""
    path = DATA / "unlicensed_internal_only" / "m1" / "EURUSD_M1_2018.parquet"
    table = pq.read_table(path).slice(0, 200_000)  # January to July
    bars = {name: table[name].to_numpy() for name in ("open", "high", "low", "close")}
    bars["time"] = table["time"].cast(pa.timestamp("ns", "UTC")).cast("int64").to_numpy()
    opened = {}
    for zone in (EST, NEW_YORK):
        folder = tmp_path / zone.replace("/", "-").replace(":", "")
        write_histdata(folder / "DAT_ASCII_EURUSD_M1_2018.csv", bars, zone)
        opened[zone] = a_market(folder)

    for zone, market in opened.items():
        assert any(f"clock {zone}" in note for note in market.notes)
    assert whole(opened[EST]).tobytes() == whole(opened[NEW_YORK]).tobytes()
