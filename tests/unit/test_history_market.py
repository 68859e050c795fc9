"""Recorded bars as a market: two formats, one truth; every bad file is refused with its reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blackboard.errors import ConfigError
from blackboard.facts.market import Timeframe
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, is_open
from runtime.feeds.calendar import CalendarFile
from runtime.instants import instant_ns
from runtime.terminals.simulated.history import HistoryMarket
from tests.bar_writers import Columns, some_bars, write_export, write_parquet

SUNDAY_NS = instant_ns("2018-03-04T22:00:00Z")  # daylight saving begins a week later
WEEK_MINUTES = 7200
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def a_market(path: Path, *symbols: str, **options: Any) -> HistoryMarket:
    """Open a folder with a warm-up of one week."""
    return HistoryMarket(path, symbols or ("EURUSD",), **{"anchor_weeks": 1, **options})


def whole(market: HistoryMarket, symbol: str = "EURUSD") -> np.ndarray:
    """Return everything that was loaded."""
    return market.minutes(symbol, 0, 2**62)


def test_minutes_are_those_of_the_file(tmp_path: Path) -> None:
    """Each row becomes one step, with its own spread and volume."""
    bars = some_bars(SUNDAY_NS, 3 * WEEK_MINUTES)
    write_parquet(tmp_path / "deep" / "EURUSD_M1_2018.parquet", bars)

    market = a_market(tmp_path)

    steps = whole(market)
    assert steps["open_ns"].tolist() == bars["time"].tolist()
    for name in ("open", "high", "low", "close", "tick_volume", "spread_points"):
        assert steps[name].tolist() == bars[name].tolist()
    assert not steps.flags.writeable
    assert market.notes == []
    assert not market.has_calendar
    assert market.events(0, 2**62) == ()
    assert [one.name for one in market.traits()] == ["EURUSD"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("seconds", [True, False])
def test_export_and_parquet_give_the_same_bars(
    tmp_path: Path, encoding: str, seconds: bool
) -> None:
    """The server's wall time becomes UTC on both sides of a change of clocks."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    write_parquet(tmp_path / "p" / "EURUSD_M1.parquet", bars)
    (tmp_path / "c").mkdir()
    name = "EURUSD_M1_201803050000_201803162359.csv"
    write_export(tmp_path / "c" / name, bars, encoding=encoding, seconds=seconds)

    parquet, export = a_market(tmp_path / "p"), a_market(tmp_path / "c")

    assert whole(export).tobytes() == whole(parquet).tobytes()
    assert export.data_hash == parquet.data_hash
    assert export.start_ns == parquet.start_ns == instant_ns("2018-03-11T21:00:00Z")


