"""Who may post and read what, from the agents' own declarations.

A kind that an author did not declare is refused, so the picture of the flow that the agents'
class bodies give is the true one.
"""

from collections.abc import Iterable, Mapping, Set

import msgspec

from blackboard.errors import PostRefused
from blackboard.facts import AgentHealth, Fact, OperatorCommand, kind_of

DRIVER = "driver"
"""Author of what does not come from an agent: health, and the operator's commands."""


class Recent(msgspec.Struct, frozen=True):
    """How much of a kind an author needs to be rebuilt as if it had seen all of it.

    That is the newest entry of each scope, what holds until its time has come, and all of a span.
    """

    span_ns: int
    """Market time before the author's last turn."""
    with_first: bool = False
    """Whether the very first entry of the kind counts too."""
    from_sum: bool = False
    """Whether everything counts until the newest of the kind sums up what came before it."""


class Declaration(msgspec.Struct, frozen=True):
    """Kinds that one author posts and reads."""

    posts: frozenset[str]
    reads: frozenset[str]
    recent: dict[str, Recent] = {}
    """Kinds of which not all has to be seen at a start; without one, everything is read."""

    @property
    def seen(self) -> frozenset[str]:
        """Kinds that the author gets: what it reads, and its own."""
        return self.posts | self.reads


def declare(
    posts: Iterable[type[Fact]],
    reads: Iterable[type[Fact]],
    recent: Mapping[type[Fact], Recent] | None = None,
) -> Declaration:
    """Turn the declared classes into kinds."""
    return Declaration(
        frozenset(map(kind_of, posts)),
        frozenset(map(kind_of, reads)),
        {kind_of(kind): span for kind, span in (recent or {}).items()},
    )


class Access:
    """The declarations of all authors of one board."""

    def __init__(self, declarations: Mapping[str, Declaration]) -> None:
        self.declarations = {
            DRIVER: declare([AgentHealth, OperatorCommand], []),
            **declarations,
        }

    def require_author(self, author: str) -> Declaration:
        """Return the author's declaration, or raise PostRefused."""
        if author not in self.declarations:
            known = ", ".join(sorted(self.declarations))
            raise PostRefused(f"author must be one of {known}, was {author!r}")
        return self.declarations[author]

    def require_posts(self, author: str, kinds: Set[str]) -> None:
        """Raise PostRefused unless the author has declared that it posts each of the kinds."""
        declared = self.require_author(author).posts
        if refused := kinds - declared:
            allowed = ", ".join(sorted(declared))
            raise PostRefused(f"{author} may post {allowed}, was {', '.join(sorted(refused))}")
