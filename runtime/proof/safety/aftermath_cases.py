"""Cases of what follows an event: wide spreads, storms and strong texts bar entries for a while."""

from functools import partial
from math import ceil
from typing import Final

from agents.requests import (
    CalendarEvent,
    CalendarRead,
    HeadlineReading,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Reply,
    Request,
)
from agents.risk import RiskAgent
from agents.sentiment import SentimentAgent
from blackboard.facts import VolatilityForecast
from blackboard.facts.news import Coverage, Impact
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS, next_bar_close_ns
from models.opinion.sentiment import PRIOR_WEIGHT
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    NOON_NS,
    SPREAD_POINTS,
    SYMBOLS,
    EntryScene,
    a_bar,
    a_quote,
)
from runtime.proof.safety.scene import Answer

_ENTERED: Final = SYMBOLS[0]


class AftermathScene(EntryScene):
    """An entry at the close after the scene's moment, some minutes after an event of the dollar."""

    def __init__(self, settings: Settings, minutes: float) -> None:
        """Take the settings, and for how long the event is past at that close."""
        self._length_ns = settings.timeframe.length_ns
        self.close_ns = next_bar_close_ns(NOON_NS, self._length_ns)
        self._event = CalendarEvent(
            currency="USD",
            title="proof",
            impact=Impact.HIGH,
            scheduled_ns=self.close_ns - int(minutes * MINUTE_NS),
        )
        self.texts = 0
        self.is_storm = False
        super().__init__(settings, (SentimentAgent, RiskAgent))
        self._bar()

    def answer(self, request: Request) -> Reply | None:
        """Return the calendar, and so many texts against the dollar, received at the close."""
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
                texts = tuple(
                    HeadlineReading(
                        text=f"Dollar slumps to {days}-day low",
                        source="proof",
                        received_ns=self.now_ns,
                    )
                    for days in range(10, 10 + self.texts)
                )
                return HeadlinesRead(request=request, headlines=texts)
            case _:
                return None

    def ask_after(self, closes: int, spread_points: int = SPREAD_POINTS) -> Answer:
        """Ask at a close, counted from 0, with this spread there."""
        self.spread_points = spread_points
        for _ in range(closes + 1):
            if self.is_storm:
                self.say(a_storm(self.settings))
            self.at(next_bar_close_ns(self.now_ns, self._length_ns))
            self._bar()
        return self.ask()

    def _bar(self) -> None:
        self.say(a_bar(_ENTERED, self.settings.timeframe))
        self.settle()


def a_storm(settings: Settings) -> VolatilityForecast:
    """Return a forecast above its limit."""
    return VolatilityForecast(
        scope=_ENTERED,
        timeframe=settings.timeframe,
        horizon_bars=settings.agents.lstm_vol.horizons_bars[0],
        sigma_frac=0.001,
        sigma_low_frac=0.0005,
        sigma_high_frac=0.002,
        vol_ratio=5.0,
        vol_ratio_limit=3.0,
        vetoes_reversal=True,
        atr_scale=1.6,
        abstains=False,
        reason="",
        model="proof",
    )


def _extended(settings: Settings) -> AftermathScene:
    section = settings.agents.sentiment
    return AftermathScene(settings, section.blackout_high_min + section.blackout_extension_max_min)


def _buffered(settings: Settings) -> AftermathScene:
    hours = settings.agents.sentiment.news_time_buffer_hours
    return AftermathScene(settings, hours * HOUR_NS / MINUTE_NS)


def _just_over(settings: Settings) -> AftermathScene:
    return AftermathScene(settings, settings.agents.sentiment.blackout_high_min + 1)


def _in_storm(scene: AftermathScene, closes: int) -> Answer:
    scene.is_storm = True
    return scene.ask_after(closes)


def _with_texts(scene: AftermathScene, closes: int, texts: int) -> Answer:
    scene.texts = texts
    return scene.ask_after(closes)


def _texts_reaching(score: float) -> int:
    """Return the fewest fresh texts of one mind whose score is at least this: n / (κ + n)."""
    count = 1
    while count / (PRIOR_WEIGHT + count) < score:
        count += 1
    return count


def _at_spread(scene: AftermathScene, points: int) -> Answer:
    for _ in range(scene.settings.agents.risk.spread_samples_min):
        scene.say(a_quote(_ENTERED, SPREAD_POINTS))
    return scene.ask_after(0, points)


_case = partial(Case, reason="blackout")
_WHOLE_DAY: Final = {"agents.sentiment.calendar_refresh_min": 1440}
_ONLY_TEXTS: Final = {"agents.sentiment.blackout_extension_max_min": 0, **_WHOLE_DAY}

CASES: Final = (
    _case(
        limit="agents.sentiment.blackout_extension_max_min",
        scenario="a storm after a blackout: the first close beyond its longest extension, its last",
        stage=_extended,
        inside=lambda scene, _: _in_storm(scene, 1),
        beyond=lambda scene, _: _in_storm(scene, 0),
        changes={"agents.sentiment.blackout_extension_max_min": 60, **_WHOLE_DAY},
        is_off=0,
    ),
    _case(
        limit="agents.sentiment.blackout_spread_median_max",
        scenario="after a blackout, a spread a point below its multiple of the usual, and at it",
        stage=_just_over,
        inside=lambda scene, limit: _at_spread(scene, ceil(limit * SPREAD_POINTS) - 1),
        beyond=lambda scene, limit: _at_spread(scene, ceil(limit * SPREAD_POINTS)),
        keeps=("spread_samples_min",),
        changes=_WHOLE_DAY,
    ),
    _case(
        limit="agents.sentiment.news_time_buffer_hours",
        scenario="texts of one mind after an event: the first close beyond the buffer, its last",
        stage=_buffered,
        inside=lambda scene, _: _with_texts(scene, 1, 20),
        beyond=lambda scene, _: _with_texts(scene, 0, 20),
        changes={"agents.sentiment.news_time_buffer_hours": 1.0, **_ONLY_TEXTS},
        is_off=0.0,
    ),
    _case(
        limit="agents.sentiment.blackout_score_min",
        scenario="after a blackout, one text too few for a strong score, then enough",
        stage=_just_over,
        inside=lambda scene, limit: _with_texts(scene, 0, _texts_reaching(limit) - 1),
        beyond=lambda scene, limit: _with_texts(scene, 0, _texts_reaching(limit)),
        changes=_ONLY_TEXTS,
    ),
)
