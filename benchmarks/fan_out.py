"""Benchmark: one fact to ever more readers of the board on Ray, beside a list in an actor."""

import os
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.board import wire
from benchmarks.picture import Line, draw_levels
from benchmarks.sections import PICTURES, Section, table

READERS: Final = (1, 2, 4, 8, 16, 32)
FACTS: Final = 150
KINDS: Final = ("raw", "board")


class Delivery(NamedTuple):
    """What one fact costs with so many readers."""

    readers: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Processor time of hub, poster and all readers."""
    hub_ms: float
    """The hub's part of it."""


def run() -> Section:
    """Post facts one by one to ever more readers."""
    found = {kind: [_delivery(kind, readers) for readers in READERS] for kind in KINDS}
    _draw(found)
    board = found["board"]
    least, most = board[0], board[-1]
    a_reader_ms = (most.cpu_ms - least.cpu_ms) / (most.readers - least.readers)
    processors = os.cpu_count() or 1
    return Section(
        name="fan_out",
        title="One fact to many readers",
        text=(
            f"{FACTS} facts one after the other, every reader an actor of its own that long-polls. "
            f"From {least.readers} to {most.readers} readers the median grows from "
            f"{least.p50_ms:.1f} to {most.p50_ms:.1f} ms. What bends the curve is the machine: "
            f"each further reader costs {a_reader_ms:.1f} ms of processor time a fact, so its "
            f"{processors} processors can bring no more than "
            f"{1e3 * processors / most.cpu_ms:.0f} single facts a second to {most.readers}; of "
            f"{most.cpu_ms:.0f} ms then {most.hub_ms:.0f} are in the board's one process, which "
            "answers one reader after the other. A post of a hundred facts costs a reader one "
            "answer.\n\n"
            "![Milliseconds to the reader](pictures/fan_out.svg)\n\n"
            "![Processor time of a fact](pictures/fan_out_cpu.svg)"
        ),
        tables=(
            table(
                (
                    *("readers", "raw p50 ms", "raw p99", "board p50 ms", "board p99"),
                    *("raw: processor ms a fact", "board: processor ms a fact", "in the hub"),
                ),
                [_row(raw, ours) for raw, ours in zip(found["raw"], board, strict=True)],
            ),
        ),
        notes=(
            "Raw: a list of 200 bytes each in an actor, polled in the same way through Ray; "
            "nothing is encoded, decoded, checked or written down.",
            "Delays over all readers, by the clock; processor time of the actors, without Ray's "
            "own daemons. The first tenth of the facts does not count for delays.",
        ),
    )


def _delivery(kind: str, readers: int) -> Delivery:
    told = wire(kind, "fan_out", FACTS, readers)
    p50_ms, p99_ms = np.percentile(told["delays_ms"], (50, 99))
    cpu_ms: dict[str, float] = told["cpu_ms"]
    return Delivery(readers, float(p50_ms), float(p99_ms), sum(cpu_ms.values()), cpu_ms["hub"])


def _row(raw: Delivery, ours: Delivery) -> list[str]:
    delays = (raw.p50_ms, raw.p99_ms, ours.p50_ms, ours.p99_ms, raw.cpu_ms, ours.cpu_ms)
    return [str(ours.readers), *(f"{each:.1f}" for each in delays), f"{ours.hub_ms:.1f}"]


def _draw(found: dict[str, list[Delivery]]) -> None:
    PICTURES.mkdir(exist_ok=True)

    def line(kind: str, field: str, name: str) -> Line:
        values: Any = tuple(getattr(each, field) for each in found[kind])
        return Line(f"{kind}, {name}", READERS, values)

    draw_levels(
        PICTURES / "fan_out.svg",
        "Milliseconds from the post to the reader",
        "readers",
        "ms",
        [line(kind, f"{name}_ms", name) for name in ("p50", "p99") for kind in KINDS],
    )
    draw_levels(
        PICTURES / "fan_out_cpu.svg",
        "Milliseconds of processor time for a fact",
        "readers",
        "ms",
        [
            line("raw", "cpu_ms", "all processes"),
            line("board", "cpu_ms", "all processes"),
            line("board", "hub_ms", "its own process"),
        ],
    )