def test_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    """A Parquet file that is named .csv is read as Parquet."""
    write_parquet(tmp_path / "EURUSD_M1.csv", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    assert len(whole(a_market(tmp_path))) == 2 * WEEK_MINUTES


def test_changed_data_have_another_hash(tmp_path: Path) -> None:
    """One changed price is seen in the hash."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    write_parquet(tmp_path / "a" / "EURUSD_M1.parquet", bars)
    bars["high"][5] += 1e-5
    write_parquet(tmp_path / "b" / "EURUSD_M1.parquet", bars)

    assert a_market(tmp_path / "a").data_hash != a_market(tmp_path / "b").data_hash


def test_several_files_of_a_symbol_are_joined(tmp_path: Path) -> None:
    """Files follow each other in time, whatever their names."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    head = {name: values[:5000] for name, values in bars.items()}
    tail = {name: values[5000:] for name, values in bars.items()}
    write_parquet(tmp_path / "EURUSD_M1_z.parquet", head)
    write_parquet(tmp_path / "EURUSD_M1_a.parquet", tail)

    assert whole(a_market(tmp_path))["open_ns"].tolist() == bars["time"].tolist()


def test_bid_and_ask_make_price_and_spread(tmp_path: Path) -> None:
    """Where a file has both sides, prices are bid, and the wider end makes the spread."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    sides: Columns = {"time": bars["time"]}
    for name in ("open", "high", "low", "close"):
        sides[name] = bars[name] + 6e-5  # the mid, which nobody trades at
        sides[f"bid_{name}"] = bars[name]
        sides[f"ask_{name}"] = bars[name] + (15e-5 if name == "close" else 12e-5)
    write_parquet(tmp_path / "EURUSD_M1.parquet", sides)

    steps = whole(a_market(tmp_path))

    assert steps["close"].tolist() == bars["close"].tolist()
    assert set(steps["spread_points"].tolist()) == {15}


def test_missing_spread_is_the_usual_one(tmp_path: Path) -> None:
    """Without a spread, or where it was recorded as 0, the usual one of the hour is taken."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    bars["spread_points"][:2] = 0
    bars["spread_points"][2:] = 30
    write_parquet(tmp_path / "zero" / "EURUSD_M1.parquet", bars)
    del bars["spread_points"]
    write_parquet(tmp_path / "none" / "EURUSD_M1.parquet", bars)

    zero, none = whole(a_market(tmp_path / "zero")), whole(a_market(tmp_path / "none"))

    assert zero["spread_points"][:4].tolist() == [26, 26, 30, 30]  # 10.5 * 2.5 = 26.25
    assert none["spread_points"][0] == 26
    noon = instant_ns("2018-03-05T17:30:00Z")  # 12:30 New York: 10.5 points
    assert none["spread_points"][none["open_ns"] == noon].tolist() == [10]


def test_calendar_widens_missing_spreads(tmp_path: Path) -> None:
    """Around the events of a calendar file spreads are wider, for the symbol's currencies only."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    del bars["spread_points"]
    write_parquet(tmp_path / "EURUSD_M1.parquet", bars)
    file = tmp_path / "calendar.csv"
    file.write_text(
        "time,currency,impact,title\n"
        "2018-03-09T15:30:00Z,USD,high,Payrolls\n"
        "2018-03-09T19:30:00Z,CAD,high,Elsewhere\n"
    )

    market = a_market(tmp_path, calendar=CalendarFile(file))

    steps = whole(market)
    spread = {int(ns): int(points) for ns, points in steps[["open_ns", "spread_points"]].tolist()}
    at_ns = instant_ns("2018-03-09T15:30:00Z")
    assert market.has_calendar
    assert len(market.events(at_ns, at_ns + DAY_NS)) == 2
    assert spread[at_ns] == 105  # 10.5 * 10
    assert spread[at_ns + 4 * HOUR_NS] < 15


def test_start_waits_for_the_warm_up(tmp_path: Path) -> None:
    """An empty start is the first week open with `anchor_weeks` weeks of data before it."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 4 * WEEK_MINUTES))

    market = a_market(tmp_path, anchor_weeks=2)

    assert market.start_ns == instant_ns("2018-03-18T21:00:00Z")
    assert market.end_ns == instant_ns("2018-03-30T21:00:00Z")
    assert market.notes == []


def test_too_little_data_say_so(tmp_path: Path) -> None:
    """Where the warm-up does not fit, what there is serves, and a note says so."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    market = a_market(tmp_path, anchor_weeks=4)

    assert market.start_ns == instant_ns("2018-03-11T21:00:00Z")
    assert "warm-up begins with the data, 2018-03-04T22:00:00Z" in market.notes[0]


def test_only_the_range_is_loaded(tmp_path: Path) -> None:
    """Loaded are the warm-up before the start and the range itself; a bare end counts whole."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 5 * WEEK_MINUTES))

    market = a_market(tmp_path, start="2018-03-20", end="2018-03-21")

    steps = whole(market)
    assert market.start_ns == instant_ns("2018-03-20T00:00:00Z")
    assert market.end_ns == instant_ns("2018-03-22T00:00:00Z")
    assert steps["open_ns"][0] == instant_ns("2018-03-11T21:00:00Z")
    assert steps["open_ns"][-1] == market.end_ns - MINUTE_NS


@pytest.mark.parametrize("end", ["2018-03-16", "2018-03-18", "2018-03-17T12:00:00Z"])
def test_an_end_in_the_weekend_after_the_data_is_inside(tmp_path: Path, end: str) -> None:
    """Data that reach the Friday close cover the weekend."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    assert a_market(tmp_path, end=end).end_ns == instant_ns("2018-03-16T21:00:00Z")


def test_coarser_bars_are_seen_after_their_close_only(tmp_path: Path) -> None:
    """Without M1, a bar is one step at its last minute, and a note says so."""
    bars = some_bars(SUNDAY_NS, 3 * 480, minutes=15)
    write_parquet(tmp_path / "EURUSD_M15.parquet", bars)
    write_parquet(tmp_path / "EURUSD_H1.parquet", some_bars(SUNDAY_NS, 300, minutes=60))

    market = a_market(tmp_path)

    assert market.step is Timeframe.M15
    assert whole(market)["open_ns"].tolist() == (bars["time"] + 14 * MINUTE_NS).tolist()
    assert "step on M15 bars" in market.notes[0]
    assert market.end_ns == int(bars["time"][-1]) + 15 * MINUTE_NS


def test_finest_common_timeframe_is_taken(tmp_path: Path) -> None:
    """A symbol without M1 brings all symbols to the timeframe that they share."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))
    for symbol in ("EURUSD", "GBPUSD"):
        write_parquet(tmp_path / f"{symbol}_M15.parquet", some_bars(SUNDAY_NS, 960, minutes=15))

    assert a_market(tmp_path, "EURUSD", "GBPUSD").step is Timeframe.M15


def test_a_symbol_that_ends_early_ends_the_run(tmp_path: Path) -> None:
    """All symbols have data to the end, and a note names the one that ends first."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 3 * WEEK_MINUTES))
    write_parquet(tmp_path / "GBPUSD_M1.parquet", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    market = a_market(tmp_path, "EURUSD", "GBPUSD")

    assert market.end_ns == instant_ns("2018-03-16T21:00:00Z")
    assert market.notes[0].startswith("GBPUSD ends first")


def test_stray_bars_outside_the_week_are_left_out(tmp_path: Path) -> None:
    """A few ticks after the close are noise, and are noted."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    bars["time"][WEEK_MINUTES - 1] += 5 * MINUTE_NS
    write_parquet(tmp_path / "EURUSD_M1.parquet", bars)

    market = a_market(tmp_path)

    assert len(whole(market)) == 2 * WEEK_MINUTES - 1
    assert all(is_open(int(ns)) for ns in whole(market)["open_ns"][::97])
    assert market.notes == ["EURUSD_M1.parquet: 1 bars outside the FX week left out"]


def _swapped(bars: Columns) -> None:
    bars["time"][[10, 11]] = bars["time"][[11, 10]]


def _repeated(bars: Columns) -> None:
    bars["time"][11] = bars["time"][10]


def _off_grid(bars: Columns) -> None:
    bars["time"] += 7_000_000_000


def _elsewhere(bars: Columns) -> None:
    bars["time"] += 3 * HOUR_NS


def _hourly(bars: Columns) -> None:
    bars["time"] = bars["time"][0] + np.arange(len(bars["time"])) * HOUR_NS


def _set(name: str, value: object) -> Callable[[Columns], None]:
    def change(bars: Columns) -> None:
        bars[name][10] = value

    return change


def _dropped(*names: str) -> Callable[[Columns], None]:
    def change(bars: Columns) -> None:
        for name in names:
            del bars[name]

    return change


def _texts(bars: Columns) -> None:
    bars["close"] = [str(value) for value in bars["close"].tolist()]
    bars["close"][10] = "n/a"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_swapped, r"EURUSD_M1.parquet: row 12 .*is before the row above it; times must rise"),
        (_repeated, r"row 12 \(2018-03-04T22:10:00Z\): time is repeated"),
        (_off_grid, r"row 1 .*is no open of a M1 bar"),
        (_elsewhere, r"360 of 14400 bars lie outside the FX week .* in another zone"),
        (_hourly, r"is named M1 but its rows are 60 minutes apart"),
        (_set("close", np.nan), r"row 11 .*: close must be a positive number, was nan"),
        (_set("low", 0.0), r"row 11 .*: low must be a positive number, was 0.0"),
        (_set("open", -1.1), r"row 11 .*: open must be a positive number, was -1.1"),
        (_set("high", np.inf), r"row 11 .*: high must be a positive number, was inf"),
        (_set("high", 1.0), r"row 11 .*: high must be the highest price, was open 1"),
        (_set("low", 1.2), r"row 11 .*: low must be the lowest price, was open 1"),
        (_dropped("high", "low"), r"column high, low missing; needed are time, open, high"),
        (_dropped("time"), r"column time missing"),
        (_texts, r"row 11: close must be a number, was 'n/a'"),
    ],
)
def test_bad_parquet_is_refused(
    tmp_path: Path, change: Callable[[Columns], None], expected: str
) -> None:
    """The refusal names file, row, value and what is allowed."""
    bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
    change(bars)
    bars.setdefault("spread_points", np.ones(2 * WEEK_MINUTES))
    if "time" in bars:
        write_parquet(tmp_path / "EURUSD_M1.parquet", bars)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(bars), tmp_path / "EURUSD_M1.parquet")

    with pytest.raises(ConfigError, match=expected):
        a_market(tmp_path)


