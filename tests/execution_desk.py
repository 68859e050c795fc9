"""The ExecutionAgent between a real board and a plain broker, stepped the way a live host does it.

The broker is a list of positions and deals with a tongue that can be told to lie. A request that
needs a slot runs only if that very post created it, as with every host.
"""

from collections import deque

import msgspec

from agents.agent import Inbox
from agents.execution import ExecutionAgent
from agents.requests import (
    AwaitBroker,
    BrokerAccount,
    BrokerChanged,
    BrokerDeal,
    BrokerOrder,
    BrokerPosition,
    BrokerRead,
    ReadBroker,
    Reply,
    Request,
    SendAnswered,
    SendOrder,
    Unanswered,
    Wake,
    Woken,
)
from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import AnyFact, Fact
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from config.settings import Settings
from tests.builders import T0_NS, a_quote, a_spec, a_state

WORLD = "world"
STEPS_MAX = 200
"""Steps after which an agent that still has something to do counts as never at rest."""

LOST_DONE, LOST, PLACED = "lost_done", "lost", "placed"
"""Tongues of the broker: executed without a reply, neither, accepted for later."""

COMMISSION_PER_LOT = 3.5


class PlainBroker:
    """An account of 10,000 with EURUSD at 1.10000 to 1.10010."""

    def __init__(self) -> None:
        self.account = BrokerAccount(
            login=7,
            server="sim",
            currency="USD",
            trade_mode=0,
            margin_mode=2,
            balance=10_000.0,
            equity=10_000.0,
            margin=0.0,
            margin_free=10_000.0,
            leverage=30,
        )
        self.positions: dict[int, BrokerPosition] = {}
        self.deals: list[BrokerDeal] = []
        self.orders: list[BrokerOrder] = []
        self.sends: list[SendOrder] = []
        self.tongue: deque[str | int] = deque()
        """What to do with the next sends: a tongue, or a code; nothing means done in full."""
        self.deaf = 0
        """Readings that will not be answered."""
        self.blind = 0
        """Readings that will show neither positions nor deals."""
        self.fill_share = 1.0
        self.has_changed = False
        self.deposits = 10_000.0
        self.ignores_stops = False
        """Whether entries get neither stop nor target."""
        self._ticket = 1000
        self._symbols: dict[int, str] = {}

    def send(self, order: SendOrder, now_ns: int) -> Reply:
        """Run one order the way the tongue says."""
        self.sends.append(order)
        word = self.tongue.popleft() if self.tongue else 10_009
        is_gone = order.position_ticket > 0 and order.position_ticket not in self.positions
        if word in (LOST_DONE, LOST):
            if word == LOST_DONE and not is_gone:
                self.execute(order, now_ns)
            return Unanswered(request=order, reason="no reply")
        if order.purpose is Purpose.CANCEL:
            return self._take_back(order) if word == 10_009 else _answer(order, int(word))
        if word == PLACED or (word == 10_009 and order.limit_price):
            self._ticket += 1
            self.orders.append(
                BrokerOrder(
                    ticket=self._ticket,
                    symbol=order.symbol,
                    magic=order.magic,
                    comment=order.comment,
                    is_working=True,
                    placed_ns=now_ns,
                )
            )
            return _answer(order, 10_008, order_ticket=self._ticket)
        assert isinstance(word, int)
        if is_gone:
            return _answer(order, 10_036)
        if word not in (10_009, 10_010):
            return _answer(order, word)
        deal = self.execute(order, now_ns)
        if deal is None:
            return _answer(order, word)
        return _answer(
            order,
            word,
            lots=deal.lots,
            price=deal.price,
            order_ticket=deal.order_ticket,
            deal_ticket=deal.ticket,
        )

    def _take_back(self, order: SendOrder) -> Reply:
        working = [one for one in self.orders if one.ticket == order.order_ticket]
        if not working or not working[0].is_working:
            return _answer(order, 10_023)
        self.end_order(order.order_ticket, "cancelled")
        return _answer(order, 10_009, order_ticket=order.order_ticket)

    def end_order(self, ticket: int, end: str) -> None:
        """Let a resting order end unfilled."""
        self.has_changed = True
        self.orders = [
            msgspec.structs.replace(one, is_working=False, is_dead=True, end=end)
            if one.ticket == ticket
            else one
            for one in self.orders
        ]

    def fill_order(self, order: SendOrder, now_ns: int, lots: float = 0.0) -> int:
        """Fill a resting order, whole unless lots say otherwise; return the position's ticket."""
        deal = self.open(
            order.side,
            lots or order.lots,
            now_ns,
            order.magic,
            order.comment,
            stop_price=order.stop_price,
            target_price=order.target_price,
        )
        if not lots:
            self.orders = [one for one in self.orders if one.magic != order.magic]
        return deal.position_ticket

    def execute(self, order: SendOrder, now_ns: int) -> BrokerDeal | None:
        """Do what an order asks for."""
        self.has_changed = True
        if order.purpose is Purpose.ENTRY:
            lots = order.lots * self.fill_share
            return self.open(
                order.side,
                lots,
                now_ns,
                order.magic,
                order.comment,
                stop_price=0.0 if self.ignores_stops else order.stop_price,
                target_price=0.0 if self.ignores_stops else order.target_price,
                symbol=order.symbol,
            )
        if order.purpose is Purpose.EXIT:
            return self.close(
                order.position_ticket, 1.1, now_ns, "expert", order.magic, order.comment, order.lots
            )
        held = self.positions[order.position_ticket]
        self.positions[held.ticket] = msgspec.structs.replace(
            held, stop_price=order.stop_price, target_price=order.target_price
        )
        return None

    def open(
        self,
        side: Side,
        lots: float,
        now_ns: int,
        magic: int = 0,
        comment: str = "",
        *,
        stop_price: float = 0.0,
        target_price: float = 0.0,
        symbol: str = "EURUSD",
    ) -> BrokerDeal:
        """Open a position; without a magic number it is somebody else's."""
        self.has_changed = True
        self._ticket += 1
        self._symbols[self._ticket] = symbol
        price = 1.1001 if side is Side.BUY else 1.1
        self.positions[self._ticket] = BrokerPosition(
            ticket=self._ticket,
            symbol=symbol,
            side=side,
            lots=lots,
            open_price=price,
            stop_price=stop_price,
            target_price=target_price,
            opened_ns=now_ns,
            magic=magic,
            comment=comment,
            profit=0.0,
            swap=0.0,
        )
        reason = "expert" if magic else "client"
        return self._deal(self._ticket, side, True, lots, price, now_ns, reason, magic, comment)

    def close(
        self,
        ticket: int,
        price: float,
        now_ns: int,
        reason: str,
        magic: int = 0,
        comment: str = "",
        lots: float = 0.0,
    ) -> BrokerDeal:
        """Close a position whole, or some lots of it."""
        self.has_changed = True
        held = self.positions[ticket]
        lots = lots or held.lots
        if lots < held.lots:
            left = round(held.lots - lots, 8)
            self.positions[ticket] = msgspec.structs.replace(held, lots=left)
        else:
            del self.positions[ticket]
        profit = round((price - held.open_price) * held.side.sign * lots * 100_000.0, 2)
        side = held.side.opposite
        marks = (magic, comment) if magic else (held.magic, f"[{reason}]")
        return self._deal(ticket, side, False, lots, price, now_ns, reason, *marks, profit)

    def read(self, request: ReadBroker, now_ns: int) -> Reply:
        """Answer a reading."""
        if self.deaf:
            self.deaf -= 1
            return Unanswered(request=request, reason="positions: -10004 No IPC connection")
        is_blind, self.blind = self.blind > 0, max(0, self.blind - 1)
        return BrokerRead(
            request=request,
            read_ns=now_ns,
            account=self.account,
            deposits=self.deposits,
            positions=() if is_blind else tuple(self.positions.values()),
            orders=tuple(self.orders),
            deals=() if is_blind else tuple(self.deals),
        )

    def _deal(
        self,
        ticket: int,
        side: Side,
        is_entry: bool,
        lots: float,
        price: float,
        now_ns: int,
        reason: str,
        magic: int,
        comment: str,
        profit: float = 0.0,
    ) -> BrokerDeal:
        commission = round(-COMMISSION_PER_LOT * lots, 2)
        deal = BrokerDeal(
            ticket=5000 + len(self.deals),
            order_ticket=ticket,
            position_ticket=ticket,
            symbol=self._symbols[ticket],
            side=side,
            is_entry=is_entry,
            is_balance=False,
            lots=lots,
            price=price,
            profit=profit,
            commission=commission,
            swap=0.0,
            fee=0.0,
            reason=reason,
            magic=magic,
            comment=comment,
            made_ns=now_ns,
        )
        self.deals.append(deal)
        balance = self.account.balance + profit + commission
        self.account = msgspec.structs.replace(self.account, balance=balance, equity=balance)
        return deal


