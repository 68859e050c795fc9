"""Many seeds over several processes, each run twice under different hashes of text.

A worker is a fresh interpreter, so that nothing of this process reaches the runs. The two runs of a
seed happen in workers whose sets and dictionaries of text are ordered differently: an order that
depended on that would give another journal.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing import get_context
from typing import Any, Final, Protocol

import msgspec

from runtime.machine.current import MACHINE
from runtime.simulation.checks.record import Violation
from runtime.simulation.plan import MODES, Mode
from runtime.simulation.run import SimulationResult, simulate

HASH_SEEDS: Final = ("1", "2")
"""Seeds of the hash of text in the workers of the first and of the second run."""
WAITING_MAX: Final = 4
"""Seeds handed out ahead of each worker."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one seed."""

    seed: int
    mode: Mode
    journal_hash: str = ""
    entries: int = 0
    orders: int = 0
    trades: int = 0
    families: dict[str, int] = {}
    violations: tuple[Violation, ...] = ()
    failure: str = ""
    """Why there is no verdict, or what the second run had different."""
    wall_s: float = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether a promise was broken, or the run itself failed."""
        return bool(self.violations or self.failure)

    def line(self) -> str:
        """Return it as one line of JSON."""
        return msgspec.json.encode(self).decode()


class Workers(Protocol):
    """Fresh interpreters that run seeds."""

    def submit(self, run: Callable[..., bytes], /, *task: Any) -> Future[bytes]:
        """Run one seed."""


Open = Callable[[int, str], AbstractContextManager[Workers]]
"""Makes so many workers with a hash seed."""


class _RayTasks:
    """Tasks of the cluster that was joined, in interpreters with a hash seed of their own."""

    def __init__(self, hash_seed: str) -> None:
        self._options: dict[str, Any] = {
            "num_cpus": 1,
            "runtime_env": {"env_vars": {"PYTHONHASHSEED": hash_seed}},
        }

    def submit(self, run: Callable[..., bytes], /, *task: Any) -> Future[bytes]:
        """Run one seed wherever a processor is free."""
        import ray

        remote: Any = ray.remote(**self._options)(run)
        running: Future[bytes] = remote.remote(*task).future()
        return running


class Campaign:
    """Runs seeds and counts what they show."""

    def __init__(
        self, seeds: Sequence[int], mode: str, *, jobs: int, twice: bool, is_spread: bool = False
    ) -> None:
        self.families: dict[str, int] = {}
        """Faults that really struck, by family, over all seeds so far."""
        self.done = 0
        self.broken = 0
        self._tasks = [(seed, _mode_of(seed, mode)) for seed in seeds]
        self._runs = len(HASH_SEEDS) if twice else 1
        self._jobs = jobs
        self._open: Open = _tasks if is_spread else _pool

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of every seed, in the order in which they are done."""
        counts: Counter[str] = Counter()
        with ExitStack() as stack:
            workers = max(1, self._jobs // self._runs)
            pools = [
                stack.enter_context(self._open(workers, hash_seed))
                for hash_seed in HASH_SEEDS[: self._runs]
            ]
            for outcome in self._collected(pools, workers):
                counts.update(outcome.families)
                self.families = dict(sorted(counts.items(), key=lambda item: int(item[0][1:])))
                self.done += 1
                self.broken += outcome.is_broken
                yield outcome

    def _collected(self, pools: Sequence["Workers"], workers: int) -> Iterator[Outcome]:
        # A few at a time: a campaign that is interrupted should not finish what nobody waits for.
        waiting: dict[tuple[int, Mode], list[Future[bytes]]] = {}
        tasks = iter(self._tasks)
        while True:
            for task in tasks:
                waiting[task] = [pool.submit(_run, *task) for pool in pools]
                if len(waiting) >= workers * WAITING_MAX:
                    break
            if not waiting:
                return
            under_way = [run for runs in waiting.values() for run in runs if not run.done()]
            if under_way:
                wait(under_way, return_when=FIRST_COMPLETED)
            for task in [task for task, runs in waiting.items() if all(r.done() for r in runs)]:
                yield _outcome(*task, waiting.pop(task))


_decode: Final = msgspec.msgpack.Decoder(SimulationResult).decode


def _mode_of(seed: int, mode: str) -> Mode:
    for each in MODES:
        if mode == each:
            return each
    return MODES[seed % len(MODES)]


def _outcome(seed: int, mode: Mode, runs: list[Future[bytes]]) -> Outcome:
    errors = [repr(error) for run in runs if (error := run.exception()) is not None]
    if errors:
        return Outcome(seed=seed, mode=mode, failure=f"the run did not end: {errors[0]}")
    results = [_decode(run.result()) for run in runs]
    first = results[0]
    differs = [each.journal_hash for each in results if each.journal_hash != first.journal_hash]
    failure = f"two runs, two journals: {first.journal_hash}, {differs[0]}" if differs else ""
    return Outcome(
        seed=seed,
        mode=mode,
        journal_hash=first.journal_hash,
        entries=first.entries,
        orders=first.orders,
        trades=first.trades,
        families=first.families,
        violations=first.violations,
        failure=failure,
        wall_s=sum(each.wall_s for each in results),
    )


def _run(seed: int, mode: Mode) -> bytes:
    return msgspec.msgpack.encode(simulate(seed, mode))


@contextmanager
def _tasks(_workers: int, hash_seed: str) -> Iterator[Workers]:
    yield _RayTasks(hash_seed)


def _pool(workers: int, hash_seed: str) -> ProcessPoolExecutor:
    # The interpreter reads it before anything of ours runs, so it must be there when one is made.
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = hash_seed
    try:
        pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=MACHINE.lower_priority
        )
        for worker in [pool.submit(os.getpid) for _ in range(workers)]:
            worker.result()
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
    return pool
