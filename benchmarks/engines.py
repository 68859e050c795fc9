"""The peers: each in a virtual environment of its own, run as a process that answers in JSON."""

import json
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import gettempdir
from typing import Final, NamedTuple

from benchmarks.market import WORK

ENGINES: Final = {
    "vectorbt": "vectorbt==1.2.0",
    "backtesting": "backtesting==0.6.6",
    "nautilus": "nautilus_trader==1.221.0",
}
"""What is installed for each peer."""
FOLDER: Final = Path(gettempdir()) / "quorum-benchmarks"
"""Environments and columns; may be deleted at any time."""
RUN_TIMEOUT_S: Final = 1800.0
INSTALL_TIMEOUT_S: Final = 900.0


class Measured(NamedTuple):
    """What a peer did; without seconds it could not run, for a reason."""

    version: str
    seconds: tuple[float, ...]
    trades: int
    reason: str = ""


def run_peer(name: str, columns: Path, repetitions: int, **changed: float) -> Measured:
    """Run a peer's script over columns, installing it first where it is not here yet."""
    try:
        python = _installed(name)
        script = Path(__file__).with_name("peers") / f"{name}_cross.py"
        work = json.dumps({**WORK._asdict(), **changed})
        answer = _run(RUN_TIMEOUT_S, str(python), str(script), str(columns), str(repetitions), work)
    except (OSError, subprocess.SubprocessError) as error:
        return Measured(version="", seconds=(), trades=0, reason=_reason(error))
    told = json.loads(answer.strip().splitlines()[-1])
    return Measured(told["version"], tuple(told["seconds"]), told["trades"])


def _installed(name: str) -> Path:
    folder = FOLDER / "environments" / ENGINES[name]
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "installed"
    if not done.exists():
        print(f"installing {ENGINES[name]} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        _run(INSTALL_TIMEOUT_S, str(python), "-m", "pip", "install", "-q", ENGINES[name])
        done.touch()
    return python


def _run(timeout_s: float, *command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True)
    return done.stdout


def _reason(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or "").strip().splitlines()
        return lines[-1] if lines else f"exit code {error.returncode}"
    return str(error)
