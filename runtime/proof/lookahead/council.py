"""What the agents themselves post at one close when their sources already tell of later.

The agents are the real ones. Bars reach them as facts up to the close; the source of the history,
and that of the news, answers with all that it has, so that the agents' own guards are what is seen.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from agents.agent import Agent, Inbox, Outbox
from agents.lstm_vol import LSTMVolAgent
from agents.portfolio import PortfolioAgent
from agents.requests import (
    BarsRead,
    CalendarEvent,
    CalendarRead,
    HeadlineReading,
    HeadlinesRead,
    ReadBars,
    ReadCalendar,
    ReadHeadlines,
    ReadModel,
    Reply,
    Request,
)
from agents.sentiment import SentimentAgent
from agents.technical import TechnicalAgent
from blackboard.entry import Draft, Entry
from blackboard.facts import Bar, BarHistory, EntryBlackout, Fact, SentimentScore, Vote
from blackboard.facts.news import Coverage, Impact
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS
from models.opinion.forecaster import FAMILY as FORECASTER
from runtime.forecaster_folder import read_forecaster
from runtime.proof.lookahead.futures import Bars, Future, Moment
from runtime.proof.lookahead.windows import Said, Value

SOURCE: Final = "lookahead"
STEPS_MAX: Final = 6
"""Steps in which an agent must have asked for everything and answered."""
OWN_FROM_SEQ: Final = 1 << 40
"""Seq of an agent's own entries, after all bars."""
TEXT_EVERY_NS: Final = 45 * MINUTE_NS
TEXTS: Final = ("{} surges on strong data", "{} falls as growth slows", "{} gains, hawkish")
"""Invented headlines; the altered future tells others."""
NEWS_KINDS: Final = (Vote, SentimentScore, EntryBlackout)


def posted_values(settings: Settings, moment: Moment, future: Future) -> Iterator[Said]:
    """Yield every field of every opinion that the agents post at the moment's close."""
    entries = list(_entries(settings, moment, future.bars))
    for agent_class in (TechnicalAgent, LSTMVolAgent, PortfolioAgent, SentimentAgent):
        agent = agent_class(settings)
        for draft in _answer(agent, entries, moment, future):
            if draft.ts_event_ns == moment.close_ns and _is_opinion(agent, draft.fact):
                yield from _fields(agent, draft)


def _is_opinion(agent: Agent, fact: Fact) -> bool:
    return not isinstance(agent, SentimentAgent) or isinstance(fact, NEWS_KINDS)


def _answer(agent: Agent, entries: list[Entry], moment: Moment, future: Future) -> list[Draft]:
    reads = agent.declaration().reads
    seen = tuple(entry for entry in entries if entry.kind in reads)
    # Bars first: one life before the last close, so that the close is answered as a running agent
    # answers it.
    outbox, drafts = agent.step(moment.close_ns, Inbox(seen)), []
    for _ in range(STEPS_MAX):
        drafts += outbox.drafts
        replies = tuple(_replies(agent, outbox, moment, future))
        # Who speaks after another voter of the same agent waits for that one's vote to come back.
        own = tuple(_own(agent, draft, place) for place, draft in enumerate(outbox.drafts))
        if not replies and not own:
            break
        outbox = agent.step(moment.close_ns, Inbox(own, replies))
    return drafts


def _replies(agent: Agent, outbox: Outbox, moment: Moment, future: Future) -> Iterator[Reply]:
    for request in outbox.requests:
        reply = _reply(agent.settings, request, moment, future)
        if reply is not None:
            yield reply


def _reply(settings: Settings, request: Request, moment: Moment, future: Future) -> Reply | None:
    match request:
        case ReadModel(family=family) if family == FORECASTER:
            return read_forecaster(request, settings.agents.technical.forecaster_folder)
        case ReadBars():
            return BarsRead(request=request, bars=future.bars[request.symbol], source=SOURCE)
        case ReadHeadlines():
            texts = tuple(_texts(moment, future))
            return HeadlinesRead(request=request, headlines=texts)
        case ReadCalendar():
            return CalendarRead(
                request=request,
                coverage=Coverage.COVERED,
                events=_events(moment, future),
                source=SOURCE,
                reason="",
            )
        case _:
            return None