@pytest.mark.parametrize(
    ("zone", "found"), [(None, r"timestamp\[ms\]"), ("Europe/Athens", "tz=Europe/Athens")]
)
def test_times_without_utc_are_refused(tmp_path: Path, zone: str | None, found: str) -> None:
    """A time without zone, or in another, is never guessed at."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 100), zone)

    with pytest.raises(ConfigError, match=f"column time must be a timestamp in UTC, was .*{found}"):
        a_market(tmp_path)


def test_times_of_another_type_or_missing_are_refused(tmp_path: Path) -> None:
    """Texts and gaps are no times."""
    import pyarrow as pa

    bars = some_bars(SUNDAY_NS, 100)
    times = pa.array([None, *(bars["time"][1:] // 10**6).tolist()], pa.timestamp("ms", "UTC"))
    write_parquet(tmp_path / "a" / "EURUSD_M1.parquet", {**bars, "time": times})
    texts = np.array([str(ns) for ns in bars["time"]])
    write_parquet(tmp_path / "b" / "EURUSD_M1.parquet", {**bars, "time": texts})

    with pytest.raises(ConfigError, match="column time must have no missing value, has 1"):
        a_market(tmp_path / "a")
    with pytest.raises(ConfigError, match="column time must be a timestamp in UTC, was string"):
        a_market(tmp_path / "b")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<SPREAD>", "<SPREED>", None),
        ("<CLOSE>", "<CLOZE>", "column <CLOSE> missing, found <DATE>"),
        ("2018.03.05\t00:03", "2018.13.05\t00:03", "row 4: <DATE> must be as 2018.01.31, was"),
        ("2018.03.05\t00:03", "2018.03.05\t24:03", "row 4: <TIME> must be as 17:45 or"),
        ("2018.03.05\t00:03:00\t1", "2018.03.05\t00:03:00\tx1", "row 4: <OPEN> must be a number"),
        ("<DATE>", "time", "is of no known format, it begins with 'time"),
        ("\t0\t", "\t", "is no tab-separated table"),
    ],
)
def test_bad_export_is_refused(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    """The refusal names file, row, value and what is allowed; only the spread may be missing."""
    file = write_export(tmp_path / "EURUSD_M1.csv", some_bars(SUNDAY_NS, 8000))
    file.write_text(file.read_text().replace(old, new))

    if expected is None:
        assert whole(a_market(tmp_path))["spread_points"][0] == 26
    else:
        with pytest.raises(ConfigError, match=f"EURUSD_M1.csv: .*{expected}"):
            a_market(tmp_path)


def test_export_in_another_zone_is_noticed(tmp_path: Path) -> None:
    """A server clock that is taken for UTC puts bars into the weekend."""
    write_export(tmp_path / "EURUSD_M1.csv", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    with pytest.raises(ConfigError, match="outside the FX week"):
        a_market(tmp_path, server_zone="UTC")


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really", b"hello"])
def test_unreadable_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is none says so instead of raising something of a library."""
    (tmp_path / "EURUSD_M1.parquet").write_bytes(content)

    with pytest.raises(ConfigError, match=r"EURUSD_M1.parquet: is (of )?no"):
        a_market(tmp_path)


