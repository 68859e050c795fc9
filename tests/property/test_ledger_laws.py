"""Laws of the simulated account against a small reference, for any sequence of doings."""

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult
from tests.scripted_market import (
    START_NS,
    HandClock,
    Minute,
    ScriptedMarket,
    a_terminal,
    traits,
)

COMMISSION_USD = 3
"""For one lot and side: whole cents for every hundredth of a lot."""

prices = st.integers(108_000, 112_000)
walks = st.lists(
    st.tuples(prices, st.integers(0, 900), st.integers(0, 900), prices, st.integers(1, 60)),
    min_size=30,
    max_size=60,
)
doings = st.lists(
    st.tuples(
        st.sampled_from(("buy", "sell", "close", "half", "amend", "wait")),
        st.integers(1, 40),
        st.integers(0, 3_000),
        st.integers(0, 3_000),
    ),
    min_size=1,
    max_size=25,
)


@dataclass
class Held:
    """A position of the reference: whole points and hundredths of a lot."""

    kind: int
    hundredths: int
    opened: int
    stop: int
    target: int


@dataclass
class Reference:
    """The account in integers: prices in points, minute by minute, without any cleverness."""

    minutes: list[Minute]
    held: dict[int, Held] = field(default_factory=dict)
    cents: int = 1_000_000

    def live(self, first: int, last: int) -> None:
        """Live through the minutes [first, last)."""
        for _, opened, high, low, _, spread in self.minutes[first:last]:
            for ticket, one in tuple(self.held.items()):
                over = 0 if one.kind == 0 else spread
                bar = [round(price * 1e5) + over for price in (opened, high, low)]
                price = exit_price(one, *bar)
                if price is not None:
                    self.settle(ticket, one.hundredths, price)

    def settle(self, ticket: int, hundredths: int, price: int) -> None:
        """Close a part of a position."""
        one = self.held[ticket]
        points = price - one.opened if one.kind == 0 else one.opened - price
        # A point of a hundredth of a lot is one cent.
        self.cents += (points - COMMISSION_USD) * hundredths
        one.hundredths -= hundredths
        if not one.hundredths:
            del self.held[ticket]


def exit_price(one: Held, opened: int, high: int, low: int) -> int | None:
    """Return where a bar closes a position, stop first."""
    if one.kind == 0:
        if one.stop and low <= one.stop:
            return min(opened, one.stop)
        return one.target if one.target and high >= one.target else None
    if one.stop and high >= one.stop:
        return max(opened, one.stop)
    return one.target if one.target and low <= one.target else None


def written(walk: list[tuple[int, int, int, int, int]]) -> list[Minute]:
    """Return minutes that hold together: extremes around open and close."""
    return [
        (
            after,
            opened / 1e5,
            (max(opened, closed) + up) / 1e5,
            (min(opened, closed) - down) / 1e5,
            closed / 1e5,
            spread,
        )
        for after, (opened, up, down, closed, spread) in enumerate(walk)
    ]


def levels(kind: int, price: int, stop: int, target: int) -> tuple[int, int]:
    """Return stop and target points around a price, 0 where the distance is small."""
    sign = 1 if kind == 0 else -1
    return (
        price - sign * stop if stop > 100 else 0,
        price + sign * target if target > 100 else 0,
    )


def assert_books_agree(terminal: SimulatedTerminal, reference: Reference) -> None:
    """Check the identity of accounting, and both books against each other."""
    account = terminal.account_info()
    deals = terminal.history_deals_get(0, 2**40)
    shown = terminal.positions_get()
    assert account is not None
    assert deals is not None
    assert shown is not None
    booked = sum(
        Decimal(str(part))
        for deal in deals
        for part in (deal.profit, deal.swap, deal.commission, deal.fee)
    )
    assert Decimal(str(account.balance)) == booked
    assert round(account.balance * 100) == reference.cents
    assert {one.ticket: round(one.volume * 100) for one in shown} == {
        ticket: one.hundredths for ticket, one in reference.held.items()
    }
    floating = sum(one.profit + one.swap for one in shown)
    assert abs(account.equity - account.balance - floating) < 0.005
    entries = sum(round(deal.volume * 100) for deal in deals if deal.position_id and not deal.entry)
    exits = sum(round(deal.volume * 100) for deal in deals if deal.entry == mt5.DEAL_ENTRY_OUT)
    assert entries - exits == sum(one.hundredths for one in reference.held.values())


@settings(max_examples=60, deadline=None)
@given(walk=walks, script=doings)
def test_the_account_equals_its_deals_and_the_reference(
    walk: list[tuple[int, int, int, int, int]], script: list[tuple[str, int, int, int]]
) -> None:
    """Balance = deposits + profit + swap + commission + fee, after every doing whatsoever."""
    minutes = written(walk)
    market = ScriptedMarket(traits("EURUSD")).write("EURUSD", minutes)
    clock = HandClock()
    terminal = a_terminal(
        market, clock, commission_per_lot=float(COMMISSION_USD), deposit=10_000.0, leverage=1000
    )
    reference = Reference(minutes)
    now = 0
    for number, (doing, amount, stop, target) in enumerate(script):
        _, opened, *_, spread = minutes[now]
        bid = round(opened * 1e5)
        request: dict[str, object] = {"action": 1, "symbol": "EURUSD", "volume": amount / 100}
        ticket = min(reference.held, default=0)
        if doing in ("buy", "sell"):
            kind = 0 if doing == "buy" else 1
            price = bid if kind == 0 else bid + spread
            sl, tp = levels(kind, price, stop, target)
            request |= {"type": kind, "sl": sl / 1e5, "tp": tp / 1e5}
        elif doing in ("close", "half") and ticket:
            one = reference.held[ticket]
            part = one.hundredths if doing == "close" else max(one.hundredths // 2, 1)
            request |= {"type": 1 - one.kind, "position": ticket, "volume": part / 100}
        elif doing == "amend" and ticket:
            one = reference.held[ticket]
            sl, tp = levels(one.kind, bid if one.kind == 0 else bid + spread, stop, target)
            request |= {"action": 6, "position": ticket, "sl": sl / 1e5, "tp": tp / 1e5}
        else:
            later = min(now + amount, len(minutes) - 1)
            reference.live(now, later)
            now = later
            clock.now_ns = START_NS + now * MINUTE_NS
            assert_books_agree(terminal, reference)
            continue
        result = terminal.order_send(request, request_id=str(number), epoch=1)
        assert isinstance(result, OrderSendResult)
        if doing == "amend":
            assert result.retcode in (mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_NO_CHANGES)
            one.stop, one.target = sl, tp
        elif doing in ("close", "half"):
            assert result.retcode == mt5.TRADE_RETCODE_DONE
            reference.settle(ticket, part, bid if one.kind == 0 else bid + spread)
        elif result.retcode == mt5.TRADE_RETCODE_DONE:
            fill = bid + spread if kind == 0 else bid
            reference.held[result.order] = Held(kind, amount, fill, sl, tp)
            reference.cents -= COMMISSION_USD * amount
        else:
            assert result.retcode == mt5.TRADE_RETCODE_NO_MONEY
        assert_books_agree(terminal, reference)
