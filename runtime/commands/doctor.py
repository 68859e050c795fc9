"""``doctor``: what this machine and this configuration lack, each with its mend."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blackboard.errors import ConfigError, TerminalUnavailable
from config.secrets import load_secrets
from config.settings import Settings
from runtime.book import book_of
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.feeds.lacking_keys import lacking_keys
from runtime.machine.current import MACHINE
from runtime.ray_session import free_port
from runtime.self_check import FAIL, OK, WARN, Finding, before_start
from runtime.terminals.gate import STOP_FILE_NAME

_console = Console(soft_wrap=True)
_STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}
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


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(doctor)


def doctor(config: ConfigOption = None, set_: SetOption = None, json: JsonOption = False) -> None:
    """Examine Python, packages, ports, files, market and keys."""
    try:
        settings = load(config, set_).settings
        findings = [Finding(OK, "configuration", f"profile {settings.profile}")]
    except ConfigError as error:
        settings = Settings()
        findings = [Finding(FAIL, "configuration", str(error), "correct the values named")]
    for examine in (
        _python,
        _packages,
        _machine,
        _safety,
        _ports,
        _market,
        _symbols,
        _scorer,
        _keys,
    ):
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
    if any(found.verdict == FAIL for found in findings):
        raise SystemExit(EXIT_FOUND_ERRORS)


def _python(_settings: Settings) -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(OK if good else FAIL, "python", detail, "" if good else "use 3.11 or later")


def _packages(_settings: Settings) -> Iterator[Finding]:
    for package, module in _PACKAGES.items():
        if find_spec(module) is None:
            mend = "python -m pip install -e ."
            yield Finding(FAIL if package in {"ray", "numba"} else WARN, package, "missing", mend)
            continue
        try:
            yield Finding(OK, package, version(package))
        except PackageNotFoundError:
            yield Finding(OK, package, "present")


def _machine(_settings: Settings) -> Iterator[Finding]:
    memory = MACHINE.memory_bytes()
    enough = memory >= _MEMORY_BYTES_MIN
    detail = f"{os.cpu_count()} cores, {memory >> 20} MiB of memory free"
    yield Finding(OK if enough else WARN, "machine", detail, "" if enough else "close programs")


def _safety(settings: Settings) -> Iterator[Finding]:
    home = settings.home.absolute()
    if not home.exists():
        yield Finding(OK, "state", f"{home} will be made at the first start")
    elif not os.access(home, os.W_OK):
        yield Finding(FAIL, "state", f"{home} cannot be written", "choose another QUORUM_HOME")
        return
    if (home / STOP_FILE_NAME).exists():
        mend = "python launch.py halt --off"
        yield Finding(WARN, "kill switch", "set: nothing that raises risk leaves", mend)
    book = book_of(home, settings.book)
    yield from before_start(settings, load_secrets(), book if book.folder.is_dir() else None)


def _ports(settings: Settings) -> Iterator[Finding]:
    terminal = settings.terminal
    if terminal.port:
        is_free = free_port(terminal.port, terminal.host) == terminal.port
        text = f"{terminal.port} is {'free' if is_free else 'taken'}"
        mend = "" if is_free else "set terminal.port to 0, which takes a free one"
        yield Finding(OK if is_free else FAIL, "terminal port", text, mend)
    if not settings.cluster.dashboard:
        return
    wanted = settings.cluster.dashboard_port
    found = free_port(wanted)
    text = f"{wanted} is free" if found == wanted else f"{wanted} is taken, {found} will be used"
    yield Finding(OK if found == wanted else WARN, "dashboard port", text)


def _market(settings: Settings) -> Iterator[Finding]:
    from runtime.preparation import require_reachable
    from runtime.terminals.simulated.market import open_market

    if settings.terminal.kind == "metatrader":
        try:
            require_reachable(settings, load_secrets())
        except ConfigError as error:
            yield Finding(FAIL, "terminal", str(error), "see config/paper.example.yaml")
        else:
            where = settings.terminal.url or "on this machine"
            yield Finding(OK, "terminal", f"MetaTrader 5 {where}")
        return
    try:
        market = open_market(settings)
    except ConfigError as error:
        yield Finding(FAIL, "market", str(error), "correct the values named")
        return
    kind = "recorded bars" if settings.market.history.path else "synthetic market"
    yield Finding(OK, "terminal", f"simulated, {kind}, {len(market.source.traits())} symbols")
    for warning in market.notes:
        yield Finding(WARN, "market", warning)


def _symbols(settings: Settings) -> Iterator[Finding]:
    from runtime.terminals.looking import looked_at
    from runtime.terminals.symbols import discover

    try:
        with looked_at(settings) as terminal:
            discovery = discover(terminal, settings)
    except (ConfigError, TerminalUnavailable) as error:
        is_real = settings.terminal.kind == "metatrader"
        mend = "see docs/operations.md" if is_real else ""
        yield Finding(FAIL if is_real else WARN, "symbols", f"not examined: {error}", mend)
        return
    named = (own if own == name else f"{own} ({name})" for own, name in discovery.found)
    verdict = OK if discovery.found else FAIL
    mend = "" if discovery.found else "name some that the account may trade"
    yield Finding(verdict, "symbols", ", ".join(named) or "none can be traded", mend)
    for name, reason in discovery.skipped:
        yield Finding(WARN, f"symbol {name}", f"skipped: {reason}")


def _scorer(settings: Settings) -> Iterator[Finding]:
    from runtime.run_plan import models_folder
    from runtime.texts.scoring import TextScorers

    scorers = TextScorers(settings, models_folder(settings), is_virtual=False)
    active = scorers.active()
    name = active.scorer.name if active.scorer else active.reason
    absent = "; ".join(f"{kind}: {reason}" for kind, reason in scorers.absent())
    wanted = settings.agents.sentiment.texts.scorer
    is_other = wanted not in ("auto", scorers.kind())
    mend = "python launch.py models fetch sentiment" if absent.startswith("transformer") else ""
    detail = f"{name} scores texts{f' ({absent})' if absent else ''}"
    yield Finding(WARN if is_other or not active.scorer else OK, "text scorer", detail, mend)


def _keys(settings: Settings) -> Iterator[Finding]:
    secrets = load_secrets()
    present = secrets.present()
    if "fmp" in settings.agents.sentiment.calendar_sources and not present["FMP_API_KEY"]:
        text = "calendar fmp needs FMP_API_KEY; without it entries wait for another calendar"
        yield Finding(WARN, "keys", text, ".env.example says where to get it")
    having = [name for name, is_set in present.items() if is_set]
    yield Finding(OK, "keys", f"{len(having)} of {len(present)} set: {', '.join(having) or 'none'}")
    for line in lacking_keys(settings, secrets):
        yield Finding(WARN, "keys", line, "put it into the environment or .env")
