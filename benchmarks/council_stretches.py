"""What a nine-agent run costs between marks, and the pictures of it."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.picture import Line, draw_levels
from benchmarks.sections import PICTURES


class Stretch(NamedTuple):
    """What the bars between two marks cost."""

    symbols: int
    bars: int
    """Bars since the start of the run."""
    us_a_bar: float
    """Processor time."""
    mb: float
    """Resident at the end."""
    parts_us: dict[str, float]
    """Of `us_a_bar`, sampled."""

    @property
    def agents_us(self) -> float:
        """What of it the nine agents take."""
        return sum(us for part, us in self.parts_us.items() if part.startswith("agent:"))


def stretches(symbols: int, marks: Sequence[int]) -> list[Stretch]:
    """Run over so many symbols in a process of its own; return what lies between the marks."""
    command = (sys.executable, "-m", "benchmarks.council_marks", str(symbols), *map(str, marks))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["marks"]
    found, bars, cpu_s, seen = list[Stretch](), 0, 0.0, Counter[str]()
    for mark in told:
        us_a_bar = (mark["cpu_s"] - cpu_s) / (mark["bars"] - bars) * 1e6
        samples = Counter(mark["samples"]) - seen
        scale = us_a_bar / max(1, samples.total())
        parts = {part: count * scale for part, count in samples.items()}
        found.append(Stretch(symbols, mark["bars"], us_a_bar, mark["mb"], parts))
        bars, cpu_s, seen = mark["bars"], mark["cpu_s"], Counter(mark["samples"])
    return found


def draw(name: str, axis: str, sizes: Sequence[int], measured: Sequence[Stretch]) -> None:
    """Draw processor time of a bar, and memory, against sizes."""
    PICTURES.mkdir(exist_ok=True)
    lines = [
        Line("whole", tuple(sizes), tuple(each.us_a_bar for each in measured)),
        Line("the nine agents", tuple(sizes), tuple(each.agents_us for each in measured)),
    ]
    draw_levels(PICTURES / f"{name}.svg", "Microseconds of processor time a bar", axis, "µs", lines)
    line = Line("resident", tuple(sizes), tuple(each.mb for each in measured))
    draw_levels(PICTURES / f"{name}_mb.svg", "Memory of the process", axis, "MB", [line])
