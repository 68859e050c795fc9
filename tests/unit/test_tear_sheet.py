"""The tear sheet: every number once more from the journal, and a page that needs nobody."""

import json
import math
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from config.loading import load_settings
from runtime.backtest import run_full, tear_sheet_of
from runtime.preparation import Start
from runtime.proof.lineage import entries_of
from runtime.reports.tear_sheet import Sheet, Written
from runtime.terminals.simulated.market import open_market
from tests.recomputed import Recomputed, market_time

BARS = Path(__file__).parents[3] / "shared/data/unlicensed_internal_only/m1"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


class Told(NamedTuple):
    """A run, what its sheet says, and what the journal says."""

    start: Start
    sheet: Sheet
    written: Written
    again: Recomputed


def told(home: Path, **settings: object) -> Told:
    """Run the council and return both."""
    loaded = load_settings(None, {"home": str(home), **settings})
    duration_s = 0.0 if "market.history.path" in settings else 6 * 86_400.0
    run = run_full(loaded, duration_s, lambda done, word: None)
    start = run.start
    sheet, written = tear_sheet_of(run)
    again = Recomputed(
        entries_of(start.plan.book.journal),
        open_market(start.plan.settings).source,
        start.plan.settings.terminal.spread_factor,
    )
    return Told(start, sheet, written, again)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Give six days of three synthetic symbols, one of them quoted in neither dollar nor euro."""
    return told(tmp_path_factory.mktemp("home"), symbols="EURUSD,USDJPY,EURJPY")


def same(figure: float, again: float) -> bool:
    """Whether two numbers agree but for rounding; unknown agrees with unknown."""
    if math.isnan(figure):
        return math.isnan(again)
    return math.isclose(figure, again, rel_tol=1e-9, abs_tol=1e-9)


def check_money(one: Told) -> None:
    """Hold what the account came to against the journal."""
    figures, again = one.sheet.figures, one.again
    first, last = again.snapshots[0].fact, again.snapshots[-1].fact
    assert same(figures.start_equity, first.equity)
    assert same(figures.end_equity, last.equity)
    assert same(figures.net_profit, last.equity - first.equity)
    assert same(figures.floating, last.equity - last.balance)
    assert same(figures.total_return_frac, last.equity / first.equity - 1.0)
    assert same(figures.drawdown.depth_frac, again.drawdown())
    assert figures.days == len(again.daily())
    assert {month.month: pytest.approx(month.return_frac) for month in figures.months} == (
        again.months()
    )
    assert sum(month.trades for month in figures.months) == len(again.trades)
    assert one.sheet.accounting_gap == pytest.approx(0.0, abs=0.005)


def check_trades(one: Told) -> None:
    """Hold the statistics of the trades against the journal."""
    figures, again = one.sheet.figures, one.again
    assert figures.trades == len(again.trades) > 0
    assert same(figures.win_rate.value, statistics.mean(pnl > 0.0 for pnl in again.pnls))
    won = sum(pnl for pnl in again.pnls if pnl > 0.0)
    lost = -sum(pnl for pnl in again.pnls if pnl < 0.0)
    assert same(figures.profit_factor, won / lost)
    assert same(figures.expectancy_r.value, statistics.mean(again.rs))
    error = statistics.stdev(again.rs) / math.sqrt(len(again.rs))
    assert same(figures.expectancy_r.error, error)
    assert same(figures.expectancy, statistics.mean(again.pnls))
    assert (same(figures.best_r, max(again.rs)), same(figures.worst_r, min(again.rs))) == (
        True,
        True,
    )
    if len(again.rs) >= 30:
        n = min(len(again.rs), 100)
        quality = math.sqrt(n) * statistics.mean(again.rs) / statistics.stdev(again.rs)
        assert same(figures.system_quality, quality)
    assert (figures.longest_wins, figures.longest_losses) == again.streaks()
    holds = [entry.ts_event_ns - entry.fact.opened_ns for entry in again.trades]
    assert same(figures.mean_hold_ns, statistics.mean(holds))
    assert same(figures.heat_frac_max, again.heat())


def check_costs(one: Told) -> None:
    """Hold costs and excursions of each trade against the market's minutes."""
    costs, again = one.sheet.figures.costs, one.again
    spread = 0.0
    for entry, trade in zip(again.trades, one.sheet.trades, strict=True):
        adverse, favourable, cost = again.excursions(entry)
        assert trade.mae_r == pytest.approx(adverse, abs=1e-9)
        assert trade.mfe_r == pytest.approx(favourable, abs=1e-9)
        assert trade.spread_cost == pytest.approx(cost)
        assert same(trade.risk, again.risk(entry.fact))
        assert (trade.pnl, trade.r_multiple) == (entry.fact.pnl, entry.fact.r_multiple)
        spread += cost
    commission = -sum(entry.fact.commission + entry.fact.fee for entry in again.trades)
    swap = -sum(entry.fact.swap for entry in again.trades)
    assert costs.spread == pytest.approx(spread)
    assert costs.commission == pytest.approx(commission)
    assert costs.swap == pytest.approx(swap)
    assert costs.total == pytest.approx(spread + commission + swap)
    assert costs.before_costs == pytest.approx(sum(again.pnls) + spread + commission + swap)


