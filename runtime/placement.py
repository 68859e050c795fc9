"""On which node of a cluster an actor or a training runs.

`cluster.placement` names a custom resource of Ray for whatever is to run on certain nodes. Agents
that it does not name are dealt out to the nodes in turn, and go elsewhere when theirs dies: Ray's
own spreading looks at processors, and an agent takes none. A board whose journal is in a folder of
this machine stays here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from blackboard.errors import ConfigError
from config.system import ClusterSection

BOARD: Final = "board"
TRAINING: Final = "training"
_AMOUNT: Final = 0.001
"""Of a resource that an actor takes: a node with one of it has room for all."""


class Placement:
    """Where the parts of one run are placed, on the cluster that this process has joined.

    `nodes` are the ids of Ray's nodes, empty where there is one alone.
    """

    def __init__(
        self, section: ClusterSection, *, keeps_board: bool, nodes: Sequence[str] = ()
    ) -> None:
        self._section = section
        self._keeps_board = keeps_board
        self._nodes = nodes
        self._dealt = 0

    def look_around(self, *, is_joined: bool) -> None:
        """Learn what the cluster has; ConfigError names a resource that no node of it has."""
        import ray

        if is_joined:
            found = (node for node in ray.nodes() if node["Alive"])  # type: ignore[no-untyped-call]
            self._nodes = sorted(node["NodeID"] for node in found)
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
        if not self._nodes:
            return {}
        if what != BOARD:
            self._dealt += 1
            return _on(self._nodes[self._dealt % len(self._nodes)], soft=True)
        if not self._keeps_board:
            return {}
        import ray

        return _on(ray.get_runtime_context().get_node_id(), soft=False)


def _on(node: str, *, soft: bool) -> dict[str, Any]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=soft)}


def training_options(section: ClusterSection) -> dict[str, Any]:
    """Return Ray's options for a training."""
    resource = section.placement.get(TRAINING)
    return {"resources": {resource: _AMOUNT}} if resource else {}
