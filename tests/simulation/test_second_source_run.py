"""Nine agents through an outage of the terminal's prices, with and without a second source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stamina

from agents.requests import ReadBars, ReadBroker, ReadQuotes, ReadSymbols, Request, Unanswered
from blackboard.access import Access
from blackboard.board import Board
from blackboard.chain import commits_of
from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Bar,
    Decision,
    FeedStatus,
    PositionChanged,
    Quote,
    RiskApproved,
    RiskRefused,
    TradeClosed,
    TrailingStop,
)
from blackboard.facts.market import FeedState
from blackboard.journal import MemoryJournal
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.clock import VirtualClock
from runtime.council import agent_order, declarations, load_agent
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.inprocess import InProcessHost
from runtime.simulation.scenario import scenario_of
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.world import Due
from tests.feed_server import FeedServer
from tests.second_market import time_series

SEED = 2
HOURS = 15
M15_NS = 15 * MINUTE_NS
OUTAGE = (8, 11)
"""Hours after the start from which and until which the terminal tells no prices."""
PRICES = (ReadBars, ReadQuotes, ReadSymbols)
EVERYTHING = (*PRICES, ReadBroker)


class Outage(TerminalWorld):
    """The production's world; some requests are not answered for a while."""

    def __init__(self, span: tuple[int, int], lost: tuple[type[Request], ...], *arguments: Any,
                 **named: Any) -> None:  # fmt: skip
        super().__init__(*arguments, **named)
        self._span, self._lost = span, lost

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        if self._span[0] <= now_ns < self._span[1] and isinstance(request, self._lost):
            return Due(now_ns, Unanswered(request=request, reason="IPC timeout"))
        return super().perform(request, now_ns=now_ns, epoch=epoch)


class Run:
    """What nine agents posted in one run."""

    def __init__(
        self,
        folder: Path,
        lost: tuple[type[Request], ...],
        second_fails: Callable[[int], bool] = lambda at_ns: False,
    ) -> None:
        scenario = scenario_of(SEED, folder)
        self.start_ns = scenario.start_ns
        self.from_ns, self.until_ns = (self.start_ns + hour * HOUR_NS for hour in OUTAGE)
        with FeedServer() as server, stamina.set_testing(True, attempts=1):
            settings = _settings(scenario.settings, server.url("").rstrip("/"))
            source = open_market(settings).source
            server.serve("/time_series", time_series(source, second_fails))
            self.entries = self._run(settings, (self.from_ns, self.until_ns), lost)
        self.asked = server.asked

    def _run(
        self, settings: Settings, span: tuple[int, int], lost: tuple[type[Request], ...]
    ) -> list[Entry]:
        journal = MemoryJournal()
        source, clock = open_market(settings).source, VirtualClock(self.start_ns)
        terminal = SimulatedTerminal(source, MemoryLedger(), settings, clock.now_ns, stop_file=None)
        world = Outage(
            span, lost, terminal, settings, is_virtual=True, is_direct=True,
            calendar=open_calendar(settings), headlines=open_headlines(settings),
        )  # fmt: skip
        host = InProcessHost(
            Board(Access(declarations(settings)), journal),
            {name: load_agent(name, settings) for name in agent_order(settings)},
            world,
            start_ns=self.start_ns,
            end_ns=self.start_ns + HOURS * HOUR_NS,
        )
        host.run()
        world.close()
        return [entry for commit in commits_of(journal.blocks()) for entry in commit]

    def facts(self, kind: type, scope: str = "") -> list[tuple[int, Any]]:
        """Return the facts of a kind with their event times."""
        return [
            (entry.ts_event_ns, entry.fact)
            for entry in self.entries
            if isinstance(entry.fact, kind) and scope in ("", entry.fact.scope)
        ]

    def said(self, kind: type, from_ns: int, until_ns: int) -> list[Any]:
        """Return the facts of a kind that were posted in a span."""
        return [
            entry.fact
            for entry in self.entries
            if isinstance(entry.fact, kind) and from_ns <= entry.now_ns < until_ns
        ]


def _settings(settings: Settings, url: str) -> Settings:
    values = settings.model_dump()
    values["timeframe"] = "M15"
    values["agents"]["data"] |= {"second_source": "twelvedata", "compare_every_bars": 0}
    values["feeds"]["twelvedata"] |= {"url": url}
    return Settings.model_validate(values)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVEDATA_API_KEY", "canary-19c2")


@pytest.mark.parametrize("lost", [PRICES, EVERYTHING], ids=["prices", "everything"])
def test_an_outage_is_bridged_within_one_bar_and_left_when_the_terminal_is_sound(
    tmp_path: Path, lost: tuple[type[Request], ...]
) -> None:
    """No bar twice, none missing, each with its source; nothing is entered meanwhile."""
    run = Run(tmp_path, lost)

    back_ns = run.until_ns + 2 * M15_NS  # the third sound close
    for symbol in {fact.scope for _, fact in run.facts(Bar)}:
        bars = run.facts(Bar, symbol)
        closes = [ts for ts, _ in bars]
        assert closes == list(range(closes[0], closes[-1] + 1, M15_NS))
        given = {ts: fact.source for ts, fact in bars}
        assert {ts for ts, source in given.items() if source == "twelvedata"} == set(
            range(run.from_ns, back_ns, M15_NS)
        )
        quotes = {ts: fact.source for ts, fact in run.facts(Quote, symbol)}
        assert quotes == given
        states = [(ts, fact.state) for ts, fact in run.facts(FeedStatus, symbol)]
        assert states[1] == (run.from_ns, FeedState.FALLBACK)
        assert states[-1] == (back_ns, FeedState.LIVE)
    closes_away = range(run.from_ns, back_ns, M15_NS)
    for kind in (Decision, TrailingStop):  # opinions and the care of positions go on
        assert {entry.ts_event_ns for entry in run.entries if isinstance(entry.fact, kind)} >= set(
            closes_away
        )
    assert run.said(RiskApproved, run.from_ns, back_ns) == []
    refused = run.said(RiskRefused, run.from_ns, back_ns)
    assert refused
    if lost is PRICES:
        # Now and then the account is read a moment after the intent, which is refused before.
        assert {fact.reason for fact in refused} - {"no_account"} == {"feed_stale"}
        assert run.said(PositionChanged, run.from_ns, back_ns)
    assert run.said(RiskApproved, back_ns, run.start_ns + HOURS * HOUR_NS)
    assert "canary-19c2" not in repr(run.entries)


def test_without_any_source_feeds_are_stale_and_positions_are_cared_for(tmp_path: Path) -> None:
    """No prices are made up; what was missed comes from the terminal, each bar once."""
    run = Run(tmp_path, PRICES, second_fails=lambda at_ns: True)

    for symbol in {fact.scope for _, fact in run.facts(Bar)}:
        states = [(ts, fact.state) for ts, fact in run.facts(FeedStatus, symbol)]
        assert states[1] == (run.from_ns, FeedState.STALE)
        assert states[-1] == (run.until_ns, FeedState.LIVE)
        closes = [ts for ts, _ in run.facts(Bar, symbol)]
        assert closes == list(range(closes[0], closes[-1] + 1, M15_NS))
    assert {fact.source for _, fact in run.facts(Bar)} == {"terminal"}
    assert run.said(Bar, run.from_ns, run.until_ns) == []
    assert run.said(RiskApproved, run.from_ns, run.until_ns) == []
    assert run.said(AccountSnapshot, run.from_ns, run.until_ns)
    closed = run.said(TradeClosed, run.from_ns, run.until_ns)
    assert closed, "a stop or a target was met, and somebody noticed"
