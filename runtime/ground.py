"""What a node must have in common with the driver before an actor may work there.

Agents read models and the terminal's token from the folder of the state, and write logs there; all
of it must be one folder for every node. They must run the same code, and reach the terminal. An
actor that comes up where one of these is missing says so and serves nothing.
"""

from pathlib import Path

import msgspec

from blackboard.errors import ConfigError
from runtime.run_plan import PLAN_FILE, RunPlan, read_plan
from runtime.self_check import is_loopback
from runtime.source_hash import code_hash


class CommonGround(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has, as seen from the node of its driver; plain data."""

    node_ip: str
    folder: str
    run_id: str
    code_hash: str

    def require(self, node_ip: str, terminal_url: str = "") -> None:
        """Raise ConfigError unless a node has it too; `terminal_url` is what it must reach."""
        self._require_folder(node_ip)
        if code_hash() != self.code_hash:
            raise ConfigError(
                f"node {node_ip} has other sources than the driver on {self.node_ip}: install the "
                "same version on every node, and start Ray there again"
            )
        host = terminal_url.partition("://")[2].rpartition(":")[0].strip("[]")
        is_elsewhere = node_ip != self.node_ip and not is_loopback(node_ip)
        if host and is_elsewhere and is_loopback(host):
            raise ConfigError(
                f"node {node_ip} does not reach the terminal at {terminal_url}, which answers on "
                f"{self.node_ip} alone: set terminal.host to an address of that machine, or keep "
                "the agents there by cluster.placement"
            )

    def _require_folder(self, node_ip: str) -> None:
        try:
            found = read_plan(Path(self.folder) / PLAN_FILE).run_id
        except (OSError, ConfigError):
            found = ""
        if found != self.run_id:
            raise ConfigError(
                f"node {node_ip} does not see the folder of this run, {self.folder}: QUORUM_HOME "
                "must be one folder, under one path, on every node that hosts the board or an agent"
            )


def ground_of(plan: RunPlan) -> CommonGround:
    """Return what a run on a joined cluster has; the driver calls it on its node."""
    return CommonGround(
        node_ip=_own_ip(),
        folder=plan.folder,
        run_id=plan.run_id,
        code_hash=code_hash(),
    )


def require_ground(ground: CommonGround | None, terminal_url: str = "") -> None:
    """Look at this node as an actor of a joined cluster; without a ground there is one node."""
    if ground is None:
        return
    ground.require(_own_ip(), terminal_url)


def _own_ip() -> str:
    import ray

    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return address
