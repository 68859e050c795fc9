"""``reference``: chapters written from the code, for a person or into the docs of a checkout."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Chapter(StrEnum):
    """What can be written."""

    SETTINGS = "settings"
    FACTS = "facts"
    COMMANDS = "commands"
    WRITE = "write"


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(reference)


def reference(
    context: typer.Context,
    chapter: Annotated[Chapter, typer.Argument(help="Which one; write renews all files.")],
) -> None:
    """Print every setting, fact or command as Markdown, or write them into a checkout.

    `write` renews docs/configuration.md, docs/facts.md, docs/commands.md and config/default.yaml.
    """
    from runtime.reference.checkout import chapters, generated, write

    root = context.find_root().command
    if chapter is Chapter.WRITE:
        checkout = Path(__file__).parents[2]
        for path in write(checkout, generated(root)):
            print(f"wrote {path}")
        return
    print(chapters(root)[chapter.value], end="")
