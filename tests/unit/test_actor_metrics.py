"""What an agent's process tells Ray's metrics, and that it tells nothing where they are off."""

from typing import Any

import pytest

from runtime import actor_metrics as module
from runtime.actor_metrics import ActorMetrics


class Meter:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.tags: dict[str, str] = {}

    def set_default_tags(self, tags: dict[str, str]) -> None:
        """Note whose it is."""
        self.tags = tags

    def inc(self, value: float = 1.0) -> None:
        """Count; Ray refuses nothing and less."""
        assert value > 0.0
        self.told.append(value)

    def set(self, value: float) -> None:
        """Note the value."""
        self.told.append(value)

    observe = set


@pytest.fixture
def meters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Meter]:
    """Put meters of our own in the place of Ray's."""
    found = {name: Meter() for name in ("turn", "inbox", "posted", "starts", "loop_age")}
    monkeypatch.setattr(module, "_meters", lambda: found)
    return found


def test_a_turn_is_told_under_the_name_of_its_agent(meters: dict[str, Meter]) -> None:
    """Its time, what it posted, the start of its process; the gauges again whenever asked."""
    metrics = ActorMetrics("risk", is_on=True)
    metrics.turned(0.02, inbox=5, posted=3)
    metrics.turned(0.01, inbox=7, posted=0)
    metrics.refresh(loop_age_s=1.5)
    metrics.refresh(loop_age_s=2.5)

    assert {name: meter.told for name, meter in meters.items()} == {
        "turn": [0.02, 0.01],
        "posted": [3],
        "starts": [1.0],
        "inbox": [7, 7],
        "loop_age": [1.5, 2.5],
    }
    assert {meter.tags["agent"] for meter in meters.values()} == {"risk"}


def test_nothing_is_told_where_metrics_are_off(meters: dict[str, Meter]) -> None:
    """No meter is made, and a turn costs nothing."""
    metrics = ActorMetrics("risk", is_on=False)
    metrics.turned(0.02, inbox=5, posted=3)
    metrics.refresh(loop_age_s=1.5)

    assert not metrics.is_on
    assert not any(meter.told for meter in meters.values())
