"""What a trained model has to show before it serves; statistics that have no dial are constants."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import FROM_TEXT, Section

Shadowed = Literal["lstm", "rf", "xgboost", "logistic", "direction_lstm"]
"""Families whose models can be asked beside those that serve."""


class GatesSection(Section):
    """What a model must show before it serves."""

    alpha_a_quarter: float = Field(0.05, gt=0.0, le=0.10)
    """Chance of promoting any model of a family without skill in a quarter, shared out over the
    planned attempts."""
    attempts_a_quarter: int = Field(13, ge=1, le=100)
    """Candidates of a family that may be judged in a quarter; each may spend its share of alpha,
    and a further one is refused. 13 is one a week."""
    trades_min: int = Field(100, ge=30, le=100_000)
    """Fewest out-of-sample trades of a strategy."""
    deflated_sharpe_min: float = Field(0.95, ge=0.90, lt=1.0)
    """Least chance that a strategy's Sharpe ratio is more than the luck of all trials; an attempt's
    share of alpha can ask for more."""
    overfitting_max: float = Field(0.20, gt=0.0, le=0.5)
    """Largest share of halvings of the record in which the best trial of one half is below the
    median of the other (PBO)."""
    spa_p_max: float = Field(0.10, gt=0.0, le=0.5)
    """Largest p of the test that no trial earns more than what serves now (SPA)."""
    shadow_days_min: float = Field(5.0, ge=0.0, le=90.0)
    """Days that a model's forecasts are watched before they count."""
    shadow_outcomes_min: int = Field(30, ge=2, le=100_000)
    """Outcomes of forecasts in shadow, none overlapping another, before they count."""
    shadow_days_max: float = Field(28.0, ge=0.0, le=365.0)
    """Days in shadow after which a model without enough outcomes is refused."""
    shadow_families: Annotated[tuple[Shadowed, ...], FROM_TEXT] = (
        "lstm", "rf", "xgboost", "logistic", "direction_lstm",
    )  # fmt: skip
    """Families whose models forecast in shadow before they count. The regression of volatility is
    the baseline itself and serves at once; parameters are no forecasts, and have no shadow."""
