"""The least equity that an account can have had within a span of minutes: all worst prices at once.

Over one minute this is the broker's own measure for a stop-out; over a longer span it is a bound,
below which no minute of it lies.
"""

from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.ledger import Position
from runtime.terminals.simulated.prices import Prices, normalised_array

Span = tuple[int, int]
"""Minutes that open in [from, until), both full minutes, within one block of columns."""


class WorstCase:
    """Worst prices of an account's positions."""

    def __init__(self, account: Account, prices: Prices) -> None:
        self._account = account
        self._prices = prices

    def has_minutes(self, block: int, span: Span) -> bool:
        """Whether any symbol with a position has moved; a market that stands still ends nobody."""
        symbols = {position.symbol for position in self._account.positions.values()}
        rows = (self._prices.columns(symbol, block).rows(*span) for symbol in symbols)
        return any(first < last for first, last in rows)

    def equity(self, block: int, span: Span) -> float:
        """Return the least equity, swaps included."""
        positions = self._account.positions.values()
        return self._account.funds + sum(
            self.profit(one, block, span) + one.swap for one in positions
        )

    def profit(self, position: Position, block: int, span: Span) -> float:
        """Return the least profit of a position, swap aside."""
        traits = self._prices.traits[position.symbol]
        price = self.price(position, block, span)
        move = price - position.price_open if is_long(position) else position.price_open - price
        least, most = self._rates(traits.currency_profit, block, span)
        return move * traits.contract_size * position.volume * (least if move > 0.0 else most)

    def price(self, position: Position, block: int, span: Span) -> float:
        """Return the worst price at which a position could be closed."""
        bid_low, _, ask_high = self._extremes(position.symbol, block, span)
        return bid_low if is_long(position) else ask_high

    def _rates(self, currency: str, block: int, span: Span) -> tuple[float, float]:
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
