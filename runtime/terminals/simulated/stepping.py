"""What the broker does by itself, minute by minute: stops, targets, stop-outs, swaps.

A minute is acted on at its close, once. Within it the order is fixed and pessimistic:

1. A stop goes before a target. A bar that opens beyond the stop fills at its open; a target fills
   at its own price, also where the bar opens beyond it. Long positions close on bids, short ones
   on asks.
2. Margin is judged at the worst prices of the minute, all of them at once; while its level is below
   the stop-out level, the largest loser is closed at its worst price.
3. At the server's midnight swaps are booked, three nights at the end of Wednesday.

Most minutes hold nothing of this, so the first event is searched with whole columns, and only its
minute is walked through. Margin is bounded over the whole span first and by halves only where the
bound fails; the bound of one minute is the rule itself.
"""

from typing import Final

import numpy as np

from models.market.sessions import DAY_NS, MINUTE_NS, WEEK_NS
from runtime.terminals import constants as mt5
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.ledger import Position
from runtime.terminals.simulated.money import STOP_OUT_LEVEL, margin_level
from runtime.terminals.simulated.prices import Columns, Prices, normalised_array

FRIDAY: Final = 4
TRIPLE_SWAP_DAY: Final = 2  # Wednesday: its night is settled over the weekend
TRIPLE_SWAP_NIGHTS: Final = 3
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday, Monday is 0

Span = tuple[int, int]
"""Minutes that open in [from, until), both full minutes, within one block of columns."""


