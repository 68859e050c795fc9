"""What the broker does by itself, minute by minute: stops, waiting orders, stop-outs, swaps.

A minute is acted on at its close, once. Within it the order is fixed and pessimistic:

1. A stop goes before a target (`triggers` says at which prices).
2. Margin is judged at the worst prices of the minute, all of them at once; while its level is below
   the stop-out level, the largest loser is closed at its worst price.
3. At the server's midnight swaps are booked, three nights at the end of the symbol's triple day.
4. Waiting orders that met their price are filled, limits only where prices went through them. What
   a limit opens is closed at once where the minute reached its stop, and lives on from there.
5. Accepted market orders meet their deal, and orders end, at their own moments.

Most minutes hold nothing of this, so the first event is searched with whole columns, and only its
minute is walked through. Margin is bounded over the whole span first and by halves only where the
bound fails; the bound of one minute is the rule itself.
"""

from typing import Final

from models.decision.booking import margin_level
from models.market.sessions import DAY_NS, MINUTE_NS, WEEK_NS
from runtime.terminals import constants as mt5
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.account import Account
from runtime.terminals.simulated.columns import Columns
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.execution import Execution
from runtime.terminals.simulated.ledger import Order, Position
from runtime.terminals.simulated.order_types import LIMIT_TYPES, PENDING_TYPES
from runtime.terminals.simulated.prices import Prices
from runtime.terminals.simulated.triggers import entry_of, exit_of, order_hit_ns, position_hit_ns
from runtime.terminals.simulated.worst_case import Span, WorstCase

FRIDAY: Final = 4
TRIPLE_SWAP_NIGHTS: Final = 3
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday, Monday is 0
_NEVER_NS: Final = 2**63 - 1


