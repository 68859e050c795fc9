"""The council's ear: calendars, texts and what follows from them."""

from typing import Annotated, Literal

from pydantic import Field

from config.agent import AgentSection
from config.section import FROM_TEXT, LIMIT
from config.texts import TextsSection

CalendarName = Literal["fmp", "weekly_json", "file"]


class SentimentSection(AgentSection):
    """Calendar, texts and blackouts."""

    voters = ("sentiment",)
    calendar_sources: Annotated[tuple[CalendarName, ...], FROM_TEXT] = Field(
        ("file",), min_length=1, max_length=3
    )
    """Calendars, the preferred one first; further ones take its place when it fails, and are held
    against it. fmp and weekly_json are asked over the network, with MetaTrader 5 only."""
    calendar_file: str = ""
    """CSV or JSON file of scheduled events; empty means that there is none (half risk)."""
    headlines_file: str = ""
    """CSV file of texts with a time; empty means that there is none."""
    blackout_high_min: int = Field(15, ge=0, le=240, json_schema_extra=LIMIT)
    """Minutes before and after a high-impact event without entries."""
    blackout_medium_min: int = Field(5, ge=0, le=240, json_schema_extra=LIMIT)
    """Minutes before and after a medium-impact event without entries."""
    blackout_extension_max_min: int = Field(60, ge=0, le=720, json_schema_extra=LIMIT)
    """Minutes after such a blackout in which it goes on from close to close while the spread is
    wide, or the volatility forecast of the close before is above its limit; 0 is off."""
    blackout_spread_median_max: float = Field(1.5, ge=1.0, le=100.0, json_schema_extra=LIMIT)
    """Spread from which on that is so, as a multiple of the median of its hour."""
    news_time_buffer_hours: float = Field(1.0, ge=0.0, le=24.0, json_schema_extra=LIMIT)
    """Hours after an event in which strong texts about its currency bar entries; 0 is off."""
    blackout_score_min: float = Field(0.6, gt=0.0, le=1.0, json_schema_extra=LIMIT)
    """Size of a currency's score from which on texts are strong. They lengthen a blackout, they
    never end one."""
    news_risk_hours: float = Field(2.0, ge=0.0, le=24.0)
    """Hours before a blackout of high impact from which on entries become smaller, down to half
    risk where it begins; 0 is off. Texts against an entry's side halve its risk too."""
    calendar_refresh_min: int = Field(240, ge=1, le=1440)
    """Market minutes between two readings of the calendar."""
    calendar_horizon_hours: int = Field(72, ge=1, le=336)
    """How far ahead events are read."""
    headline_half_life_min: int = Field(360, ge=1, le=10_000)
    """Minutes in which a headline loses half its weight."""
    post_half_life_min: int = Field(120, ge=1, le=10_000)
    """The same for a post of a person."""
    release_half_life_min: int = Field(45, ge=1, le=10_000)
    """The same for the surprise of a release: news moves prices for about an hour."""
    surprises_min: int = Field(6, ge=3, le=100)
    """Earlier surprises of an event, without which the size of a new one says nothing."""
    headlines_per_read_max: int = Field(200, ge=1, le=10_000)
    """Texts taken in one reading; further ones wait."""
    score_weight_min: float = Field(0.5, ge=0.0, le=100.0)
    """Decayed weight of texts below which the voter abstains."""
    texts: TextsSection = TextsSection()

    @property
    def asks_calendars(self) -> bool:
        """Whether a calendar is asked over the network."""
        return self.calendar_sources != ("file",)
