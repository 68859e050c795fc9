"""Keys that configured feeds need and that are not set: each is one line at the start."""

from collections.abc import Iterator
from typing import Final

from config.secrets import SECRET_SOURCES, Secrets
from config.settings import Settings

_KEYS: Final = {
    "fmp": "FMP_API_KEY",
    "twelvedata": "TWELVEDATA_API_KEY",
    "fixer": "FIXER_API_KEY",
    "event_registry": "EVENTREGISTRY_API_KEY",
    "x": "TWITTER_BEARER_TOKEN",
}
"""Feeds that answer nobody without a key."""


def lacking_keys(settings: Settings, secrets: Secrets) -> Iterator[str]:
    """Yield what is not set, who needs it, what is lost meanwhile, and where to get it."""
    present = secrets.present()
    second = settings.agents.data.second_source
    asked = {
        "agents.sentiment.calendar_sources": (
            settings.agents.sentiment.calendar_sources,
            "nothing is entered unless another calendar answers",
        ),
        "agents.data.second_source": ((second,), "the terminal is the only source of prices"),
        "terminal.conversion_sources": (
            settings.terminal.conversion_sources,
            "it values no currency",
        ),
        "agents.sentiment.texts.sources": (
            settings.agents.sentiment.texts.sources,
            "it gives no texts",
        ),
    }
    for setting, (feeds, loss) in asked.items():
        for feed in feeds:
            key = _KEYS.get(feed, "")
            if key and not present[key]:
                yield (
                    f"{key} is not set, which {setting}: {feed} needs: {loss} "
                    f"({SECRET_SOURCES[key]})"
                )
