"""The feeds that the settings name, each behind one port; a feed that is not configured says so."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import SecretStr

from agents.requests import (
    CalendarRead,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Unanswered,
)
from blackboard.errors import ConfigError
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage, Medium
from config.secrets import load_secrets
from config.settings import Settings
from runtime.feeds.calendar import CalendarFile, as_known
from runtime.feeds.headlines import FileTexts, HeadlinesFile
from runtime.feeds.scored import ScoredHeadlines
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.source import MarketSource
from runtime.texts.scoring import TextScorers

if TYPE_CHECKING:
    from runtime.feeds.allowance import Allowance
    from runtime.feeds.text_source import TextSource

_SYNTHETIC: Final = "synthetic market"


class CalendarSource(Protocol):
    """Where scheduled events come from."""

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Answer a request as of now."""


class HeadlineSource(Protocol):
    """Where texts come from."""

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead | Unanswered:
        """Answer a request as of now."""


class MarketCalendar:
    """The calendar that a simulated market publishes of itself."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Answer a request as of now: nothing is known before its time."""
        events = self._source.events(request.from_ns, request.until_ns)
        return CalendarRead(
            request=request,
            coverage=Coverage.COVERED,
            events=as_known(events, now_ns),
            source=_SYNTHETIC,
            reason="published by the market itself",
        )


class NoCalendar:
    """The operator's choice to have no calendar."""

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Say that none is configured."""
        del now_ns
        return CalendarRead(
            request=request,
            coverage=Coverage.NOT_CONFIGURED,
            events=(),
            source="none",
            reason="agents.sentiment.calendar_file is empty",
        )


class NoHeadlines:
    """The operator's choice to read no texts."""

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead:
        """Return none."""
        del now_ns
        return HeadlinesRead(request=request, headlines=())


class NetworkCalendar:
    """Calendars of the network, opened when they are first asked: one agent of nine ever does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Answer a request as of now; where nothing can be opened the calendar is unknown."""
        try:
            return self._chain.read(request, now_ns)
        except ConfigError as error:
            return CalendarRead(
                request=request,
                coverage=Coverage.UNKNOWN,
                events=(),
                source=", ".join(self._settings.agents.sentiment.calendar_sources),
                reason=str(error)[:TEXT_LENGTH_MAX],
            )

    @cached_property
    def _chain(self) -> CalendarSource:
        return _calendar_chain(self._settings)


def _calendar_chain(settings: Settings) -> CalendarSource:
    # Only a run that asks the network needs its clients.
    from runtime.feeds.calendar_chain import CalendarChain
    from runtime.feeds.calendar_feeds import FMPCalendar, WeeklyJSONCalendar
    from runtime.feeds.calendar_page import CalendarFeed
    from runtime.feeds.feed_client import FeedKey
    from runtime.feeds.network import FeedNetwork

    network = FeedNetwork(settings, load_secrets())
    feeds: list[CalendarFeed] = []
    for name in settings.agents.sentiment.calendar_sources:
        match name:
            case "fmp":
                terms, key = settings.feeds.fmp, FeedKey(network.secrets.fmp_api_key, "apikey")
                feeds.append(FMPCalendar(network.client(name, terms, key), network.section))
            case "weekly_json":
                client = network.client(name, settings.feeds.weekly_json)
                feeds.append(WeeklyJSONCalendar(client, network.section))
            case "file":
                feeds.append(CalendarFile(Path(settings.agents.sentiment.calendar_file)))
    return CalendarChain(feeds, frozenset(_currencies_of(settings)))


def open_calendar(settings: Settings) -> CalendarSource:
    """Return the configured calendar: feeds, a file, the synthetic market's own, or none."""
    path = settings.agents.sentiment.calendar_file
    if settings.agents.sentiment.asks_calendars:
        return NetworkCalendar(settings)
    if path:
        return CalendarFile(Path(path))
    if settings.terminal.kind == "simulated" and not settings.market.history.path:
        return MarketCalendar(open_market(settings).source)
    return NoCalendar()


def open_headlines(
    settings: Settings, models: Path | None = None, *, is_virtual: bool = True
) -> HeadlineSource:
    """Return the configured texts with their scores: a file, or none.

    Parameters
    ----------
    settings : Settings
        Of the run.
    models : Path, optional
        Folder of the trained models that the run serves.
    is_virtual : bool
        Whether time stands still between requests.
    """
    section = settings.agents.sentiment
    scorers = TextScorers(settings, models, is_virtual=is_virtual)
    if section.texts.asks_network:
        return ScoredHeadlines(NetworkTexts(settings), scorers)
    if not section.headlines_file:
        return NoHeadlines()
    return ScoredHeadlines(HeadlinesFile(Path(section.headlines_file)), scorers)


class NetworkTexts:
    """Texts of the network, opened when they are first asked: one agent of nine ever does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead | Unanswered:
        """Answer a request as of now; where nothing can be opened there is no answer."""
        try:
            return self._texts.read(request, now_ns)
        except ConfigError as error:
            return Unanswered(request=request, reason=str(error)[:TEXT_LENGTH_MAX])

    @cached_property
    def _texts(self) -> HeadlineSource:
        return _live_texts(self._settings)


def _live_texts(settings: Settings) -> HeadlineSource:
    # Only a run that asks the network needs its clients.
    from runtime.feeds.articles import ArticleSearch
    from runtime.feeds.feed_client import FeedKey
    from runtime.feeds.live_texts import LiveTexts
    from runtime.feeds.network import FeedNetwork
    from runtime.feeds.syndication import SyndicatedFeed

    network = FeedNetwork(settings, load_secrets())
    feeds, secrets = settings.feeds, network.secrets
    sources: list[TextSource] = []
    for name in settings.agents.sentiment.texts.sources:
        match name:
            case "file":
                sources.append(FileTexts(Path(settings.agents.sentiment.headlines_file)))
            case "rss":
                for number, url in enumerate((feeds.rss.url, *feeds.rss.more_urls), 1):
                    terms = feeds.rss.model_copy(update={"url": url})
                    sources.append(SyndicatedFeed(network.client(f"rss{number}", terms)))
            case "event_registry":
                key = FeedKey(secrets.eventregistry_api_key, "apiKey")
                client = network.client(name, feeds.event_registry, key)
                currencies = tuple(dict.fromkeys(_currencies_of(settings)))
                sources.append(
                    ArticleSearch(client, feeds.event_registry, network.section, currencies)
                )
            case "x":
                allowance = network.allowance(name, feeds.x)
                sources.append(_posts(settings, secrets.twitter_bearer_token, allowance))
    return LiveTexts(sources, settings)


def _posts(settings: Settings, token: SecretStr, allowance: "Allowance") -> "TextSource":
    from runtime.feeds.text_source import AbsentTexts

    try:
        from runtime.feeds.x_posts import RecentPosts
    except ModuleNotFoundError as error:
        return AbsentTexts("x", Medium.POST, f"the package {error.name} is missing")
    return RecentPosts(token, settings.feeds.x, settings.feeds, allowance, settings.symbols)


def _currencies_of(settings: Settings) -> Iterator[str]:
    return (symbol[place : place + 3] for symbol in settings.symbols for place in (0, 3))