class Stepping:
    """The broker's own doings on one account; `now_ns` is how far it has lived."""

    def __init__(self, account: Account, prices: Prices, clock: ServerClock) -> None:
        self._account = account
        self._prices = prices
        self._clock = clock
        self.now_ns = account.standing.now_ns
        self._quiet_until_ns = self.now_ns
        self._quiet_version = account.version

    def live_until(self, now_ns: int) -> None:
        """Do everything that is due up to a moment and commit it in one piece, if it is anything.

        Raises
        ------
        LedgerUnavailable, UnknownRate
            Then nothing was done: account and time are where the ledger has them.
        """
        is_done = False
        try:
            while (event_ns := self.next_event_ns(now_ns)) is not None:
                self._do(event_ns)
                self.now_ns = event_ns
            if self._account.has_changed:
                self._account.commit(now_ns)
            self.now_ns = max(self.now_ns, now_ns)
            is_done = True
        finally:
            if not is_done:
                self.return_to_ledger()

    def return_to_ledger(self) -> None:
        """Forget everything that the ledger has not taken."""
        self._account.reload()
        self.now_ns = self._account.standing.now_ns

    def next_event_ns(self, until_ns: int) -> int | None:
        """Return the first moment in (now, until] at which something is due."""
        if self._quiet_version != self._account.version or self._quiet_until_ns < self.now_ns:
            self._quiet_version = self._account.version
            self._quiet_until_ns = self.now_ns
        if not self._account.positions or until_ns <= self._quiet_until_ns:
            return None
        found_ns = self._search(self._quiet_until_ns, until_ns)
        self._quiet_until_ns = until_ns if found_ns is None else found_ns - 1
        return found_ns

    def _search(self, after_ns: int, until_ns: int) -> int | None:
        # A minute is due at its close, so those that open from `after` on and end by `until`.
        first_ns, end_ns = _whole_minutes(after_ns), _whole_minutes(until_ns)
        rollover_ns, _ = self._next_rollover_ns(after_ns)
        for block in range(first_ns // WEEK_NS, (end_ns - 1) // WEEK_NS + 1):
            block_end_ns = (block + 1) * WEEK_NS
            span = max(first_ns, block * WEEK_NS), min(end_ns, block_end_ns, rollover_ns)
            found_ns = self._first_in_block(block, span)
            if found_ns is not None:
                return found_ns
            if rollover_ns <= min(block_end_ns, until_ns):
                return rollover_ns
        return None

    def _first_in_block(self, block: int, span: Span) -> int | None:
        hits_ns = [self._first_hit_ns(one, block, span) for one in self._account.positions.values()]
        hit_ns = min((one for one in hits_ns if one is not None), default=None)
        judged = span if hit_ns is None else (span[0], hit_ns)
        stop_out_ns = self._first_stop_out_ns(block, judged)
        return hit_ns if stop_out_ns is None else stop_out_ns

    def _first_hit_ns(self, position: Position, block: int, span: Span) -> int | None:
        if not (position.sl or position.tp):
            return None
        columns = self._prices.columns(position.symbol, block)
        first, last = columns.rows(*span)
        if first == last:
            return None
        low, high = columns.low[first:last], columns.high[first:last]
        if is_long(position):
            stopped, reached = low <= position.sl, high >= position.tp
        else:
            over = columns.ask_over[first:last]
            digits = self._prices.traits[position.symbol].digits
            stopped = normalised_array(high + over, digits) >= position.sl
            reached = normalised_array(low + over, digits) <= position.tp
        if not position.sl:
            hit = reached
        elif not position.tp:
            hit = stopped
        else:
            hit = stopped | reached
        row = int(hit.argmax())
        return int(columns.open_ns[first + row]) + MINUTE_NS if hit[row] else None

    def _first_stop_out_ns(self, block: int, span: Span) -> int | None:
        first_ns, end_ns = span
        if first_ns >= end_ns or not self._falls_below(block, span):
            return None
        minutes = (end_ns - first_ns) // MINUTE_NS
        if minutes == 1:
            return end_ns
        middle_ns = first_ns + minutes // 2 * MINUTE_NS
        earlier_ns = self._first_stop_out_ns(block, (first_ns, middle_ns))
        if earlier_ns is not None:
            return earlier_ns
        return self._first_stop_out_ns(block, (middle_ns, end_ns))

    def _falls_below(self, block: int, span: Span) -> bool:
        margin = self._account.margin
        if not margin or not self._has_minutes(block, span):
            return False  # a market that stands still stops nobody out
        return margin_level(self._worst_equity(block, span), margin) < STOP_OUT_LEVEL

    def _has_minutes(self, block: int, span: Span) -> bool:
        symbols = {position.symbol for position in self._account.positions.values()}
        rows = (self._prices.columns(symbol, block).rows(*span) for symbol in symbols)
        return any(first < last for first, last in rows)

    def _worst_equity(self, block: int, span: Span) -> float:
        positions = self._account.positions.values()
        return self._account.standing.balance + sum(
            self._worst_profit(one, block, span) + one.swap for one in positions
        )

    def _worst_profit(self, position: Position, block: int, span: Span) -> float:
        traits = self._prices.traits[position.symbol]
        bid_low, _, ask_high = self._extremes(position.symbol, block, span)
        move = (
            bid_low - position.price_open if is_long(position) else position.price_open - ask_high
        )
        least, most = self._rate_extremes(traits.currency_profit, block, span)
        return move * traits.contract_size * position.volume * (least if move > 0.0 else most)

    def _rate_extremes(self, currency: str, block: int, span: Span) -> tuple[float, float]:
        least = most = 1.0
        for symbol, is_inverse in self._prices.route(currency):
            low, high, _ = self._extremes(symbol, block, span)
            least = least / high if is_inverse else least * low
            most = most / low if is_inverse else most * high
        return least, most

    def _extremes(self, symbol: str, block: int, span: Span) -> tuple[float, float, float]:
        """Return the lowest bid, the highest bid and the highest ask of a span.

        The price that was there before counts where the span's first minute has none of its own.
        """
        columns = self._prices.columns(symbol, block)
        first, last = columns.rows(*span)
        lows, highs, asks = [], [], []
        if first < last:
            rows = slice(first, last)
            lows.append(float(columns.low[rows].min()))
            highs.append(float(columns.high[rows].max()))
            digits = self._prices.traits[symbol].digits
            over = normalised_array(columns.high[rows] + columns.ask_over[rows], digits)
            asks.append(float(over.max()))
        if first == last or columns.open_ns[first] > span[0]:
            bid, ask = self._prices.last_close(symbol, span[0])
            lows.append(bid)
            highs.append(bid)
            asks.append(ask)
        return min(lows), max(highs), max(asks)

    def _do(self, moment_ns: int) -> None:
        """Do what is due at the close of one minute, in the order that the module states."""
        open_ns = moment_ns - MINUTE_NS
        for position in tuple(self._account.positions.values()):
            self._close_if_hit(position, open_ns, moment_ns)
        self._stop_out(open_ns, moment_ns)
        rollover_ns, nights = self._next_rollover_ns(moment_ns - 1)
        if rollover_ns == moment_ns:
            for position in tuple(self._account.positions.values()):
                self._account.book_swap(position, nights, moment_ns)

    def _close_if_hit(self, position: Position, open_ns: int, moment_ns: int) -> None:
        columns = self._prices.columns(position.symbol, open_ns // WEEK_NS)
        first, last = columns.rows(open_ns, moment_ns)
        if first == last:
            return
        digits = self._prices.traits[position.symbol].digits
        fill = _fill_of(position, columns, first, digits)
        if fill is None:
            return
        price, reason = fill
        is_stop = reason == mt5.DEAL_REASON_SL
        level = position.sl if is_stop else position.tp
        word = "sl" if is_stop else "tp"
        self._close(position, price, reason, moment_ns, f"[{word} {level:.{digits}f}]")

    def _stop_out(self, open_ns: int, moment_ns: int) -> None:
        block, span = open_ns // WEEK_NS, (open_ns, moment_ns)
        while self._account.positions and self._falls_below(block, span):
            equity = self._worst_equity(block, span)
            level = margin_level(equity, self._account.margin)
            loser = min(
                self._account.positions.values(),
                key=lambda one: (self._worst_profit(one, block, span) + one.swap, one.ticket),
            )
            bid_low, _, ask_high = self._extremes(loser.symbol, block, span)
            price = bid_low if is_long(loser) else ask_high
            self._close(loser, price, mt5.DEAL_REASON_SO, moment_ns, f"so {level:.2f}%")

    def _close(
        self, position: Position, price: float, reason: int, moment_ns: int, comment: str
    ) -> None:
        currency = self._prices.traits[position.symbol].currency_profit
        self._account.close(
            position,
            volume=position.volume,
            price=price,
            rate=self._prices.closing_rate(currency, moment_ns),
            reason=reason,
            made_ns=moment_ns,
            comment=comment,
            magic=position.magic,
        )

    def _next_rollover_ns(self, after_ns: int) -> tuple[int, int]:
        """Return the next moment after one at which swaps are due, and for how many nights."""
        day = self._clock.to_server_ns(after_ns) // DAY_NS
        while (day + _EPOCH_WEEKDAY) % 7 > FRIDAY or (
            self._clock.to_utc_ns((day + 1) * DAY_NS) <= after_ns
        ):
            day += 1
        is_triple = (day + _EPOCH_WEEKDAY) % 7 == TRIPLE_SWAP_DAY
        return self._clock.to_utc_ns((day + 1) * DAY_NS), TRIPLE_SWAP_NIGHTS if is_triple else 1


def _whole_minutes(moment_ns: int) -> int:
    return moment_ns // MINUTE_NS * MINUTE_NS


def _fill_of(
    position: Position, columns: Columns, row: int, digits: int
) -> tuple[float, int] | None:
    """Return price and reason of the close that a minute brings, None if it brings none."""
    bids = np.array((columns.open[row], columns.low[row], columns.high[row]))
    if is_long(position):
        opened, worst, best = (float(price) for price in bids)
        stop_fill = min(opened, position.sl)
        is_stopped, is_reached = worst <= position.sl, best >= position.tp
    else:
        asks = normalised_array(bids + columns.ask_over[row], digits)
        opened, best, worst = (float(price) for price in asks)
        stop_fill = max(opened, position.sl)
        is_stopped, is_reached = worst >= position.sl, best <= position.tp
    if position.sl and is_stopped:
        return stop_fill, mt5.DEAL_REASON_SL
    if position.tp and is_reached:
        return position.tp, mt5.DEAL_REASON_TP
    return None
