"""How a walk-forward search cuts time."""

from pydantic import Field, model_validator

from config.section import Section


class WalkforwardSection(Section):
    """Windows of the search for parameters; days are calendar days."""

    in_days: int = Field(730, ge=30, le=7300)
    """Days on which each window chooses."""
    out_days: int = Field(182, ge=5, le=3650)
    """Days after them on which the choice is scored."""
    step_days: int = Field(182, ge=5, le=3650)
    """Days from one window to the next, at least out_days."""
    trades_min: int = Field(20, ge=2, le=10_000)
    """Trades on a stretch below which a trial has no score there."""
    sampled_trials: int = Field(0, ge=0, le=1000)
    """Trials beyond the grid, asked of Optuna's sampler by the scores of the grid on the first
    stretch in sample, which no window is scored on; every one counts against the winner."""

    @model_validator(mode="after")
    def _no_day_twice(self) -> "WalkforwardSection":
        # Days that are scored twice would make the record longer than it is.
        if self.step_days < self.out_days:
            raise ValueError(
                f"agents.learner.walkforward.step_days must be at least out_days "
                f"({self.out_days}), was {self.step_days}"
            )
        return self
