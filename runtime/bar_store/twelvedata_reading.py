"""A look into Twelve Data for its bars, at the pace that its plan allows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from agents.requests import BarsRead, ReadBars
from blackboard.errors import FeedUnavailable
from config.secrets import load_secrets
from config.settings import AUTO_SYMBOLS, Settings
from models.market.sessions import MINUTE_NS, SECOND_NS
from runtime.bar_store.reading import Source
from runtime.clock import sleep_s, wall_ns
from runtime.feeds.answers import Refusal
from runtime.feeds.feed_client import FeedKey
from runtime.feeds.network import FeedNetwork
from runtime.feeds.twelvedata import BARS_MAX, TwelveData

LONGEST_WAIT_S: Final = 90.0
"""A minute's allowance is waited for; a day's is not: what was fetched is kept until then."""


@contextmanager
def twelvedata_reader(settings: Settings) -> Iterator[Source]:
    """Yield Twelve Data's bars; raises ConfigError where its store cannot be opened."""
    network = FeedNetwork(settings, load_secrets())
    key = FeedKey(network.secrets.twelvedata_api_key, "apikey")
    client = network.client("twelvedata", settings.feeds.twelvedata, key)
    feed = TwelveData(client, network.section.json_depth_max)
    symbols = Settings().symbols if settings.symbols == AUTO_SYMBOLS else settings.symbols
    try:
        yield Source(_paced(feed), symbols, wall_ns() - MINUTE_NS, BARS_MAX)
    finally:
        network.close()


def _paced(feed: TwelveData) -> Callable[[ReadBars], BarsRead]:
    def read(request: ReadBars) -> BarsRead:
        while True:
            (answer,) = feed.bars((request,), wall_ns())
            if isinstance(answer, BarsRead):
                return answer
            refused = feed.refused
            is_passing = refused is not None and refused.refusal is Refusal.SPENT
            if refused is None or not is_passing or refused.retry_after_s > LONGEST_WAIT_S:
                raise FeedUnavailable(
                    f"{answer.reason}; what was fetched is kept, and the next "
                    "download goes on from there"
                )
            sleep_s(refused.retry_after_s + 1.0 / SECOND_NS)

    return read
