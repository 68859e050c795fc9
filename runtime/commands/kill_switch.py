"""``halt``: the kill switch, a file that the process which holds the account obeys by itself.

``stop --emergency`` sets it too, and ``resume`` releases it with everything else that waits for a
person: there is one switch, under whatever name somebody thinks of first.

It needs neither Ray, nor a running system, nor a working journal. Once it returns the file survives
a power cut, and nothing that may raise risk leaves while it exists. Closing positions is another
verb (``flatten``).
"""

from pathlib import Path
from typing import Annotated

import typer

from runtime.book import write_durably
from runtime.commands.options import ConfigOption, home_of
from runtime.terminals.gate import STOP_FILE_NAME


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(halt)


def halt(
    config: ConfigOption = None,
    off: Annotated[bool, typer.Option(help="Release it: trading may go on.")] = False,
) -> None:
    """Refuse whatever may raise risk at the terminal itself, at once, with Ray dead or alive."""
    home = home_of(config)
    if off:
        release_switch(home)
        print(f"{home / STOP_FILE_NAME} is gone: orders may leave again")
        return
    print(
        f"{set_switch(home)} is set: only what reduces risk leaves, "
        "until: python launch.py halt --off"
    )


def set_switch(home: Path) -> Path:
    """Set the kill switch under a home directory, durably; return its file."""
    path = home / STOP_FILE_NAME
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        write_durably(path, b"halt\n")
    return path


def release_switch(home: Path) -> bool:
    """Release the kill switch; return whether it was set."""
    path = home / STOP_FILE_NAME
    was_set = path.exists()
    path.unlink(missing_ok=True)
    return was_set
