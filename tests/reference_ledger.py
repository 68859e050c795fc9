"""A broker's book in the plainest way: whole points, hundredths of a lot, cents, minute by minute.

It knows nothing of the simulated broker's code. Each doing leads to the deals that must follow; the
money of a deal is exact, and what was really booked may differ by its rounding alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP = 2, 3, 4, 5
IN, OUT, INOUT, OUT_BY = 0, 1, 2, 3
COMMISSION_CENTS = 3
"""For one side of a hundredth of a lot."""
SWAP_CENTS = {1: -7, -1: 3}
"""For a night of a hundredth of a lot, by side."""


@dataclass(frozen=True)
class Minute:
    """A minute's bids and its spread, in points; `nights` end with it."""

    opened: int
    high: int
    low: int
    spread: int
    nights: int = 0


@dataclass(frozen=True)
class Held:
    """An open position: +1 long, -1 short."""

    side: int
    hundredths: int
    opened: Fraction
    stop: int
    target: int
    swap: int = 0


@dataclass(frozen=True)
class Waiting:
    """A pending order."""

    kind: int
    hundredths: int
    price: int
    stop: int
    target: int

    @property
    def side(self) -> int:
        """Which side it opens."""
        return 1 if self.kind in (BUY_LIMIT, BUY_STOP) else -1


@dataclass(frozen=True)
class Expected:
    """A deal that must have been made."""

    position: int
    entry: int
    side: int
    hundredths: int
    price: Fraction
    profit: Fraction = Fraction(0)
    swap: Fraction = Fraction(0)


@dataclass
class ReferenceLedger:
    """An account of one symbol; positions are named by the order that opened them."""

    minutes: list[Minute]
    is_hedging: bool
    held: dict[int, Held] = field(default_factory=dict)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)

    def trade(
        self, name: int, side: int, hundredths: int, price: Fraction, stop: int, target: int
    ) -> None:
        """Let an order without a position meet the market."""
        net = None if self.is_hedging else next(iter(self.held), None)
        if net is None:
            self.held[name] = Held(side, hundredths, price, stop, target)
            self._expect(name, IN, side, hundredths, price)
            return
        one = self.held[net]
        if one.side == side:
            self._average(net, hundredths, price, stop, target)
        elif hundredths <= one.hundredths:
            self.reduce(net, hundredths, price)
        else:
            profit = one.side * (price - one.opened) * one.hundredths
            self._expect(net, INOUT, side, hundredths, price, profit, Fraction(one.swap))
            self.held[net] = Held(side, hundredths - one.hundredths, price, stop, target)

    def _average(self, net: int, hundredths: int, price: Fraction, stop: int, target: int) -> None:
        one = self.held[net]
        total = one.hundredths + hundredths
        self.held[net] = replace(
            one,
            hundredths=total,
            opened=(one.opened * one.hundredths + price * hundredths) / total,
            stop=stop or one.stop,
            target=target or one.target,
        )
        self._expect(net, IN, one.side, hundredths, price)

    def reduce(self, name: int, hundredths: int, price: Fraction, entry: int = OUT) -> None:
        """Close a position or a part of it, which takes its share of the swap along."""
        one = self.held[name]
        profit = one.side * (price - one.opened) * hundredths
        swap = Fraction(one.swap * hundredths, one.hundredths)
        self._expect(name, entry, -one.side, hundredths, price, profit, swap)
        if hundredths == one.hundredths:
            del self.held[name]
        else:
            self.held[name] = replace(one, hundredths=one.hundredths - hundredths)

    def settled(self, deal: Expected, swap: int) -> None:
        """Take the swap that a deal has really settled off what is left of its position."""
        left = self.held.get(deal.position)
        if left is not None and deal.entry in (OUT, OUT_BY):
            self.held[deal.position] = replace(left, swap=left.swap - swap)

    def close_by(self, first: int, second: int) -> None:
        """Close two opposite positions against each other, as far as both go."""
        hundredths = min(self.held[first].hundredths, self.held[second].hundredths)
        price = self.held[second].opened
        self.reduce(first, hundredths, price, OUT_BY)
        self.reduce(second, hundredths, price, OUT_BY)

    def amend(self, name: int, stop: int, target: int) -> None:
        """Set both levels of a position."""
        self.held[name] = replace(self.held[name], stop=stop, target=target)

    def live(self, first: int, last: int) -> Iterator[None]:
        """Live through the minutes [first, last), pausing after each that made deals."""
        for minute in self.minutes[first:last]:
            for name, one in sorted(self.held.items()):
                price = exit_price(one, minute)
                if price is not None:
                    self.reduce(name, one.hundredths, Fraction(price))
            yield
            for name, one in self.held.items():
                swap = SWAP_CENTS[one.side] * one.hundredths * minute.nights
                self.held[name] = replace(one, swap=one.swap + swap)
            for name, order in tuple(self.waiting.items()):
                price = entry_price(order, minute)
                if price is not None:
                    del self.waiting[name]
                    levels = order.stop, order.target
                    sides = {held: one.side for held, one in self.held.items()}
                    self.trade(name, order.side, order.hundredths, Fraction(price), *levels)
                    for opened, one in tuple(self.held.items()):
                        if sides.get(opened) != one.side:  # new, or turned over
                            self._stop_at_once(opened, order, minute)
                    yield

    def _stop_at_once(self, name: int, order: Waiting, minute: Minute) -> None:
        """Close what a limit has opened where its own minute reached the stop."""
        if order.kind in (BUY_LIMIT, SELL_LIMIT):
            one = self.held[name]
            price = exit_price(replace(one, target=0), minute)
            if price is not None:
                self.reduce(name, one.hundredths, Fraction(price))

    def market(self, now: int, side: int) -> int:
        """Return the price at which a side is bought or sold at a minute's open."""
        return self.minutes[now].opened + (self.minutes[now].spread if side > 0 else 0)

    def floating(self, now: int) -> Fraction:
        """Return the cents that closing everything now would bring, commission aside."""
        return sum(
            (
                one.side * (self.market(now, -one.side) - one.opened) * one.hundredths + one.swap
                for one in self.held.values()
            ),
            Fraction(0),
        )

    def _expect(
        self,
        name: int,
        entry: int,
        side: int,
        hundredths: int,
        price: Fraction,
        profit: Fraction = Fraction(0),
        swap: Fraction = Fraction(0),
    ) -> None:
        self.expected.append(Expected(name, entry, side, hundredths, price, profit, swap))


def exit_price(one: Held, minute: Minute) -> int | None:
    """Return where a minute closes a position, stop first."""
    over = 0 if one.side > 0 else minute.spread
    opened, high, low = minute.opened + over, minute.high + over, minute.low + over
    worst, best = (low, high) if one.side > 0 else (high, low)
    if one.stop and one.side * (worst - one.stop) <= 0:
        return min(opened, one.stop) if one.side > 0 else max(opened, one.stop)
    if one.target and one.side * (best - one.target) >= 0:
        return one.target
    return None


def entry_price(order: Waiting, minute: Minute) -> int | None:
    """Return where a minute fills a pending order: a limit there, gone through; a stop or worse."""
    over = minute.spread if order.side > 0 else 0
    opened, high, low = minute.opened + over, minute.high + over, minute.low + over
    match order.kind:
        case kind if kind == BUY_LIMIT:
            return order.price if low < order.price else None
        case kind if kind == SELL_LIMIT:
            return order.price if high > order.price else None
        case kind if kind == SELL_STOP:
            return min(opened, order.price) if low <= order.price else None
        case _:
            return max(opened, order.price) if high >= order.price else None
