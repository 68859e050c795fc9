"""Telegram: what is told, what may be asked and ordered from there, and by whom."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from config.feeds import LOOPBACK
from config.section import FROM_TEXT, Section


def _word_of(value: object) -> object:
    match value:
        case True:
            return "on"
        case False:
            return "off"
        case _:
            return value


# YAML reads the bare words on and off as booleans.
Loudness = Annotated[Literal["on", "silent", "off"], BeforeValidator(_word_of)]
Commands = Annotated[Literal["off", "reduce", "all"], BeforeValidator(_word_of)]


class EventsSection(Section):
    """Which events are told: on, silent (without a sound), or off."""

    start: Loudness = "on"
    """The system has started, with symbols and agents."""
    state: Loudness = "on"
    """The trading state has changed, which is every breaker and its way out."""
    limit: Loudness = "on"
    """A limit was reached that changes no state."""
    opened: Loudness = "on"
    """A position was opened, and who leaned to its side."""
    trade: Loudness = "on"
    """A trade was closed, with its reason and result."""
    unprotected: Loudness = "on"
    """A position has no stop at the broker, or is closed because none could be set."""
    flatten: Loudness = "on"
    """What a flatten has left open because it is not ours."""
    operator: Loudness = "on"
    """A command could not be done as it was asked."""
    agent: Loudness = "on"
    """An agent is down or back."""
    feed: Loudness = "on"
    """Prices, the calendar or the account's deals cannot be relied on, or can again."""
    training: Loudness = "silent"
    """The verdict on a candidate, or why there was none."""
    drift: Loudness = "silent"
    """A model's losses or inputs have changed."""
    session: Loudness = "silent"
    """A centre of the market has closed; see agents.supervisor.session_summaries."""
    day: Loudness = "on"
    """The digest of the day; see agents.supervisor.summary_hour_new_york."""
    week: Loudness = "on"
    """The digest of the week; see agents.supervisor.week_summary_hour_new_york."""


class ConfirmedSection(Section):
    """The commands that are confirmed by a button; each can be switched off."""

    resume: bool = True
    """Whether /resume is there, which lets risk rise again; it needs commands all."""
    retrain: bool = True
    """Whether /retrain is there; it needs commands all."""
    agent: bool = True
    """Whether /agent is there, which switches one agent; it needs commands all."""
    forceexit: bool = True
    """Whether /forceexit is there, which closes positions."""
    flatten: bool = True
    """Whether /flatten is there, which closes everything of ours and halts."""


class TelegramSection(Section):
    """Messages to the operator's chat and commands from it; both of its secrets must be set."""

    commands: Commands = "off"
    """Off only sends, and asks Telegram for nothing; reduce answers questions and takes what lowers
    risk; all takes what lets it rise too."""
    users: Annotated[tuple[int, ...], FROM_TEXT] = ()
    """Ids of the users who may command, in the private chat TELEGRAM_CHAT_ID and nowhere else;
    `python launch.py telegram setup` prints yours."""
    confirm_within_s: float = Field(60.0, ge=5.0, le=600.0)
    """Process time in which a command must be confirmed by its button."""
    update_age_max_s: float = Field(60.0, ge=5.0, le=600.0)
    """Age beyond which a message is not obeyed any more, as after an outage."""
    commands_per_min_max: int = Field(20, ge=1, le=600)
    """Commands of one user in a minute; further ones are refused, which is said once."""
    base_url: str = Field("https://api.telegram.org", pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$")
    """Where the Bot API answers; one of your own is possible, http only on this machine."""
    proxy: str = Field("", pattern=r"^((http|https)://[^\s@]+)?$")
    """Proxy by which it is reached; empty for none."""
    confirmed: ConfirmedSection = ConfirmedSection()
    events: EventsSection = EventsSection()


EVENTS: Final = tuple(EventsSection.model_fields)
"""Every event that a Summary can report."""


def telegram_contradictions(section: TelegramSection) -> Iterator[str]:
    """Yield what is wrong between settings of Telegram that are right by themselves."""
    if section.commands != "off" and not section.users:
        yield (
            f"telegram.users must name at least one id with telegram.commands {section.commands}, "
            "was empty: python launch.py telegram setup prints yours"
        )
    if any(user <= 0 for user in section.users):
        yield f"telegram.users must be ids of persons, above 0, was {section.users}"
    url = urlsplit(section.base_url)
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        yield (
            "telegram.base_url must be https, or on this machine, because the token stands in it; "
            f"was {section.base_url}"
        )
