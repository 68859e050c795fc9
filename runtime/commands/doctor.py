"""``doctor``: what this machine and this configuration lack, each with its mend."""

import os
from collections.abc import Callable, Iterator
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blackboard.errors import ConfigError
from config.secrets import load_secrets
from config.settings import Settings
from runtime.book import book_of
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.overrides import in_force
from runtime.terminals.gate import STOP_FILE_NAME

_STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}
EXIT_FOUND_ERRORS: Final = 4
Examine = Callable[[Settings], Iterator[Finding]]


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(doctor)


def doctor(
    config: ConfigOption = None,
    set_: SetOption = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask feeds, Telegram and their clocks as well.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Examine Python, packages, ports, files, market, models and keys."""
    try:
        settings = in_force(load(config, set_)).settings
        findings = [Finding(OK, "configuration", f"profile {settings.profile}")]
    except ConfigError as error:
        settings = Settings()
        findings = [Finding(FAIL, "configuration", str(error), "correct the values named")]
    for examine in _examinations(asks=online):
        findings += examine(settings)
    if json:
        print(msgspec.json.encode(findings).decode())
    else:
        _tell(findings)
    if any(found.verdict == FAIL for found in findings):
        raise SystemExit(EXIT_FOUND_ERRORS)


def _examinations(*, asks: bool) -> Iterator[Examine]:
    from runtime.examination import account, installation, market, network, ports, stored_models

    yield from (installation.python, installation.packages, installation.machine)
    yield from (_safety, ports.ports, ports.listeners)
    yield from (market.market, market.symbols, market.scorer)
    yield account.account
    yield stored_models.stored_models
    yield network.keys
    if asks:
        yield network.online


def _tell(findings: list[Finding]) -> None:
    table = Table("", "subject", "finding", "mend", box=None)
    for found in findings:
        style = _STYLES[found.verdict]
        # Not as markup: a message may hold brackets.
        cells = (Text(text) for text in (found.subject, found.detail, found.mend))
        table.add_row(Text(found.verdict, style=style), *cells)
    Console(soft_wrap=True).print(table)


def _safety(settings: Settings) -> Iterator[Finding]:
    from runtime.self_check import before_start

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
