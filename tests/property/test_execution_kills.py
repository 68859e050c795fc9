"""Killed at any turn of a run in virtual time, the ExecutionAgent leaves the same board behind."""

from collections.abc import Mapping
from functools import cache

import pytest

from agents.agent import Agent, Outbox
from agents.execution import ExecutionAgent
from agents.requests import (
    AwaitBroker,
    BrokerChanged,
    ReadBroker,
    Reply,
    Request,
    SendOrder,
    Unanswered,
    Wake,
    Woken,
)
from blackboard.access import Access
from blackboard.board import Board
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    AmendIntent,
    AnyFact,
    ExitIntent,
    OrderIntent,
    Quote,
    RiskApproved,
    SymbolSpec,
    TradingStateChanged,
    kind_of,
)
from blackboard.facts.decision import Side
from blackboard.journal import MemoryJournal
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.inprocess import InProcessHost
from runtime.seat import Seat
from runtime.supersteps import Release
from runtime.world import Due
from tests.builders import M15_NS, T0_NS, a_quote, a_spec, a_state, an_intent
from tests.execution_desk import LOST, LOST_DONE, PlainBroker, live_settings

END_NS = T0_NS + 6 * M15_NS
FIRST, THIRD = 1001, 1002
"""Tickets of the two positions of ours."""


def an_approval(intent_id: str) -> RiskApproved:
    """Return the permission for 0.2 lots that risk 50."""
    return RiskApproved(
        scope="EURUSD",
        intent_id=intent_id,
        side=Side.BUY,
        lots=0.2,
        risk_frac=0.005,
        risk_account=50.0,
    )


def an_entry_of(intent_id: str, valid_until_ns: int) -> list[AnyFact]:
    """Return an approved wish to buy."""
    intent = an_intent(intent_id=intent_id, valid_until_ns=valid_until_ns)
    return [a_quote(), intent, an_approval(intent_id)]


SCRIPT: Mapping[int, list[AnyFact]] = {
    T0_NS: [a_spec(), a_state(), *an_entry_of("one", T0_NS + M15_NS)],
    T0_NS + M15_NS: [
        a_quote(),
        AmendIntent(
            scope="EURUSD",
            intent_id="amend",
            position_ticket=FIRST,
            position_side=Side.BUY,
            stop_price=1.099,
            current_stop_price=1.0981,
            target_price=1.1061,
            reason="chandelier",
        ),
    ],
    T0_NS + 2 * M15_NS: an_entry_of("lost", T0_NS + 3 * M15_NS),
    T0_NS + 3 * M15_NS: an_entry_of("two", T0_NS + 4 * M15_NS),
    T0_NS + 4 * M15_NS: [
        ExitIntent(
            scope="EURUSD",
            intent_id="exit",
            position_ticket=THIRD,
            position_side=Side.BUY,
            position_lots=0.2,
            side=Side.SELL,
            lots=0.2,
            reason="time",
        )
    ],
}
TONGUES: Mapping[str, str] = {"lost": LOST, "two": LOST_DONE}
STOP_NS = T0_NS + M15_NS + 7 * MINUTE_NS
"""When the first position hits its stop."""


