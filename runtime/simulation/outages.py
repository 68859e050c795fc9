"""What ends, freezes or cuts off processes, and what happens to the disk meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from blackboard.chain import read_all
from blackboard.errors import JournalCorrupt
from models.market.sessions import SECOND_NS
from runtime.simulation.disk import SimulatedDisk
from runtime.simulation.history import JournalLoss
from runtime.simulation.plan import PlannedFault
from runtime.simulation.recorder import entries_after

if TYPE_CHECKING:
    from runtime.simulation.world import SimulatedSystem

Event = Callable[["SimulatedSystem", PlannedFault], Coroutine[Any, Any, None]]

FROZEN_S: Final = 15.0
"""After how long the watch ends a process that does not answer."""
RESTART_S: Final = 60.0
"""How long a machine takes to be up again."""
REPAIR_S: Final = 600.0
"""How long a person takes to come and mend a journal."""
LOOKED_S: Final = 3600.0
"""How long the kill switch stays set after that, until the person has looked at the account."""


async def until(system: "SimulatedSystem", fault: PlannedFault) -> None:
    """Wait for the end of a fault's window."""
    await asyncio.sleep(max(0.0, (fault.until_ns - system.time.true_ns) / SECOND_NS))


async def _agent_killed(system: "SimulatedSystem", fault: PlannedFault) -> None:
    if system.watch.kill(fault.scope):
        system.faults.note(fault)


async def _agent_hangs(system: "SimulatedSystem", fault: PlannedFault) -> None:
    resident = system.watch.residents.get(fault.scope)
    if resident is None or resident.is_dead:
        return
    system.faults.note(fault)
    resident.freeze()
    lasts_s = (fault.until_ns - fault.at_ns) / SECOND_NS
    await asyncio.sleep(min(lasts_s, FROZEN_S))
    if lasts_s > FROZEN_S:
        resident.kill()
    else:
        resident.thaw()


async def _voter_missing(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.watch.hold(fault.scope, fault.until_ns)
    if system.watch.kill(fault.scope):
        system.faults.note(fault)
    await until(system, fault)


async def _twin(system: "SimulatedSystem", fault: PlannedFault) -> None:
    # To the others it is dead; it is only cut off from the board, and comes back.
    resident = system.watch.residents.get(fault.scope)
    if resident is None or resident.is_dead:
        return
    system.faults.note(fault)
    resident.is_cut_off = True
    system.watch.start(fault.scope)
    await until(system, fault)
    resident.is_cut_off = False


async def _board_killed(system: "SimulatedSystem", fault: PlannedFault) -> None:
    if not system.is_up:
        return
    system.faults.note(fault)
    system.board.kill()
    await until(system, fault)
    if system.is_up and system.board.service is None:
        system.board.start()


async def _loss_in_restart(system: "SimulatedSystem", fault: PlannedFault) -> None:
    account = system.broker.terminal.account_info()
    if account is None:
        return
    system.faults.note(fault)
    for name in ("risk", "supervisor"):
        system.watch.kill(name)
    system.hand.charge(fault.value * account.equity)


async def _power_cut(system: "SimulatedSystem", fault: PlannedFault) -> None:
    if not system.is_up:
        return
    system.faults.note(fault)
    system.go_down()
    system.broker.kill()
    held = tuple(system.disk.blocks())
    system.disk.cut_power(fault.value)
    system.recorder.journal_losses.append(
        JournalLoss(
            at_ns=system.time.true_ns,
            from_seq=system.disk.head + 1,
            is_power_cut=True,
            entries=entries_after(held, system.disk.head),
        )
    )
    await asyncio.sleep(RESTART_S)
    system.come_up()


async def _stopped(system: "SimulatedSystem", fault: PlannedFault) -> None:
    if not system.is_up:
        return
    system.faults.note(fault)
    system.board.rest()
    system.go_down()
    system.broker.kill()
    await asyncio.sleep(5 * RESTART_S)
    system.come_up()


def _is_whole(disk: SimulatedDisk) -> bool:
    try:
        return all(True for _ in read_all(disk))
    except JournalCorrupt:
        return False


async def _disk_damaged(system: "SimulatedSystem", fault: PlannedFault) -> None:
    if not system.is_up:
        return
    system.faults.note(fault)
    system.go_down()
    held = tuple(system.disk.blocks())
    snapshot_head = system.disk.snapshot_head
    first_seq = system.disk.damage(int(fault.value))
    assert not _is_whole(system.disk), "a look at the whole chain must find a changed block"
    if first_seq > snapshot_head:
        assert not system.board.start(), "a board must not start on a changed block"
    await asyncio.sleep(REPAIR_S)
    # As `launch.py repair` does: what cannot be trusted goes aside, and the kill switch
    # stays set until a person has looked.
    system.switch.set()
    system.disk.truncate(first_seq)
    system.recorder.journal_losses.append(
        JournalLoss(
            at_ns=system.time.true_ns,
            from_seq=first_seq,
            entries=entries_after(held, first_seq - 1),
        )
    )
    system.come_up()
    await asyncio.sleep(LOOKED_S)
    system.switch.release()


EVENTS: Final[dict[str, Event]] = {
    "agent_killed": _agent_killed,
    "agent_hangs": _agent_hangs,
    "voter_missing": _voter_missing,
    "twin": _twin,
    "board_killed": _board_killed,
    "loss_in_restart": _loss_in_restart,
    "power_cut": _power_cut,
    "stopped": _stopped,
    "disk_damaged": _disk_damaged,
}
