"""The little of Markdown that the generated chapters are made of."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

GENERATED: Final = (
    "<!-- Written from the code by `python launch.py reference write`; do not edit by hand. -->"
)


def chapter(title: str, *parts: str) -> str:
    """Return a whole generated file."""
    return "\n\n".join((GENERATED, f"# {title}", *(part for part in parts if part))) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar within a cell is escaped, a line break becomes a space."""
    lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def contents(headings: Iterable[str]) -> str:
    """Return a list of links to headings."""
    return "\n".join(f"- [{heading}](#{anchor_of(heading)})" for heading in headings)


def anchor_of(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def code(text: str) -> str:
    """Return text as code, an empty one as nothing."""
    return f"`{text}`" if text else ""


def plain(doc: str | None) -> str:
    """Return a docstring in one piece, its double backticks made single."""
    return " ".join((doc or "").split()).replace("``", "`")
