"""``backup`` and ``restore``: a book into one file, and a new book out of it."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.book import find_book
from runtime.commands.kill_switch import set_switch
from runtime.commands.options import BookOption, ConfigOption, load
from runtime.journals.format import FORMAT

_Archive = Annotated[Path, typer.Argument(help="The archive, NAME.tar.zst or NAME.tar.gz.")]


def mount(app: typer.Typer) -> None:
    """Add both verbs."""
    app.command()(backup)
    app.command()(restore)


def backup(file: _Archive, book: BookOption = "", config: ConfigOption = None) -> None:
    """Copy a book into one file, also while it trades; no key and no token is in it."""
    from runtime.backup.writing import back_up
    from runtime.preparation import own_version

    found = find_book(load(config).settings.home.absolute(), book)
    contents = back_up(found, file, own_version())
    size = sum(item.size_bytes for item in contents.items)
    print(
        f"book {contents.book} up to entry {contents.head_seq} is in {file}: "
        f"{len(contents.items)} files, {size} bytes, packed {file.stat().st_size}"
    )


def restore(
    file: _Archive,
    book: Annotated[
        str, typer.Option("--book", help="Name of the new book; the one it had without it.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Make a new book of an archive, after every hash and the chain of its journal are verified."""
    from runtime.backup.contents import SENDS
    from runtime.backup.restoring import restore as restored

    home = load(config).settings.home.absolute()
    made, contents = restored(file, home, book)
    print(f"book {made.name} is there up to entry {contents.head_seq}: {made.folder}")
    if contents.journal_format != FORMAT:
        print(f"its journal is of an earlier format: python launch.py upgrade --book {made.name}")
    if any(item.name == SENDS for item in contents.items):
        print(
            f"{set_switch(home)} is set: the broker may know more than the backup. Compare the "
            "account with the journal, then python launch.py halt --off"
        )
