"""A calendar and a wire that a test can spoil, and a sentiment agent that hears them alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from agents.requests import (
    CalendarEvent,
    CalendarRead,
    HeadlineReading,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Reply,
    Request,
    Unanswered,
)
from agents.sentiment import SentimentAgent
from blackboard.entry import Draft, Entry
from blackboard.facts import Bar, Fact, Timeframe, Vote
from blackboard.facts.news import Coverage, Impact
from config.agents import AgentsSection, TechnicalSection
from config.settings import Settings
from models.market.sessions import MINUTE_NS, SECOND_NS
from tests.lone_agent import LoneAgent

M15_NS = 15 * MINUTE_NS
START_NS = 1_741_168_800 * SECOND_NS  # Wednesday 2025-03-05 10:00 UTC
FRIDAY_CLOSE_NS = 1_741_384_800 * SECOND_NS  # 2025-03-07 22:00 UTC
SUNDAY_FIRST_NS = 1_741_554_900 * SECOND_NS  # 2025-03-09 21:15 UTC
SETTINGS = Settings(
    symbols=("EURUSD", "USDJPY"),
    agents=AgentsSection(technical=TechnicalSection(barrier_atr=1.5, horizon_bars=32)),
)

F = TypeVar("F", bound=Fact)


def an_event(
    minutes: int, currency: str = "USD", impact: Impact = Impact.HIGH, title: str = "CPI"
) -> CalendarEvent:
    """Return an event so many minutes after the start."""
    return CalendarEvent(
        currency=currency, title=title, impact=impact, scheduled_ns=START_NS + minutes * MINUTE_NS
    )


def a_text(text: str, minutes: int) -> HeadlineReading:
    """Return a text received so many minutes after the start."""
    return HeadlineReading(text=text, source="wire", received_ns=START_NS + minutes * MINUTE_NS)


def a_bar(symbol: str, close_ns: int, price: float = 1.1) -> Draft:
    """Return a bar with a range of 20 pips around its price."""
    bar = Bar(
        scope=symbol,
        timeframe=Timeframe.M15,
        open=price,
        high=price + 0.001,
        low=price - 0.001,
        close=price,
        tick_volume=1,
        spread_points=1,
        source="test",
    )
    return Draft(fact=bar, ts_event_ns=close_ns, timeframe="M15")


@dataclass
class Feeds:
    """A calendar and a wire, with whatever a test wants to go wrong."""

    events: tuple[CalendarEvent, ...] = ()
    texts: tuple[HeadlineReading, ...] = ()
    coverage: Callable[[int], Coverage] = lambda now_ns: Coverage.COVERED
    fails: Callable[[Request, int], bool] = lambda request, now_ns: False
    source: str = "file"
    log: list[tuple[str, int]] = field(default_factory=list)
    """Kinds of requests and when they came."""

    def __call__(self, request: Request, now_ns: int) -> Reply:
        """Answer a request."""
        self.log.append((type(request).__name__, now_ns))
        if self.fails(request, now_ns):
            return Unanswered(request=request, reason="timeout")
        if isinstance(request, ReadCalendar):
            asked = (request.from_ns, request.until_ns)
            events = tuple(e for e in self.events if asked[0] <= e.scheduled_ns <= asked[1])
            state = self.coverage(now_ns)
            reason = "" if state is Coverage.COVERED else "no key"
            return CalendarRead(
                request=request, coverage=state, events=events, source=self.source, reason=reason
            )
        assert isinstance(request, ReadHeadlines)
        texts = [t for t in self.texts if request.after_ns < t.received_ns <= now_ns]
        return HeadlinesRead(request=request, headlines=tuple(texts[: request.limit]))


def start(feeds: Feeds, now_ns: int = START_NS, kills: frozenset[int] = frozenset()) -> LoneAgent:
    """Start a sentiment agent on an empty book."""
    return LoneAgent(
        SentimentAgent,
        SETTINGS,
        feeds,
        now_ns=now_ns,
        neighbour_posts=[Bar, Vote],
        kill_before=kills,
    )


def close(host: LoneAgent, close_ns: int, symbols: tuple[str, ...] = SETTINGS.symbols) -> None:
    """Let the time come to a close and the data agent post its bars."""
    host.advance_to(close_ns)
    host.post(*(a_bar(symbol, close_ns) for symbol in symbols))


def told(host: LoneAgent, kind: type[F]) -> list[tuple[int, F]]:
    """Return the facts of a kind with their event times, in order."""
    entries: list[Entry] = host.entries(kind)
    return [(entry.ts_event_ns, entry.fact) for entry in entries if isinstance(entry.fact, kind)]
