"""One nine-agent run in this process, timed or sampled; a script of its own, so none warms another.

The seconds are those of the host's run: agents, board, journal with its lineage, terminal and its
ledger. Start, imports, loading of the history and the closing report are not part of them.
"""

import contextlib
import importlib
import io
import json
import signal
import sys
from collections import Counter
from time import perf_counter, process_time
from types import FrameType
from typing import Final

import launch
from agents.agent import Agent
from runtime.inprocess import InProcessHost

SAMPLE_S: Final = 0.002
LIBRARIES: Final = ("pandas_ta_classic", "scipy.optimize", "sklearn.covariance")
"""What agents import at their first use; that belongs to the start."""
PARTS: Final = {
    ("runtime/journals/diskcache.py", "append"): "journal",
    ("blackboard/journal.py", "seal"): "hash chain",
    ("blackboard/board.py", "commit"): "board: admit, order, encode",
    ("runtime/supersteps.py", "settle"): "supersteps: who has something to read",
    ("runtime/seat.py", "turn"): "seats: requests and replies",
    ("runtime/terminal_world.py", "perform"): "terminal: bars, quotes, account, orders",
    ("runtime/inprocess_driver.py", "_pace"): "driver: view and status",
    ("runtime/inprocess.py", "run"): "host",
}
"""Functions whose time, with what they call, makes a row; the innermost one counts."""


class Sampler:
    """Looks after every so much processor time where the main thread is.

    A signal is handled between two steps of the interpreter, so what a library computes counts for
    the line that called it; a thread that looks would count only what waits for it.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._look)

    def start(self) -> None:
        """Begin to count."""
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)

    def end(self) -> None:
        """Stop counting."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        self.counts[part_of(frame)] += 1


def part_of(frame: FrameType | None) -> str:
    """Return the part of the system that a stack is in."""
    while frame is not None:
        code = frame.f_code
        if code is Agent.step.__code__:
            return f"agent: {frame.f_locals['self'].name}"
        file = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
        for (path, function), part in PARTS.items():
            if code.co_name == function and path.endswith(file):
                return part
        frame = frame.f_back
    return "other"


def main(samples: bool, arguments: list[str]) -> None:
    """Run and print one JSON object."""
    told: dict[str, object] = {}
    whole = InProcessHost.run
    for library in LIBRARIES:
        importlib.import_module(library)

    def run(self: InProcessHost) -> None:
        sampler = Sampler() if samples else None
        if sampler:
            sampler.start()
        started_s, cpu_s = perf_counter(), process_time()
        whole(self)
        told.update(
            seconds=perf_counter() - started_s,
            cpu_seconds=process_time() - cpu_s,
            entries=self.board.head,
            supersteps=self.supersteps.count,
        )
        if sampler:
            sampler.end()
            told.update(samples=dict(sampler.counts))

    InProcessHost.run = run  # type: ignore[method-assign] # the one place that sees only the run
    sys.argv = ["launch.py", "up", "--in-process", "--speed", "max", "--json", *arguments]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        launch.main()
    told.update(closing=json.loads(output.getvalue().strip().splitlines()[-1]))
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1] == "sampled", sys.argv[2:])
