"""Faults that come by themselves, at their time: deaths, cuts, hands, switches.

Each kind of the catalogue that is not met on somebody's way is a coroutine here or in the tables of
its neighbours. It says when it strikes, and returns when its effect is over: whatever it has
changed is changed back by itself, and at the latest when the plan says so.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from models.market.sessions import SECOND_NS
from runtime.simulation import interventions, outages, probes
from runtime.simulation.outages import Event

if TYPE_CHECKING:
    from runtime.simulation.world import SimulatedSystem

EVENTS: Final[dict[str, Event]] = {**outages.EVENTS, **interventions.EVENTS, **probes.EVENTS}
"""What happens at a time of its own, by the kind of the catalogue."""


async def happen(system: "SimulatedSystem") -> None:
    """Let every planned event happen at its time."""
    loop = asyncio.get_running_loop()
    under_way = []
    for fault in system.faults.plan.faults:
        if fault.kind in EVENTS:
            await asyncio.sleep(max(0.0, (fault.at_ns - system.time.true_ns) / SECOND_NS))
            under_way.append(loop.create_task(EVENTS[fault.kind](system, fault)))
    for task in under_way:
        await task
