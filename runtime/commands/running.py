"""``status``, ``agents``, ``pause``, ``resume``, ``flatten``, ``stop``: a second process asks.

They read the status file and the journal, and leave letters in the mailbox, so they need neither
Ray nor a connection. An answer is an answer: a command is reported as done once its fact stands in
the journal.
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from blackboard.errors import ConfigError, QuorumError, RecoverableError
from blackboard.facts.control import Command
from runtime.book import Book, find_book
from runtime.clock import NS, process_s, sleep_s, wall_ns
from runtime.commands.kill_switch import release_switch, set_switch
from runtime.commands.options import BookOption, ConfigOption, JsonOption, load
from runtime.mailbox import STOP_LETTER, Letter, leave
from runtime.picture import SEEN_KINDS, Picture, clock_text, lock_text
from runtime.status import Status, read_status

_console = Console(soft_wrap=True, highlight=False, markup=False)
_ANSWER_WITHIN_S = 15.0
_STOP_WITHIN_S = 30.0
_PAUSE_S = 0.2
_MODES = {"true": "on", "shadow": "shadow", "false": "off"}


def mount(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (status, agents, pause, resume, flatten, stop):
        app.command()(verb)


def status(book: BookOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print state, money, positions and the council of the system that runs, or ran last."""
    found = _find(book, config)
    told = read_status(found.state)
    picture = _picture(found)
    if json:
        print(msgspec.json.encode(_as_data(found, told, picture)).decode())
        return
    _console.print(_headline(found, told))
    for label, text in _lines(picture):
        _console.print(f"{label:<13}{text}")
    if told is not None and told.is_alive():
        _console.print(f"{'dashboard':<13}{told.dashboard_url or 'off'}")
        _console.print(f"{'console':<13}{told.console_url or 'off'}")


def _headline(book: Book, told: Status | None) -> str:
    if told is None:
        return f"{book.name}: has told nothing of itself yet"
    seconds = max(0, wall_ns() - told.written_wall_ns) // NS
    if told.is_alive():
        return f"{told.marker} {book.name}: running ({told.host}), process {told.pid}"
    return f"{told.marker} {book.name}: not running, last seen {seconds} s ago"


def _lines(picture: Picture) -> Iterator[tuple[str, str]]:
    yield "market time", f"{clock_text(picture.now_ns)} UTC"
    if picture.state is not None:
        yield "state", f"{picture.state.state} ({picture.state.reason})"
        for restriction in picture.state.restrictions:
            yield "", f"{restriction.scope}: {restriction.way_out}"
    if picture.account is not None:
        account = picture.account
        yield "equity", f"{account.equity:,.2f} {account.currency}, balance {account.balance:,.2f}"
    if picture.mark is not None:
        mark = picture.mark
        yield "drawdown", f"{mark.drawdown_frac:.2%} of the high {mark.high_water_mark:,.2f}"
    yield "decisions", f"{picture.decided} with {picture.intents} order intents"
    yield "trades", f"{picture.trades} closed, P&L {picture.pnl:+,.2f}"
    for position in picture.positions.values():
        yield (
            "position",
            f"#{position.ticket} {position.side} {position.scope} {position.lots:.2f} lots at "
            f"{position.open_price:g}, stop {position.stop_price:g}, "
            f"target {position.target_price:g}",
        )
    if not picture.positions:
        yield "positions", "none"
    for lock in picture.open_locks:
        yield "lock", lock_text(lock)


