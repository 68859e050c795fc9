"""What holds a simulated market shut lets go when the last of its kind has ended, not before."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from models.market.sessions import SECOND_NS
from runtime.simulation.interventions import EVENTS
from runtime.simulation.loop import VirtualLoop, VirtualTime
from runtime.simulation.plan import PlannedFault
from runtime.terminals import constants as mt5

START_NS = 1_700_000_000_000_000_000
FULL = mt5.SYMBOL_TRADE_MODE_FULL


def a_system(time: VirtualTime) -> Any:
    """Return what a window needs of a system: its time, its broker's conditions, its records."""
    conditions = SimpleNamespace(
        is_session_open=True, is_terminal_trade_allowed=True, trade_modes={}
    )
    return SimpleNamespace(
        time=time,
        open_windows=Counter(),
        faults=SimpleNamespace(note=lambda *_: None),
        recorder=SimpleNamespace(untradable=[]),
        settings=SimpleNamespace(symbols=("EURUSD", "USDJPY")),
        broker=SimpleNamespace(terminal=SimpleNamespace(conditions=conditions)),
    )


def a_window(kind: str, from_s: int, until_s: int, scope: str = "") -> PlannedFault:
    """Return a fault that holds for some seconds of the run."""
    return PlannedFault(
        number=0,
        family="F17",
        kind=kind,
        at_ns=START_NS + from_s * SECOND_NS,
        until_ns=START_NS + until_s * SECOND_NS,
        strikes=0,
        scope=scope,
    )


def is_open(conditions: Any, kind: str) -> bool:
    """Whether nothing of a kind is shut, for EURUSD where symbols differ."""
    match kind:
        case "session_gap":
            return bool(conditions.is_session_open)
        case "autotrading_off":
            return bool(conditions.is_terminal_trade_allowed)
        case _:
            return bool(conditions.trade_modes.get("EURUSD", FULL) == FULL)


def looks(windows: list[PlannedFault], seconds: list[int]) -> list[bool]:
    """Return whether the market is open at some seconds while windows come and go."""
    time = VirtualTime(START_NS)
    system = a_system(time)
    kind = windows[0].kind
    seen: dict[int, bool] = {}

    async def begin(window: PlannedFault) -> None:
        await asyncio.sleep((window.at_ns - START_NS) // SECOND_NS)
        await EVENTS[kind](system, window)

    async def look(second: int) -> None:
        await asyncio.sleep(second)
        seen[second] = is_open(system.broker.terminal.conditions, kind)

    async def all_of_them() -> None:
        await asyncio.gather(*map(begin, windows), *map(look, seconds))

    loop = VirtualLoop(time, lambda: 0.0)
    loop.run_until_complete(all_of_them())
    loop.close()
    return [seen[second] for second in seconds]


@pytest.mark.parametrize("kind", ["session_gap", "autotrading_off", "symbol_close_only"])
def test_overlapping_windows_hold_until_the_last_has_ended(kind: str) -> None:
    """Of 10..40 s and 20..90 s the first ends inside the second, which holds on to 90 s."""
    windows = [a_window(kind, 10, 40, "EURUSD"), a_window(kind, 20, 90, "EURUSD")]

    assert looks(windows, [5, 15, 30, 60, 89, 95]) == [True, False, False, False, False, True]


def test_a_window_of_another_symbol_holds_nothing_here() -> None:
    """EURUSD may be entered again although GBPUSD may not."""
    windows = [
        a_window("symbol_close_only", 10, 40, "EURUSD"),
        a_window("symbol_close_only", 20, 90, "GBPUSD"),
    ]

    assert looks(windows, [15, 60]) == [False, True]
