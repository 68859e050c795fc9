"""``up``: start the system, live on a simulated or real market, or over recorded history."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from config.secrets import hide_from_agents, lend_to_agents, load_secrets
from runtime.clock import process_s
from runtime.commands.options import (
    ConfigOption,
    JsonOption,
    RealAccountOption,
    SetOption,
    load,
    seconds_of,
)
from runtime.commands.reductions import reductions
from runtime.driver import MARKERS, Display, Ending, Notify
from runtime.feeds.lacking_keys import lacking_keys
from runtime.journals.opening import lay_journal
from runtime.live_view import render
from runtime.packages import missing_lines, needs_one_process
from runtime.picture import Picture, clock_text
from runtime.preparation import (
    Start,
    StartOptions,
    fills_of,
    manifest_of,
    prepare,
    require_ports,
    restart_clock,
)
from runtime.run_plan import RunPlan
from runtime.status import Status

_LOG_EVERY_S = 10.0
_FILLS = {
    "simulated": "orders filled here",
    "demo": "orders to a demo account",
    "real": "orders to an account with real money",
}


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(up)


def up_with_defaults() -> None:
    """Start as ``python launch.py`` without a verb does."""
    up()


def up(
    history: Annotated[str, typer.Option(help="Folder with recorded bars to trade over.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment of history, ISO 8601.")] = "",
    to: Annotated[str, typer.Option(help="Last moment of history; a bare date counts whole.")] = "",
    speed: Annotated[str, typer.Option(help="Market seconds in one second, or max.")] = "",
    duration: Annotated[str, typer.Option(help="How long to run, as 90s, 5m or 2h.")] = "",
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic market.")] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    book: Annotated[str, typer.Option(help="Name of the account's journal.")] = "",
    in_process: Annotated[bool, typer.Option("--in-process", help="One process, no Ray.")] = False,
    learn: Annotated[
        bool, typer.Option("--learn", help="Train models over history and at full speed too.")
    ] = False,
    address: Annotated[
        str, typer.Option(help="Join the Ray cluster at this address, such as 10.0.0.5:6379.")
    ] = "",
    real_account: RealAccountOption = 0,
    json: JsonOption = False,
) -> None:
    """Start the council and trade until asked to stop, or until the history is over."""
    loaded = load(
        config,
        set_,
        **{
            "market.history.path": history or None,
            "market.history.start": from_ or None,
            "market.history.end": to or None,
            "market.synthetic.seed": seed,
            "symbols": [name.strip() for name in symbols.split(",")] if symbols else None,
            "book": book or None,
            "cluster.address": address or None,
        },
    )
    options = StartOptions(
        speed=speed,
        duration_s=seconds_of(duration),
        in_process=in_process
        or (needs_one_process() and loaded.settings.terminal.kind == "simulated"),
        real_account=real_account,
        learns=learn,
    )
    start = prepare(loaded, options)
    plan, data = start.plan, start.data
    with plan.book.held():
        require_ports(plan, options)
        lay_journal(plan.book, plan.settings.board, plan.run_id)
        _announce(plan, json=json)
        _examine(plan, json=json)
        plan.book.write_manifest(manifest_of(plan, options, data))
        plan.write()  # before anything starts: an emergency finds the terminal by it
        ending = _run(start, options, json=json)
    _conclude(plan, ending, json=json)


def _examine(plan: RunPlan, *, json: bool) -> None:
    """Run the self-check before a real terminal is touched; ConfigError stops the start."""
    if plan.settings.terminal.kind == "simulated":
        return
    from runtime.self_check import before_start, require_safe

    findings = before_start(plan.settings, load_secrets(), plan.book, whole_journal=False)
    for found in require_safe(findings):
        if not json:
            print(f"{found.verdict:4}  {found.subject}: {found.detail}")


def _run(start: Start, options: StartOptions, *, json: bool) -> Ending:
    from runtime.book import remember_latest
    from runtime.commands.beside import messenger, watched
    from runtime.console.present import Present
    from runtime.log_setup import set_up_logs
    from runtime.mailbox import clear

    plan = start.plan
    set_up_logs(
        "driver",
        plan.book.logs,
        plan.settings.log,
        profile=plan.settings.profile,
        console=True,
    )
    clear(plan.book.mailbox)
    remember_latest(plan.settings.home.absolute(), plan.book)
    duration_s = options.duration_s if plan.is_paced or not plan.is_virtual else 0.0
    present = Present(plan.settings, plan.start_ns)
    with (
        _display(plan, json=json) as view,
        watched(plan, view, present) as display,
        messenger(plan, present) as notify,
    ):
        if options.in_process:
            from runtime.inprocess_driver import InProcessDriver
            from runtime.terminal_world import direct_world

            world = direct_world(plan)
            try:
                plan = restart_clock(plan)
                return InProcessDriver(plan, world, display, duration_s, notify).run()
            finally:
                world.close()
        return asyncio.run(_run_on_ray(start, options, display, duration_s, notify))


async def _run_on_ray(
    start: Start,
    options: StartOptions,
    display: Display,
    duration_s: float,
    notify: Notify,
) -> Ending:
    from runtime.ray_session import set_ray_environment, token_hint

    # Ray reads it when it is imported, not when it is started.
    set_ray_environment(start.plan.settings.log)
    from runtime.cluster import Cluster
    from runtime.driver import Driver

    cluster = Cluster(start.plan)
    hide_from_agents()
    lend_to_agents(load_secrets())
    try:
        display.line("starting Ray, the terminal process and the council ...")
        started_s = process_s()
        await cluster.start()
        # Only now is it known what a real terminal trades, and under which names.
        cluster.plan.book.write_manifest(manifest_of(cluster.plan, options, start.data))
        display.line(f"{len(cluster.handles)} agents ready after {process_s() - started_s:.1f} s")
        if cluster.session and cluster.session.dashboard_url:
            display.line(f"dashboard  {cluster.session.dashboard_url} ({token_hint()})")
        return await Driver(cluster.plan, cluster, display, duration_s, notify).run()
    finally:
        display.line("stopping ...")
        await cluster.stop()


class _Lines(Display):
    """One line an event, for a pipe or a log."""

    def __init__(self, console: Console, plan: RunPlan) -> None:
        self._console = console
        self._plan = plan
        self._logged_s = process_s()

    def line(self, text: str) -> None:
        """Print an event."""
        head = f"[{self._plan.settings.profile.upper()}]"
        self._console.print(f"{head} {text}", highlight=False, markup=False)

    def update(self, picture: Picture, status: Status) -> None:
        """Print the progress now and then."""
        if process_s() - self._logged_s < _LOG_EVERY_S:
            return
        self._logged_s = process_s()
        equity = f"{picture.account.equity:,.2f}" if picture.account else "unknown"
        self.line(
            f"{clock_text(status.now_ns)} {_share(self._plan, status.now_ns)}"
            f"equity {equity}, {picture.trades} trades, {status.head} entries"
        )


class _Bar(_Lines):
    """A progress bar over history, events above it."""

    def __init__(self, console: Console, plan: RunPlan, progress: Progress) -> None:
        super().__init__(console, plan)
        self._progress = progress
        self._task = progress.add_task("history", total=plan.end_ns - plan.start_ns, money="")

    def update(self, picture: Picture, status: Status) -> None:
        """Move the bar."""
        money = f"{picture.trades} trades, P&L {picture.pnl:+,.2f}, {clock_text(status.now_ns)}"
        done = status.now_ns - self._plan.start_ns
        self._progress.update(self._task, completed=done, money=money)


class _View(_Lines):
    """The live view of a terminal."""

    def __init__(self, console: Console, plan: RunPlan, live: Live) -> None:
        super().__init__(console, plan)
        self._live = live
        self._has_view = False

    def line(self, text: str) -> None:
        """Print an event until the view is there; the view shows the latest itself."""
        if not self._has_view:
            super().line(text)

    def update(self, picture: Picture, status: Status) -> None:
        """Draw the present."""
        self._has_view = True
        self._live.update(render(picture, status), refresh=True)


class _Json(Display):
    """Machine-readable lines: an object an event."""

    def __init__(self, profile: str) -> None:
        self._profile = profile

    def line(self, text: str) -> None:
        """Print an event."""
        line = {"event": text, "profile": self._profile}
        print(msgspec.json.encode(line).decode(), flush=True)


class _Shown(AbstractContextManager[Display]):
    """A display together with what has to be opened and closed around it."""

    def __init__(self, display: Display, around: AbstractContextManager[object]) -> None:
        self._display = display
        self._around = around

    def __enter__(self) -> Display:
        self._around.__enter__()
        return self._display

    def __exit__(self, *details: object) -> None:
        self._around.__exit__(*details)  # type: ignore[arg-type]


def _display(plan: RunPlan, *, json: bool) -> _Shown:
    if json:
        return _Shown(_Json(plan.settings.profile), nullcontext())
    console = Console()
    if not console.is_terminal:
        return _Shown(_Lines(Console(soft_wrap=True), plan), nullcontext())
    if plan.is_virtual and not plan.is_paced:
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[money]}"),
            TimeElapsedColumn(),
            console=console,
        )
        return _Shown(_Bar(progress.console, plan, progress), progress)
    live = Live(console=console, auto_refresh=False)
    return _Shown(_View(live.console, plan, live), live)


def _announce(plan: RunPlan, *, json: bool) -> None:
    settings = plan.settings
    marker = MARKERS[settings.profile]
    where = settings.market.history.path or "seeded synthetic market"
    if settings.terminal.kind == "metatrader":
        place = settings.terminal.url or "this machine"
        where = f"MetaTrader 5 at {place}, {_FILLS[fills_of(settings)]}"
    if json:
        return
    console = Console(soft_wrap=True)
    head = Text(f" {marker} ", style="black on yellow")
    console.print(head, f"Quorum on {where}: {', '.join(settings.symbols)}", markup=False)
    console.print(
        f"book {plan.book.name}, from {clock_text(plan.start_ns)} UTC; journal {plan.book.journal}",
        highlight=False,
    )
    lacking = (*missing_lines(), *lacking_keys(settings, load_secrets()))
    for line in (*reductions(settings), *lacking, *plan.warnings):
        console.print(f"note: {line}", highlight=False, markup=False)


def _conclude(plan: RunPlan, ending: Ending, *, json: bool) -> None:
    from runtime.proof.lineage import entries_of
    from runtime.reports.closing import close_run

    closing = close_run(
        entries_of(plan.book.journal),
        plan.book.name,
        plan.settings.profile,
        str(plan.book.journal),
    )
    if json:
        print(msgspec.json.encode(closing).decode(), flush=True)
        return
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"\n[{plan.settings.profile.upper()}] run {closing.run}: {ending.value}")
    console.print(
        f"decisions {closing.decisions} ({closing.holds} holds), approved {closing.approved}, "
        f"refused {closing.refused}"
    )
    account = (
        f"P&L {closing.pnl:+,.2f} {closing.currency}; open positions {closing.open_positions}; "
        f"balance {closing.balance:,.2f}, equity {closing.equity:,.2f}"
        if closing.currency
        else "the account was never read"
    )
    console.print(f"trades {closing.trades} ({closing.wins} won), {account}")
    holds = "holds" if closing.accounting_holds else f"BROKEN by {closing.accounting_gap:+.2f}"
    console.print(f"accounting identity {holds}; trading state {closing.trading_state}")
    console.print(f"journal {closing.journal} ({closing.entries} entries)")
    console.print(f"decisions_hash {closing.decisions_hash}")
    if not closing.accounting_holds:
        raise SystemExit(1)


def _share(plan: RunPlan, now_ns: int) -> str:
    if not plan.is_virtual or plan.is_paced:
        return ""
    return f"({(now_ns - plan.start_ns) / max(1, plan.end_ns - plan.start_ns):.0%}) "
