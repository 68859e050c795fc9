"""What persons, brokers and clocks do to a running system from outside."""

import asyncio
from typing import TYPE_CHECKING, Final

from blackboard.facts import ACCOUNT, OperatorCommand
from blackboard.facts.control import Command
from runtime.emergency import close_all
from runtime.simulation.history import Flatten, Untradable
from runtime.simulation.outages import Event, until
from runtime.simulation.plan import PlannedFault
from runtime.terminals import constants as mt5

if TYPE_CHECKING:
    from runtime.simulation.world import SimulatedSystem

TWICE_S: Final = 3.0
DESELECT_S: Final = 600.0
"""Time between two attempts to hide a symbol."""


async def _is_last_over(system: "SimulatedSystem", fault: PlannedFault) -> bool:
    """Wait for the end of a fault's window; whether no other of its kind and scope still lasts."""
    window = (fault.kind, fault.scope)
    system.open_windows[window] += 1
    await until(system, fault)
    system.open_windows[window] -= 1
    return not system.open_windows[window]


async def _stop_deleted(system: "SimulatedSystem", fault: PlannedFault) -> None:
    ours = [held for held in system.hand.positions() if held.magic and held.sl]
    if ours and system.hand.delete_stop(ours[0].ticket):
        system.faults.note(fault, ours[0].symbol)


async def _margin_collapse(system: "SimulatedSystem", fault: PlannedFault) -> None:
    account = system.broker.terminal.account_info()
    if account is not None and system.hand.positions():
        system.faults.note(fault)
        system.hand.transfer(-round(account.balance * fault.value, 2))


async def _transfer(system: "SimulatedSystem", fault: PlannedFault) -> None:
    account = system.broker.terminal.account_info()
    if account is not None:
        system.faults.note(fault)
        system.hand.transfer(round(account.balance * fault.value, 2))


async def _credit(system: "SimulatedSystem", fault: PlannedFault) -> None:
    account = system.broker.terminal.account_info()
    if account is not None:
        system.faults.note(fault)
        system.hand.transfer(round(account.balance * fault.value, 2), mt5.DEAL_TYPE_CREDIT)


async def _foreign_trade(system: "SimulatedSystem", fault: PlannedFault) -> None:
    ticket = system.hand.open(fault.scope, fault.value, is_buy=fault.number % 2 == 0)
    if not ticket:
        return
    system.faults.note(fault)
    await until(system, fault)
    system.hand.close(ticket)


async def _closed_by_hand(system: "SimulatedSystem", fault: PlannedFault) -> None:
    ours = [held for held in system.hand.positions() if held.magic]
    if ours and system.hand.close(ours[0].ticket):
        system.faults.note(fault, ours[0].symbol)


async def _session_gap(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    system.recorder.untradable += [
        Untradable(
            symbol=symbol, from_ns=fault.at_ns, until_ns=fault.until_ns, reason="session closed"
        )
        for symbol in system.settings.symbols
    ]
    system.broker.terminal.conditions.is_session_open = False
    system.broker.terminal.conditions.is_session_open = await _is_last_over(system, fault)


async def _autotrading_off(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    system.broker.terminal.conditions.is_terminal_trade_allowed = False
    system.broker.terminal.conditions.is_terminal_trade_allowed = await _is_last_over(system, fault)


async def _wall_moved(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    shift_ns = int(fault.value * 1e9)
    system.time.wall_shift_ns += shift_ns
    await until(system, fault)
    system.time.wall_shift_ns -= shift_ns


async def _symbol_close_only(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    system.recorder.untradable.append(
        Untradable(
            symbol=fault.scope, from_ns=fault.at_ns, until_ns=fault.until_ns, reason="close only"
        )
    )
    system.broker.terminal.conditions.trade_modes[fault.scope] = mt5.SYMBOL_TRADE_MODE_CLOSEONLY
    if await _is_last_over(system, fault):
        system.broker.terminal.conditions.trade_modes.pop(fault.scope, None)


async def _symbol_deselected(system: "SimulatedSystem", fault: PlannedFault) -> None:
    # A terminal hides no symbol in which something is open.
    while system.time.true_ns < fault.until_ns:
        if system.broker.terminal.symbol_select(fault.scope, False):
            system.faults.note(fault)
            return
        await asyncio.sleep(DESELECT_S)


async def _stop_file(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    system.switch.set()
    await until(system, fault)
    system.switch.release()


async def _flatten_command(system: "SimulatedSystem", fault: PlannedFault) -> None:
    system.faults.note(fault)
    system.watch.post(_command(Command.FLATTEN))


async def _flatten_twice(system: "SimulatedSystem", fault: PlannedFault) -> None:
    await _flatten_command(system, fault)
    await asyncio.sleep(TWICE_S)
    system.watch.post(_command(Command.FLATTEN))


async def _flatten_at_terminal(system: "SimulatedSystem", fault: PlannedFault) -> None:
    if not system.broker.is_running or system.broker.hangs:
        return
    system.faults.note(fault)
    system.switch.set()
    from_ns, left = system.time.true_ns, 0
    try:
        await asyncio.get_running_loop().run_in_executor(None, close_all, system.emergency_line())
    except OSError:
        left = len(system.hand.positions())
    system.recorder.flattens.append(
        Flatten(from_ns=from_ns, until_ns=system.time.true_ns, left_open=left)
    )
    await asyncio.sleep(system.settings.timeframe.minutes * 120.0)
    system.switch.release()


def _command(command: Command) -> OperatorCommand:
    return OperatorCommand(scope=ACCOUNT, command=command, origin="cli")


EVENTS: Final[dict[str, Event]] = {
    "stop_deleted": _stop_deleted,
    "margin_collapse": _margin_collapse,
    "transfer": _transfer,
    "credit": _credit,
    "foreign_trade": _foreign_trade,
    "closed_by_hand": _closed_by_hand,
    "session_gap": _session_gap,
    "autotrading_off": _autotrading_off,
    "wall_jump": _wall_moved,
    "wall_step": _wall_moved,
    "symbol_close_only": _symbol_close_only,
    "symbol_deselected": _symbol_deselected,
    "stop_file": _stop_file,
    "flatten_command": _flatten_command,
    "flatten_twice": _flatten_twice,
    "flatten_at_terminal": _flatten_at_terminal,
}