def agents(book: BookOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the council: state, process, restarts, refused posts, age of the last fact."""
    found = _find(book, config)
    told = read_status(found.state)
    if told is None:
        raise ConfigError(f"nothing has run on {found.name} yet")
    if json:
        print(msgspec.json.encode(told.agents).decode())
        return
    alive = told.is_alive()
    _console.print(_headline(found, told))
    table = Table(
        *("agent", "class", "mode", "state", "process", "restarts", "refused", "last fact", ""),
        box=None,
    )
    for agent in told.agents:
        table.add_row(
            agent.name,
            agent.class_name,
            _MODES.get(agent.mode, agent.mode),
            agent.health if alive else "stopped",
            str(agent.pid) if alive else "–",
            str(agent.restarts),
            str(agent.posts_refused),
            _age(agent.last_fact_age_s) if alive else "–",
            agent.reason,
        )
    _console.print(table)


def _age(seconds: float) -> str:
    return "none" if seconds < 0.0 else f"{seconds:.0f} s ago"


def pause(book: BookOption = "", config: ConfigOption = None) -> None:
    """Let only reducing orders leave, until resume."""
    _command(Command.PAUSE, book, config)


def resume(book: BookOption = "", config: ConfigOption = None) -> None:
    """End a pause, whatever waits for a person, and the kill switch if it is set."""
    was_set = release_switch(load(config).settings.home.absolute())
    if was_set:
        _console.print("the kill switch is released: orders may leave again")
    try:
        _command(Command.RESUME, book, config)
    except ConfigError:
        # Where nothing runs, the switch was all that there was to end.
        if not was_set:
            raise


def flatten(book: BookOption = "", config: ConfigOption = None) -> None:
    """Close what the council has opened and halt; where it cannot answer, close at the terminal.

    At the terminal every position of the account is closed, whoever opened it.
    """
    found = _find(book, config)
    try:
        _command(Command.FLATTEN, book, config)
    except (QuorumError, OSError) as error:
        from runtime.emergency import flatten_at_terminal
        from runtime.terminals.gate import STOP_FILE_NAME

        _console.print(f"{error}\nclosing every position of the account at the terminal instead")
        closed = flatten_at_terminal(found)
        stop_file = load(config).settings.home.absolute() / STOP_FILE_NAME
        _console.print(
            f"{closed} positions closed; the next start journals it and trades on, except while "
            f"{stop_file} exists"
        )


def stop(
    book: BookOption = "",
    config: ConfigOption = None,
    kill: Annotated[
        bool, typer.Option(help="End the driver's process if it does not stop.")
    ] = False,
    emergency: Annotated[
        bool, typer.Option(help="Set the kill switch, as halt does; whatever runs goes on.")
    ] = False,
) -> None:
    """Stop the system in order; positions keep their stops at the broker."""
    if emergency:
        # Before anything is looked up: it must work with Ray dead, and with nothing running.
        path = set_switch(load(config).settings.home.absolute())
        _console.print(
            f"{path} is set: only what reduces risk leaves, until: python launch.py resume. "
            "Positions are still cared for; python launch.py flatten closes them"
        )
        return
    found = _find(book, config)
    told = _require_running(found)
    leave(found.mailbox, STOP_LETTER)
    if _wait(lambda: not _is_running(found), _STOP_WITHIN_S):
        _console.print(f"{found.name} stopped")
        return
    if not kill:
        raise RecoverableError(f"{found.name} has not stopped within {_STOP_WITHIN_S:g} s: --kill")
    os.kill(told.pid, signal.SIGTERM)
    _console.print(f"process {told.pid} was asked to end")


def _command(command: Command, book: str, config: ConfigOption) -> None:
    found = _find(book, config)
    _require_running(found)
    before = _count_commands(found)
    letter = leave(found.mailbox, Letter(command=command.value, origin="cli"))
    if not _wait(lambda: _count_commands(found) > before, _ANSWER_WITHIN_S):
        letter.unlink(missing_ok=True)  # it must not be obeyed long after it was reported as failed
        raise RecoverableError(
            f"{command.value} has not reached the journal within {_ANSWER_WITHIN_S:g} s"
        )
    _console.print(f"{command.value}: taken; python launch.py status shows what follows from it")


def _find(book: str, config: ConfigOption) -> Book:
    return find_book(load(config).settings.home.absolute(), book)


def _is_running(book: Book) -> bool:
    told = read_status(book.state)
    return told is not None and told.is_alive()


def _require_running(book: Book) -> Status:
    told = read_status(book.state)
    if told is None or not told.is_alive():
        raise ConfigError(f"{book.name} is not running: python launch.py")
    return told


def _count_commands(book: Book) -> int:
    from runtime.proof.lineage import entries_of

    return sum(1 for entry in entries_of(book.journal) if entry.kind == "OperatorCommand")


def _picture(book: Book) -> Picture:
    from runtime.proof.lineage import entries_of

    picture = Picture()
    if book.journal.is_dir():
        for entry in entries_of(book.journal):
            if entry.kind in SEEN_KINDS:
                picture.add(entry)
            picture.now_ns = entry.known_at_ns
    return picture


def _as_data(book: Book, told: Status | None, picture: Picture) -> dict[str, object]:
    return {
        "book": book.name,
        "running": told is not None and told.is_alive(),
        "driver": told,
        "now_ns": picture.now_ns,
        "state": picture.state,
        "account": picture.account,
        "mark": picture.mark,
        "positions": list(picture.positions.values()),
        "locks": picture.open_locks,
        "trades": picture.trades,
        "pnl": picture.pnl,
    }


def _wait(is_done: Callable[[], bool], seconds: float) -> bool:
    end_s = process_s() + seconds
    while process_s() < end_s:
        if is_done():
            return True
        sleep_s(_PAUSE_S)
    return False