class Stepping:
    """The broker's own doings on one account; `now_ns` is how far it has lived."""

    def __init__(
        self,
        conditions: Conditions,
        account: Account,
        prices: Prices,
        clock: ServerClock,
        execution: Execution,
    ) -> None:
        self._conditions = conditions
        self._account = account
        self._prices = prices
        self._clock = clock
        self._execution = execution
        self._worst = WorstCase(account, prices)
        self.now_ns = account.standing.now_ns
        self._quiet_until_ns = self.now_ns
        self._quiet_state = self._state()

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
        if self._quiet_state != self._state() or self._quiet_until_ns < self.now_ns:
            self._quiet_state = self._state()
            self._quiet_until_ns = self.now_ns
        is_idle = not (self._account.positions or self._account.working)
        if is_idle or until_ns <= self._quiet_until_ns:
            return None
        found_ns = self._search(self._quiet_until_ns, until_ns)
        self._quiet_until_ns = until_ns if found_ns is None else found_ns - 1
        return found_ns

    def _state(self) -> tuple[int, float]:
        # What a search depends on, beside the market.
        return self._account.version, self._conditions.stop_out_percent

    def _search(self, after_ns: int, until_ns: int) -> int | None:
        # A minute is due at its close, so those that open from `after` on and end by `until`.
        alarm_ns = min(self._next_alarm_ns(after_ns), self._next_rollover_ns(after_ns))
        last_ns = min(alarm_ns, until_ns)
        first_ns, end_ns = _whole_minutes(after_ns), _whole_minutes(last_ns)
        for block in range(first_ns // WEEK_NS, (end_ns - 1) // WEEK_NS + 1):
            span = max(first_ns, block * WEEK_NS), min(end_ns, (block + 1) * WEEK_NS)
            found_ns = self._first_in_block(block, span)
            if found_ns is not None:
                return found_ns
        return alarm_ns if alarm_ns <= until_ns else None

    def _next_alarm_ns(self, after_ns: int) -> int:
        """Return the next moment at which an order is due or ends."""
        alarms_ns = [one for order in self._account.working.values() if (one := _alarm_ns(order))]
        return max(min(alarms_ns, default=_NEVER_NS), after_ns + 1)

    def _next_rollover_ns(self, after_ns: int) -> int:
        """Return the next moment after one at which swaps are due."""
        if not self._account.positions:
            return _NEVER_NS
        return self._clock.to_utc_ns((self._swap_day(after_ns) + 1) * DAY_NS)

    def _swap_day(self, after_ns: int) -> int:
        """Return the server's first working day whose end lies after a moment."""
        day = self._clock.to_server_ns(after_ns) // DAY_NS
        while (day + _EPOCH_WEEKDAY) % 7 > FRIDAY or (
            self._clock.to_utc_ns((day + 1) * DAY_NS) <= after_ns
        ):
            day += 1
        return day

    def _first_in_block(self, block: int, span: Span) -> int | None:
        hits_ns = [self._position_hit_ns(one, span) for one in self._account.positions.values()]
        hits_ns += [self._order_hit_ns(one, span) for one in self._account.working.values()]
        hit_ns = min((one for one in hits_ns if one is not None), default=None)
        judged = span if hit_ns is None else (span[0], hit_ns)
        stop_out_ns = self._first_stop_out_ns(block, judged)
        return hit_ns if stop_out_ns is None else stop_out_ns

    def _position_hit_ns(self, position: Position, span: Span) -> int | None:
        columns, rows = self._rows(position.symbol, span)
        if rows.start == rows.stop:
            return None
        return position_hit_ns(position, columns, rows, self._digits(position.symbol))

    def _order_hit_ns(self, order: Order, span: Span) -> int | None:
        # An order meets no minute that began before it.
        since_ns = max(span[0], _whole_minutes(order.setup_ns + MINUTE_NS - 1))
        columns, rows = self._rows(order.symbol, (since_ns, max(since_ns, span[1])))
        if rows.start == rows.stop:
            return None
        return order_hit_ns(order, columns, rows, *self._grid(order.symbol))

    def _rows(self, symbol: str, span: Span) -> tuple[Columns, slice]:
        columns = self._prices.columns(symbol, span[0] // WEEK_NS)
        return columns, slice(*columns.rows(*span))

    def _digits(self, symbol: str) -> int:
        return self._prices.traits[symbol].digits

    def _grid(self, symbol: str) -> tuple[int, float]:
        """Return digits, and how far prices must go through a limit."""
        traits = self._prices.traits[symbol]
        return traits.digits, self._conditions.limit_through_points * traits.point

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
        if not margin or not self._worst.has_minutes(block, span):
            return False
        level = margin_level(self._worst.equity(block, span), margin)
        return level < self._conditions.stop_out_percent

    def _do(self, moment_ns: int) -> None:
        """Do what is due at a moment, in the order that the module states."""
        if moment_ns % MINUTE_NS == 0:
            self._close_minute(moment_ns)
        for order in tuple(self._account.working.values()):
            if order.due_ns and order.due_ns <= moment_ns:
                self._execution.settle(order, moment_ns)
            elif order.expires_ns and order.expires_ns <= moment_ns:
                self._execution.expire(order, moment_ns)

    def _close_minute(self, moment_ns: int) -> None:
        minute = moment_ns - MINUTE_NS, moment_ns
        for position in tuple(self._account.positions.values()):
            self._close_if_hit(position, minute)
        self._stop_out(minute)
        if self._next_rollover_ns(moment_ns - 1) == moment_ns:
            self._book_swaps(moment_ns)
        for order in tuple(self._account.working.values()):
            self._fill_if_hit(order, minute)

    def _close_if_hit(self, position: Position, minute: Span, only: int | None = None) -> None:
        columns, rows = self._rows(position.symbol, minute)
        if rows.start == rows.stop:
            return
        digits = self._digits(position.symbol)
        exit_ = exit_of(position, columns, rows.start, digits)
        if exit_ is None or only not in (None, exit_[1]):
            return
        price, reason = exit_
        is_stop = reason == mt5.DEAL_REASON_SL
        level = position.sl if is_stop else position.tp
        text = self._conditions.stop_comment if is_stop else self._conditions.target_comment
        comment = text.format(price=f"{level:.{digits}f}")
        self._execution.close(position, price, reason, comment, minute[1])

    def _stop_out(self, minute: Span) -> None:
        block = minute[0] // WEEK_NS
        while self._account.positions and self._falls_below(block, minute):
            level = margin_level(self._worst.equity(block, minute), self._account.margin)
            position = self._stopped_out(block, minute)
            price = self._worst.price(position, block, minute)
            comment = self._conditions.stop_out_comment.format(level=level)
            self._execution.close(position, price, mt5.DEAL_REASON_SO, comment, minute[1])

    def _stopped_out(self, block: int, minute: Span) -> Position:
        positions = self._account.positions.values()
        if self._conditions.is_oldest_stopped_out_first:
            return min(positions, key=lambda one: (one.opened_ns, one.ticket))
        return min(
            positions,
            key=lambda one: (self._worst.profit(one, block, minute) + one.swap, one.ticket),
        )

    def _book_swaps(self, moment_ns: int) -> None:
        day = self._swap_day(moment_ns - 1)
        weekday = (day + _EPOCH_WEEKDAY + 1) % 7  # Sunday is 0, as the package counts
        for position in tuple(self._account.positions.values()):
            is_triple = weekday == self._prices.traits[position.symbol].swap_triple_day
            nights = TRIPLE_SWAP_NIGHTS if is_triple else 1
            self._execution.book_swap(position, nights, moment_ns)

    def _fill_if_hit(self, order: Order, minute: Span) -> None:
        columns, rows = self._rows(order.symbol, minute)
        if order.type not in PENDING_TYPES or order.setup_ns > minute[0]:
            return
        if rows.start == rows.stop:
            return
        price = entry_of(order, columns, rows.start, *self._grid(order.symbol))
        if price is None:
            return
        self._execution.activate(order, price, minute[1])
        opened = self._account.positions.get(order.ticket)
        if opened is not None and order.type in LIMIT_TYPES:
            # Prices came down to the limit and may have gone on: nobody knows that they did not.
            self._close_if_hit(opened, minute, mt5.DEAL_REASON_SL)


def _alarm_ns(order: Order) -> int:
    return order.due_ns or order.expires_ns


def _whole_minutes(moment_ns: int) -> int:
    return moment_ns // MINUTE_NS * MINUTE_NS
