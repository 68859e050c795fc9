"""Cases of the blackouts around scheduled events, from the calendar to the refused entry."""

from functools import partial
from typing import Final

from agents.requests import (
    CalendarEvent,
    CalendarRead,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Reply,
    Request,
)
from agents.risk import RiskAgent
from agents.sentiment import SentimentAgent
from blackboard.facts.news import Coverage, Impact
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import NOON_NS, SYMBOLS, EntryScene, a_bar
from runtime.proof.safety.scene import Answer

_BEGINS_NS: Final = NOON_NS + 5 * MINUTE_NS
"""When the blackout begins, some minutes after the calendar was read."""


class NewsScene(EntryScene):
    """An entry beside a calendar with one event of the dollar, which sentiment reads by itself."""

    def __init__(self, settings: Settings, impact: Impact) -> None:
        section = settings.agents.sentiment
        high = impact is Impact.HIGH
        width_min = section.blackout_high_min if high else section.blackout_medium_min
        self._event = CalendarEvent(
            currency="USD",
            title="proof",
            impact=impact,
            scheduled_ns=_BEGINS_NS + width_min * MINUTE_NS,
        )
        super().__init__(settings, (SentimentAgent, RiskAgent))
        self.say(a_bar(SYMBOLS[0], settings.timeframe))
        self.settle()

    def answer(self, request: Request) -> Reply | None:
        """Return the calendar, and that nobody wrote anything."""
        match request:
            case ReadCalendar():
                return CalendarRead(
                    request=request,
                    coverage=Coverage.COVERED,
                    events=(self._event,),
                    source="proof",
                    reason="",
                )
            case ReadHeadlines():
                return HeadlinesRead(request=request, headlines=())
            case _:
                return None


def _at(scene: NewsScene, now_ns: int) -> Answer:
    scene.at(now_ns)
    return scene.ask()


_case = partial(
    Case,
    reason="blackout",
    inside=lambda scene, _: _at(scene, _BEGINS_NS - MINUTE_NS),
    beyond=lambda scene, _: _at(scene, _BEGINS_NS),
)

CASES: Final = (
    _case(
        limit="agents.sentiment.blackout_high_min",
        scenario="an event of high impact: the last minute before its blackout, and its first",
        stage=partial(NewsScene, impact=Impact.HIGH),
        changes={"agents.sentiment.blackout_high_min": 15},
        is_off=0,
    ),
    _case(
        limit="agents.sentiment.blackout_medium_min",
        scenario="the same for an event of medium impact",
        stage=partial(NewsScene, impact=Impact.MEDIUM),
        changes={"agents.sentiment.blackout_medium_min": 5},
        is_off=0,
    ),
)
