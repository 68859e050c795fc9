"""One run from a seed to its verdict: what happened, its hash, and what was broken."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import structlog

from blackboard.facts import OrderSubmitting, TradeClosed
from blackboard.journal import GENESIS
from models.market.sessions import was_open_before
from runtime.clock import installed, process_s
from runtime.fault_sites import heard_by
from runtime.simulation.checker import Violation, check
from runtime.simulation.events import happen
from runtime.simulation.history import History, TrueBar
from runtime.simulation.loop import VirtualLoop, VirtualTime
from runtime.simulation.people import be_told, operate
from runtime.simulation.plan import (
    PROGRESS_WITHIN_NS,
    FaultPlan,
    Mode,
    make_plan,
    without_faults,
)
from runtime.simulation.process import let_it_run
from runtime.simulation.recorder import Recorder
from runtime.simulation.scenario import scenario_of
from runtime.simulation.world import SimulatedSystem

SETTLING_S: Final = 7200.0
"""Time after the end in which what was cancelled unwinds; nobody is there to act in it."""


class SimulationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to; plain data."""

    seed: int
    mode: str
    journal_hash: str
    """Hash of the newest block, which stands for the whole chain."""
    entries: int
    orders: int
    trades: int
    families: dict[str, int]
    """Faults that really struck, by family."""
    violations: tuple[Violation, ...] = ()
    """In the order in which they happened."""
    wall_s: float


def simulate(seed: int, mode: Mode = "safety", *, faults: bool = True) -> SimulationResult:
    """Run one seed."""
    return run(seed, mode, faults=faults)[0]


def run(
    seed: int, mode: Mode = "safety", *, faults: bool = True
) -> tuple[SimulationResult, History]:
    """Run one seed and return its history as well."""
    started_s = process_s()
    with tempfile.TemporaryDirectory(prefix="quorum-sim-") as home:
        scenario = scenario_of(seed, Path(home))
        symbols = scenario.settings.symbols
        plan = without_faults(seed, scenario.start_ns, scenario.end_ns)
        if faults:
            plan = make_plan(seed, mode, scenario.start_ns, scenario.end_ns, symbols)
        time = VirtualTime(scenario.start_ns)
        with installed(time):
            system = _lived(SimulatedSystem(scenario, plan, time), time)
            history = system.recorder.history(
                settings=scenario.settings,
                source=system.source,
                faults=system.faults,
                blocks=system.disk.blocks(),
                deals=system.broker.ledger.all_deals(),
                bars=_true_bars(system),
                progress_within_ns=PROGRESS_WITHIN_NS,
            )
    result = SimulationResult(
        seed=seed,
        mode=mode,
        journal_hash=(history.blocks[-1].hash if history.blocks else GENESIS).hex(),
        entries=len(history.entries),
        orders=sum(isinstance(entry.fact, OrderSubmitting) for entry in history.entries),
        trades=sum(isinstance(entry.fact, TradeClosed) for entry in history.entries),
        families=system.faults.families,
        violations=(*system.recorder.broken, *check(history)),
        wall_s=process_s() - started_s,
    )
    return result, history


def plan_of(seed: int, mode: Mode) -> FaultPlan:
    """Return the plan of a seed without running it."""
    scenario = scenario_of(seed, Path())
    return make_plan(seed, mode, scenario.start_ns, scenario.end_ns, scenario.settings.symbols)


def _lived(system: SimulatedSystem, time: VirtualTime) -> SimulatedSystem:
    loop = VirtualLoop(time, system.latency_s, let_it_run)
    try:
        with heard_by(system.reached), _logged_by(system.recorder):
            loop.run_until_complete(_live(system))
    finally:
        loop.close()
    return system


async def _live(system: SimulatedSystem) -> None:
    loop = asyncio.get_running_loop()
    system.come_up()
    system.broker.record()
    around = [
        loop.create_task(work)
        for work in (
            happen(system),
            operate(system),
            be_told(system, system.settings.home / "messages"),
        )
    ]
    await _sample_closes(system)
    for task in around:
        task.cancel()
    system.go_down()
    system.switch.end()
    await asyncio.sleep(SETTLING_S)


async def _sample_closes(system: SimulatedSystem) -> None:
    length_ns = system.settings.timeframe.length_ns
    close_ns = system.scenario.start_ns
    while close_ns < system.scenario.end_ns:
        close_ns += length_ns
        await asyncio.sleep(system.seconds_to(close_ns))
        if was_open_before(close_ns):
            system.broker.record(is_close=True)


def _true_bars(system: SimulatedSystem) -> tuple[TrueBar, ...]:
    timeframe = system.settings.timeframe
    count = (system.scenario.end_ns - system.scenario.start_ns) // timeframe.length_ns
    return tuple(
        bar
        for symbol in system.settings.symbols
        for bar in system.broker.bars(symbol, timeframe, count)
    )


@contextmanager
def _logged_by(recorder: Recorder) -> Iterator[None]:
    """Let all log events go to the record, and nowhere else."""

    def keep(_logger: object, _name: str, event: structlog.typing.EventDict) -> str:
        recorder.told("log", repr(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.format_exc_info, keep])
    try:
        yield
    finally:
        structlog.configure(**before)
