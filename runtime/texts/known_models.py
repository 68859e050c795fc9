"""Transformers that this release knows, by owner, revision and checksum, and names that it refuses.

Checksums are those that users of these very revisions have published; what nobody has published is
recorded at the first fetch and held to from then on.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from blackboard.errors import ConfigError
from config.texts import TextsSection

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
FILES: Final = (
    CONFIG,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    WEIGHTS,
)
"""All that is ever fetched of a model, the small files first. None of them holds code."""
REQUIRED: Final = frozenset({CONFIG, WEIGHTS})
VOCABULARIES: Final = ("tokenizer.json", "vocab.txt", "vocab.json")
"""One of these must be there."""


class HubModel(NamedTuple):
    """A model at one revision."""

    name: str
    """Owner and name, as the hub spells them."""
    revision: str
    """Commit, 40 hex digits."""
    checksums: Mapping[str, str]
    """SHA-256 by file, as far as they are known beforehand."""

    @property
    def label(self) -> str:
        """How scores name it."""
        return f"{self.name}@{self.revision[:8]}"


_KNOWN: Final = {
    model.name.casefold(): model
    for model in (
        HubModel(
            "ProsusAI/finbert",
            # The commit that holds the weights as safetensors; the main branch has a pickle only.
            "7db323f79b751944bcfa66298ec06977e4518306",
            {
                CONFIG: "f6449ddda85eb726207a40be59c0cd3bd4b142ccb27298d5e45f9ae3396b1abe",
                "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                WEIGHTS: "e5897858ff819aad7629b96ce521ae5477952d03634ef5dd30ed2d76357a9f00",
            },
        ),
        HubModel(
            "mrm8488/distilroberta-finetuned-financial-news-sentiment-analysis",
            "ae0eab9ad336d7d548e0efe394b07c04bcaf6e91",
            {WEIGHTS: "c0b61385e4482edd179b69042c014dcb53a79431784f34a0171f5d43b092feaa"},
        ),
    )
}
_REFUSED: Final = {
    "fingpt/fingpt-forex-sentiment-v1.0": "FinGPT lists no such model; whatever is offered under "
    "this name is somebody else's",
}
_REFUSED_OWNERS: Final = {
    "mr8488": "it looks like mrm8488 and is somebody else; the owner is part of what is pinned",
}


def wanted_model(section: TextsSection) -> HubModel:
    """Return the model that the settings name, at its revision.

    Raises
    ------
    ConfigError
        If the name is refused, is none, or needs a revision that is not given.
    """
    name, revision = section.model, section.model_revision
    owner, _, rest = name.partition("/")
    if reason := _REFUSED.get(name.casefold()) or _REFUSED_OWNERS.get(owner.casefold()):
        raise ConfigError(f"agents.sentiment.texts.model {name} is refused: {reason}")
    if not (is_plain(owner) and is_plain(rest)):
        raise ConfigError(f"agents.sentiment.texts.model must be OWNER/NAME, was {name!r}")
    known = _KNOWN.get(name.casefold())
    if known is not None and revision in ("", known.revision):
        return known
    if not revision:
        raise ConfigError(
            f"agents.sentiment.texts.model_revision must name the commit of {name}, 40 hex "
            "digits: this release does not know the model"
        )
    return HubModel(name if known is None else known.name, revision, {})


def is_plain(part: str) -> bool:
    """Whether a part of a name can be no path."""
    return (
        0 < len(part) <= 96
        and part.isascii()
        and part[0].isalnum()
        and all(each.isalnum() or each in "-_." for each in part)
        and ".." not in part
    )
