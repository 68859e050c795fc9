"""Where texts come from, and who says what they mean."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import FROM_TEXT, Section

TextSourceName = Literal["file", "rss", "event_registry", "x"]


class TextsSection(Section):
    """Headlines, posts, and their scorers."""

    sources: Annotated[tuple[TextSourceName, ...], FROM_TEXT] = Field(
        ("file",), min_length=1, max_length=4
    )
    """Where texts come from: the file of headlines_file, feeds.rss, feeds.event_registry and
    feeds.x. All but the file are asked over the network, with MetaTrader 5 only."""
    poll_min: int = Field(5, ge=1, le=1440)
    """Minutes between two questions to a source of the network."""
    age_max_min: int = Field(180, ge=5, le=10_080)
    """Minutes after its publication at which a text of the network is too old to be news."""
    waiting_max: int = Field(2_000, ge=10, le=100_000)
    """Texts of the network that wait to be taken; further ones are dropped and counted."""
    posts_per_author_max: int = Field(3, ge=1, le=1_000)
    """Posts of one author in an hour; further ones are dropped and counted."""
    cashtags_max: int = Field(2, ge=0, le=100)
    """Cashtags of a post; more of them are a list, not an opinion."""
    hashtags_max: int = Field(4, ge=0, le=100)
    """Hashtags of a post."""
    links_max: int = Field(1, ge=0, le=100)
    """Links of a post."""
    scorer: Literal["auto", "transformer", "tfidf", "lexicon"] = "auto"
    """Who scores texts; auto takes the best that is there, in this order, and the lexicon over
    history, because a model may have been trained on the very news that it would foretell. What is
    not there or fails is replaced by the next, and a fact says why."""
    model: str = Field("ProsusAI/finbert", max_length=96)
    """Owner and name of the transformer that python launch.py models fetch sentiment gets."""
    model_revision: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    """Commit of the model; empty takes the one that is known to this release, and a model that is
    not known to it needs one."""
    hub_url: str = Field("https://huggingface.co", pattern=r"^https?://[^\s]+$")
    """Where models are fetched from; only ever by that command."""
    fetch_bytes_max: int = Field(2_000_000_000, ge=1_000, le=20_000_000_000)
    """Largest file of a model that is fetched, in bytes."""
    batch_texts: int = Field(16, ge=1, le=256)
    """Texts that a transformer reads at once."""
    tokens_max: int = Field(128, ge=8, le=512)
    """Tokens of a text that a transformer reads."""
    score_time_s: float = Field(5.0, gt=0.0, le=60.0)
    """Process seconds in which the texts of one reading are scored; those that are left then are
    scored by the next scorer. Over history there is no limit."""
    labelled_file: str = ""
    """CSV file with the columns text and label from which train sentiment learns; empty means that
    there is none, and nothing is learned."""
    labels: Annotated[tuple[Literal["bearish", "neutral", "bullish"], ...], FROM_TEXT] = Field(
        ("bearish", "neutral", "bullish"), min_length=2, max_length=3
    )
    """What the labels 0, 1 and 2 of that file mean; labels that are words need no telling."""

    @property
    def asks_network(self) -> bool:
        """Whether texts are asked for over the network."""
        return self.sources != ("file",)
