"""What must be safe before money is at stake: one line a check, in a fixed order.

With a simulated terminal `doctor` shows it. With a real one it runs at every start, and a line that
fails stops the start. What only a running system can show (its listeners, a call without a token)
is examined once Ray is up, before the first agent.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httpx
import psutil

from blackboard.chain import read_all, read_new
from blackboard.entry import Entry
from blackboard.errors import ConfigError, JournalCorrupt, OtherFormat
from blackboard.journal import Journal
from config.secrets import HIDDEN_LENGTH_MIN, Secrets
from config.settings import Settings
from runtime.artefacts.seal import KEY_FILE
from runtime.book import CONSOLE_TOKEN, RUNS, Book
from runtime.clock import process_s, sleep_s, wall_ns
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.journals.opening import open_journal
from runtime.machine.current import MACHINE
from runtime.packages import MEND
from runtime.ray_session import RAY_VERSION_MIN, RaySession, token_path

DISK_BYTES_MIN: Final = 1 << 30
CLOCK_STEP_S_MAX: Final = 0.5
"""How far wall clock and monotonic clock may disagree about one short wait."""
_CLOCK_WAIT_S: Final = 0.2
_TYPED: Final = "MT5_LOGIN"
"""Not looked for: `--real-account` asks a person to type it."""
_UNAUTHORISED: Final = (401, 403)


def before_start(
    settings: Settings, secrets: Secrets, book: Book | None, *, whole_journal: bool = True
) -> Iterator[Finding]:
    """Examine what can be known before anything runs; of the journal all, or what a start reads."""
    is_real = settings.profile == "live"
    yield _administrator(is_real=is_real)
    yield _path(settings.home.absolute())
    yield from _files(_state_files(settings.home.absolute(), book))
    yield _ray_version()
    yield _ray_token_mode()
    yield from _secrets(secrets, sys.argv)
    if book is not None:
        yield _journal(book, read_all if whole_journal else read_new)
    yield _disk(settings.home.absolute())
    yield _clock()


def once_running(session: RaySession, declared: Iterable[int]) -> Iterator[Finding]:
    """Examine what listens and who is answered; `declared` are the ports that may be reached."""
    yield _listeners(frozenset(declared))
    if session.dashboard_url:
        yield _dashboard(session.dashboard_url)


def require_safe(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings; ConfigError names every one that fails."""
    found = list(findings)
    failed = [f"{one.subject}: {one.detail}; {one.mend}" for one in found if one.verdict == FAIL]
    if failed:
        raise ConfigError("\n".join(["the self-check stops this start", *failed]))
    return found


def _administrator(*, is_real: bool) -> Finding:
    if not MACHINE.is_administrator():
        return Finding(OK, "user", "not an administrator")
    verdict = FAIL if is_real else WARN
    return Finding(verdict, "user", "runs as an administrator", "run as a user of its own")


def _path(home: Path) -> Finding:
    problem = MACHINE.path_problem(home)
    if problem:
        return Finding(FAIL, "home", f"{home}: {problem}", "choose another QUORUM_HOME")
    return Finding(OK, "home", str(home))


def _state_files(home: Path, book: Book | None) -> list[Path]:
    paths = [home, token_path(), Path(".env"), home / CONSOLE_TOKEN]
    paths += [home / name for name in ("books", RUNS, "models", "data", "feeds")]
    paths += (home / "models").glob(f"*/{KEY_FILE}")
    if book is not None:
        paths += [book.folder, book.journal, book.ledger, book.sends, book.terminal_token]
        paths.append(book.overrides)
        paths += [book.journal_password]
    return [path for path in paths if path.exists()]


def _files(paths: Sequence[Path]) -> Iterator[Finding]:
    opened = {path: others for path in paths if (others := MACHINE.open_to_others(path))}
    for path, others in opened.items():
        yield Finding(FAIL, str(path), f"open to others: {others}", "give it to your user alone")
    if not opened:
        yield Finding(OK, "files", f"{len(paths)} of keys and state, readable by you alone")


def _ray_version() -> Finding:
    try:
        found = version("ray")
    except PackageNotFoundError:
        return Finding(WARN, "ray", "missing: all agents run in one process", MEND)
    if tuple(int(part) for part in found.split(".")[:2]) >= RAY_VERSION_MIN:
        return Finding(OK, "ray", found)
    detail = f"{found} has a dashboard that a web page can command"
    return Finding(FAIL, "ray", detail, "python -m pip install -U ray")


