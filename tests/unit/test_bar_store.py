"""Bars kept on this machine: fetched once, without holes, and read back as they were."""

import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import stamina

from agents.requests import BarsRead, ReadBars
from blackboard.errors import TerminalUnavailable
from blackboard.facts.market import Timeframe
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import DAY_NS, MINUTE_NS, is_open
from runtime.bar_store import download as downloading
from runtime.bar_store.download import Span, download, missing_spans
from runtime.bar_store.store import BarStore, gaps_of, problems_of
from tests.bar_writers import some_bars, write_histdata, write_node
from tests.command_line import MONDAY_NS, CommandLine
from tests.feed_server import Asked, FeedServer, Reply, recorded

M1 = Timeframe.M1


def bars(from_ns: int, count: int) -> BarArray:
    """Return minutes of the open market."""
    columns = some_bars(from_ns, count)
    made = np.zeros(count, dtype=BAR_DTYPE)
    made["close_ns"] = columns.pop("time") + MINUTE_NS
    for name, column in columns.items():
        made[name] = column
    return made


class Terminal:
    """Answers with what it has, and notes what it was asked; fails after so many parts."""

    def __init__(self, has: BarArray, fails_after: int = 1000) -> None:
        self.has = has
        self.asked: list[ReadBars] = []
        self._fails_after = fails_after

    def __call__(self, request: ReadBars) -> BarsRead:
        """Answer one part."""
        if len(self.asked) == self._fails_after:
            raise TerminalUnavailable("gone")
        self.asked.append(request)
        opens_ns = self.has["close_ns"] - MINUTE_NS
        is_inside = (opens_ns >= request.from_ns) & (self.has["close_ns"] <= request.until_ns)
        return BarsRead(request=request, bars=self.has[is_inside], source="terminal")


def fetch(store: BarStore, terminal: Terminal, span: Span) -> int:
    """Fetch a span of EURUSD; return how many bars are new."""
    return download(store, terminal, "EURUSD", M1, span, lambda symbol: None).added


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    """Return an empty store that fetches 100 bars a part."""
    monkeypatch.setattr(downloading, "PART_BARS", 100)
    return BarStore(tmp_path / "data")


def test_what_was_kept_is_read_back_bit_for_bit(store: BarStore) -> None:
    """Also across the end of a year, where one file ends and the next begins."""
    new_year_ns = MONDAY_NS + 364 * DAY_NS  # 2018-12-31 22:00 UTC
    given = bars(new_year_ns, 300)

    assert store.add("EURUSD", M1, given) == 300

    held = store.held("EURUSD", M1)
    assert [path.name for path in store.files("EURUSD", M1)] == [
        "EURUSD_M1_2018.parquet",
        "EURUSD_M1_2019.parquet",
    ]
    assert held.open_ns.tolist() == (given["close_ns"] - MINUTE_NS).tolist()
    assert list(problems_of(store.files("EURUSD", M1), M1)) == []


