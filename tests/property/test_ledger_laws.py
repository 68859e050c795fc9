"""Laws of the simulated account against a reference ledger, for any sequence of doings."""

import tempfile
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runtime.terminals import constants as mt5
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.structures import OrderSendResult, TradeDeal, TradePosition
from tests.reference_ledger import (
    BUY_LIMIT,
    BUY_STOP,
    COMMISSION_CENTS,
    SWAP_CENTS,
    Minute,
    ReferenceLedger,
    Waiting,
)
from tests.scripted_market import HandClock, ScriptedMarket, a_terminal, traits

BASE_MIN = 9 * 60 + 15
"""Where the market begins: 21:15 UTC, 45 minutes before the server's midnight."""
MIDNIGHT_MIN = 45
MINUTES = 90
DAY_MIN = 24 * 60
DEPOSIT_CENTS = 10_000_000

minutes = st.tuples(
    st.integers(108_000, 112_000), st.integers(0, 900), st.integers(0, 900),
    st.integers(108_000, 112_000), st.integers(1, 60),
)  # fmt: skip
sides = st.sampled_from((1, -1))
lots = st.integers(1, 40)
distances = st.sampled_from((0,)) | st.integers(150, 3_000)
picks = st.integers(0, 10**6)


class AccountMachine(RuleBasedStateMachine):
    """An account, and beside it a reference that is told the same."""

    margin_mode: ClassVar[str]

    @initialize(walk=st.lists(minutes, min_size=MINUTES, max_size=MINUTES), day=st.integers(0, 1))
    def open(self, walk: list[tuple[int, int, int, int, int]], day: int) -> None:
        """Open an account on a Tuesday or on a Wednesday, whose night counts three times."""
        self.base_min = BASE_MIN + day * DAY_MIN
        nights = 3 if day else 1
        rows, steps = [], []
        for after, (opened, up, down, closed, spread) in enumerate(walk):
            high, low = max(opened, closed) + up, min(opened, closed) - down
            prices = (opened / 1e5, high / 1e5, low / 1e5, closed / 1e5)
            rows.append((self.base_min + after, *prices, spread))
            ends_day = after == MIDNIGHT_MIN - 1
            steps.append(Minute(opened, high, low, spread, nights if ends_day else 0))
        swaps = {"swap_long_points": SWAP_CENTS[1], "swap_short_points": SWAP_CENTS[-1]}
        self.market = ScriptedMarket(traits("EURUSD", **swaps)).write("EURUSD", rows)
        self.reference = ReferenceLedger(steps, self.margin_mode == "hedging")
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.now = 0
        self.cents = DEPOSIT_CENTS
        self.seen_deal = 0
        self.sent: dict[str, tuple[dict[str, Any], OrderSendResult]] = {}
        self.start()
        self.seen_deal = max(deal.ticket for deal in self.deals())

    def start(self) -> None:
        """Open a terminal on the ledger file, as a process does that starts again."""
        self.clock.minute(self.base_min + self.now)
        self.terminal = a_terminal(
            self.market,
            self.clock,
            ledger=SqliteLedger(Path(self.folder.name) / "ledger.sqlite"),
            margin_mode=self.margin_mode,
            deposit=DEPOSIT_CENTS / 100,
            leverage=1_000,
            commission_per_lot=float(COMMISSION_CENTS),
        )

    def teardown(self) -> None:
        """Let go of the ledger and its folder."""
        if hasattr(self, "terminal"):
            self.terminal.close()
            self.folder.cleanup()

    def deals(self) -> tuple[TradeDeal, ...]:
        """Return every deal of the account."""
        found = self.terminal.history_deals_get(0, 2**31 - 1)
        assert found is not None
        return found

    def positions(self) -> dict[int, TradePosition]:
        """Return the open positions by identifier."""
        return {one.identifier: one for one in self.terminal.positions_get() or ()}

    def send(self, **request: Any) -> OrderSendResult:
        """Send a request under a new id, which is its comment too."""
        request_id = f"id{len(self.sent)}"
        request = {"symbol": "EURUSD", "comment": request_id} | request
        result = self.terminal.order_send(request, request_id=request_id, epoch=1)
        assert isinstance(result, OrderSendResult)
        self.sent[request_id] = request, result
        return result

    def levels(self, side: int, price: int, loss: int, gain: int) -> tuple[int, int]:
        """Return levels at distances from a price, 0 for none."""
        return price - side * loss if loss else 0, price + side * gain if gain else 0

    def some(self, names: dict[int, Any], pick: int) -> int:
        """Return one of the names."""
        return sorted(names)[pick % len(names)]

    @rule(side=sides, hundredths=lots, loss=distances, gain=distances)
    def enter(self, side: int, hundredths: int, loss: int, gain: int) -> None:
        """Buy or sell at the market, with or without levels."""
        sl, tp = self.levels(side, self.reference.market(self.now, -side), loss, gain)
        result = self.send(
            action=mt5.TRADE_ACTION_DEAL, type=0 if side > 0 else 1, volume=hundredths / 100,
            sl=sl / 1e5, tp=tp / 1e5,
        )  # fmt: skip
        assert result.retcode == mt5.TRADE_RETCODE_DONE
        price = Fraction(self.reference.market(self.now, side))
        self.reference.trade(result.order, side, hundredths, price, sl, tp)
        self.settle()

    @precondition(lambda self: self.reference.held)
    @rule(pick=picks, part=st.integers(1, 4))
    def close(self, pick: int, part: int) -> None:
        """Close a position, or a part of it."""
        name = self.some(self.reference.held, pick)
        one = self.reference.held[name]
        hundredths = max(one.hundredths // part, 1)
        result = self.send(
            action=mt5.TRADE_ACTION_DEAL, type=1 if one.side > 0 else 0, volume=hundredths / 100,
            position=self.positions()[name].ticket,
        )  # fmt: skip
        assert result.retcode == mt5.TRADE_RETCODE_DONE
        self.reference.reduce(
            name, hundredths, Fraction(self.reference.market(self.now, -one.side))
        )
        self.settle()

    @precondition(lambda self: self.reference.held)
    @rule(pick=picks, loss=distances, gain=distances)
    def amend(self, pick: int, loss: int, gain: int) -> None:
        """Set both levels of a position; 0 deletes."""
        name = self.some(self.reference.held, pick)
        side = self.reference.held[name].side
        sl, tp = self.levels(side, self.reference.market(self.now, -side), loss, gain)
        result = self.send(
            action=mt5.TRADE_ACTION_SLTP, position=self.positions()[name].ticket,
            sl=sl / 1e5, tp=tp / 1e5,
        )  # fmt: skip
        assert result.retcode in (mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_NO_CHANGES)
        self.reference.amend(name, sl, tp)

    def waiting(self, kind: int, hundredths: int, away: int, loss: int, gain: int) -> Waiting:
        """Return a pending order at a distance from the market."""
        side = 1 if kind in (BUY_LIMIT, BUY_STOP) else -1
        is_below = kind in (BUY_LIMIT, mt5.ORDER_TYPE_SELL_STOP)
        price = self.reference.market(self.now, side) + (-away if is_below else away)
        return Waiting(kind, hundredths, price, *self.levels(side, price, loss, gain))

    @rule(
        kind=st.integers(2, 5), hundredths=lots, away=st.integers(1, 2_000),
        loss=distances, gain=distances,
    )  # fmt: skip
    def place(self, kind: int, hundredths: int, away: int, loss: int, gain: int) -> None:
        """Place a limit or a stop order."""
        order = self.waiting(kind, hundredths, away, loss, gain)
        result = self.send(
            action=mt5.TRADE_ACTION_PENDING, type=kind, volume=hundredths / 100,
            price=order.price / 1e5, sl=order.stop / 1e5, tp=order.target / 1e5,
            type_filling=mt5.ORDER_FILLING_RETURN,
        )  # fmt: skip
        assert result.retcode in (mt5.TRADE_RETCODE_PLACED, mt5.TRADE_RETCODE_DONE)
        self.reference.waiting[result.order] = order

    @precondition(lambda self: self.reference.waiting)
    @rule(pick=picks, away=st.integers(1, 2_000), loss=distances, gain=distances)
    def modify(self, pick: int, away: int, loss: int, gain: int) -> None:
        """Move a pending order and its levels."""
        name = self.some(self.reference.waiting, pick)
        old = self.reference.waiting[name]
        order = self.waiting(old.kind, old.hundredths, away, loss, gain)
        result = self.send(
            action=mt5.TRADE_ACTION_MODIFY, order=name, price=order.price / 1e5,
            sl=order.stop / 1e5, tp=order.target / 1e5,
        )  # fmt: skip
        assert result.retcode in (mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_NO_CHANGES)
        self.reference.waiting[name] = order

    @precondition(lambda self: self.reference.waiting)
    @rule(pick=picks)
    def remove(self, pick: int) -> None:
        """Take a pending order back."""
        name = self.some(self.reference.waiting, pick)
        assert self.send(action=mt5.TRADE_ACTION_REMOVE, order=name).retcode == 10009
        del self.reference.waiting[name]

    @precondition(lambda self: {one.side for one in self.reference.held.values()} == {1, -1})
    @rule(pick=picks, other=picks)
    def close_by(self, pick: int, other: int) -> None:
        """Close two opposite positions against each other."""
        held = self.reference.held
        first = self.some(held, pick)
        opposite = {name: one for name, one in held.items() if one.side != held[first].side}
        second = self.some(opposite, other)
        result = self.send(action=mt5.TRADE_ACTION_CLOSE_BY, position=first, position_by=second)
        assert result.retcode == mt5.TRADE_RETCODE_DONE
        self.reference.close_by(first, second)
        self.settle()

    @rule(steps=st.integers(1, 20))
    def wait(self, steps: int) -> None:
        """Let minutes pass: levels and pending orders are met, a night is paid for."""
        last = min(self.now + steps, MINUTES - 1)
        life = self.reference.live(self.now, last)
        self.now = last
        self.clock.minute(self.base_min + last)
        for _ in life:
            self.settle(is_last=False)
        self.settle()

    @rule(cents=st.integers(-100_000, 1_000_000).filter(bool))
    def transfer(self, cents: int) -> None:
        """Pay in or take out."""
        ticket = self.terminal.transfer(cents / 100)
        self.cents += cents
        self.seen_deal = ticket

    @precondition(lambda self: self.sent)
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        """Send an old id again: it gives its recorded answer, and to another request nothing."""
        request_id = list(self.sent)[pick % len(self.sent)]
        request, first = self.sent[request_id]
        again = self.terminal.order_send(request, request_id=request_id, epoch=1)
        other = self.terminal.order_send(request | {"magic": 7}, request_id=request_id, epoch=1)
        assert again == first
        assert isinstance(other, TerminalRefused)
        assert other.refusal is Refusal.REUSED_ID

    @rule(is_killed=st.booleans())
    def restart(self, is_killed: bool) -> None:
        """Start again on the ledger; one that was killed has not said where its time had got to."""
        if is_killed:
            self.terminal._ledger.close()
        else:
            self.terminal.close()
        self.start()

    def settle(self, *, is_last: bool = True) -> None:
        """Match the deals that the reference expects with those that were made, in order."""
        made = iter([deal for deal in self.deals() if deal.ticket > self.seen_deal])
        for expected, deal in zip(self.reference.expected, made, strict=False):
            side = 1 if deal.type == mt5.DEAL_TYPE_BUY else -1
            shown = deal.position_id, deal.entry, side, round(deal.volume * 100)
            assert shown == (
                expected.position, expected.entry, expected.side, expected.hundredths,
            )  # fmt: skip
            assert abs(Fraction(deal.price) * 10**5 - expected.price) < Fraction(1, 1000)
            for booked, exact in ((deal.profit, expected.profit), (deal.swap, expected.swap)):
                assert abs(Fraction(booked) * 100 - exact) <= Fraction(501, 1000)
            assert round(deal.commission * 100) == -COMMISSION_CENTS * expected.hundredths
            self.book(deal)
            self.reference.settled(expected, round(deal.swap * 100))
        del self.reference.expected[:]
        if is_last:
            assert next(made, None) is None

    def book(self, deal: TradeDeal) -> None:
        """Take what was booked, rounding included."""
        parts = deal.profit, deal.swap, deal.commission, deal.fee
        self.cents += round(sum(map(Decimal, map(str, parts))) * 100)
        self.seen_deal = deal.ticket

    @invariant()
    def money_is_the_sum_of_the_deals(self) -> None:
        """Balance = deposits + profit + swap + commission + fee, equity = that + floating."""
        account = self.terminal.account_info()
        assert account is not None
        booked = sum(
            Decimal(str(part))
            for deal in self.deals()
            for part in (deal.profit, deal.swap, deal.commission, deal.fee)
        )
        assert Decimal(str(account.balance)) == booked == Decimal(self.cents) / 100
        floating = self.reference.floating(self.now) / 100
        slack = Fraction(1 + len(self.reference.held), 100)
        assert abs(Fraction(account.equity) - Fraction(account.balance) - floating) < slack

    @invariant()
    def what_is_open_is_what_must_be(self) -> None:
        """Positions and waiting orders agree, field by field."""
        shown = {
            name: (
                1 if one.type == mt5.POSITION_TYPE_BUY else -1,
                *(round(value * 100) for value in (one.volume, one.swap)),
                *(round(value * 1e5) for value in (one.sl, one.tp)),
            )
            for name, one in self.positions().items()
        }
        assert shown == {
            name: (one.side, one.hundredths, one.swap, one.stop, one.target)
            for name, one in self.reference.held.items()
        }
        for name, position in self.positions().items():
            exact = self.reference.held[name].opened
            assert abs(Fraction(position.price_open) * 10**5 - exact) < Fraction(1, 1000)
        orders = {
            one.ticket: Waiting(
                one.type,
                round(one.volume_current * 100),
                *(round(value * 1e5) for value in (one.price_open, one.sl, one.tp)),
            )
            for one in self.terminal.orders_get() or ()
        }
        assert orders == self.reference.waiting

    @invariant()
    def volume_is_conserved(self) -> None:
        """Lots bought less lots sold are what is held, of each position and so of all."""
        signed: Counter[int] = Counter()
        for deal in self.deals():
            if deal.position_id:
                sign = 1 if deal.type == mt5.DEAL_TYPE_BUY else -1
                signed[deal.position_id] += sign * round(deal.volume * 100)
        held = {name: one.side * one.hundredths for name, one in self.reference.held.items()}
        assert {name: left for name, left in signed.items() if left} == held

    @invariant()
    def an_id_runs_at_most_once(self) -> None:
        """Each id has left one order if its request opens or closes, and none else."""
        orders = (
            *(self.terminal.history_orders_get(0, 2**31 - 1) or ()),
            *(self.terminal.orders_get() or ()),
        )
        left = Counter(order.comment for order in orders if order.comment in self.sent)
        makers = (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING, mt5.TRADE_ACTION_CLOSE_BY)
        assert left == {
            request_id: 1
            for request_id, (request, _) in self.sent.items()
            if request["action"] in makers
        }


class HedgingMachine(AccountMachine):
    """On an account that holds both sides."""

    margin_mode = "hedging"


class NettingMachine(AccountMachine):
    """On an account that holds one position a symbol."""

    margin_mode = "netting"


_runs = settings(max_examples=30, stateful_step_count=30)
TestHedging = HedgingMachine.TestCase
TestHedging.settings = _runs
TestNetting = NettingMachine.TestCase
TestNetting.settings = _runs
