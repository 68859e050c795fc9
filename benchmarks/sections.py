"""Results as text: a section a benchmark, kept in one file beside those of earlier runs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.comparisons import TITLE as PEERS
from benchmarks.comparisons import Comparison

RESULTS: Final = Path(__file__).with_name("RESULTS.md")
PICTURES: Final = Path(__file__).with_name("pictures")
HEAD: Final = """# What Quorum costs

Written by `python -m benchmarks`. A peer, or the raw floor, runs beside our code in the same run;
on another machine only the ratios hold. Where a section does not say otherwise, seconds are of
processor time, on both sides, so that what else the machine does counts for nobody. Each figure is
a median; its spread is the greatest less the least repetition over the median.
"""


class Section(NamedTuple):
    """One benchmark's part of the results."""

    name: str
    title: str
    text: str
    tables: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What differs between the rows, and what a figure does not say."""
    comparisons: tuple[Comparison, ...] = ()
    """Its rows in the table of peers."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(sections: Sequence[Section]) -> None:
    """Replace these sections in the results; the others stay as they were, the peers first."""
    before = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    found = re.split(r"^(?=## )", before, flags=re.MULTILINE)[1:]
    kept = {_title_of(text): text.rstrip() for text in found}
    kept |= {section.title: _text_of(section) for section in sections}
    ordered = sorted(kept, key=lambda title: title != PEERS)
    texts = (HEAD.rstrip(), *(kept[title] for title in ordered))
    RESULTS.write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def _title_of(text: str) -> str:
    return text.splitlines()[0].removeprefix("## ")


def _text_of(section: Section) -> str:
    notes = "\n".join(f"- {note}" for note in section.notes)
    parts = (f"## {section.title}", section.text, *section.tables, notes)
    return "\n\n".join(part for part in parts if part)
