"""Terms of trade by rule, and usual spreads."""

import numpy as np
import pytest

from agents.requests import CalendarEvent
from blackboard.facts.news import Impact
from models.market.sessions import MINUTE_NS
from runtime.instants import instant_ns
from runtime.terminals.simulated.spreads import release_widening, usual_spread_points
from runtime.terminals.simulated.traits import traits_of


@pytest.mark.parametrize(
    ("symbol", "digits", "contract_size"),
    [
        ("EURUSD", 5, 100_000.0),
        ("GBPJPY", 3, 100_000.0),
        ("USDSEK", 5, 100_000.0),
        ("XAUUSD", 2, 100.0),
        ("XAGUSD", 3, 5_000.0),
    ],
)
def test_digits_and_contract_follow_the_currencies(
    symbol: str, digits: int, contract_size: float
) -> None:
    """Yen are quoted to three digits, metals to their own, everything else to five."""
    traits = traits_of(symbol)

    assert (traits.digits, traits.contract_size) == (digits, contract_size)
    assert traits.point == pytest.approx(10.0**-digits)
    assert traits.currency_base + traits.currency_profit == symbol


@pytest.mark.parametrize("symbol", ["USDXAU", "JPYXAU", "XAGXAU", "JPYXAG"])
def test_what_has_too_few_points_is_no_symbol(symbol: str) -> None:
    """A dollar is 0.00034 ounces of gold, 34 points: such prices would stand still, or be zero."""
    with pytest.raises(ValueError, match=f"100 points.*'{symbol}'.*{symbol[3:] + symbol[:3]}"):
        traits_of(symbol)


def test_the_smallest_price_of_a_currency_has_points_enough() -> None:
    """A yen in pounds is 0.00528: five digits are 528 points, and the symbol is taken."""
    assert traits_of("JPYGBP").digits == 5


def test_swaps_follow_the_rates() -> None:
    """Who holds the currency of the higher rate is paid, less the broker's markup."""
    eurusd, usdjpy = traits_of("EURUSD"), traits_of("USDJPY")

    # (2.5 − 4.4 − 0.6) % of 1.08 dollars over 365 nights: −0.000074, in points of 0.00001.
    assert eurusd.swap_long_points == -7.4
    assert eurusd.swap_short_points == 3.85  # (1.9 − 0.6) % instead
    assert usdjpy.swap_long_points > 0.0 > usdjpy.swap_short_points


def test_spread_widens_when_the_day_ends_in_new_york() -> None:
    """The widest hour begins at 17:00 New York, in winter and in summer."""
    texts = ("2025-01-15T15:00:00Z", "2025-01-15T22:00:00Z", "2025-07-15T15:00:00Z",
             "2025-07-15T21:00:00Z", "2025-07-15T22:00:00Z")  # fmt: skip
    opens_ns = np.array([instant_ns(text) for text in texts])

    points = usual_spread_points("EURUSD", opens_ns)

    assert points.round(2).tolist() == [10.5, 26.25, 10.5, 26.25, 17.85]


def test_release_widens_a_minute_before_and_ten_after() -> None:
    """A high release makes the spread ten times as wide, then fades; the widest event counts."""
    at_ns = instant_ns("2025-01-10T13:30:00Z")
    opens_ns = at_ns + np.arange(-2, 12) * MINUTE_NS
    high, medium = (
        CalendarEvent(currency="USD", title="x", impact=impact, scheduled_ns=at_ns)
        for impact in (Impact.HIGH, Impact.MEDIUM)
    )

    factors = release_widening([medium, high], opens_ns)

    assert factors[0] == 1.0
    assert factors[1] == pytest.approx(4.6)  # 1 + 9 * 0.4
    assert factors[2] == 10.0
    assert factors[7] == pytest.approx(1.0 + 9.0 * np.exp(-2.0))  # five minutes, life 2.5
    assert factors[12:].tolist() == [1.0, 1.0]
    assert release_widening([], opens_ns).tolist() == [1.0] * 14
