"""What the account is worth, and what a trade would leave of it."""

from models.decision.booking import booked_commission, booked_profit, held_margin, money
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.ledger import Position
from runtime.terminals.simulated.prices import Prices, Quote, UnknownRate

After = tuple[float, float, float]
"""Balance, equity and margin."""


class Valuation:
    """The account's positions at the prices of a moment, in account currency."""

    def __init__(
        self, account: Account, prices: Prices, *, leverage: int, commission_per_lot: float
    ) -> None:
        self._account = account
        self._prices = prices
        self.leverage = leverage
        self.commission_per_lot = commission_per_lot

    def commission(self, volume: float) -> float:
        """Return the commission of one side, as the negative amount that it is."""
        return booked_commission(self.commission_per_lot, volume)

    def margin_of(self, symbol: str, volume: float, now_ns: int) -> float:
        """Return what an order would hold back: lots x contract / leverage, converted at bids.

        Raises
        ------
        UnknownRate
            If the base currency cannot be valued.
        """
        traits = self._prices.traits[symbol]
        rate = self._prices.rate(traits.currency_base, now_ns)
        return held_margin(volume, traits.contract_size, float(self.leverage), rate)

    def profit_of(
        self, symbol: str, is_buy: bool, volume: float, prices: tuple[float, float], rate: float
    ) -> float:
        """Return the profit from an open to a close price at a rate of the profit currency."""
        contract_size = self._prices.traits[symbol].contract_size
        return booked_profit(1 if is_buy else -1, *prices, contract_size, volume, rate)

    def floating(self, position: Position, now_ns: int) -> tuple[float, float]:
        """Return the price at which a position would close now, and its profit, swap aside.

        Raises
        ------
        UnknownRate
            If the symbol or its profit currency has no price.
        """
        quote = self._prices.quote(position.symbol, now_ns)
        if quote is None:
            raise UnknownRate(f"{position.symbol} has no price at {now_ns}")
        price = quote.bid if is_long(position) else quote.ask
        rate = self._prices.rate(self._prices.traits[position.symbol].currency_profit, now_ns)
        prices = (position.price_open, price)
        return price, self.profit_of(
            position.symbol, is_long(position), position.volume, prices, rate
        )

    def floating_total(self, now_ns: int) -> float:
        """Return the profit of all open positions now, swaps included."""
        positions = self._account.positions.values()
        return money(sum(self.floating(one, now_ns)[1] + one.swap for one in positions))

    def now(self, now_ns: int) -> After:
        """Return the account as it is."""
        balance = self._account.standing.balance
        equity = money(self._account.funds + self.floating_total(now_ns))
        return balance, equity, self._account.margin

    def after_entry(
        self, symbol: str, is_buy: bool, volume: float, quote: Quote, now_ns: int
    ) -> After:
        """Return the account as an entry would leave it: the spread is lost.

        Raises
        ------
        UnknownRate
            If the position could not be valued.
        """
        prices = (quote.ask, quote.bid) if is_buy else (quote.bid, quote.ask)
        rate = self._prices.rate(self._prices.traits[symbol].currency_profit, now_ns)
        spread = self.profit_of(symbol, is_buy, volume, prices, rate)
        standing = self._account.standing
        balance = money(standing.balance + self.commission(volume))
        equity = money(balance + standing.credit + self.floating_total(now_ns) + spread)
        margin = money(self._account.margin + self.margin_of(symbol, volume, now_ns))
        return balance, equity, margin

    def after_close(self, position: Position, volume: float, now_ns: int) -> After:
        """Return the account as closing a part of a position would leave it.

        Raises
        ------
        UnknownRate
            If a position cannot be valued.
        """
        share = volume / position.volume
        settled = (self.floating(position, now_ns)[1] + position.swap) * share
        commission = self.commission(volume)
        balance = money(self._account.standing.balance + settled + commission)
        equity = money(self._account.funds + self.floating_total(now_ns) + commission)
        return balance, equity, money(self._account.margin - position.margin * share)

    def after_close_by(self, first: Position, second: Position, now_ns: int) -> After:
        """Return the account as closing a position by the opposite one would leave it.

        Raises
        ------
        UnknownRate
            If a position cannot be valued.
        """
        symbol, volume = first.symbol, min(first.volume, second.volume)
        rate = self._prices.rate(self._prices.traits[symbol].currency_profit, now_ns)
        prices = (first.price_open, second.price_open)
        gained = self.profit_of(symbol, is_long(first), volume, prices, rate)
        gained += 2.0 * self.commission(volume)
        swap = floating = margin = 0.0
        for position in (first, second):
            share = volume / position.volume
            swap += position.swap * share
            floating += self.floating(position, now_ns)[1] * share
            margin += position.margin * share
        balance, equity, held_back = self.now(now_ns)
        return (
            money(balance + gained + swap),
            money(equity + gained - floating),
            money(held_back - margin),
        )

    def after_reversal(self, position: Position, volume: float, quote: Quote, now_ns: int) -> After:
        """Return the account as a volume that is larger than the opposite position would leave it.

        Raises
        ------
        UnknownRate
            If a position cannot be valued.
        """
        balance, equity, margin = self.after_close(position, position.volume, now_ns)
        rest = volume - position.volume
        is_buy = not is_long(position)
        entered = self.after_entry(position.symbol, is_buy, rest, quote, now_ns)
        before = self.now(now_ns)
        return (
            money(balance + entered[0] - before[0]),
            money(equity + entered[1] - before[1]),
            money(margin + entered[2] - before[2]),
        )
