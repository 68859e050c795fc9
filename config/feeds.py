"""Feeds from the network: how long they may take and how much they may say, how often asked."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from config.section import FROM_TEXT, Section

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts to which a key may go without encryption: it does not leave this machine."""


class FeedTerms(Section):
    """One feed: where it is, and how often it may be asked."""

    url: str = Field(min_length=8, max_length=2000)
    """Where it answers: https, or http on this machine."""
    requests_per_min_max: int = Field(10, ge=1, le=10_000)
    """Requests in any minute, repetitions included; the rest is refused here, unasked."""
    requests_per_day_max: int = Field(250, ge=1, le=10_000_000)
    """Requests in a day of UTC, kept across restarts; the rest is refused here, unasked."""
    cache_min: int = Field(30, ge=0, le=1440)
    """Minutes for which an answer is taken again instead of asking; a failure is never kept."""

    @field_validator("url")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        parts = urlsplit(url)
        is_near = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or is_near):
            raise ValueError(f"url must begin with https:// (http:// on this machine), was {url!r}")
        return url


class FMPTerms(FeedTerms):
    """Economic calendar of Financial Modeling Prep; FMP_API_KEY."""

    url: str = Field(
        "https://financialmodelingprep.com/stable/economic-calendar", min_length=8, max_length=2000
    )
    """Where it answers: https, or http on this machine."""


class WeeklyJSONTerms(FeedTerms):
    """Calendar of this week as ForexFactory publishes it; no key."""

    url: str = Field(
        "https://nfs.faireconomy.media/ff_calendar_thisweek.json", min_length=8, max_length=2000
    )
    """Where it answers: https, or http on this machine."""
    requests_per_min_max: int = Field(1, ge=1, le=10_000)
    """Requests in any minute, repetitions included; the rest is refused here, unasked."""
    requests_per_day_max: int = Field(100, ge=1, le=10_000_000)
    """Requests in a day of UTC, kept across restarts; the rest is refused here, unasked."""
    cache_min: int = Field(60, ge=0, le=1440)
    """Minutes for which an answer is taken again instead of asking; a failure is never kept."""


class TwelveDataTerms(FeedTerms):
    """Prices of Twelve Data, which counts every symbol of a request; TWELVEDATA_API_KEY."""

    url: str = Field("https://api.twelvedata.com", min_length=8, max_length=2000)
    """Where it answers: https, or http on this machine."""
    requests_per_min_max: int = Field(8, ge=1, le=10_000)
    """Symbols asked for in any minute, repetitions included; the rest is refused here, unasked."""
    requests_per_day_max: int = Field(800, ge=1, le=10_000_000)
    """Symbols asked for in a day of UTC, kept across restarts; the rest is refused, unasked."""
    cache_min: int = Field(15, ge=0, le=1440)
    """Minutes for which a conversion rate is taken again instead of asking; bars never are."""


class FixerTerms(FeedTerms):
    """Conversion rates of Fixer; FIXER_API_KEY."""

    url: str = Field("https://data.fixer.io/api/latest", min_length=8, max_length=2000)
    """Where it answers: https, or http on this machine."""
    requests_per_min_max: int = Field(1, ge=1, le=10_000)
    """Requests in any minute, repetitions included; the rest is refused here, unasked."""
    requests_per_day_max: int = Field(30, ge=1, le=10_000_000)
    """Requests in a day of UTC, kept across restarts; the rest is refused here, unasked."""
    cache_min: int = Field(60, ge=0, le=1440)
    """Minutes for which an answer is taken again instead of asking; a failure is never kept."""


