"""Ours beside a peer's: kept by benchmark as data, told as one table at the head of the results."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

KEPT: Final = Path(__file__).with_name("peers.json")
TITLE: Final = "Beside peers"
TIMES_MORE_MIN: Final = 10.0
"""From here on a ratio is told without decimals."""


class Comparison(NamedTuple):
    """One thing that both do."""

    thing: str
    ours: str
    """Our figure with its unit."""
    peer: str
    """Who stands beside it, with the version."""
    theirs: str
    """Its figure in the same unit, or why there is none."""
    ratio: float
    """How many times as fast ours is: below 1 the peer wins; NaN if there is none."""
    spread: str
    """Of our repetitions, and of theirs."""
    differs: str
    """What the two do not have in common."""


class Kept(NamedTuple):
    """The comparisons of one run of a benchmark."""

    name: str
    measured: str
    rows: tuple[Comparison, ...]


def not_run(thing: str, ours: str, peer: str, reason: str) -> Comparison:
    """Return the row of a peer that could not be run."""
    return Comparison(thing, ours, peer, f"not run: {reason}", math.nan, "", "")


def keep(fresh: Kept, path: Path = KEPT) -> None:
    """Replace a benchmark's comparisons; the others stay as they were."""
    kept = {each.name: each for each in read(path)} | {fresh.name: fresh}
    told = [
        {**each._asdict(), "rows": [_plain(row) for row in each.rows]} for each in kept.values()
    ]
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path = KEPT) -> list[Kept]:
    """Return what is kept."""
    if not path.exists():
        return []
    told: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [
        Kept(each["name"], each["measured"], tuple(_comparison(row) for row in each["rows"]))
        for each in told
    ]


def text_of(kept: Iterable[Kept]) -> str:
    """Say in a sentence where a peer wins."""
    rows = [row for each in kept for row in each.rows]
    lost = [row for row in rows if row.ratio < 1.0]
    losses = "; ".join(f"{row.thing}, {_times(row.ratio)} of {row.peer}" for row in lost)
    return (
        "How many times as fast ours is as what stands beside it in the same run of one benchmark; "
        "below 1 the peer wins. No row compares products: the last columns say what the two do "
        f"not share.\n\nSlower than what stands beside it: {losses or 'nothing'}."
    )


def rows_of(kept: Iterable[Kept]) -> tuple[Sequence[str], list[list[str]]]:
    """Return the head and the rows of the table."""
    head = ("what", "ours", "beside it", "theirs", "ratio", "spread", "what differs", "measured")
    rows = [
        [
            *(row.thing, row.ours, row.peer, row.theirs, _times(row.ratio)),
            *(row.spread, row.differs, f"`{each.name}`, {each.measured}"),
        ]
        for each in kept
        for row in each.rows
    ]
    return head, rows


def _times(ratio: float) -> str:
    if math.isnan(ratio):
        return "–"
    return f"{ratio:,.0f} ×" if ratio >= TIMES_MORE_MIN else f"{ratio:.2f} ×"


def _plain(row: Comparison) -> dict[str, Any]:
    return {**row._asdict(), "ratio": None if math.isnan(row.ratio) else row.ratio}


def _comparison(told: dict[str, Any]) -> Comparison:
    ratio = math.nan if told["ratio"] is None else told["ratio"]
    return Comparison(**{**told, "ratio": ratio})