class Others(Agent):
    """Says what the script says, when it says it."""

    name = "supervisor"
    posts = (
        SymbolSpec,
        Quote,
        TradingStateChanged,
        OrderIntent,
        RiskApproved,
        AmendIntent,
        ExitIntent,
    )
    reads = ()

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._said = 0

    def see(self, entry: Entry) -> None:
        """Note up to when everything was said."""
        self._said = max(self._said, entry.ts_event_ns)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Say what is due, and wake for the next."""
        due = [at for at in SCRIPT if self._said < at <= now_ns]
        outbox.drafts += [
            Draft(fact=fact, ts_event_ns=at, ordinal=str(place))
            for at in due
            for place, fact in enumerate(SCRIPT[at])
        ]
        outbox.requests += [Wake(at_ns=at) for at in SCRIPT if at > now_ns][:1]


class PlainWorld:
    """The plain broker, which answers a repeated send with the recorded reply."""

    def __init__(self) -> None:
        self.broker = PlainBroker()
        self._answers: dict[str, Reply] = {}
        self.sends = 0

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request at once; only what is awaited comes later."""
        del epoch
        self._live_until(now_ns)
        match request:
            case Wake(at_ns=at_ns):
                return Due(at_ns, Woken(request=request))
            case AwaitBroker(until_ns=until_ns):
                at_ns = STOP_NS if now_ns < STOP_NS < until_ns else until_ns
                return Due(at_ns, BrokerChanged(request=request))
            case ReadBroker():
                return Due(now_ns, self.broker.read(request, now_ns))
            case SendOrder():
                return Due(now_ns, self._send(request, now_ns))
            case _:
                return Due(now_ns, Unanswered(request=request, reason="not played"))

    def broker_mark(self) -> tuple[object, ...]:
        """Return what changes with the book."""
        return (len(self.broker.deals),)

    def close(self) -> None:
        """Nothing is held."""

    def _live_until(self, now_ns: int) -> None:
        if now_ns >= STOP_NS and FIRST in self.broker.positions:
            price = self.broker.positions[FIRST].stop_price
            self.broker.close(FIRST, price, STOP_NS, "stop")

    def _send(self, order: SendOrder, now_ns: int) -> Reply:
        if order.intent_id not in self._answers:
            self.sends += 1
            if order.intent_id in TONGUES:
                self.broker.tongue.append(TONGUES[order.intent_id])
            self._answers[order.intent_id] = self.broker.send(order, now_ns)
        return self._answers[order.intent_id]


class DeadlyHost(InProcessHost):
    """Kills the ExecutionAgent at one of its turns, before or after it handed on its requests."""

    def __init__(self, kill_at: int, *, hands_on: bool) -> None:
        self.world = PlainWorld()
        self.turns = 0
        self._kill_at, self._hands_on = kill_at, hands_on
        self._run_settings = live_settings()
        agents: dict[str, Agent] = {
            Others.name: Others(self._run_settings),
            ExecutionAgent.name: ExecutionAgent(self._run_settings),
        }
        access = Access({name: agent.declaration() for name, agent in agents.items()})
        board = Board(access, MemoryJournal())
        super().__init__(board, agents, self.world, start_ns=T0_NS, end_ns=END_NS)

    def _step(self, released: list[Release]) -> None:
        for release in released:
            name = release.author
            if name != ExecutionAgent.name or release.has_ended:
                super()._step([release])
                continue
            self.turns += 1
            if self.turns != self._kill_at:
                super()._step([release])
                continue
            if self._hands_on:
                self._seats[name].turn(release.told())
            self.supersteps.leave(name)
            joined = self.board.join(name)
            _, stored = self.board.read(0, self._filters[name])
            past = [item.entry for item in stored if item.entry.seq <= joined.read_to]
            self._seats[name] = Seat(ExecutionAgent(self._run_settings), self.world)
            again = self.supersteps.hand_in(self._seats[name].rejoin(joined, past))
            if again is not None:
                super()._step([again])


def told(host: DeadlyHost) -> list[tuple[object, ...]]:
    """Return everything on the board but seqs and epochs, which count instances."""
    entries = [item.entry for item in host.board.read(0)[1]]
    return [(entry.key, entry.fact, entry.now_ns, len(entry.causes)) for entry in entries]


@cache
def undisturbed() -> DeadlyHost:
    """Return the run without a kill."""
    host = DeadlyHost(kill_at=0, hands_on=False)
    host.run()
    return host


def test_the_undisturbed_run_has_everything_in_it() -> None:
    """Two trades, one lost and found, one lost for good."""
    host = undisturbed()

    kinds = [kind_of(item.entry.fact) for item in host.board.read(0)[1]]
    counts = {kind: kinds.count(kind) for kind in ("OrderSubmitting", "Fill", "TradeClosed")}
    assert counts == {"OrderSubmitting": 5, "Fill": 4, "TradeClosed": 2}
    assert host.world.sends == 5


@pytest.mark.parametrize("hands_on", [False, True])
def test_a_kill_at_any_turn_changes_nothing_on_the_board(hands_on: bool) -> None:
    """F6 in virtual time: the same facts at the same market times, and as many sends."""
    expected = undisturbed()

    for kill_at in range(1, expected.turns + 1):
        host = DeadlyHost(kill_at, hands_on=hands_on)
        host.run()

        assert host.world.sends == expected.world.sends, kill_at
        assert sorted(map(repr, told(host))) == sorted(map(repr, told(expected))), kill_at
