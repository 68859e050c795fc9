"""How PPO adapts the parameters: how it is trained, and how far it may move them."""

from pydantic import Field

from config.section import Section


class AdaptationSection(Section):
    """Parameters that follow the market once a policy has earned it."""

    windows: int = Field(6, ge=4, le=24)
    """Windows out of sample in which a policy is held against the best static cell."""
    seeds: int = Field(10, ge=2, le=50)
    """Networks trained for each window; the mean of all acts, none is picked."""
    steps: int = Field(100_000, ge=10_000, le=10_000_000)
    """Sessions that each of them lives through; a planted regime needs about as many."""
    move_frac: float = Field(0.1, gt=0.0, le=1.0)
    """Share of a parameter's range that one session may move it by."""
    week_move_frac: float = Field(0.3, gt=0.0, le=1.0)
    """Share of a parameter's range that a week may move it by, so that a policy that drifts is
    slower than the people who watch it."""