class ExecutionDesk:
    """Steps the agent, posts what it drafts, and hands its requests to the broker."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        says_hello: bool = True,
        start_ns: int = T0_NS,
    ) -> None:
        self.settings = settings or live_settings()
        self.broker = PlainBroker()
        self.now_ns = start_ns
        kind = ExecutionAgent
        access = Access({kind.name: kind.declaration(), WORLD: declare(kind.reads, [])})
        self.board = Board(access, MemoryJournal())
        self._world_epoch = self.board.join(WORLD).epoch
        self.replies: list[Reply] = []
        self.wake_ns = 0
        self.requests: list[Request] = []
        """What was asked in the latest step."""
        self.restart()
        if says_hello:
            self.say(a_spec(), a_quote(), a_state())

    def restart(self) -> None:
        """Kill the agent; its successor has not stepped yet and will get the whole journal."""
        self.agent = ExecutionAgent(self.settings)
        self.epoch = self.board.join(ExecutionAgent.name).epoch
        self._cursor = 0
        self.replies = []
        self._is_new = True

    def say(self, *facts: AnyFact, ts_ns: int | None = None) -> None:
        """Post facts of the others."""
        ts = self.now_ns if ts_ns is None else ts_ns
        drafts = [
            Draft(fact=fact, ts_event_ns=ts, ordinal=str(place))
            for place, fact in enumerate(facts, self.board.head)
        ]
        self._post(WORLD, self._world_epoch, drafts)

    def say_as_agent(self, draft: Draft) -> None:
        """Post what another instance of the agent has announced, in the agent's name."""
        self._post(self.agent.name, self.epoch, [draft])

    def step(self, limit: int | None = None, *, hands_on: bool = True) -> bool:
        """Step once; return whether anything new came onto the board or is due.

        `limit` cuts the batch of entries, except the first: a new agent gets the whole journal at
        once. Without `hands_on` the agent dies after its post, before
        its requests are handed on.
        """
        wanted = Filter(kinds=self.agent.declaration().reads, author=self.agent.name)
        limit = None if self._is_new else limit
        self._cursor, batch = self.board.read(self._cursor, wanted, limit)
        replies, self.replies, self._is_new = tuple(self.replies), [], False
        inbox = Inbox(tuple(item.entry for item in batch), replies)
        outbox = self.agent.step(self.now_ns, inbox)
        created = self._post(self.agent.name, self.epoch, outbox.drafts)
        self.requests = outbox.requests
        for request in outbox.requests if hands_on else ():
            if not request.needs or request.needs in created:
                self.take(request)
        return bool(self.replies) or self._has_more(wanted)

    def settle(self) -> None:
        """Step until the agent is at rest."""
        for _ in range(STEPS_MAX):
            if not self.step():
                return
        raise AssertionError("the agent never comes to rest")

    def advance_to(self, until_ns: int) -> None:
        """Let time pass, with a stop wherever the agent wants to be woken."""
        self.settle()
        while self.wake_ns <= until_ns:
            self.now_ns = self.wake_ns
            self.replies.append(Woken(request=Wake(at_ns=self.wake_ns)))
            self.settle()
        self.now_ns = until_ns

    def notice(self) -> None:
        """Let the agent hear that something changed at the broker, and come to rest."""
        self.replies.append(BrokerChanged(request=AwaitBroker(until_ns=self.now_ns)))
        self.settle()

    def entries(self, kind: type[Fact]) -> list[Entry]:
        """Return the entries of a kind, in order."""
        return self.board.history(kind, limit=1_000_000)

    def facts(self, kind: type[Fact]) -> list[AnyFact]:
        """Return the facts of a kind, in order."""
        return [entry.fact for entry in self.entries(kind)]

    def last(self, kind: type[Fact]) -> AnyFact:
        """Return the newest fact of a kind."""
        return self.facts(kind)[-1]

    def _has_more(self, wanted: Filter) -> bool:
        return bool(self.board.read(self._cursor, wanted, 1)[1])

    def _post(self, author: str, epoch: int, drafts: list[Draft]) -> set[str]:
        post = Post(
            author=author,
            epoch=epoch,
            drafts=tuple(drafts),
            read_to=self.board.head,
            now_ns=self.now_ns,
        )
        acks = self.board.post(post, self.now_ns)
        return {d.slot for d, ack in zip(drafts, acks, strict=True) if ack.created}

    def take(self, request: Request) -> None:
        """Hand a request to the world, whose answer comes with the next step."""
        match request:
            case Wake():
                self.wake_ns = request.at_ns
            case SendOrder():
                self.replies.append(self.broker.send(request, self.now_ns))
            case ReadBroker():
                self.replies.append(self.broker.read(request, self.now_ns))
            case _:
                pass


def live_settings(**execution: object) -> Settings:
    """Return settings in which a market second is a real one."""
    return Settings.model_validate({"speed": 1.0, "agents": {"execution": execution}})


def _answer(
    order: SendOrder,
    code: int,
    lots: float = 0.0,
    price: float = 0.0,
    order_ticket: int = 0,
    deal_ticket: int = 0,
) -> SendAnswered:
    return SendAnswered(
        request=order,
        has_result=code >= 0,
        code=code,
        comment="",
        lots=lots,
        price=price,
        order_ticket=order_ticket,
        deal_ticket=deal_ticket,
    )
