"""``halt``: the kill switch, a file that the process which holds the account obeys by itself.

It needs neither Ray, nor a running system, nor a working journal. Once it returns the file survives
a power cut, and nothing that may raise risk leaves while it exists. Closing positions is another
verb (``flatten``).
"""

from typing import Annotated

import typer

from runtime.book import write_durably
from runtime.commands.options import ConfigOption, load
from runtime.terminals.gate import STOP_FILE_NAME


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(halt)


def halt(
    config: ConfigOption = None,
    off: Annotated[bool, typer.Option(help="Release it: trading may go on.")] = False,
) -> None:
    """Refuse whatever may raise risk at the terminal itself, at once, with Ray dead or alive."""
    home = load(config).settings.home.absolute()
    path = home / STOP_FILE_NAME
    if off:
        path.unlink(missing_ok=True)
        print(f"{path} is gone: orders may leave again")
        return
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        write_durably(path, b"halt\n")
    print(f"{path} is set: only what reduces risk leaves, until: python launch.py halt --off")
