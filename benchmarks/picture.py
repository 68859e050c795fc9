"""Measurements as a picture, readable light and dark: growth on logarithmic axes, or shares."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.measuring import short

WIDTH: Final = 640
HEIGHT: Final = 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50
INK: Final = "#7a7a7a"
"""A grey that stands out from white and from black."""
COLOURS: Final = ("#2f81f7", "#d29922", "#2da44e", "#a371f7")
STEPS: Final = (1.0, 2.0, 5.0, 10.0)
"""Distances of the rules of a linear axis, times a power of ten."""


class Line(NamedTuple):
    """One row of measurements."""

    name: str
    sizes: tuple[float, ...]
    seconds: tuple[float, ...]
    """Or shares, or levels in the unit of their picture."""


def draw(path: Path, title: str, axis: str, lines: Sequence[Line]) -> None:
    """Write the picture; a dashed line shows what growth in proportion would look like."""
    sizes = [math.log10(size) for line in lines for size in line.sizes]
    seconds = [math.log10(each) for line in lines for each in line.seconds]
    scale = _Scale(min(sizes), max(sizes), math.floor(min(seconds)), math.ceil(max(seconds)))
    parts = [_text(LEFT, 22, title, "start", 15), _text(WIDTH / 2, HEIGHT - 12, axis)]
    parts += _grid(scale)
    logs = [_logarithmic(line) for line in lines]
    parts += _drawn(scale, logs)
    first = lines[0]
    ideal = math.log10(first.seconds[0] * first.sizes[-1] / first.sizes[0])
    start = scale.x(math.log10(first.sizes[0])), scale.y(math.log10(first.seconds[0]))
    end = scale.x(math.log10(first.sizes[-1])), scale.y(min(ideal, scale.high))
    parts.append(
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
        f'stroke="{INK}" stroke-dasharray="5 4"/>'
    )
    _write(path, parts)


def draw_shares(path: Path, title: str, axis: str, lines: Sequence[Line]) -> None:
    """Write a picture of shares, 0 to 1, against what they depend on."""
    sizes = [size for line in lines for size in line.sizes]
    scale = _Scale(min(sizes), max(sizes), 0.0, 1.0)
    parts = [_text(LEFT, 22, title, "start", 15), _text(WIDTH / 2, HEIGHT - 12, axis)]
    for size in sorted(set(sizes)):
        x = scale.x(size)
        parts += [_rule(x, TOP, x, HEIGHT - BOTTOM), _text(x, HEIGHT - BOTTOM + 18, f"{size:g}")]
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        y = scale.y(share)
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, f"{share:.0%}", "end"))
    _write(path, [*parts, *_drawn(scale, lines)])


def draw_levels(path: Path, title: str, axis: str, unit: str, lines: Sequence[Line]) -> None:
    """Write a picture of levels from 0 against sizes on a logarithmic axis."""
    sizes = sorted({size for line in lines for size in line.sizes})
    step = _step(max(each for line in lines for each in line.seconds))
    top = math.ceil(max(each for line in lines for each in line.seconds) / step)
    scale = _Scale(math.log10(sizes[0]), math.log10(sizes[-1]), 0.0, top * step)
    parts = [_text(LEFT, 22, title, "start", 15), _text(WIDTH / 2, HEIGHT - 12, axis)]
    for size in sizes:
        x = scale.x(math.log10(size))
        parts += [_rule(x, TOP, x, HEIGHT - BOTTOM), _text(x, HEIGHT - BOTTOM + 18, short(size))]
    for place in range(top + 1):
        y = scale.y(place * step)
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, f"{place * step:g} {unit}", "end"))
    across = [line._replace(sizes=_logarithms(line.sizes)) for line in lines]
    is_falling = lines[0].seconds[0] > lines[0].seconds[-1]
    legend_x = WIDTH / 2 if is_falling else LEFT  # where no curve is
    _write(path, [*parts, *_drawn(scale, across, legend_x)])


def _step(most: float) -> float:
    """Return the distance of rules that makes five or fewer of them."""
    power = 10.0 ** math.floor(math.log10(most / 5.0))
    return next(step * power for step in STEPS if step * power * 5.0 >= most)


def _logarithms(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.log10(value) for value in values)


def _logarithmic(line: Line) -> Line:
    return Line(line.name, _logarithms(line.sizes), _logarithms(line.seconds))


def _drawn(scale: "_Scale", lines: Sequence[Line], legend_x: float = LEFT) -> list[str]:
    parts = []
    for place, line in enumerate(lines):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(
            f"{scale.x(size):.1f},{scale.y(each):.1f}"
            for size, each in zip(line.sizes, line.seconds, strict=True)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        )
        parts.append(_text(legend_x + 34, TOP + 20 + 18 * place, line.name, "start"))
        parts.append(
            f'<rect x="{legend_x + 8:g}" y="{TOP + 14 + 18 * place}" width="18" height="3" '
            f'fill="{colour}"/>'
        )
    return parts


def _write(path: Path, parts: Sequence[str]) -> None:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
    head += f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">'
    path.write_text("\n".join((head, *parts, "</svg>\n")), encoding="utf-8")


class _Scale(NamedTuple):
    # Ends of both axes, in powers of ten.
    left: float
    right: float
    low: float
    high: float

    def x(self, size: float) -> float:
        return LEFT + (size - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)

    def y(self, seconds: float) -> float:
        share = (seconds - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _grid(scale: _Scale) -> list[str]:
    parts = []
    for power in range(math.ceil(scale.left), math.floor(scale.right) + 1):
        x = scale.x(power)
        parts.append(_rule(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{10**power:,}"))
    for power in range(round(scale.low), round(scale.high) + 1):
        y = scale.y(power)
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, f"{10.0**power:g} s", "end"))
    return parts


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{INK}" '
        'stroke-opacity="0.3"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{INK}">{text}</text>'
    )
