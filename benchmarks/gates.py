"""Benchmark: what the gates promote, of noise and of edges that were planted."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.random import Generator

from benchmarks.picture import Line, draw_shares
from benchmarks.sections import PICTURES, Section, table
from models.learning.candidate import Candidate
from models.learning.returns import TRADING_DAYS_A_YEAR
from models.learning.validation import detection_power
from models.learning.verdict import GateTerms
from tests.candidates import verdict_on
from tests.challengers import NOISE, PLANTED

SEED: Final = 2026
CHALLENGERS_EACH: Final = 40
SEARCHES: Final = 50
RATIOS: Final = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
YEARS: Final = 3.0


def run() -> Section:
    """Judge noise and planted edges under the default terms, a fresh registry each."""
    noise = [
        [kind, *(str(_promoted(NOISE[kind], is_refresh=each)) for each in (False, True))]
        for kind in NOISE
    ]
    shares = {
        kind: tuple(_share(make, ratio) for ratio in RATIOS) for kind, make in PLANTED.items()
    }
    bounds = tuple(
        detection_power(ratio, YEARS, 16, GateTerms().level, TRADING_DAYS_A_YEAR)
        for ratio in RATIOS
    )
    PICTURES.mkdir(exist_ok=True)
    lines = [Line(kind, RATIOS, share) for kind, share in shares.items()]
    lines.append(Line("deflated Sharpe ratio alone, 16 trials", RATIOS, bounds))
    draw_shares(
        PICTURES / "gates_power.svg",
        "Share of searches whose edge was promoted",
        "yearly Sharpe ratio of the edge, three years of days",
        lines,
    )
    power = [
        [
            f"{ratio:g}",
            *(f"{share[place]:.2f}" for share in shares.values()),
            f"{bounds[place]:.2f}",
        ]
        for place, ratio in enumerate(RATIOS)
    ]
    return Section(
        name="gates",
        title="Gates",
        text=(
            f"{CHALLENGERS_EACH} challengers of each kind of noise, and {SEARCHES} searches "
            "for each edge, judged under the default terms with a fresh registry.\n\n"
            "![Share of searches whose edge was promoted](pictures/gates_power.svg)"
        ),
        tables=(
            table(("noise", "promoted as challenger", "promoted as refresh"), noise),
            table(("yearly Sharpe ratio", *PLANTED, "DSR alone, by formula"), power),
        ),
        notes=(
            "Thresholds were chosen on other seeds; see the decisions in docs/architecture.md.",
        ),
    )


def _promoted(make: Callable[[Generator], Candidate], *, is_refresh: bool) -> int:
    made = (make(np.random.default_rng((SEED, place))) for place in range(CHALLENGERS_EACH))
    return sum(verdict_on(each, is_refresh=is_refresh).is_promoted for each in made)


def _share(make: Callable[[float, Generator], Candidate], ratio: float) -> float:
    made = (make(ratio, np.random.default_rng((SEED, place))) for place in range(SEARCHES))
    return sum(verdict_on(each).is_promoted for each in made) / SEARCHES