class RSSTerms(FeedTerms):
    """Feeds of headlines in RSS or Atom; no key. Each address is asked by these terms."""

    url: str = Field("https://www.ecb.europa.eu/rss/press.html", min_length=8, max_length=2000)
    """Where the first one answers: https, or http on this machine."""
    more_urls: Annotated[tuple[str, ...], FROM_TEXT] = Field(
        ("https://www.federalreserve.gov/feeds/press_all.xml",), max_length=32
    )
    """Where further ones answer."""
    cache_min: int = Field(5, ge=0, le=1440)
    """Minutes for which an answer is taken again instead of asking; a failure is never kept."""

    @field_validator("more_urls")
    @classmethod
    def _are_encrypted(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            FeedTerms(url=url)
        return urls


class EventRegistryTerms(FeedTerms):
    """Article search of Event Registry; EVENTREGISTRY_API_KEY."""

    url: str = Field(
        "https://eventregistry.org/api/v1/article/getArticles", min_length=8, max_length=2000
    )
    """Where it answers: https, or http on this machine."""
    requests_per_day_max: int = Field(60, ge=1, le=10_000_000)
    """Requests in a day of UTC, kept across restarts; the rest is refused here, unasked."""
    cache_min: int = Field(15, ge=0, le=1440)
    """Minutes for which an answer is taken again instead of asking; a failure is never kept."""
    language: str = Field("eng", pattern=r"^[a-z]{3}$")
    """Language of articles, three letters; scorers read English."""
    articles_max: int = Field(100, ge=1, le=100)
    """Articles of one answer, the newest first."""
    rank_max: int = Field(200_000, ge=1, le=2**31)
    """Rank of a source beyond which it is not heard; 1 is the most important."""


class XTerms(FeedTerms):
    """Recent posts of X, one search a pair; TWITTER_BEARER_TOKEN."""

    url: str = Field("https://api.twitter.com", min_length=8, max_length=2000)
    """Where it answers: https, or http on this machine."""
    requests_per_min_max: int = Field(20, ge=1, le=10_000)
    """Requests in any minute; the rest is refused here, unasked."""
    requests_per_day_max: int = Field(500, ge=1, le=10_000_000)
    """Requests in a day of UTC, kept across restarts; the rest is refused here, unasked."""
    cache_min: int = Field(0, ge=0, le=0)
    """Nothing is kept: each search goes on behind the newest post that was seen."""
    language: str = Field("en", pattern=r"^[a-z]{2}$")
    """Language of posts, two letters; scorers read English."""
    posts_max: int = Field(50, ge=10, le=100)
    """Posts of one answer."""
    followers_min: int = Field(50, ge=0, le=10_000_000)
    """Followers without which an author is not heard."""
    account_days_min: int = Field(30, ge=0, le=3650)
    """Days since an author joined, without which it is not heard."""
    pause_s: float = Field(60.0, ge=1.0, le=3600.0)
    """Least time for which X is left alone after it had too many requests."""
    pause_max_s: float = Field(900.0, ge=1.0, le=86_400.0)
    """Longest time for which it is left alone, whatever it asks for."""


class FeedsSection(Section):
    """Feeds from the network, all through one client. None is asked unless a setting names it."""

    connect_timeout_s: float = Field(3.0, gt=0.0, le=60.0)
    """Process time in which a feed must take the connection."""
    read_timeout_s: float = Field(5.0, gt=0.0, le=60.0)
    """Longest silence of a feed while it answers, in process time."""
    deadline_s: float = Field(9.0, gt=0.0, le=120.0)
    """Process time for one answer, repetitions and their pauses included."""
    bytes_max: int = Field(4_000_000, ge=1000, le=100_000_000)
    """Largest answer, unpacked; a larger one is refused, not cut."""
    json_depth_max: int = Field(32, ge=2, le=500)
    """Deepest nesting of an answer in JSON."""
    tries_max: int = Field(3, ge=1, le=10)
    """Requests for one answer where the network, the server or its limit fails."""
    retry_pause_s: float = Field(0.3, ge=0.0, le=30.0)
    """Pause before the second request; it doubles, and up to as much again is added by chance."""
    retry_after_max_s: float = Field(5.0, ge=0.0, le=60.0)
    """Longest pause that a feed may ask for within one answer. For a longer one it is left alone
    until then."""
    retry_after_hours_max: float = Field(24.0, gt=0.0, le=168.0)
    """Longest time for which a feed that asked for it is left alone."""
    redirects_max: int = Field(3, ge=0, le=10)
    """Redirections that are followed, on the same host only, and never with a key."""
    cache_bytes_max: int = Field(200_000_000, ge=1_000_000, le=100_000_000_000)
    """Size of the answers kept; the oldest go first."""
    fmp: FMPTerms = FMPTerms()
    weekly_json: WeeklyJSONTerms = WeeklyJSONTerms()
    twelvedata: TwelveDataTerms = TwelveDataTerms()
    fixer: FixerTerms = FixerTerms()
    rss: RSSTerms = RSSTerms()
    event_registry: EventRegistryTerms = EventRegistryTerms()
    x: XTerms = XTerms()
