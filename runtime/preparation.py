"""What has to be settled before a start: market, book, clock, and the plan of the run."""

import hashlib
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import FOREVER_NS
from config.loading import LoadedSettings
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.book import Book, Manifest, book_of, new_run, new_run_id
from runtime.clock import start_clock, wall_ns
from runtime.journals.diskcache import DiskcacheJournal
from runtime.ray_session import free_port
from runtime.run_plan import RunPlan
from runtime.terminals.service import require_simulated
from runtime.terminals.simulated.market import open_market

MAX_SPEED = "max"
_PACED_SPEED_FOR_MAX = 1.0
_SOURCE_FOLDERS = ("agents", "blackboard", "config", "models", "runtime")
HISTORY_BOOK = "history"
"""Book name of every run over history: it is part of intent ids, which must not differ by run."""


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says beside the settings."""

    speed: str = ""
    """Market seconds in a second, ``max``, or empty for the setting (max over history)."""
    duration_s: float = 0.0
    """Process seconds to run; market seconds at full speed; 0 means without end."""
    in_process: bool = False
    arguments: tuple[str, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A start that is ready: what will run, and on what data."""

    plan: RunPlan
    data: dict[str, str]
    """What the market is made of, for the manifest."""


def prepare(loaded: LoadedSettings, options: StartOptions) -> Start:
    """Return the plan of a start; nothing is running and nothing is locked yet."""
    settings = loaded.settings
    require_simulated(settings)
    is_history = bool(settings.market.history.path)
    speed, at_full_speed = _speed(settings, options, is_history=is_history)
    if not at_full_speed:
        # Agents turn process time into market time by it, so it must be the clock's.
        settings = settings.model_copy(update={"speed": speed})
    home = settings.home.absolute()
    run_id = new_run_id()
    market = open_market(settings)
    source = market.source
    if is_history:
        settings = settings.model_copy(update={"book": HISTORY_BOOK})
        book = new_run(home, run_id)
        newest = None
        start_ns, end_ns = source.start_ns, source.end_ns
    else:
        book = book_of(home, settings.book)
        require_same_market(book, market.provenance)
        newest = newest_entry(book)
        start_ns = max(source.start_ns, newest.known_at_ns if newest else 0)
        end_ns = FOREVER_NS
    if at_full_speed and options.duration_s:
        end_ns = min(end_ns, start_ns + int(options.duration_s * SECOND_NS))
    plan = RunPlan(
        run_id=run_id,
        folder=str(book.folder),
        settings_json=settings.model_dump_json(),
        clock=start_clock(start_ns, speed),
        is_virtual=is_history or at_full_speed or options.in_process,
        is_paced=not at_full_speed,
        start_ns=start_ns,
        end_ns=end_ns,
        first_seq=newest.seq + 1 if newest else 1,
        warnings=market.notes,
    )
    return Start(plan=plan, data=market.provenance)


def require_ports(plan: RunPlan, options: StartOptions) -> None:
    """Refuse a terminal port that somebody else has: ConfigError."""
    settings = plan.settings.terminal
    if options.in_process or not settings.port:
        return
    if free_port(settings.port, settings.host) != settings.port:
        raise ConfigError(
            f"terminal.port must be free on {settings.host}, was {settings.port}, which another "
            "program has: 0 takes a free one"
        )


def restart_clock(plan: RunPlan) -> RunPlan:
    """Return the plan with its clock started now, when everything is ready to follow it."""
    clock = start_clock(plan.start_ns, plan.clock.speed)
    return msgspec.structs.replace(plan, clock=clock)


def manifest_of(plan: RunPlan, options: StartOptions, data: dict[str, str]) -> Manifest:
    """Return what the run is made of."""
    settings = plan.settings.model_dump(mode="json")
    encoded = msgspec.json.encode(settings, order="sorted")
    return Manifest(
        run_id=plan.run_id,
        profile=plan.settings.profile,
        book=plan.book.name,
        started_wall_ns=wall_ns(),
        version=own_version(),
        code_hash=code_hash(),
        settings=settings,
        settings_hash=hashlib.sha256(encoded).hexdigest(),
        data=data,
        arguments=list(options.arguments or sys.argv[1:]),
    )


def own_version() -> str:
    """Return the installed version, or that of the sources."""
    try:
        return version("quorum-fx")
    except PackageNotFoundError:
        return "not installed"


def code_hash() -> str:
    """Return a hash over the sources that decide anything."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for folder in _SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def require_same_market(book: Book, provenance: dict[str, str]) -> None:
    """Refuse to continue a book on another market than it was begun on: ConfigError."""
    manifest = book.newest_manifest()
    if manifest is not None and manifest.data != provenance:
        raise ConfigError(
            f"book {book.name} was begun on {_described(manifest.data)}, this start asks for "
            f"{_described(provenance)}: choose another --book"
        )


def _described(data: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(data.items()))


def newest_entry(book: Book) -> Entry | None:
    """Return the entry up to which a book has come, None for a new one."""
    if not book.journal.exists():
        return None
    journal = DiskcacheJournal(book.journal)
    try:
        return journal.newest()
    finally:
        journal.close()


def _speed(settings: Settings, options: StartOptions, *, is_history: bool) -> tuple[float, bool]:
    text = options.speed or (MAX_SPEED if is_history else "")
    if text == MAX_SPEED:
        return _PACED_SPEED_FOR_MAX, True
    if not text:
        return settings.speed, False
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed <= 100_000.0:
        raise ConfigError(f"--speed must be max or a number in (0, 100000], was {text}")
    return speed, False
