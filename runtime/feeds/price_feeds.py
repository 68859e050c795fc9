"""Prices and rates beside the terminal, as the settings name them; none by default."""

from collections.abc import Callable
from typing import NamedTuple

from config.secrets import load_secrets
from config.settings import Settings
from runtime.feeds.second_prices import NoSecondPrices, SecondPrices
from runtime.feeds.worth import OutsideRates, RateSource


class PriceFeeds(NamedTuple):
    """Prices and rates beside the terminal."""

    second: SecondPrices
    rates: OutsideRates
    close: Callable[[], None] = lambda: None
    """Closes whatever connections there are."""


def open_price_feeds(settings: Settings) -> PriceFeeds:
    """Return the configured second source of prices and the sources of rates; none by default."""
    second, names = settings.agents.data.second_source, settings.terminal.conversion_sources
    age_max_min = settings.terminal.conversion_age_max_min
    if second == "none" and not names:
        return PriceFeeds(NoSecondPrices(), OutsideRates((), age_max_min))
    # Only a run that asks the network needs its clients.
    from runtime.feeds.feed_client import FeedKey
    from runtime.feeds.fixer import Fixer
    from runtime.feeds.network import FeedNetwork
    from runtime.feeds.twelvedata import TwelveData
    from runtime.feeds.twelvedata_prices import TwelveDataPrices

    network = FeedNetwork(settings, load_secrets())
    depth_max = network.section.json_depth_max

    def twelvedata() -> TwelveData:
        key = FeedKey(network.secrets.twelvedata_api_key, "apikey")
        return TwelveData(network.client("twelvedata", settings.feeds.twelvedata, key), depth_max)

    def source(name: str) -> RateSource:
        if name == "twelvedata":
            return twelvedata()
        key = FeedKey(network.secrets.fixer_api_key, "access_key")
        return Fixer(network.client("fixer", settings.feeds.fixer, key), depth_max)

    rates = OutsideRates(((name, source(name)) for name in names), age_max_min)
    if second == "none":
        return PriceFeeds(NoSecondPrices(), rates, network.close)
    return PriceFeeds(TwelveDataPrices(twelvedata(), rates), rates, network.close)
