"""On which node of a cluster an actor or a training runs.

`cluster.placement` names a custom resource of Ray for whatever is to run on certain nodes. What it
does not name is spread, except a board whose journal is in a folder of this machine: it stays here.
"""

from collections.abc import Mapping
from typing import Any, Final

from blackboard.errors import ConfigError
from config.system import ClusterSection

BOARD: Final = "board"
TRAINING: Final = "training"
_AMOUNT: Final = 0.001
"""Of a resource that an actor takes: a node with one of it has room for all."""


class Placement:
    """Where the parts of one run are placed, on the cluster that this process has joined."""

    def __init__(self, section: ClusterSection, *, is_joined: bool, keeps_board: bool) -> None:
        self._section = section
        self._is_joined = is_joined
        self._keeps_board = keeps_board

    def require_resources(self) -> None:
        """Refuse a resource that no node of the cluster has: ConfigError names it."""
        import ray

        there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        for what, resource in self._section.placement.items():
            if resource not in there:
                known = ", ".join(sorted(name for name in there if not name.startswith("node:")))
                raise ConfigError(
                    f"cluster.placement.{what} must be a resource of a node in the cluster "
                    f"({known}), was {resource}"
                )

    def options(self, what: str) -> Mapping[str, Any]:
        """Return Ray's options for the board or an agent."""
        if resource := self._section.placement.get(what):
            return {"resources": {resource: _AMOUNT}}
        if not self._is_joined:
            return {}
        if what == BOARD and self._keeps_board:
            import ray
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            here = ray.get_runtime_context().get_node_id()
            return {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}
        return {"scheduling_strategy": "SPREAD"}


def training_options(section: ClusterSection) -> dict[str, Any]:
    """Return Ray's options for a training."""
    resource = section.placement.get(TRAINING)
    return {"resources": {resource: _AMOUNT}} if resource else {}
