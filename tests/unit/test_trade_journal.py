"""The trade journal: every figure by hand, groups that add up, files that say what JSON says."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet

from blackboard.errors import ConfigError
from blackboard.facts import DayStatistics
from blackboard.facts.decision import Side
from models.market.sessions import DAY_NS
from runtime.reports.daily import row_of, sum_of
from runtime.reports.journal_page import journal_page
from runtime.reports.record import ClosedTrade, EquityPoint, OpenTrade, RunRecord, ToldDay
from runtime.reports.tables import cells_of, columns_of, csv_text, write_parquet
from runtime.reports.trade_figures import JOURNAL_GROUPS, TradeFigures, groups_of, total_of
from runtime.reports.trade_journal import journal_of, part_of
from runtime.reports.trade_rows import TradeRow, rows_of
from tests.run_records import HOUR_NS, TUESDAY_NS, a_closed_trade, a_record
from tests.samples import SAMPLES

MONDAY_NS = TUESDAY_NS - DAY_NS


def some_trades() -> tuple[ClosedTrade, ...]:
    """Return a win of 1.2 R, two losses of 0.4 and 0.5 R, each with costs of its own."""
    return (
        a_closed_trade(
            opened_ns=MONDAY_NS,
            closed_ns=MONDAY_NS + 3 * HOUR_NS,
            pnl=60.0,
            profit=66.0,
            commission=-4.0,
            swap=-2.0,
            r_multiple=1.2,
            exit_reason="target",
            slippage=-1.0,
            confluence=1.0,
        ),
        a_closed_trade(slippage=3.0, confluence=2 / 3, side=Side.SELL),
        a_closed_trade(
            closed_ns=TUESDAY_NS + 2 * HOUR_NS,
            symbol="USDJPY",
            pnl=-25.0,
            profit=-25.0,
            r_multiple=-0.5,
            voter="sentiment",
            exit_reason="stop",
        ),
    )


def days_of_equity(count: int, **changes: Any) -> RunRecord:
    """Return a record of so many days of an account of 10,000 that nothing moves."""
    points = tuple(
        EquityPoint(MONDAY_NS + place * DAY_NS, 10_000.0, 10_000.0, 10_000.0)
        for place in range(2 * count)
        if (MONDAY_NS // DAY_NS + place + 3) % 7 < 5
    )[:count]
    trade = a_closed_trade(
        opened_ns=points[1].ts_ns, closed_ns=points[1].ts_ns + HOUR_NS, pnl=100.0, r_multiple=2.0
    )
    record = a_record(trade, equity=points, **changes)
    identity = msgspec.structs.replace(
        record.identity, start_ns=points[0].ts_ns, end_ns=points[-1].ts_ns
    )
    return msgspec.structs.replace(record, identity=identity)


def test_the_figures_are_those_by_hand() -> None:
    """60 won, 45 lost; costs of spread 3, commission 4, swap 2; slippage known of two trades."""
    total = total_of(a_record(*some_trades()))

    assert (total.trades, total.wins, total.pnl) == (3, 1, 15.0)
    assert total.win_rate.value == pytest.approx(1 / 3)
    assert total.profit_factor == pytest.approx(60 / 45)
    assert total.expectancy_r.value == pytest.approx((1.2 - 0.4 - 0.5) / 3)
    assert total.mean_win_r == 1.2
    assert total.mean_loss_r == pytest.approx(-0.45)
    costs = total.costs
    assert (costs.spread, costs.commission, costs.swap, costs.total) == (3.0, 4.0, 2.0, 9.0)
    assert (total.slippage, total.slippage_trades) == (2.0, 2)
    assert total.slippage_r == pytest.approx((-1.0 + 3.0) / 50.0 / 2)
    assert total.mean_hold_h == pytest.approx((3 + 1 + 2) / 3)


def test_the_drawdown_of_a_group_is_that_of_its_results() -> None:
    """The group of the losers falls by 45 of 10,000; the winner's does not fall."""
    groups = {one.name: one for one in groups_of(a_record(*some_trades()), "exit")}

    assert groups["target"].drawdown_frac == 0.0
    assert groups["reversal"].drawdown_frac == pytest.approx(20 / 10_000)
    (day,) = (one for one in groups_of(a_record(*some_trades()), "day") if one.trades == 2)
    assert day.drawdown_frac == pytest.approx(45 / 10_000)
    assert day.name == "2018-02-06"


