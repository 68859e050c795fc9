"""Clients of the feeds that the settings name, with their keys and one store on this machine."""

from typing import Final

from blackboard.errors import ConfigError
from config.feeds import FeedTerms
from config.secrets import Secrets
from config.settings import Settings
from runtime.feeds.allowance import Allowance
from runtime.feeds.feed_client import FeedClient, FeedKey
from runtime.feeds.feed_store import FeedStore

FOLDER: Final = "feeds"
"""Below the state's folder; every process of a run shares it."""


class FeedNetwork:
    """Makes the clients of one process; nothing is asked before one of them is."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        """Open the store; raises ConfigError where its folder cannot be used."""
        self.section = settings.feeds
        self.secrets = secrets
        self._clients: list[FeedClient] = []
        try:
            self._store = FeedStore(settings.home / FOLDER, settings.feeds.cache_bytes_max)
        except OSError as error:
            raise ConfigError(f"feeds: {error}; remove the folder to begin anew") from error

    def client(self, feed: str, terms: FeedTerms, key: FeedKey | None = None) -> FeedClient:
        """Return a client of a feed; its name is that of its quota."""
        self._clients.append(FeedClient(feed, terms, self.section, self._store, key=key))
        return self._clients[-1]

    def close(self) -> None:
        """Close all clients and the store."""
        for client in self._clients:
            client.close()
        self._store.close()

    def allowance(self, feed: str, terms: FeedTerms) -> Allowance:
        """Return how often a feed may be asked by a client that is not ours."""
        return Allowance(feed, terms, self._store)