def test_empty_table_is_refused(tmp_path: Path) -> None:
    """A file without rows is no market."""
    bars = {name: values[:0] for name, values in some_bars(SUNDAY_NS, 5).items()}
    write_parquet(tmp_path / "EURUSD_M1.parquet", bars)

    with pytest.raises(ConfigError, match=r"EURUSD_M1.parquet: has no rows"):
        a_market(tmp_path)


def test_missing_path_and_symbols_are_named(tmp_path: Path) -> None:
    """Every symbol without a file is named, with what was found of it."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 100))
    write_parquet(tmp_path / "USDJPY_H4.parquet", some_bars(SUNDAY_NS, 100, minutes=240))

    with pytest.raises(ConfigError, match=r"market.history.path: there is no .*nowhere"):
        a_market(tmp_path / "nowhere")
    with pytest.raises(ConfigError) as refusal:
        a_market(tmp_path, "EURUSD", "GBPUSD", "USDJPY")

    lines = str(refusal.value).splitlines()
    assert len(lines) == 2
    assert "no file of GBPUSD on M15 or finer" in lines[0]
    assert lines[1].endswith("found H4")


def test_mixed_timeframes_are_refused(tmp_path: Path) -> None:
    """Symbols that share no timeframe cannot step together."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 100))
    write_parquet(tmp_path / "GBPUSD_M15.parquet", some_bars(SUNDAY_NS, 100, minutes=15))

    with pytest.raises(ConfigError, match=r"mixed timeframes.*EURUSD M1, GBPUSD M15"):
        a_market(tmp_path, "EURUSD", "GBPUSD")


