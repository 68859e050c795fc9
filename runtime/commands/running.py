"""``status``, ``pause``, ``flatten``, ``forceexit`` and their kin: a second process asks.

They read the status file and the journal, and leave letters in the mailbox, so they need neither
Ray nor a connection. An answer is an answer: a command is reported as done once its fact stands in
the journal.
"""

import os
import signal
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from agents.rounds.closings import ALL
from blackboard.errors import ConfigError, QuorumError, RecoverableError
from blackboard.facts import Summary
from blackboard.facts.control import Command
from runtime.book import Book
from runtime.commands.kill_switch import release_switch, set_switch
from runtime.commands.options import BookOption, ConfigOption, JsonOption, home_of
from runtime.commands.running_book import (
    consequence,
    find,
    headline,
    is_silent,
    order,
    picture_of,
    require_running,
    wait,
)
from runtime.mailbox import STOP_LETTER, leave
from runtime.picture import Picture, clock_text, lock_text
from runtime.status import Status, read_status

_console = Console(soft_wrap=True, highlight=False, markup=False)
STOP_WITHIN_S: Final = 60.0
"""Longest wait until a book is free."""
_FOLLOWS: Final = "python launch.py status shows what follows from it"


def mount(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (status, pause, resume, forceexit, flatten, stop):
        app.command()(verb)


def status(book: BookOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print state, money, positions and the council of the system that runs, or ran last."""
    found = find(book, config)
    told = read_status(found.state)
    picture = picture_of(found)
    if json:
        print(msgspec.json.encode(_as_data(found, told, picture)).decode())
        return
    _console.print(headline(found, told))
    for label, text in _lines(picture):
        _console.print(f"{label:<13}{text}")
    if told is not None and told.is_alive():
        _console.print(f"{'dashboard':<13}{told.dashboard_url or 'off'}")
        _console.print(f"{'console':<13}{told.console_url or 'off'}")


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


def pause(book: BookOption = "", config: ConfigOption = None) -> None:
    """Let only reducing orders leave, until resume."""
    _command(Command.PAUSE, book, config)


def resume(book: BookOption = "", config: ConfigOption = None) -> None:
    """End a pause, whatever waits for a person, and the kill switch if it is set."""
    was_set = release_switch(home_of(config))
    if was_set:
        _console.print("the kill switch is released: orders may leave again")
    try:
        _command(Command.RESUME, book, config)
    except ConfigError:
        # Where nothing runs, the switch was all that there was to end.
        if not was_set:
            raise


def forceexit(
    what: Annotated[str, typer.Argument(help="A ticket, a symbol, or all.")],
    book: BookOption = "",
    config: ConfigOption = None,
) -> None:
    """Close one position of ours, those of a symbol, or all of them; trading goes on."""
    asked = ALL if what.strip().lower() == ALL else what.strip().upper()
    if not asked.isalnum():
        raise ConfigError(f"forceexit takes a ticket, a symbol or all, was {what!r}")
    found = find(book, config)
    followed = consequence(found, order(found, Command.CLOSE, asked))
    if followed is not None and isinstance(followed.fact, Summary):
        raise RecoverableError(f"{followed.fact.title}: {followed.fact.text}")
    _console.print(f"close {asked}: taken; {_FOLLOWS}")


def flatten(book: BookOption = "", config: ConfigOption = None) -> None:
    """Close what the council has opened and halt; where it cannot answer, close at the terminal.

    At the terminal every position of the account is closed, whoever opened it.
    """
    found = find(book, config)
    try:
        _command(Command.FLATTEN, book, config)
    except (QuorumError, OSError) as error:
        from runtime.emergency import flatten_at_terminal
        from runtime.terminals.gate import STOP_FILE_NAME

        _console.print(f"{error}\nclosing every position of the account at the terminal instead")
        closed = flatten_at_terminal(found)
        stop_file = home_of(config) / STOP_FILE_NAME
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
        path = set_switch(home_of(config))
        _console.print(
            f"{path} is set: only what reduces risk leaves, until: python launch.py resume. "
            "Positions are still cared for; python launch.py flatten closes them"
        )
        return
    found = find(book, config)
    told = read_status(found.state)
    if told is None or not is_silent(found, told):
        told = require_running(found)
    leave(found.mailbox, STOP_LETTER)
    # The book is free once everything is written and closed; until then no other start can have it.
    if wait(lambda: not found.is_held, STOP_WITHIN_S):
        _console.print(f"{found.name} stopped")
        return
    if not kill:
        raise RecoverableError(f"{found.name} has not stopped within {STOP_WITHIN_S:g} s: --kill")
    os.kill(told.pid, signal.SIGTERM)
    if not wait(lambda: not found.is_held, STOP_WITHIN_S):
        raise RecoverableError(
            f"process {told.pid} was asked to end and has not within {STOP_WITHIN_S:g} s"
        )
    _console.print(f"{found.name} stopped: process {told.pid} was asked to end")


def _command(command: Command, book: str, config: ConfigOption, argument: str = "") -> None:
    order(find(book, config), command, argument)
    _console.print(f"{command.value}: taken; {_FOLLOWS}")


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
