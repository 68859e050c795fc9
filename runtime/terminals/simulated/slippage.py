"""How the price that a send meets differs from the one that was shown before."""

from models.decision.fills import normalised
from runtime.terminals.simulated.prices import Quote
from runtime.terminals.simulated.source import SymbolTraits


def shifted(quote: Quote, points: float, traits: SymbolTraits) -> Quote:
    """Return a quote that has moved up by some points."""
    bid, ask = (
        normalised(price + points * traits.point, traits.digits) for price in (quote.bid, quote.ask)
    )
    return Quote(bid, ask, quote.made_ns)


def slipped(quote: Quote, is_buy: bool, points: float, traits: SymbolTraits) -> float:
    """Return what a deal pays or gets, some points worse than its quote."""
    price = quote.ask if is_buy else quote.bid
    if not points:
        return price
    worse = points if is_buy else -points
    return normalised(price + worse * traits.point, traits.digits)
