"""What has to be settled before a start: market, book, clock, and the plan of the run."""

import hashlib
import sys
from importlib.metadata import PackageNotFoundError, version

import msgspec

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import FOREVER_NS
from config.loading import LoadedSettings
from config.secrets import Secrets, load_secrets
from config.settings import AUTO_SYMBOLS, Settings
from models.market.sessions import SECOND_NS
from runtime.book import Book, Manifest, book_of, new_run, new_run_id
from runtime.clock import start_clock, wall_ns
from runtime.instants import iso
from runtime.journals.opening import open_journal
from runtime.overrides import in_force
from runtime.packages import without_missing
from runtime.ray_session import free_port
from runtime.run_plan import RunPlan
from runtime.source_hash import code_hash
from runtime.terminal_process import distant_token
from runtime.terminals.identity import require_confirmation
from runtime.terminals.service import require_here
from runtime.terminals.simulated.market import open_market

MAX_SPEED = "max"
_PACED_SPEED_FOR_MAX = 1.0
CLOCK_BEHIND_S_MAX = 300.0
"""How far the machine's clock may have been set back since a book's newest entry."""
HISTORY_BOOK = "history"
"""Book name of every run over history: it is part of intent ids, which must not differ by run."""


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says beside the settings."""

    speed: str = ""
    """Market seconds in a second, ``max``, or empty for the setting (max over history)."""
    duration_s: float = 0.0
    """Process seconds to run; market seconds at full speed; 0 means without end."""
    in_process: bool = False
    is_fresh: bool = False
    """Whether the run gets a folder of its own on a synthetic market too, as over history."""
    real_account: int = 0
    """Account number that was typed because it holds real money."""
    learns: bool = False
    """Whether models are trained also where time does not follow the clock."""
    arguments: tuple[str, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A start that is ready: what will run, and on what data."""

    plan: RunPlan
    data: dict[str, str]
    """What the market is made of, for the manifest."""


def prepare(loaded: LoadedSettings, options: StartOptions) -> Start:
    """Return the plan of a start; nothing is running and nothing is locked yet."""
    if continues_book(loaded.settings, options):
        loaded = in_force(loaded)
    secrets = load_secrets()
    require_account(loaded.settings, secrets, options.real_account)
    settings = without_missing(loaded.settings)
    if settings.terminal.kind == "metatrader":
        return _on_real_market(settings, options)
    return _on_simulated_market(settings, options)


def continues_book(settings: Settings, options: StartOptions) -> bool:
    """Whether a start goes on with a book instead of a fresh run over history."""
    return not (settings.market.history.path or options.is_fresh)


def require_reachable(settings: Settings, secrets: Secrets) -> None:
    """Refuse a terminal that cannot be held here, nor reached where it is: ConfigError."""
    if settings.terminal.url:
        distant_token(settings)
    else:
        require_here(settings, secrets)


def require_account(settings: Settings, secrets: Secrets, typed: int) -> None:
    """Refuse a terminal that cannot be reached, and real money that nobody confirmed."""
    require_reachable(settings, secrets)
    login = secrets.mt5_login.get_secret_value()
    # On another machine only the process there knows the number; it asks for it as well.
    is_known = login.isdigit() and not settings.terminal.url
    require_confirmation(settings, int(login) if is_known else 0, typed)


def fills_of(settings: Settings) -> str:
    """Return where orders at MetaTrader 5 go: simulated, demo or real."""
    return settings.paper.fills if settings.profile == "paper" else "real"


