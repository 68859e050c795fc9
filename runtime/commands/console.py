"""``console``: open the web console of the system that runs."""

from typing import Annotated

import typer
from rich.console import Console

from blackboard.errors import ConfigError
from runtime.commands.options import BookOption, ConfigOption, load

_console = Console(soft_wrap=True, highlight=False, markup=False)


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(console)


def console(
    book: BookOption = "",
    config: ConfigOption = None,
    show: Annotated[
        bool, typer.Option("--print", help="Print the address with its token, open nothing.")
    ] = False,
) -> None:
    """Open the web console in a browser, its token already entered.

    The token stands behind a # in the address, which a browser sends nowhere and the page removes.
    """
    import webbrowser

    from runtime.book import find_book
    from runtime.console.access import provide_token
    from runtime.console.server import token_path
    from runtime.status import read_status

    home = load(config).settings.home.absolute()
    found = find_book(home, book)
    told = read_status(found.state)
    if told is None or not told.is_alive():
        raise ConfigError(f"{found.name} is not running: python launch.py")
    if not told.console_url:
        raise ConfigError(f"{found.name} runs without a console: setting console.enabled")
    address = f"{told.console_url}/#token={provide_token(token_path(home))}"
    if show or not webbrowser.open(address):
        _console.print(address)
        return
    _console.print(f"{told.console_url} was opened in a browser")
