"""The language of the gates: what is judged by, what was found, and who serves after it.

A gate is a row of tests. Every test compares one figure with one threshold, the first that fails
stops a candidate, and NaN fails, because a figure that nobody could compute is no evidence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FORECAST_DAYS_MIN: Final = 20
"""Trading days of forecasts after the end of training: a month."""
LOSS_RATIO_MAX: Final = 0.99
"""Of a challenger's mean loss to the champion's: less is not worth a change."""
MARGIN: Final = 0.01
"""Share of the champion's loss by which a refreshed model may be worse at most."""
CONFIDENCE: Final = 0.95
"""Of the bound that has to lie within the margin."""
FOLDS_POSITIVE_MIN: Final = 0.60
DRAWDOWN_RATIO_MAX: Final = 1.25
"""Of a challenger's drawdown to the champion's."""
DRAWDOWN_FREE_FRAC: Final = 0.05
"""Drawdown that is never too much: a champion that hardly trades hardly falls, which says nothing.
Half of what turns trading to REDUCING by default."""
NEIGHBOUR_SHARE_MIN: Final = 0.75
"""Of the score of a cell that the median of the cells beside it must have."""
MONEY_LOSS_MAX: Final = 0.05
"""Share of halvings in which the choice may earn nothing where it need not be a good one."""
LATENCY_MS_MAX: Final = 100.0
"""Of a forecast at the 99th percentile: a hundredth of the time in which a round is decided."""
ROLLBACK_ERRORS: Final = 2.0
ROLLBACK_DAYS: Final = 3.0
"""Days in which an alarm of drift takes a fresh model back at once."""
FRESH_DAYS: Final = 28.0
"""Days in which a model is held against the one before it; then there is a month of outcomes, and
the test against the baseline takes over."""
STALE_ERRORS: Final = 3.0
"""Standard errors by which live losses may exceed those of the validation."""
DEMOTION_LEVEL: Final = 0.05

DAY_NS: Final = 86_400_000_000_000


class GateTerms(NamedTuple):
    """What an operator may set, within bounds; the settings of the same names say more."""

    alpha_a_quarter: float = 0.05
    attempts_a_quarter: int = 13
    trades_min: int = 100
    deflated_sharpe_min: float = 0.95
    overfitting_max: float = 0.20
    spa_p_max: float = 0.10
    shadow_days_min: float = 5.0
    shadow_outcomes_min: int = 30

    @property
    def level(self) -> float:
        """Share of a quarter's alpha that one attempt may spend."""
        return self.alpha_a_quarter / self.attempts_a_quarter


class Registry(NamedTuple):
    """What was tried in a family before this candidate, whichever model serves."""

    effective_trials: float
    """Sum over all earlier searches, for ever, of the number that their verdicts gave."""
    attempts: int
    """Candidates of the family that were judged in this quarter, the refused ones above all."""


class Rehearsal(NamedTuple):
    """What a candidate said to a golden batch, before it was saved and after it was loaded."""

    feature_schema: tuple[str, ...]
    """Names of the columns that those who would serve it can give."""
    saved: FloatArray
    loaded: FloatArray
    low: float
    """Least output that has a meaning."""
    high: float
    latency_ms: FloatArray
    """Of each forecast after loading; empty for families that forecast nothing, and in virtual
    time, where no clock may decide."""


class Finding(NamedTuple):
    """One figure beside its threshold."""

    gate: str
    name: str
    value: float
    threshold: float
    is_passed: bool

    def __str__(self) -> str:
        sign = "within" if self.is_passed else "not within"
        return f"{self.gate}.{self.name}: {self.value:.4g} {sign} {self.threshold:.4g}"


class Serving(StrEnum):
    """Who serves after a verdict."""

    CANDIDATE = "candidate"
    INCUMBENT = "incumbent"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a candidate, and by what."""

    gates_passed: tuple[str, ...]
    """In the order in which they were tested."""
    findings: tuple[Finding, ...]
    """Of all tests that were made, the failed one last."""
    serving: Serving
    effective_trials: float
    """What this search adds to the registry."""

    @property
    def is_promoted(self) -> bool:
        """Whether the candidate has passed everything."""
        return self.serving is Serving.CANDIDATE

    @property
    def failed(self) -> Finding | None:
        """The first test that did not pass."""
        return None if self.findings and self.findings[-1].is_passed else self.findings[-1]

    @property
    def failed_gate(self) -> str:
        """Gate and test by name, empty where nothing failed."""
        return f"{self.failed.gate}.{self.failed.name}" if self.failed else ""

    @property
    def detail(self) -> str:
        """One line for people: the failed test, or how many passed."""
        if self.failed:
            return str(self.failed)
        return f"{len(self.findings)} tests of {', '.join(self.gates_passed)}"


def at_least(gate: str, name: str, value: float, threshold: float) -> Finding:
    """Return the finding that a figure is not below its threshold."""
    return Finding(gate, name, float(value), float(threshold), bool(value >= threshold))


def at_most(gate: str, name: str, value: float, threshold: float) -> Finding:
    """Return the finding that a figure is not above its threshold."""
    return Finding(gate, name, float(value), float(threshold), bool(value <= threshold))


def holds(gate: str, name: str, *, is_true: bool) -> Finding:
    """Return the finding of a statement."""
    return at_least(gate, name, float(is_true), 1.0)


def until_failure(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings up to the first that fails, so that nothing dear is computed in vain."""
    for each in findings:
        yield each
        if not each.is_passed:
            return


def quarter_of(ts_ns: int) -> int:
    """Return the number of the calendar quarter (UTC) that holds an instant."""
    return int(np.datetime64(ts_ns, "ns").astype("datetime64[M]").astype(np.int64)) // 3
