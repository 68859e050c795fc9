"""What a currency is worth in the account's, and that nothing is ever guessed."""

import pytest

from runtime.terminals.conversion import Price, live_rate, settled_rate

NOW_NS = 1_000
OLDEST_NS = 900


def rate(currency: str, into: str, **bids: float) -> float | None:
    """Return the rate over symbols with fresh prices."""
    prices = {symbol: Price(bid, NOW_NS) for symbol, bid in bids.items()}
    return live_rate(currency, into, prices.get, OLDEST_NS)


def test_the_accounts_own_currency_is_worth_itself() -> None:
    """Without any price."""
    assert rate("USD", "USD") == 1.0


@pytest.mark.parametrize(
    ("currency", "into", "bids", "expected"),
    [
        ("GBP", "USD", {"GBPUSD": 1.25}, 1.25),
        ("JPY", "USD", {"USDJPY": 160.0}, 0.00625),  # 1 / 160
        ("JPY", "GBP", {"USDJPY": 160.0, "GBPUSD": 1.25}, 0.005),  # 1 / 160 / 1.25
        ("CHF", "GBP", {"EURCHF": 0.8, "EURGBP": 0.9}, 1.125),  # 0.9 / 0.8, over euros
        ("AUD", "EUR", {"AUDUSD": 0.6, "EURUSD": 1.2}, 0.5),  # 0.6 / 1.2
    ],
)
def test_rates_are_direct_inverse_or_crossed(
    currency: str, into: str, bids: dict[str, float], expected: float
) -> None:
    """Any account currency is reached in one step over dollars or euros."""
    assert rate(currency, into, **bids) == pytest.approx(expected, rel=1e-12)


def test_the_direct_price_goes_before_a_cross() -> None:
    """Two ways that differ: the shorter one holds."""
    assert rate("GBP", "CHF", GBPCHF=1.1, GBPUSD=1.25, USDCHF=0.9) == 1.1


def test_a_missing_price_gives_no_rate() -> None:
    """Half a cross is none, and there is no default."""
    assert rate("JPY", "GBP", USDJPY=160.0) is None
    assert rate("SEK", "USD") is None
    assert rate("GBP", "USD", GBPUSD=0.0) is None


def test_an_old_price_gives_no_rate() -> None:
    """A price made before the oldest that counts is a missing one; another way may be fresh."""
    old, fresh = Price(1.25, OLDEST_NS - 1), Price(0.8, OLDEST_NS)

    assert live_rate("GBP", "USD", {"GBPUSD": old}.get, OLDEST_NS) is None
    prices = {"GBPUSD": old, "USDGBP": fresh}
    assert live_rate("GBP", "USD", prices.get, OLDEST_NS) == 1.25  # 1 / 0.8


@pytest.mark.parametrize(
    ("told", "live", "expected"),
    [
        (0.0100, 0.01004, 0.0100),  # agrees within 0.5 %: what the broker books by
        (0.0100, 0.0102, 0.0102),  # the terminal's value is behind: the live one holds
        (0.0100, 0.0120, None),  # not the same contract
        (0.0, 0.01, None),
        (float("nan"), 0.01, None),
        (0.01, None, None),
    ],
)
def test_the_terminals_value_is_held_against_the_live_rate(
    told: float, live: float | None, expected: float | None
) -> None:
    """Neither alone sizes an order."""
    assert settled_rate(told, live) == expected