def test_problems_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    """One refusal lists what is wrong in each file."""
    for symbol, name in (("EURUSD", "high"), ("GBPUSD", "low")):
        bars = some_bars(SUNDAY_NS, 2 * WEEK_MINUTES)
        bars[name][3] = np.nan
        bars["open"][4] = 0.0
        write_parquet(tmp_path / f"{symbol}_M1.parquet", bars)

    with pytest.raises(ConfigError) as refusal:
        a_market(tmp_path, "EURUSD", "GBPUSD")

    text = str(refusal.value)
    assert text.count("EURUSD_M1.parquet: row") == text.count("GBPUSD_M1.parquet: row") >= 2


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    """Two files that tell of the same minute cannot both be right."""
    write_parquet(tmp_path / "EURUSD_M1_a.parquet", some_bars(SUNDAY_NS, 100))
    write_parquet(tmp_path / "EURUSD_M1_b.parquet", some_bars(SUNDAY_NS + HOUR_NS, 100))

    with pytest.raises(
        ConfigError, match=r"_b.parquet: begins at .* must be after the end of .*_a"
    ):
        a_market(tmp_path)


def test_symbols_without_common_time_are_refused(tmp_path: Path) -> None:
    """There is no market where no moment has all symbols."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 100))
    write_parquet(tmp_path / "GBPUSD_M1.parquet", some_bars(SUNDAY_NS + DAY_NS, 100))

    with pytest.raises(ConfigError, match="no time in common: EURUSD 2018-03-04T22:00:00Z to"):
        a_market(tmp_path, "EURUSD", "GBPUSD")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": "2018-03-03"}, "market.history.start must lie in the data, 2018-03-04T22"),
        ({"start": "2018-03-17"}, "market.history.start must lie in the data"),
        ({"end": "2018-03-19"}, "market.history.end must lie in the data"),
        ({"end": "2018-03-03"}, "market.history.end must lie in the data"),
        ({"start": "2018-03-14", "end": "2018-03-12"}, "start must be before end"),
        ({"start": "14.3.2018"}, "market.history.start: must be a time such as"),
        ({"end": "2018-03-14T10:00"}, "market.history.end: must have an offset"),
    ],
)
def test_range_outside_the_data_is_refused(
    tmp_path: Path, options: dict[str, str], expected: str
) -> None:
    """The refusal names the setting, its value and the data's range."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    with pytest.raises(ConfigError, match=expected):
        a_market(tmp_path, **options)


def test_both_ends_of_a_range_are_judged_at_once(tmp_path: Path) -> None:
    """One refusal names start and end."""
    write_parquet(tmp_path / "EURUSD_M1.parquet", some_bars(SUNDAY_NS, 2 * WEEK_MINUTES))

    for options in ({"start": "x", "end": "y"}, {"start": "2017-01-01", "end": "2019-01-01"}):
        with pytest.raises(ConfigError) as refusal:
            a_market(tmp_path, **options)
        assert len(str(refusal.value).splitlines()) == 2


def test_range_without_bars_is_refused(tmp_path: Path) -> None:
    """A hole in the data is no market."""
    bars = some_bars(SUNDAY_NS, 3 * WEEK_MINUTES)
    is_kept = (np.arange(len(bars["time"])) < 100) | (np.arange(len(bars["time"])) > 14_500)
    write_parquet(
        tmp_path / "EURUSD_M1.parquet", {name: one[is_kept] for name, one in bars.items()}
    )

    with pytest.raises(ConfigError, match="EURUSD has no bar from 2018-03-07T00:00:00Z"):
        a_market(tmp_path, start="2018-03-07", end="2018-03-08")


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
def test_recorded_year_loads_as_it_stands() -> None:
    """A year of M1 of four symbols has the documented rows and ends, and starts after warm-up."""
    symbols = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")

    market = HistoryMarket(DATA / "unlicensed_internal_only" / "m1", symbols)

    assert market.start_ns == instant_ns("2018-01-28T22:00:00Z")
    assert market.end_ns == instant_ns("2018-12-31T21:59:00Z")
    rows = [len(whole(market, symbol)) for symbol in symbols]
    assert rows == [372_606, 372_261, 371_800, 369_457]  # EURUSD has one more, after the end
    assert market.notes == []


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
def test_recorded_hours_with_bid_and_ask_have_the_documented_spread() -> None:
    """EURUSD's median spread of 2012 to 2018 is 1.3 pips at the close of the hour."""
    market = HistoryMarket(
        DATA / "clean_licence" / "h1_bidask", ("EURUSD",), timeframe=Timeframe.H1
    )

    assert market.step is Timeframe.H1
    assert 13 <= np.median(whole(market)["spread_points"]) <= 15  # the wider of open and close
