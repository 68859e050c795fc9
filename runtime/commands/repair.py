"""``repair``: cut a damaged journal where it stops being sound, and set the kill switch."""

from typing import Annotated

import typer

from runtime.book import find_book, write_durably
from runtime.commands.options import BookOption, ConfigOption, load
from runtime.journals.opening import open_journal
from runtime.journals.repair import examine
from runtime.journals.repair import repair as set_aside
from runtime.terminals.gate import STOP_FILE_NAME


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(repair)


def repair(
    book: BookOption = "",
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option(help="Do it; without this it only says what.")] = False,
) -> None:
    """Say where a journal stops being sound; with --yes set aside everything from there on.

    The kill switch is set as well: what was cut may have named an order that the broker has.
    """
    home = load(config).settings.home.absolute()
    found = find_book(home, book)
    with found.held():
        cut = examine(found.journal)
        open_journal(found.journal).close()  # raises: one of another format is not damaged
        if not cut.blocks:
            print(f"{found.journal} is sound up to entry {cut.kept_to}: nothing to repair")
            return
        print(f"{cut.reason}; sound up to entry {cut.kept_to}, {cut.blocks} blocks after it")
        if not yes:
            print("python launch.py repair --yes sets them aside and keeps the sound part")
            return
        stop_file = home / STOP_FILE_NAME
        write_durably(stop_file, b"repair\n")
        aside = set_aside(found.journal, cut)
    print(
        f"they are in {aside}\n{stop_file} is set: compare the account with the journal, then "
        "python launch.py halt --off"
    )
