"""What a driver tells of itself, with few words: this process, on Ray, a moment ago."""

import os
from typing import Any

from runtime.clock import wall_ns
from runtime.status import AgentLine, Status
from tests.builders import T0_NS


def a_status(*agents: AgentLine, **changes: Any) -> Status:
    """Return what this process tells of itself as the driver of `embedded`."""
    fields: dict[str, Any] = {
        "pid": os.getpid(),
        "book": "embedded",
        "marker": "SIMULATED",
        "started_wall_ns": 0,
        "written_wall_ns": wall_ns(),
        "now_ns": T0_NS,
        "host": "ray",
        "ray_address": "",
        "dashboard_url": "",
        "terminal_url": "",
        "terminal_pid": 0,
        "board_pid": 0,
        "head": 0,
        "supersteps": 0,
        "agents": list(agents),
    }
    return Status(**{**fields, **changes})


def an_agent_line(name: str = "risk", **changes: Any) -> AgentLine:
    """Return a healthy agent that has not posted yet."""
    fields: dict[str, Any] = {
        "class_name": "RiskAgent",
        "mode": "true",
        "health": "healthy",
        "pid": 1,
        "restarts": 0,
        "reason": "",
        "last_fact_age_s": -1.0,
        "posts_per_s": 0.0,
    }
    return AgentLine(name=name, **{**fields, **changes})
