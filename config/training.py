"""When models are trained while the system runs, on how much, and what it may cost."""

from typing import Annotated, Literal

from pydantic import Field

from config.section import FROM_TEXT, PAIRS_FROM_TEXT, Section


class TrainingSection(Section):
    """Trainings of the learner."""

    when: Literal["auto", "always", "never"] = "auto"
    """Whether models are trained while the system runs; auto trains where it follows the clock and
    not over history or at full speed, unless the start says --learn."""
    families: Annotated[tuple[str, ...], FROM_TEXT] = ("har", "lstm", "rf", "xgboost", "ppo")
    """Families of models that are trained, in this order."""
    daily_families: Annotated[tuple[str, ...], FROM_TEXT] = ("har",)
    """Families that are trained after every trading day; the others are trained on weekends."""
    interval_days: Annotated[dict[str, Annotated[int, Field(ge=1, le=365)]], PAIRS_FROM_TEXT] = (
        Field(default_factory=dict)
    )
    """Days between two trainings of a family where they are neither a day nor a week, such as
    {ppo: 28}."""
    weekend_hour_new_york: int = Field(10, ge=0, le=23)
    """Hour of Saturday in New York from which every family is due; nothing trades then."""
    daily_hour_new_york: int = Field(17, ge=0, le=23)
    """Hour in New York, that of the day's break, from which families of a day are due."""
    weeks: int = Field(104, ge=2, le=1040)
    """Weeks of bars before now that a training asks the terminal for; it takes what there is."""
    bars_min: int = Field(2000, ge=100, le=1_000_000)
    """Fewest bars of every symbol without which nothing is trained."""
    backfill_parts_max: int = Field(12, ge=0, le=1000)
    """Parts of history, 20,000 bars each, that a training with too few bars asks a terminal of real
    prices for, a symbol; what came is kept under data/, and 0 asks for none."""
    time_s: float = Field(900.0, ge=1.0, le=86_400.0)
    """Process seconds after which a training is ended; what served goes on serving."""
    memory_mb: int = Field(3000, ge=200, le=1_000_000)
    """Memory at which a training is ended."""
    duration_s: int = Field(7200, ge=1, le=604_800)
    """Market seconds after which a training's result counts in virtual time, whatever it took."""
    seed: int = Field(1, ge=0, le=2**31)
    """Seed of what is random in a training."""
    expiry_days: int = Field(90, ge=1, le=3650)
    """Days after the end of its training data on which a model is refused."""