def _texts(moment: Moment, future: Future) -> Iterator[HeadlineReading]:
    currencies = sorted({part for s in future.bars for part in (s[:3], s[3:6])})
    for place in range(-12, 12 if future.name != "cut off" else 1):
        received_ns = moment.close_ns + place * TEXT_EVERY_NS
        turned = 1 if future.name == "altered" and place > 0 else 0
        text = TEXTS[(place + turned) % len(TEXTS)].format(currencies[place % len(currencies)])
        yield HeadlineReading(text=f"{text} {place}", source=SOURCE, received_ns=received_ns)


def _events(moment: Moment, future: Future) -> tuple[CalendarEvent, ...]:
    # The schedule is known beforehand, so it is the same in every future; figures are not.
    figures = {"cut off": "", "as it was": "0.4%", "altered": "-9.9%"}
    return tuple(
        CalendarEvent(
            currency="USD",
            title=f"Release {hours}",
            impact=Impact.HIGH,
            scheduled_ns=moment.close_ns + hours * HOUR_NS,
            actual=figures[future.name] if hours > 0 else "0.1%",
        )
        for hours in (-2, 0, 1, 5)
    )


def _entries(settings: Settings, moment: Moment, bars: Bars) -> Iterator[Entry]:
    seq = 0
    for symbol, rows in bars.items():
        closes_ns = rows["close_ns"]
        history = closes_ns[closes_ns <= moment.open_ns]
        if not len(history):
            continue
        seq += 1
        fact = BarHistory(
            scope=symbol,
            timeframe=settings.timeframe,
            anchor_ns=moment.anchor_ns,
            last_close_ns=int(history[-1]),
            bar_count=len(history),
            source=SOURCE,
        )
        yield _entry(fact, seq, moment.open_ns + settings.timeframe.length_ns)
    followed = [
        (int(row["close_ns"]), symbol, row)
        for symbol, rows in bars.items()
        for row in rows[(rows["close_ns"] > moment.open_ns) & (rows["close_ns"] <= moment.close_ns)]
    ]
    for close_ns, symbol, row in sorted(followed, key=lambda each: each[:2]):
        seq += 1
        yield _entry(_bar(settings, symbol, row), seq, close_ns)


def _bar(settings: Settings, symbol: str, row: np.void) -> Bar:
    return Bar(
        scope=symbol,
        timeframe=settings.timeframe,
        open=float(row["open"]),
        high=float(row["high"]),
        low=float(row["low"]),
        close=float(row["close"]),
        tick_volume=int(row["tick_volume"]),
        spread_points=int(row["spread_points"]),
        source=SOURCE,
    )


def _entry(fact: Bar | BarHistory, seq: int, ts_ns: int) -> Entry:
    slot = Draft(fact=fact, ts_event_ns=ts_ns, timeframe=fact.timeframe.value).slot
    return Entry(
        seq=seq,
        author="data",
        epoch=1,
        key=f"data/{slot}",
        fact=fact,
        ts_event_ns=ts_ns,
        known_at_ns=ts_ns,
        read_to=seq - 1,
        now_ns=ts_ns,
    )


def _own(agent: Agent, draft: Draft, place: int) -> Entry:
    seq = OWN_FROM_SEQ + place
    return Entry(
        seq=seq,
        author=agent.name,
        epoch=1,
        key=f"{agent.name}/{draft.slot}",
        fact=draft.fact,
        ts_event_ns=draft.ts_event_ns,
        known_at_ns=draft.ts_event_ns,
        read_to=seq - 1,
        now_ns=draft.ts_event_ns,
    )


def _fields(agent: Agent, draft: Draft) -> Iterator[Said]:
    fact = draft.fact
    voter = fact.voter if isinstance(fact, Vote) else agent.name
    kind = type(fact).__name__
    for name, value in _flat(msgspec.to_builtins(fact), ""):
        yield Said(voter, fact.scope, f"{kind}.{name} {draft.ordinal}".rstrip(), value)


def _flat(content: object, path: str) -> Iterator[tuple[str, Value]]:
    match content:
        case dict():
            for name, value in content.items():
                yield from _flat(value, f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for place, value in enumerate(content):
                yield from _flat(value, f"{path}[{place}]")
        case _:
            yield path, content if isinstance(content, float | str | bool) else str(content)