def check_groups(one: Told) -> None:
    """Hold each attribution against the journal."""
    again, leaders = one.again, one.again.leaders()
    keys = {
        "symbol": lambda entry, trade: trade.scope,
        "voter": lambda entry, trade: leaders[trade.ticket][0],
        "component": lambda entry, trade: leaders[trade.ticket][1],
        "hour": lambda entry, trade: f"{trade.opened_ns // 3_600_000_000_000 % 24:02d}",
        "weekday": lambda entry, trade: DAYS[market_time(trade.opened_ns).day_of_week],
        "exit": lambda entry, trade: trade.reason,
        "side": lambda entry, trade: {"BUY": "long", "SELL": "short"}[trade.side],
    }
    for name, key in keys.items():
        shown = one.sheet.figures.by[name]
        counted = again.groups(key)
        assert {share.name: share.trades for share in shown} == {
            group: count for group, (count, _) in counted.items()
        }
        assert {share.name: share.pnl for share in shown} == pytest.approx(
            {group: pnl for group, (_, pnl) in counted.items()}
        )
    sessions = one.sheet.figures.by["session"]
    assert sum(share.trades for share in sessions) == len(again.trades)


def check_decisions(one: Told) -> None:
    """Hold the histograms against the journal."""
    sheet, again = one.sheet, one.again
    assert sheet.blocked_by == again.gates()
    assert sheet.refusals == again.refusals()
    assert sheet.intents == sheet.approved + sum(sheet.refusals.values())


def test_money_is_what_the_journal_says(synthetic: Told) -> None:
    """Result, return, deepest fall and months follow from the snapshots."""
    check_money(synthetic)


def test_trade_statistics_are_what_the_journal_says(synthetic: Told) -> None:
    """Rates, means, rows and durations follow from the closed trades."""
    check_trades(synthetic)


def test_costs_are_what_the_minutes_say(synthetic: Told) -> None:
    """Spread, excursions and the rest follow from deals and minutes."""
    check_costs(synthetic)


def test_groups_are_what_the_journal_says(synthetic: Told) -> None:
    """Each trade stands in the group that its lineage gives it."""
    check_groups(synthetic)


def test_histograms_are_what_the_journal_says(synthetic: Told) -> None:
    """Gates and refusals are counted one by one."""
    check_decisions(synthetic)


def test_time_in_the_market_is_counted_by_the_minute(synthetic: Told) -> None:
    """The share of open minutes with a position agrees to the few that are held in part."""
    end_ns = synthetic.sheet.identity.end_ns
    trades = synthetic.sheet.figures.trades
    still_open: dict[int, int] = {}
    for entry in synthetic.again.entries.values():
        if entry.kind == "PositionChanged":
            still_open[entry.fact.ticket] = entry.fact.opened_ns
    for closed in synthetic.again.trades:
        still_open.pop(closed.fact.ticket, None)

    counted = synthetic.again.exposure(end_ns, list(still_open.values()))

    assert synthetic.sheet.figures.exposure_frac == pytest.approx(counted, abs=trades * 2e-4)


