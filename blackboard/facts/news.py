"""What the world says: posted by the SentimentAgent."""

from enum import StrEnum

from blackboard.facts.fact import Fact, within

TEXT_LENGTH_MAX = 512
"""Longest foreign text that a fact carries; hostile input is cut here and nowhere later."""


class Impact(StrEnum):
    """How far an event is expected to move its currency."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class EconomicEvent(Fact, frozen=True, kw_only=True):
    """A scheduled release; scope is the currency."""

    title: str
    impact: Impact
    scheduled_ns: int
    source: str
    actual: str = ""
    """Text as the source gives it; empty until the release."""
    forecast: str = ""
    previous: str = ""

    def __post_init__(self) -> None:
        within("length of title", len(self.title), 1, TEXT_LENGTH_MAX)


class Medium(StrEnum):
    """What kind of text it is; each ages at its own pace."""

    HEADLINE = "headline"
    POST = "post"


class Headline(Fact, frozen=True, kw_only=True):
    """A line of news or a post; scope is the currency it speaks of."""

    text: str
    source: str
    medium: Medium = Medium.HEADLINE
    score: float = 0.0
    """−1 bearish to +1 bullish for the currency, as `scorer` reads it."""
    scorer: str = ""
    """Who scored it, with its version; empty in older journals, where direction words did."""

    def __post_init__(self) -> None:
        within("length of text", len(self.text), 1, TEXT_LENGTH_MAX)
        within("score", self.score, -1.0, 1.0)


class DroppedTexts(Fact, frozen=True, kw_only=True):
    """Texts that were received and not read; scope is the reason."""

    count: int

    def __post_init__(self) -> None:
        within("count", self.count, 1, 2**53)


class TextsRead(Fact, frozen=True, kw_only=True):
    """What one reading of texts came to: nothing is dropped, and nobody replaced, in silence."""

    taken: int
    """Texts that became headlines."""
    scorer: str
    """Who scored the last of them; empty where none was scored."""
    note: str
    """Why a better scorer did not, or a source gave nothing; empty if there is nothing to say."""
    dropped: tuple[DroppedTexts, ...] = ()

    def __post_init__(self) -> None:
        within("taken", self.taken, 0, 2**53)
        within("length of note", len(self.note), 0, TEXT_LENGTH_MAX)


class Coverage(StrEnum):
    """How much is known of the economic calendar."""

    COVERED = "covered"
    UNKNOWN = "unknown"
    """Configured and failing: no entries."""
    NOT_CONFIGURED = "not_configured"
    """The operator's choice: entries at half risk."""


class CalendarCoverage(Fact, frozen=True, kw_only=True):
    """Whether the calendar can be relied on; never read an empty answer as 'no events'."""

    state: Coverage
    source: str
    """Who answered, or who should have."""
    reason: str
    event_count: int = 0
    consequence: str = ""
    """What it means for entries, in words."""


class SentimentScore(Fact, frozen=True, kw_only=True):
    """What recent texts say of a currency (the scope), decayed to this close."""

    score: float
    """−1 bearish to +1 bullish for the currency."""
    weight: float
    """Decayed weight of the texts and releases behind it; 0 means none at all."""
    text_count: int
    scorer: str
    """Who gave the scores behind it, several joined by a plus sign."""
    release_count: int = 0
    """Releases whose surprise is among them."""

    def __post_init__(self) -> None:
        within("score", self.score, -1.0, 1.0)
        within("weight", self.weight, 0.0, 1e9)


class EntryBlackout(Fact, frozen=True, kw_only=True):
    """A time in which nothing is entered in a symbol; it ends at ``valid_until_ns``."""

    from_ns: int
    impact: Impact
    currency: str
    event: str
    extends: str = ""
    """What keeps entries barred after an event's own blackout: spread, volatility or texts; empty
    for that blackout itself, which lies evenly around its event."""

    def __post_init__(self) -> None:
        within("from_ns", self.from_ns, 0, self.valid_until_ns)