def _on_real_market(settings: Settings, options: StartOptions) -> Start:
    if options.in_process:
        raise ConfigError(
            "--in-process must be left out with terminal.kind metatrader: a run in one process "
            "moves its market's time itself, and a real one has its own"
        )
    if options.speed not in ("", "1", "1.0"):
        raise ConfigError(
            f"--speed must be 1 with terminal.kind metatrader, was {options.speed}: a real market "
            "has its own clock"
        )
    book = book_of(settings.home.absolute(), settings.book)
    data = {"kind": "metatrader", "fills": fills_of(settings)}
    require_same_market(book, data)
    newest = newest_entry(book)
    settings = with_training(settings, is_following=True, learns=options.learns)
    now_ns = wall_ns()
    require_clock(book, newest, now_ns)
    plan = RunPlan(
        run_id=new_run_id(),
        folder=str(book.folder),
        settings_json=settings.model_dump_json(),
        clock=start_clock(now_ns, 1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=now_ns,
        first_seq=newest.seq + 1 if newest else 1,
        real_account=options.real_account,
    )
    return Start(plan=plan, data=data)


def _on_simulated_market(settings: Settings, options: StartOptions) -> Start:
    is_history = bool(settings.market.history.path)
    speed, at_full_speed = _speed(settings, options, is_history=is_history)
    if not at_full_speed:
        # Agents turn process time into market time by it, so it must be the clock's.
        settings = settings.model_copy(update={"speed": speed})
    is_following = not (is_history or at_full_speed or options.is_fresh)
    settings = with_training(settings, is_following=is_following, learns=options.learns)
    home = settings.home.absolute()
    run_id = new_run_id()
    market = open_market(settings)
    source = market.source
    if settings.symbols == AUTO_SYMBOLS:
        symbols = tuple(traits.name for traits in source.traits())
        settings = settings.model_copy(update={"symbols": symbols})
    if is_history or options.is_fresh:
        settings = settings.model_copy(update={"book": HISTORY_BOOK})
        book = new_run(home, run_id)
        newest = None
        start_ns, end_ns = source.start_ns, min(source.end_ns, FOREVER_NS)
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


def with_training(settings: Settings, *, is_following: bool, learns: bool) -> Settings:
    """Return the settings with `agents.learner.training.when` resolved: always or never.

    Parameters
    ----------
    settings : Settings
        As the operator gave them.
    is_following : bool
        Whether the run follows the clock; then auto means always.
    learns : bool
        Whether the start says so, whatever the settings say.
    """
    learner = settings.agents.learner
    when = learner.training.when
    if learns or (when == "auto" and is_following):
        when = "always"
    elif when == "auto":
        when = "never"
    training = learner.training.model_copy(update={"when": when})
    agents = settings.agents.model_copy(
        update={"learner": learner.model_copy(update={"training": training})}
    )
    return settings.model_copy(update={"agents": agents})


def require_ports(plan: RunPlan, options: StartOptions) -> None:
    """Refuse a terminal port that somebody else has: ConfigError."""
    settings = plan.settings.terminal
    if options.in_process or settings.url or not settings.port:
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
    settings, settings_hash = _recorded(plan.settings)
    return Manifest(
        run_id=plan.run_id,
        profile=plan.settings.profile,
        book=plan.book.name,
        started_wall_ns=wall_ns(),
        version=own_version(),
        code_hash=code_hash(),
        settings=settings,
        settings_hash=settings_hash,
        data=data,
        arguments=list(options.arguments or sys.argv[1:]),
        first_seq=plan.first_seq,
        is_virtual=plan.is_virtual,
    )


def note_change(plan: RunPlan, first_seq: int, arguments: tuple[str, ...]) -> None:
    """Record that other settings hold from an entry on: a manifest like that of a start."""
    manifest = plan.book.newest_manifest()
    if manifest is not None:
        settings, settings_hash = _recorded(plan.settings)
        changed = msgspec.structs.replace(
            manifest,
            run_id=new_run_id(),
            started_wall_ns=wall_ns(),
            settings=settings,
            settings_hash=settings_hash,
            arguments=list(arguments),
            first_seq=first_seq,
        )
        plan.book.write_manifest(changed)
    plan.write()


def _recorded(settings: Settings) -> tuple[dict[str, object], str]:
    """Return the settings as a manifest has them, and their hash."""
    values = settings.model_dump(mode="json")
    return values, hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()


def own_version() -> str:
    """Return the installed version, or that of the sources."""
    try:
        return version("quorum-fx")
    except PackageNotFoundError:
        return "not installed"


def require_same_market(book: Book, provenance: dict[str, str]) -> None:
    """Refuse to continue a book on another market than it was begun on: ConfigError."""
    manifest = book.newest_manifest()
    if manifest is not None and manifest.data != provenance:
        raise ConfigError(
            f"book {book.name} was begun on {_described(manifest.data)}, this start asks for "
            f"{_described(provenance)}: choose another --book"
        )


def require_clock(book: Book, newest: Entry | None, now_ns: int) -> None:
    """Refuse to go on with a book before the time it has come to: ConfigError.

    Whatever is kept for so long, bars, locks and days among it, is found by a time that only grows.
    """
    if newest is None or newest.known_at_ns - now_ns <= CLOCK_BEHIND_S_MAX * SECOND_NS:
        return
    raise ConfigError(
        f"the clock of this machine must not be before the newest entry of book {book.name}, "
        f"{iso(newest.known_at_ns)}; it is {iso(now_ns)}: set the clock, or choose another --book"
    )


def _described(data: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(data.items()))


def newest_entry(book: Book) -> Entry | None:
    """Return the entry up to which a book has come, None for a new one."""
    if not book.journal.exists():
        return None
    journal = open_journal(book.journal)
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
