"""The bounds of the parameters that the learner may set: those of their settings."""

from typing import Final

from annotated_types import Ge, Le

from config.system import TradingSection

PARAMETERS: Final = ("min_confidence", "min_rr_ratio", "atr_multiplier", "risk_frac")
"""Those that adaptation moves."""
SEARCHED: Final = (*PARAMETERS, "target_atr_multiplier", "confluence_min")
"""Those that `ParametersChanged` carries."""


def bounds_of(name: str) -> tuple[float, float]:
    """Return the least and the largest value of a parameter."""
    metadata = TradingSection.model_fields[name].metadata
    low = next(float(each.ge) for each in metadata if isinstance(each, Ge))  # type: ignore[arg-type]
    high = next(float(each.le) for each in metadata if isinstance(each, Le))  # type: ignore[arg-type]
    return low, high