def test_a_second_download_asks_only_for_what_is_missing(store: BarStore) -> None:
    """Before and after what is held; nothing is asked twice."""
    terminal = Terminal(bars(MONDAY_NS, 1000))
    middle = Span(MONDAY_NS + 300 * MINUTE_NS, MONDAY_NS + 600 * MINUTE_NS)
    assert fetch(store, terminal, middle) == 300
    terminal.asked.clear()

    assert fetch(store, terminal, Span(MONDAY_NS, MONDAY_NS + 1000 * MINUTE_NS)) == 700

    asked = sorted((each.from_ns - MONDAY_NS) // MINUTE_NS for each in terminal.asked)
    assert asked == [0, 100, 200, 600, 700, 800, 900]
    assert fetch(store, terminal, Span(MONDAY_NS, MONDAY_NS + 1000 * MINUTE_NS)) == 0


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_a_download_that_was_cut_off_leaves_no_hole(store: BarStore, parts: int) -> None:
    """Wherever it stops, the next one completes it."""
    have = bars(MONDAY_NS, 900)
    everything = Span(MONDAY_NS, MONDAY_NS + 900 * MINUTE_NS)
    fetch(store, Terminal(have), Span(MONDAY_NS + 400 * MINUTE_NS, MONDAY_NS + 500 * MINUTE_NS))

    with pytest.raises(TerminalUnavailable):
        fetch(store, Terminal(have, fails_after=parts), everything)
    assert gaps_of(store.held("EURUSD", M1), 1) == []
    fetch(store, Terminal(have), everything)

    assert len(store.held("EURUSD", M1).open_ns) == 900
    assert missing_spans(store.held("EURUSD", M1), everything) == []


def test_a_gap_is_told_with_its_length_and_a_weekend_is_none(store: BarStore) -> None:
    """Missing are the bars that an open market owes."""
    week = bars(MONDAY_NS, 5 * 1440 + 60)  # and an hour of the week after
    store.add("EURUSD", M1, np.delete(week, slice(2000, 2090)))

    (gap,) = gaps_of(store.held("EURUSD", M1), 60)

    assert gap.bars == 90
    assert gap.from_ns == int(week["close_ns"][1999]) - MINUTE_NS
    assert gap.until_ns == int(week["close_ns"][2090]) - MINUTE_NS


def test_a_bar_that_is_held_stays_as_it_is(store: BarStore) -> None:
    """What a terminal says later of a closed bar changes nothing."""
    first = bars(MONDAY_NS, 10)
    store.add("EURUSD", M1, first)
    later = first.copy()
    later["close"] += 1.0
    later["high"] += 1.0

    assert store.add("EURUSD", M1, later) == 0
    assert list(problems_of(store.files("EURUSD", M1), M1)) == []


def test_the_verbs_fetch_list_verify_and_the_bars_can_be_traded(quorum: CommandLine) -> None:
    """From the synthetic market into the folder that --history takes."""
    span = ("--symbols", "EURUSD", "--from", "2025-02-23", "--json")
    (fetched,) = json.loads(quorum("data", "download", *span).out)
    assert fetched["symbol"] == "EURUSD"
    assert fetched["added"] > 5000
    assert json.loads(quorum("data", "download", *span).out)[0]["added"] == 0

    (line,) = json.loads(quorum("data", "list", "--json").out)
    assert (line["symbol"], line["timeframe"], line["bars"]) == ("EURUSD", "M1", fetched["added"])
    assert line["gaps"] == 0
    assert quorum("data", "verify").code == 0


def test_twelvedata_fills_the_same_folder_in_parts_it_can_answer(
    quorum: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two weeks of M1 are three requests of at most 5,000 minutes; a second download asks none."""
    monkeypatch.setenv("TWELVEDATA_API_KEY", "canary-77aa")
    span = ("--from", "2018-01-02", "--to", "2018-01-10", "--symbols", "EURUSD", "--json")
    with FeedServer() as server:
        url = server.serve("/time_series", _minutes).removesuffix("/time_series")
        feed = ("--source", "twelvedata", "--set", f"feeds.twelvedata.url={url}")

        (fetched,) = json.loads(quorum("data", "download", *feed, *span).out)
        again = json.loads(quorum("data", "download", *feed, *span).out)

    assert (fetched["added"], again[0]["added"]) == (
        7 * 1440,
        0,
    )  # nine days, of which a weekend is two
    assert len(server.asked) == 3
    (line,) = json.loads(quorum("data", "list", "--json").out)
    assert (line["bars"], line["gaps"]) == (fetched["added"], 0)


def test_what_twelvedata_refuses_is_told_and_what_came_is_kept(
    quorum: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error in a page of status 200, after one good part."""
    monkeypatch.setenv("TWELVEDATA_API_KEY", "canary-77aa")
    span = ("--from", "2018-01-02", "--to", "2018-01-10", "--symbols", "EURUSD")
    with FeedServer() as server, stamina.set_testing(True, attempts=1):
        asks = count()

        def answer(asked: Asked) -> Reply:
            return _minutes(asked) if next(asks) == 0 else recorded("twelvedata_error.json")

        url = server.serve("/time_series", answer)
        feed = ("--source", "twelvedata", "--set", f"feeds.twelvedata.url={url[:-12]}")

        said = quorum("data", "download", *feed, *span)

    assert said.code == 3
    assert "twelvedata: 429 too many requests; what was fetched is kept" in said.error
    assert "canary-77aa" not in said.out + said.error
    (line,) = json.loads(quorum("data", "list", "--json").out)
    assert line["bars"] > 0


def _minutes(asked: Asked) -> Reply:
    """Return the minutes of an open market that were asked for, as Twelve Data does."""
    first, last = (
        np.datetime64(asked.query[name], "ns").astype(np.int64).item()
        for name in ("start_date", "end_date")
    )
    values = [
        {"datetime": str(np.datetime64(at_ns // 1_000_000_000, "s")).replace("T", " ")}
        | dict.fromkeys(("open", "high", "low", "close"), "1.20001")
        for at_ns in range(first, last + 1, MINUTE_NS)
        if is_open(at_ns)
    ]
    return Reply(body=json.dumps({"meta": {}, "values": values, "status": "ok"}).encode())


def test_verify_names_what_is_wrong(quorum: CommandLine) -> None:
    """A damaged file, and a price that cannot be; the exit code says so too."""
    store = BarStore(quorum.home / "data")
    wrong = bars(MONDAY_NS, 100)
    wrong["high"][7] = 0.5
    store.add("EURUSD", M1, wrong)
    (quorum.home / "data" / "USDJPY_M1_2018.parquet").write_bytes(b"PAR1 and nothing else")

    said = quorum("data", "verify", "--json")

    assert said.code == 4
    problems = {line["symbol"]: line["problems"] for line in json.loads(said.out)}
    assert "row 8 (2018-01-01T22:07:00Z): high must be the highest price" in problems["EURUSD"][0]
    assert "no readable Parquet" in problems["USDJPY"][0]


def test_a_provider_s_files_become_our_own(quorum: CommandLine, tmp_path: Path) -> None:
    """Checked, dated and kept once; a second import adds nothing."""
    given = some_bars(MONDAY_NS, 300)
    write_histdata(tmp_path / "given" / "DAT_ASCII_EURUSD_M1_2018.csv", given, "America/New_York")
    write_node(tmp_path / "given" / "gbpusd-m1-bid-2018.csv", given)
    (tmp_path / "given" / "readme.txt").write_text("nothing of ours", encoding="utf-8")

    one, other = json.loads(quorum("data", "import", tmp_path / "given", "--json").out)

    assert (one["symbol"], one["added"], one["outside"]) == ("EURUSD", 300, 0)
    assert one["origin"].startswith("HistData ASCII, clock")
    assert (other["symbol"], other["added"]) == ("GBPUSD", 300)
    store = BarStore(quorum.home / "data")
    assert store.held("EURUSD", M1).open_ns.tolist() == given["time"].tolist()
    assert quorum("data", "verify").code == 0
    again = json.loads(quorum("data", "import", tmp_path / "given", "--json").out)
    assert [line["added"] for line in again] == [0, 0]


def test_a_wrong_file_keeps_nothing_of_any(quorum: CommandLine, tmp_path: Path) -> None:
    """The refusal names the line, and the good file waits until the other is mended."""
    given = some_bars(MONDAY_NS, 50)
    write_node(tmp_path / "given" / "eurusd-m1-bid-2018.csv", given)
    bad = write_node(tmp_path / "given" / "gbpusd-m1-bid-2018.csv", given)
    lines = bad.read_text(encoding="utf-8").splitlines()
    lines[7] = lines[7].replace("1.1", "l.1", 1)
    bad.write_text("\n".join(lines), encoding="utf-8")

    said = quorum("data", "import", tmp_path / "given")

    assert said.code == 3
    assert "gbpusd-m1-bid-2018.csv: line 8: high must be a number such as 1.20015" in said.error
    assert not (quorum.home / "data").exists()


def test_a_folder_without_bars_says_how_files_are_named(
    quorum: CommandLine, tmp_path: Path
) -> None:
    """And a path that is not there is named."""
    (tmp_path / "given").mkdir()

    said = quorum("data", "import", tmp_path / "given")

    assert (said.code, "DAT_ASCII_EURUSD_M1_2018.csv" in said.error) == (3, True)
    assert "there is no nowhere" in quorum("data", "import", "nowhere").error


def test_without_bars_the_list_says_how_to_fetch_some(quorum: CommandLine) -> None:
    """And a span that ends before it begins is refused with both moments."""
    assert "data download" in quorum("data", "list").out

    said = quorum("data", "download", "--from", "2026-01-01", "--to", "2025-01-01")

    assert said.code == 3
    assert "--from must lie before" in said.error


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line."""
    return CommandLine(tmp_path / "var", monkeypatch, capsys)
