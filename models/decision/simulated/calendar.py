"""Where an instant lies on the market's own clock, looked up among the days."""

from models.decision.simulated.columns import World
from models.decision.simulated.compiling import part


@part
def day_of(world: World, ts_ns: int) -> int:
    """Return the row of the trading day that holds an instant."""
    low, high = 0, world.days.shape[0]
    while high - low > 1:
        middle = (low + high) // 2
        if world.days[middle].start_ns <= ts_ns:
            low = middle
        else:
            high = middle
    return low


@part
def next_day_ns(world: World, ts_ns: int) -> int:
    """Return when the trading day that holds an instant ends."""
    return world.days[day_of(world, ts_ns) + 1].start_ns


@part
def next_week_ns(world: World, ts_ns: int) -> int:
    """Return when the week after the one that holds an instant opens."""
    return world.days[day_of(world, ts_ns)].next_week_ns
