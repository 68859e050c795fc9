"""What an agent's process tells Ray's own metrics: turns, inbox, posts, starts, age of the loop.

They show in Ray's dashboard and on the port of its metrics, as ``ray_quorum_agent_...`` with the
tag ``agent``. Whatever concerns trading is told by the console's metrics, from facts; these
describe processes. A counter of an ended process stays, a gauge fades within half a minute, so ask
for ``sum by (agent) (rate(...))`` and ``max by (agent) (...)``.
"""

from typing import Any, Final

GAUGES_EVERY_S: Final = 5.0
"""Ray drops a gauge that is not set again within some 30 s."""
TURN_BOUNDS_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_TAGS: Final = ("agent",)


class ActorMetrics:
    """The meters of one agent; tells nothing where the cluster's metrics are off."""

    def __init__(self, agent: str, *, is_on: bool) -> None:
        self._meters: dict[str, Any] = {}
        self._inbox = 0
        if is_on:
            self._meters = _meters()
            for meter in self._meters.values():
                meter.set_default_tags({"agent": agent})
            self._meters["starts"].inc()

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return bool(self._meters)

    def turned(self, seconds: float, inbox: int, posted: int) -> None:
        """Take one turn: how long it took until its post was acknowledged, and its sizes."""
        self._inbox = inbox
        if not self._meters:
            return
        self._meters["turn"].observe(seconds)
        if posted:
            self._meters["posted"].inc(posted)

    def refresh(self, loop_age_s: float) -> None:
        """Set the gauges again."""
        if self._meters:
            self._meters["inbox"].set(self._inbox)
            self._meters["loop_age"].set(loop_age_s)


def _meters() -> dict[str, Any]:
    from ray.util.metrics import Counter, Gauge, Histogram

    return {
        "turn": Histogram(
            "quorum_agent_turn_seconds",
            "From a step until its post is acknowledged",
            list(TURN_BOUNDS_S),
            _TAGS,
        ),
        "inbox": Gauge("quorum_agent_inbox", "Entries and replies in the latest inbox", _TAGS),
        "posted": Counter("quorum_agent_posted", "Facts handed to the board", _TAGS),
        "starts": Counter("quorum_agent_starts", "Starts of the process", _TAGS),
        "loop_age": Gauge(
            "quorum_agent_loop_age_seconds", "Since the latest turn of the loop", _TAGS
        ),
    }
