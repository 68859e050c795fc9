"""``upgrade``: bring the journal of an earlier version to the present format."""

import typer

from runtime.book import find_book
from runtime.commands.options import BookOption, ConfigOption, load
from runtime.journals.format import FORMAT
from runtime.journals.upgrade import kept_folder
from runtime.journals.upgrade import upgrade as brought_up


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(upgrade)


def upgrade(book: BookOption = "", config: ConfigOption = None) -> None:
    """Convert a book's journal to the present format; the old one is kept beside it."""
    found = find_book(load(config).settings.home.absolute(), book)
    with found.held():
        done = brought_up(found)
    if done is None:
        print(f"{found.journal} has format {FORMAT} already")
        return
    said = ", ".join(f"{count} {kind}" for kind, count in done.changed.items()) or "none"
    print(
        f"{done.entries} entries brought from format {done.from_format} to {done.to_format}; "
        f"said otherwise: {said}\n"
        f"the old journal, head {done.old_head_hash[:16]}, is kept in "
        f"{kept_folder(found, done.from_format)}"
    )
