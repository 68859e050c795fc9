"""Texts of the network as the settings name them: opened once, all sources side by side."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from agents.requests import HeadlinesRead, ReadHeadlines, Unanswered
from config.secrets import Secrets
from config.settings import Settings
from models.market.sessions import DAY_NS
from runtime.feeds.feed_client import FeedClient
from runtime.feeds.lacking_keys import lacking_keys
from runtime.feeds.network import FeedNetwork
from runtime.feeds.sources import NetworkTexts, open_headlines
from runtime.instants import instant_ns
from tests.feed_server import FeedServer, recorded

NOW_NS = instant_ns("2025-03-05T10:00:00Z")
REQUEST = ReadHeadlines(after_ns=NOW_NS - DAY_NS, limit=100)
X_PATH = "/2/tweets/search/recent"


@pytest.fixture(autouse=True)
def _once() -> Iterator[None]:
    """Ask once."""
    with stamina.set_testing(True, attempts=1):
        yield


def settings_of(server: FeedServer, home: Path) -> Settings:
    """Return settings of a real market that name every source."""
    wire = home / "wire.csv"
    wire.write_text("time,text\n2025-03-05T09:50:00Z,Sterling slides\n", encoding="utf-8")
    return Settings.model_validate(
        {
            "home": str(home),
            "profile": "paper",
            "speed": 1.0,
            "symbols": ["EURUSD"],
            "terminal": {"kind": "metatrader"},
            "feeds": {
                "rss": {"url": server.url("/rss"), "more_urls": [server.url("/atom")]},
                "event_registry": {"url": server.url("/articles")},
                "x": {"url": server.url().rstrip("/")},
            },
            "agents": {
                "sentiment": {
                    "headlines_file": str(wire),
                    "texts": {"sources": ["file", "rss", "event_registry", "x"]},
                }
            },
        }
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    """Serve every feed, and set the keys."""
    monkeypatch.setenv("TWITTER_BEARER_TOKEN", "t0ken")
    monkeypatch.setenv("EVENTREGISTRY_API_KEY", "k3y")
    clients: list[FeedClient] = []
    make = FeedNetwork.client

    def client(self: FeedNetwork, *given: Any) -> FeedClient:
        clients.append(make(self, *given))
        return clients[-1]

    monkeypatch.setattr(FeedNetwork, "client", client)
    with FeedServer() as server:
        server.serve("/rss", recorded("headlines.rss"))
        server.serve("/atom", recorded("headlines.atom"))
        server.serve("/articles", recorded("event_registry_articles.json"))
        server.serve(X_PATH, recorded("x_recent_search.json"))
        yield server
    for each in clients:
        each.close()


def test_every_source_is_heard_and_every_text_is_scored(server: FeedServer, tmp_path: Path) -> None:
    """File, two feeds, articles and posts: six texts, by the lexicon, what was dropped counted."""
    source = open_headlines(settings_of(server, tmp_path), is_virtual=False)

    answer = source.read(REQUEST, NOW_NS)

    assert isinstance(answer, HeadlinesRead)
    assert sorted(each.text for each in answer.headlines) == [
        "$EURUSD breaks 1.0670, euro looks strong into the ECB",
        "Bank of Japan official sees room to hike & wait",
        "Dollar slips as services data disappoint",
        "Euro climbs as German spending plan lifts growth outlook",
        "Monetary policy decisions: rates unchanged",
        "Sterling slides",
    ]
    assert {each.scorer for each in answer.headlines} == {"lexicon-2-vader"}
    assert dict(answer.dropped) == {"copies": 1, "too few followers": 1}
    assert answer.note == ""


def test_a_key_that_a_source_needs_is_missed_at_the_start(
    server: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is lost meanwhile; the file and the feeds need none."""
    settings = settings_of(server, tmp_path)
    monkeypatch.delenv("TWITTER_BEARER_TOKEN")

    (line,) = lacking_keys(settings, Secrets(_env_file=None))

    assert line.startswith(
        "TWITTER_BEARER_TOKEN is not set, which agents.sentiment.texts.sources: x needs: it gives "
        "no texts"
    )


def test_nothing_is_opened_before_it_is_asked(server: FeedServer, tmp_path: Path) -> None:
    """Eight of nine agents have a world and never ask for texts."""
    open_headlines(settings_of(server, tmp_path), is_virtual=False)

    assert not (tmp_path / "feeds").exists()


def test_where_nothing_can_be_opened_there_is_no_answer(server: FeedServer, tmp_path: Path) -> None:
    """The folder of the feeds is a file."""
    settings = settings_of(server, tmp_path)
    (tmp_path / "feeds").write_text("", encoding="utf-8")

    answer = NetworkTexts(settings).read(REQUEST, NOW_NS)

    assert isinstance(answer, Unanswered)