def test_too_few_days_have_no_ratio(synthetic: Told) -> None:
    """A week says nothing of a year: unknown in the numbers, a dash on the page."""
    numbers = json.loads(synthetic.written.numbers.read_bytes())

    assert numbers["figures"]["sharpe"] == {"value": None, "error": None}
    assert math.isnan(synthetic.sheet.figures.yearly_growth_frac)
    assert "Fewer than 20 days say nothing." in synthetic.written.page.read_text("utf-8")


class Page(HTMLParser):
    """What a reader of the page sees, and what its browser would ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what would be fetched."""
        self._inside = tag
        self.asked += [str(value) for name, value in attrs if name in {"src", "href", "action"}]

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Note what is read."""
        if self._inside not in {"script", "style"}:
            self.text.append(data.strip())


def test_the_page_asks_nobody_for_anything(synthetic: Told) -> None:
    """No address is fetched, and the browser itself is told to refuse every one."""
    text = synthetic.written.page.read_text("utf-8")
    page = Page(text)

    assert page.asked == []
    assert "Content-Security-Policy" in text
    assert "default-src 'none'" in text
    assert "url(" not in text.partition("</style>")[0]


def test_the_page_says_what_it_is(synthetic: Told) -> None:
    """The mark, the costs, the seed and the hashes stand on it, and the figures as in the JSON."""
    shown = " ".join(Page(synthetic.written.page.read_text("utf-8")).text)
    identity, figures = synthetic.sheet.identity, synthetic.sheet.figures

    assert shown.index("SIMULATED") < shown.index("EURUSD")
    assert "seed 20250303" in shown
    assert "commission of 3.5 USD a lot and side" in shown
    for value in (identity.settings_hash, identity.code_hash, identity.decisions_hash):
        assert value[:12] in shown
        assert value in shown
    assert f"{figures.net_profit:+,.2f}".replace("-", "−") in shown
    assert f"{100 * figures.total_return_frac:+.2f} %".replace("-", "−") in shown
    assert f"{100 * figures.win_rate.value:.1f} %" in shown
    assert f"{figures.costs.total:,.2f}" in shown


def test_the_page_stays_small(synthetic: Told) -> None:
    """Charts are thinned, so the file stays below twelve megabytes."""
    assert synthetic.written.page.stat().st_size < 12_000_000


def test_names_of_foreign_origin_cannot_break_out(synthetic: Told) -> None:
    """Nothing inside the data can end the script that holds it."""
    text = synthetic.written.page.read_text("utf-8")
    data = re.search(r'id="charts">(.*?)</script>', text, re.DOTALL)

    assert data is not None
    assert "<" not in data[1]
    assert set(json.loads(data[1])) >= {"equity", "water", "r", "excursions", "hours"}


def test_baselines_stand_beside_the_result(synthetic: Told) -> None:
    """No trade earns nothing; holding moves with the symbols; chance is a band of 200 runs."""
    ends = {end.name: end for end in synthetic.sheet.baselines}
    chance = ends["random entries"]

    assert ends["no trade"].return_frac == 0.0
    assert ends["buy and hold"].return_frac != 0.0
    assert chance.runs == 200
    assert chance.low_frac < chance.return_frac < chance.high_frac
    assert "Random entries ended between" in synthetic.sheet.verdict


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not BARS.exists(), reason="../shared/data is not there")
def test_six_months_of_recorded_prices(tmp_path: Path) -> None:
    """Every number of six months of four symbols follows from the journal and the minutes."""
    history = {
        "symbols": "EURUSD,GBPUSD,USDJPY,AUDUSD",
        "market.history.path": str(BARS),
        "market.history.start": "2018-01-15",
        "market.history.end": "2018-07-15",
    }
    one = told(tmp_path, **history)

    for check in (check_money, check_trades, check_costs, check_groups, check_decisions):
        check(one)
    figures = one.sheet.figures
    assert same(figures.sharpe.value, one.again.sharpe())
    assert same(figures.sortino.value, one.again.sortino())
    days = (one.sheet.identity.end_ns - one.sheet.identity.start_ns) / 86_400e9
    growth = (figures.end_equity / figures.start_equity) ** (365.25 / days) - 1.0
    assert same(figures.yearly_growth_frac, growth)
    assert same(figures.calmar, growth / one.again.drawdown())
    deviation = statistics.stdev(one.again.daily()) * math.sqrt(260)
    assert same(figures.volatility_frac, deviation)