def _ray_token_mode() -> Finding:
    mode = os.environ.get("RAY_AUTH_MODE", "token")  # unset, the start sets it
    if mode == "token":
        return Finding(OK, "ray tokens", "required")
    return Finding(FAIL, "ray tokens", f"RAY_AUTH_MODE is {mode}", "set RAY_AUTH_MODE=token")


def _secrets(secrets: Secrets, arguments: Sequence[str]) -> Iterator[Finding]:
    values = {
        name: getattr(secrets, name.lower()).get_secret_value()
        for name, is_set in secrets.present().items()
        if is_set
    }
    told = [
        name
        for name, value in values.items()
        if name != _TYPED
        and len(value) >= HIDDEN_LENGTH_MIN
        and any(value in argument for argument in arguments)
    ]
    if told:
        detail = f"{', '.join(told)} stands in the command line, which every user can read"
        yield Finding(FAIL, "secrets", detail, "set it in the environment or .env")
    else:
        yield Finding(OK, "secrets", f"{len(values)} set, none in the command line")


def _journal(book: Book, reading: Callable[[Journal], Iterator[Entry]]) -> Finding:
    if not book.journal.exists():
        return Finding(OK, "journal", "new")
    try:
        journal = open_journal(book.journal)
        try:
            for _ in reading(journal):
                pass
            newest = journal.newest()
        finally:
            journal.close()
    except JournalCorrupt as error:
        return Finding(FAIL, "journal", str(error), "python launch.py repair")
    except OtherFormat as error:
        return Finding(FAIL, "journal", str(error), "python launch.py upgrade")
    except OSError as error:
        return Finding(FAIL, "journal", str(error), "make it readable, or start its server")
    return Finding(OK, "journal", f"{newest.seq if newest else 0} entries, hash chain unbroken")


def _disk(home: Path) -> Finding:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    enough = free >= DISK_BYTES_MIN
    mend = "" if enough else "free at least 1 GiB"
    return Finding(OK if enough else FAIL, "disk", f"{free >> 20} MiB free at {place}", mend)


def _clock() -> Finding:
    wall, process = wall_ns(), process_s()
    sleep_s(_CLOCK_WAIT_S)
    step_s = abs((wall_ns() - wall) / 1e9 - (process_s() - process))
    if step_s > CLOCK_STEP_S_MAX:
        detail = f"the wall clock stepped by {step_s:.1f} s while it was looked at"
        return Finding(FAIL, "clock", detail, "let the system's time service settle")
    return Finding(OK, "clock", "wall clock and monotonic clock agree")


def _listeners(declared: frozenset[int]) -> Finding:
    found = [one for process in _own_processes() for one in listening(process)]
    reached = sorted({port for host, port in found if not is_loopback(host)} - declared)
    if not reached:
        return Finding(OK, "listeners", f"{len(found)}, all on loopback or declared")
    detail = (
        f"{len(reached)} of {len(found)} are on all interfaces, as Ray binds its own: {reached}"
    )
    return Finding(WARN, "listeners", detail, "put a host firewall before this machine")


def _own_processes() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def listening(process: psutil.Process) -> list[tuple[str, int]]:
    """Return address and port of everything that a process listens on."""
    try:
        connections = process.net_connections(kind="inet")
    except psutil.Error:
        return []  # it has ended, or is another user's
    return [
        (connection.laddr.ip, connection.laddr.port)
        for connection in connections
        if connection.status == psutil.CONN_LISTEN
    ]


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return ip_address(host.split("%", maxsplit=1)[0]).is_loopback


def _dashboard(url: str) -> Finding:
    if not is_loopback(httpx.URL(url).host):
        return Finding(FAIL, "dashboard", f"{url} is not on loopback", "leave its host as it is")
    try:
        reply = httpx.get(f"{url}/api/jobs/", timeout=5.0, trust_env=False)
    except httpx.HTTPError as error:
        return Finding(WARN, "dashboard", f"{url} does not answer: {error}")
    if reply.status_code in _UNAUTHORISED:
        return Finding(OK, "dashboard", "on loopback, answers nobody without a token")
    detail = f"a call without a token was answered with {reply.status_code}"
    return Finding(FAIL, "dashboard", detail, "set RAY_AUTH_MODE=token")
