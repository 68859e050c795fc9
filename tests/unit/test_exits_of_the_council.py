"""Nine agents over the synthetic market: trades end by the terms of their entry, through a restart.

The first half is run with short terms, the second by new agents with other settings over the same
board and broker, as after a restart with another file.
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from blackboard.access import Access
from blackboard.board import Board
from blackboard.facts import (
    AmendIntent,
    ExitIntent,
    Fact,
    OrderIntent,
    OrderSubmitting,
    PositionChanged,
    Timeframe,
    TradeClosed,
)
from blackboard.facts.execution import Purpose
from blackboard.journal import MemoryJournal
from config.settings import Settings
from config.system import ExitsSection
from models.market.grid import closes_between
from models.market.sessions import HOUR_NS
from runtime.clock import VirtualClock
from runtime.council import agent_order, declarations, load_agent
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.inprocess import InProcessHost
from runtime.simulation.scenario import scenario_of
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.terminal import SimulatedTerminal

SEED = 2
HALF_HOURS = 7
SHORT = ExitsSection(break_even_r=0.3, trail_from_r=0.5, hold_bars_max=6, jump_sigmas=3.0)
OTHER = ExitsSection(break_even_r=0.0, trail_from_r=10.0, hold_bars_max=2, jump_sigmas=0.0)


class Told(NamedTuple):
    """What stands on the board after both halves."""

    settings: Settings
    restarted_ns: int
    board: Board

    def all(self, kind: type[Fact]) -> list[Any]:
        """Return all facts of a kind with their event times, oldest first."""
        return [
            (entry.ts_event_ns, entry.fact) for entry in self.board.history(kind, limit=1_000_000)
        ]


@cache
def told() -> Told:
    """Return what two councils in turn made of one market and one account."""
    scenario = scenario_of(SEED, Path("nowhere"))
    settings = with_exits(scenario.settings.model_copy(update={"timeframe": Timeframe.M15}), SHORT)
    market = open_market(settings)
    middle_ns = scenario.start_ns + HALF_HOURS * HOUR_NS
    board, ledger = Board(Access(declarations(settings)), MemoryJournal()), MemoryLedger()
    for part, begins_ns in (
        (settings, scenario.start_ns),
        (with_exits(settings, OTHER), middle_ns),
    ):
        clock = VirtualClock(begins_ns)
        terminal = SimulatedTerminal(market.source, ledger, part, clock.now_ns, stop_file=None)
        world = TerminalWorld(
            terminal,
            part,
            is_virtual=True,
            is_direct=True,
            calendar=open_calendar(part),
            headlines=open_headlines(part),
        )
        InProcessHost(
            board,
            {name: load_agent(name, part) for name in agent_order(part)},
            world,
            start_ns=begins_ns,
            end_ns=begins_ns + HALF_HOURS * HOUR_NS,
        ).run()
    return Told(settings, middle_ns, board)


def with_exits(settings: Settings, exits: ExitsSection) -> Settings:
    """Return settings with other terms for exits."""
    trading = settings.trading.model_copy(update={"exits": exits})
    return settings.model_copy(update={"trading": trading})


def trades() -> list[tuple[int, TradeClosed, OrderIntent]]:
    """Return every closed trade with its end and the intent that it came of."""
    intents = {fact.intent_id: fact for _, fact in told().all(OrderIntent)}
    return [(ts_ns, fact, intents[fact.intent_id]) for ts_ns, fact in told().all(TradeClosed)]


def held(trade: TradeClosed, until_ns: int) -> int:
    """Return through how many closes a trade was held."""
    return closes_between(trade.opened_ns, until_ns, Timeframe.M15.length_ns)


def test_no_trade_outlives_its_own_terms() -> None:
    """Six closes for those entered before the restart, two for those after it."""
    ended = trades()

    assert {intent.hold_bars_max for _, _, intent in ended} == {6, 2}
    assert all(held(trade, ts_ns) <= intent.hold_bars_max for ts_ns, trade, intent in ended)
    timed = [each for each in ended if each[1].reason == "time"]
    assert len(timed) > 5
    assert all(held(trade, ts_ns) == intent.hold_bars_max for ts_ns, trade, intent in timed)


def test_a_trade_entered_before_the_restart_keeps_its_terms_after_it() -> None:
    """One is held through more closes than the later settings allow, and ends after the restart."""
    kept = [
        trade
        for ts_ns, trade, intent in trades()
        if trade.opened_ns < told().restarted_ns < ts_ns
        and held(trade, ts_ns) > OTHER.hold_bars_max
    ]

    assert kept


def test_stops_move_by_the_terms_of_their_trades_and_only_tighten() -> None:
    """Break-even covers open price and commissions, and only where it was agreed."""
    positions = {fact.ticket: fact for _, fact in told().all(PositionChanged)}
    intents = {fact.intent_id: fact for _, fact in told().all(OrderIntent)}
    amendments = [fact for _, fact in told().all(AmendIntent)]
    even = [fact for fact in amendments if fact.reason == "break_even"]

    assert even
    for fact in even:
        position = positions[fact.position_ticket]
        earned = (fact.stop_price - position.open_price) * fact.position_side.sign
        assert 0.0 < earned < 0.0002  # two commissions of 3.5 on 100,000, in either quote currency
        assert intents[position.intent_id].break_even_r == SHORT.break_even_r
    for fact in amendments:
        assert (fact.stop_price - fact.current_stop_price) * fact.position_side.sign > 0.0


def test_every_entry_was_announced_with_stop_and_target() -> None:
    """No entry leaves without both, and every position has both as long as it is open."""
    entries = [fact for _, fact in told().all(OrderSubmitting) if fact.purpose is Purpose.ENTRY]
    states = [fact for _, fact in told().all(PositionChanged) if fact.lots > 0.0]

    assert len(entries) > 20
    assert all(fact.stop_price > 0.0 and fact.target_price > 0.0 for fact in entries)
    assert all(fact.stop_price > 0.0 and fact.target_price > 0.0 for fact in states)


def test_an_exit_is_asked_for_once() -> None:
    """No position is asked to close twice for one reason at one close."""
    asked = [(ts_ns, fact.position_ticket) for ts_ns, fact in told().all(ExitIntent)]

    assert len(asked) == len(set(asked)) > 0