@pytest.mark.parametrize("by", JOURNAL_GROUPS)
def test_groups_add_up_to_the_total(by: str) -> None:
    """Every trade is in exactly one group, whatever they are grouped by."""
    record = a_record(*some_trades())
    total, groups = total_of(record), groups_of(record, by)

    assert {one.by for one in groups} == {by}
    for name in ("trades", "wins", "slippage_trades"):
        assert sum(getattr(one, name) for one in groups) == getattr(total, name)
    assert math.fsum(one.pnl for one in groups) == pytest.approx(total.pnl)
    assert math.fsum(one.costs.total for one in groups) == pytest.approx(total.costs.total)
    known = [one.slippage for one in groups if math.isfinite(one.slippage)]
    assert math.fsum(known) == pytest.approx(total.slippage)


def test_groups_are_named_for_what_they_are_of() -> None:
    """By agent, by confluence with two decimals, by the week of the exit."""
    record = a_record(*some_trades())

    def names(by: str) -> list[str]:
        return [one.name for one in groups_of(record, by)]

    assert names("agent") == ["sentiment", "technical"]
    assert names("confluence") == ["0.67", "1.00", "unknown"]
    assert (names("week"), names("month")) == (["2018-W06"], ["2018-02"])
    assert names("side") == ["long", "short"]


def test_ratios_of_fewer_than_twenty_days_are_unknown() -> None:
    """Of 19 days nothing is said; of 20 a group's ratio is that of its closed trades."""
    (few,) = groups_of(days_of_equity(19), "symbol")
    (enough,) = groups_of(days_of_equity(20), "symbol")

    assert math.isnan(few.sharpe.value)
    # One day of 1 % and 19 of nothing: mean 0.0005, deviation 0.01/√20; a year has 260 days.
    assert enough.sharpe.value == pytest.approx(0.0005 / (0.01 / math.sqrt(20)) * math.sqrt(260))
    assert math.isnan(enough.sortino.value)  # nothing ever fell
    assert math.isnan(total_of(days_of_equity(20)).sharpe.value)  # the account itself never moved


def test_an_empty_record_has_a_journal() -> None:
    """Nothing is known, nothing fails: no trade, no day, no ratio."""
    journal = journal_of(a_record(equity=()), "empty")

    assert (journal.total.trades, journal.total.pnl) == (0, 0.0)
    assert math.isnan(journal.total.win_rate.value)
    assert math.isnan(journal.data.on_time_frac)
    assert all(groups == () for groups in journal.groups.values())
    assert "None." in journal_page(a_record(equity=()), journal)


def test_a_part_holds_the_trades_that_closed_in_it() -> None:
    """The equity before it is where it begins; what is told of the whole run is not told of it."""
    points = tuple(
        EquityPoint(TUESDAY_NS + hours * HOUR_NS, 10_000.0, 10_000.0 + hours, 10_000.0)
        for hours in (-24, -1, 1, 2)
    )
    record = a_record(*some_trades(), equity=points, heat_frac_max=0.02)

    part = part_of(record, TUESDAY_NS, None, "")

    assert [trade.pnl for trade in part.trades] == [-20.0, -25.0]
    assert [point.equity for point in part.equity] == [9_999.0, 10_001.0, 10_002.0]
    assert math.isnan(part.heat_frac_max)
    assert len(part_of(record, None, None, "").trades) == 3
    assert len(part_of(record, MONDAY_NS, TUESDAY_NS + HOUR_NS, "").trades) == 2


@pytest.mark.parametrize(("period", "trades"), [("day", 2), ("week", 3), ("month", 3)])
def test_a_period_is_the_latest(period: str, trades: int) -> None:
    """Days end at 17:00 New York, 22:00 UTC in winter; the record ends on Tuesday at 20:00."""
    assert len(part_of(a_record(*some_trades()), None, None, period).trades) == trades


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, None, "day"), "instead of --from"),
        ((TUESDAY_NS, MONDAY_NS, ""), "--to must be later"),
        ((None, None, "year"), "--period must be one of day, week, month"),
    ],
)
def test_a_part_that_is_none_is_refused(arguments: tuple[Any, ...], words: str) -> None:
    """The refusal names the option."""
    with pytest.raises(ConfigError, match=words):
        part_of(a_record(*some_trades()), *arguments)


