"""The persons around a simulated system: one who looks at it now and then, one who is told."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from blackboard.facts import ACCOUNT, OperatorCommand, TradingStateChanged
from blackboard.facts.control import Command, TradingState
from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.simulation.messenger import Messenger
from runtime.simulation.process import Process

if TYPE_CHECKING:
    from runtime.simulation.world import SimulatedSystem

LOOK_S: Final = 1800.0
"""Time between two looks of the operator."""
PATIENCE_NS: Final = 2 * HOUR_NS
"""How long the operator leaves a restriction alone before asking for activity again."""
MESSAGES_S: Final = 3600.0
"""Time between two attempts of the messenger."""


async def operate(system: "SimulatedSystem") -> None:
    """Resume what is held back for long, and start again what was given up.

    In liveness mode the operator looks once more when the faults have ended, and then goes home:
    what is restricted from then on must say so, or find its own way out.
    """
    healed_ns = system.faults.plan.healed_ns
    while not healed_ns or system.time.true_ns < healed_ns:
        await asyncio.sleep(LOOK_S)
        _look(system, PATIENCE_NS)
    await asyncio.sleep(system.seconds_to(healed_ns + 10 * MINUTE_NS))
    _look(system, 0)


async def be_told(system: "SimulatedSystem", folder: Path) -> None:
    """Send the operator what the council reports."""
    line = system.line(Process("messenger"))
    messenger = Messenger(folder, line, system.faults, system.recorder)
    while True:
        await asyncio.sleep(MESSAGES_S)
        await messenger.look()


def _look(system: "SimulatedSystem", patience_ns: int) -> None:
    service = system.board.service
    if service is None:
        return
    system.watch.release_quarantined()
    said = service.board.latest(TradingStateChanged, ACCOUNT)
    if said is None or not isinstance(said.fact, TradingStateChanged):
        return
    is_held = said.fact.state in (TradingState.REDUCING, TradingState.HALTED)
    if is_held and said.known_at_ns < system.clock.now_ns() - patience_ns:
        system.watch.post(OperatorCommand(scope=ACCOUNT, command=Command.RESUME, origin="cli"))
