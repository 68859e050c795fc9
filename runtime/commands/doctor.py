"""``doctor``: what this machine and this configuration lack, each with its mend."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blackboard.errors import ConfigError
from config.secrets import load_secrets
from config.settings import Settings
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.machine import memory_bytes
from runtime.ray_session import RAY_VERSION_MIN, free_port, token_path

_console = Console(soft_wrap=True)
_STYLES = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}
_DISK_BYTES_MIN = 1 << 30
_MEMORY_BYTES_MIN = 4 << 30
_PACKAGES = {
    "ray": "ray",
    "numba": "numba",
    "pandas-ta-classic": "pandas_ta_classic",
    "torch": "torch",
    "scikit-learn": "sklearn",
    "xgboost-cpu": "xgboost",
    "stable-baselines3": "stable_baselines3",
    "transformers": "transformers",
}
EXIT_FOUND_ERRORS = 4


class Finding(msgspec.Struct, frozen=True):
    """One line of the examination."""

    verdict: str
    subject: str
    detail: str
    mend: str = ""


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(doctor)


def doctor(config: ConfigOption = None, set_: SetOption = None, json: JsonOption = False) -> None:
    """Examine Python, packages, ports, files, market and keys."""
    try:
        settings = load(config, set_).settings
        findings = [Finding("OK", "configuration", f"profile {settings.profile}")]
    except ConfigError as error:
        settings = Settings()
        findings = [Finding("FAIL", "configuration", str(error), "correct the values named")]
    for examine in (_python, _packages, _machine, _state, _ports, _tokens, _market, _keys):
        findings += examine(settings)
    if json:
        print(msgspec.json.encode(findings).decode())
    else:
        table = Table("", "subject", "finding", "mend", box=None)
        for found in findings:
            style = _STYLES[found.verdict]
            # Not as markup: a message may hold brackets.
            cells = (Text(text) for text in (found.subject, found.detail, found.mend))
            table.add_row(Text(found.verdict, style=style), *cells)
        _console.print(table)
    if any(found.verdict == "FAIL" for found in findings):
        raise SystemExit(EXIT_FOUND_ERRORS)


def _python(_settings: Settings) -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("OK" if good else "FAIL", "python", detail, "" if good else "use 3.11 or later")


def _packages(_settings: Settings) -> Iterator[Finding]:
    for package, module in _PACKAGES.items():
        if find_spec(module) is None:
            mend = "python -m pip install -e ."
            yield Finding(
                "FAIL" if package in {"ray", "numba"} else "WARN", package, "missing", mend
            )
            continue
        try:
            yield Finding("OK", package, version(package))
        except PackageNotFoundError:
            yield Finding("OK", package, "present")
    if find_spec("ray") is None:
        return
    ray_version = tuple(int(part) for part in version("ray").split(".")[:2])
    if ray_version < RAY_VERSION_MIN:
        detail = f"{version('ray')} has a dashboard that a web page can command"
        yield Finding("FAIL", "ray", detail, "python -m pip install -U ray")


def _machine(settings: Settings) -> Iterator[Finding]:
    memory = memory_bytes()
    enough = memory >= _MEMORY_BYTES_MIN
    detail = f"{os.cpu_count()} cores, {memory >> 20} MiB of memory free"
    yield Finding("OK" if enough else "WARN", "machine", detail, "" if enough else "close programs")
    home = settings.home.absolute()
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    enough = free >= _DISK_BYTES_MIN
    yield Finding(
        "OK" if enough else "FAIL",
        "disk",
        f"{free >> 20} MiB free at {place}",
        "" if enough else "free at least 1 GiB",
    )


def _state(settings: Settings) -> Iterator[Finding]:
    home = settings.home.absolute()
    if not home.exists():
        yield Finding("OK", "state", f"{home} will be made at the first start")
        return
    if not os.access(home, os.W_OK):
        yield Finding("FAIL", "state", f"{home} cannot be written", "choose another QUORUM_HOME")
        return
    open_to_others = os.name == "posix" and stat.S_IMODE(home.stat().st_mode) & 0o077
    mend = f"chmod 700 {home}" if open_to_others else ""
    yield Finding("WARN" if open_to_others else "OK", "state", str(home), mend)
    if (home / "STOP").exists():
        mend = f"delete {home / 'STOP'} to trade again"
        yield Finding("WARN", "kill switch", "set: nothing that raises risk leaves", mend)


def _ports(settings: Settings) -> Iterator[Finding]:
    terminal = settings.terminal
    if terminal.port:
        is_free = free_port(terminal.port, terminal.host) == terminal.port
        text = f"{terminal.port} is {'free' if is_free else 'taken'}"
        mend = "" if is_free else "set terminal.port to 0, which takes a free one"
        yield Finding("OK" if is_free else "FAIL", "terminal port", text, mend)
    if not settings.cluster.dashboard:
        return
    wanted = settings.cluster.dashboard_port
    found = free_port(wanted)
    text = f"{wanted} is free" if found == wanted else f"{wanted} is taken, {found} will be used"
    yield Finding("OK" if found == wanted else "WARN", "dashboard port", text)


def _tokens(_settings: Settings) -> Iterator[Finding]:
    for path in (token_path(), Path(".env")):
        if path.exists() and os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("FAIL", str(path), "readable by other users", f"chmod 600 {path}")
        elif path.exists():
            yield Finding("OK", str(path), "readable by you alone")


def _market(settings: Settings) -> Iterator[Finding]:
    from runtime.terminals.service import require_simulated
    from runtime.terminals.simulated.market import open_market

    try:
        require_simulated(settings)
    except ConfigError as error:
        yield Finding("FAIL", "terminal", str(error), "set terminal.kind to simulated")
        return
    try:
        market = open_market(settings)
    except ConfigError as error:
        yield Finding("FAIL", "market", str(error), "correct the values named")
        return
    kind = "recorded bars" if settings.market.history.path else "synthetic market"
    yield Finding("OK", "terminal", f"simulated, {kind}, {len(market.source.traits())} symbols")
    for warning in market.notes:
        yield Finding("WARN", "market", warning)


def _keys(_settings: Settings) -> Iterator[Finding]:
    present = load_secrets().present()
    having = [name for name, is_set in present.items() if is_set]
    yield Finding(
        "OK", "keys", f"{len(having)} of {len(present)} set: {', '.join(having) or 'none'}"
    )