def test_files_say_what_json_says(tmp_path: Path) -> None:
    """CSV and Parquet hold the same numbers, an unknown one as an empty cell and as null."""
    record = a_record(*some_trades())
    rows = [total_of(record), *groups_of(record, "exit")]
    write_parquet(tmp_path / "j.parquet", TradeFigures, rows)

    stored = parquet.read_table(tmp_path / "j.parquet").to_pylist()
    texts = list(csv.DictReader(io.StringIO(csv_text(TradeFigures, rows))))

    assert list(texts[0]) == list(stored[0]) == list(columns_of(TradeFigures))
    for row, told, text in zip(rows, stored, texts, strict=True):
        said = json.loads(msgspec.json.encode(row))
        assert told == cells_of(row)
        assert told["expectancy_r"] == said["expectancy_r"]["value"]
        assert told["costs_total"] == said["costs"]["total"]
        assert told["sharpe"] is None
        assert (text["sharpe"], float(text["pnl"])) == ("", said["pnl"])


def test_trades_are_rows_with_their_tickets(tmp_path: Path) -> None:
    """Closed ones in the order of their closes, then what is open, with what is not known left."""
    still_open = OpenTrade(
        ticket=9,
        symbol="USDJPY",
        side=Side.BUY,
        lots=0.2,
        opened_ns=TUESDAY_NS,
        open_price=110.0,
        stop_price=0.0,
        target_price=112.0,
        profit=25.0,
        risk=50.0,
        confidence=0.6,
        expected_value_r=0.2,
        voter="technical.trend",
        component="supertrend H1",
        confluence=1.0,
        intent_id="abc",
        deal_tickets=(7, 8),
    )
    rows = rows_of(a_record(*some_trades(), open_trades=(still_open,)), last=1)
    write_parquet(tmp_path / "t.parquet", TradeRow, rows)

    assert [row.status for row in rows] == ["closed", "open"]
    assert (rows[0].pnl, rows[0].exit_reason, rows[0].session) == (-25.0, "stop", "London")
    assert (rows[1].pnl, rows[1].r_multiple, rows[1].stop_price) == (25.0, 0.5, None)
    assert rows[1].deal_tickets == "7 8"
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [cells_of(one) for one in rows]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_a_file_is_a_formula(text: str) -> None:
    """What a spreadsheet would run is a text behind an apostrophe; numbers below 0 stay numbers."""
    (row,) = rows_of(a_record(a_closed_trade(component=text)))
    (cells,) = csv.DictReader(io.StringIO(csv_text(TradeRow, [row]), newline=""))

    assert cells["component"] == f"'{text}"
    assert float(cells["pnl"]) == -20.0


def test_bars_on_time_are_those_of_the_days_told() -> None:
    """95 of 96 on the one day that is in the record."""
    figures = SAMPLES["DayStatistics"]
    assert isinstance(figures, DayStatistics)
    day = ToldDay(TUESDAY_NS, figures)
    data = journal_of(a_record(*some_trades(), days=(day,)), "book").data

    assert (data.days, data.bars_on_time, data.bars_expected) == (1, 95, 96)
    assert data.on_time_frac == pytest.approx(95 / 96)


def test_days_add_up_to_a_longer_time() -> None:
    """Two days of one win of 30 and one loss of 20: a factor of 1.5; falls and ends are no sums."""
    figures = SAMPLES["DayStatistics"]
    assert isinstance(figures, DayStatistics)
    first = msgspec.structs.replace(figures, equity_start=100.0, drawdown_frac_max=0.3)
    last = msgspec.structs.replace(figures, equity_end=120.0, drawdown_frac_max=0.1)

    row = row_of(sum_of([ToldDay(TUESDAY_NS, first), ToldDay(TUESDAY_NS + DAY_NS, last)]))

    assert (row.day, row.trades, row.wins, row.pnl, row.profit_factor) == ("all", 4, 2, 20.0, 1.5)
    assert (row.equity_start, row.equity_end, row.drawdown_frac_max) == (100.0, 120.0, 0.3)
    assert (row.bars_on_time, row.bars_expected) == (190, 192)
    assert row.expectancy_r == pytest.approx(figures.sum_r / figures.rated)


def test_the_page_shows_all_and_asks_nobody() -> None:
    """It names every group and trade, escapes foreign texts, and forbids its browser a request."""
    trades = (*some_trades(), a_closed_trade(component="<script>alert(1)</script>"))
    record = a_record(*trades)
    page = journal_page(record, journal_of(record, "my book"))
    shown = page[: page.index('<script type="application/json"')]

    assert "default-src 'none'" in shown
    assert "Trade journal of my book" in shown
    assert "By the trading centres at work" in shown
    assert "<script>alert" not in page
    assert shown.count("<td>1</td></tr>") == len(trades)
    assert "http://" not in shown
    assert "https://" not in shown
