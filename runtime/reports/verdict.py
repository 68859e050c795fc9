"""What a run comes to beside its baselines, in two or three sentences without praise."""

import math
from typing import Final

import numpy as np

from runtime.reports.baselines import BAND, Baselines
from runtime.reports.figures import Figures
from runtime.reports.record import RunRecord
from runtime.reports.wording import GATES, told

FEW_TRADES: Final = 30
"""Below it a mean result says next to nothing."""


def verdict_text(record: RunRecord, figures: Figures, baselines: Baselines | None) -> str:
    """Return the sentences."""
    if not figures.trades:
        most = max(record.blocked_by, key=lambda name: record.blocked_by[name], default="")
        why = f", mostly because {told(GATES, most)}" if most else ""
        return f"No trade was made in {record.rounds:,} closes{why}."
    parts = [
        f"The account {_went(figures.total_return_frac)} over {figures.trades} trades, and was at "
        f"worst {100.0 * figures.drawdown.depth_frac:.1f} % below its highest value."
    ]
    if baselines is not None:
        held = baselines.held.equity[-1] / baselines.held.equity[0] - 1.0
        parts.append(f"Holding the same symbols {_went(held)}.")
        if baselines.random is not None:
            parts.append(_beside_chance(figures.total_return_frac, baselines.random.final_returns))
    if figures.trades < FEW_TRADES:
        parts.append(f"With fewer than {FEW_TRADES} trades all of this may be chance.")
    return " ".join(parts)


def _beside_chance(own: float, drawn: tuple[float, ...]) -> str:
    low, high = np.percentile(drawn, BAND)
    better = sum(each < own for each in drawn) / len(drawn)
    text = f"Random entries ended between {_percent(low)} and {_percent(high)} in 90 of 100 runs; "
    if own > high:
        return f"{text}this run did better than {better:.0%} of them."
    if own < low:
        return f"{text}this run did worse than {1.0 - better:.0%} of them."
    return f"{text}this run lies within what chance gives, better than {better:.0%} of them."


def _went(change: float) -> str:
    if not math.isfinite(change):
        return "is not known to have moved"
    word = "gained" if change > 0.0 else "lost"
    return f"{word} {abs(100.0 * change):.1f} %"


def _percent(value: float) -> str:
    return f"{100.0 * value:+.1f} %".replace("-", "−")
