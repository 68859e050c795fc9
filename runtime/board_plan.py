"""What a board actor is started with, and what it tells of itself; plain data."""

import msgspec

from blackboard.access import Declaration
from blackboard.admission import Pulse
from blackboard.board import BoardLimits
from runtime.clock import ScaledClock
from runtime.ground import CommonGround


class BoardPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a board actor needs to start, and to start again; plain data."""

    folder: str
    declarations: dict[str, Declaration]
    order: tuple[str, ...]
    """Agents that take part, in the order of their commits."""
    limits: BoardLimits
    bytes_max: int
    clock: ScaledClock
    """Market time in live mode, and the pace of virtual time where there is one."""
    is_virtual: bool
    start_ns: int
    end_ns: int
    is_paced: bool
    """Whether virtual time keeps to the clock instead of running as fast as it can."""
    log_folder: str
    log: str
    """Settings of the log as JSON."""
    profile: str
    """Of the run; every line of the log says it."""
    serves_nodes: bool = False
    """Whether it listens where other machines of the cluster reach it, instead of on loopback."""
    ground: CommonGround | None = None
    """What its node must have, on a cluster that was joined."""


class BoardPulse(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is getting on."""

    head: int
    now_ns: int
    """Market time."""
    supersteps: int
    has_ended: bool
    failure: str
    """Why nothing can be stored any more; empty while it can."""
    authors: dict[str, Pulse]
