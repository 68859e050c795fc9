"""``telegram``: set the messages up, try them, and print the commands of the chat."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from blackboard.errors import ConfigError
from config.secrets import load_secrets
from runtime.commands.options import ConfigOption, load, seconds_of

app = typer.Typer(help="Messages to a chat, and commands from it.", no_args_is_help=True)
ENV_FILE = Path(".env")
_console = Console(soft_wrap=True, highlight=False, markup=False)


@app.command()
def setup(
    config: ConfigOption = None,
    within: Annotated[str, typer.Option(help="How long to wait for your message.")] = "5m",
    yes: Annotated[
        bool, typer.Option("--yes", help="Take whoever writes first without asking.")
    ] = False,
) -> None:
    """Check the token, wait for your first message, send a test, and write both lines to .env."""
    from runtime.env_file import set_in
    from runtime.notify.link import Link
    from runtime.notify.setup import bot_name, first_writer, send_test

    settings, within_s = load(config).settings, seconds_of(within, "--within")
    section = settings.telegram
    token = load_secrets().telegram_bot_token
    if not token.get_secret_value():
        _console.print("Write /newbot to @BotFather in Telegram; it answers with a token.")
        token = SecretStr(typer.prompt("token", hide_input=True).strip())
    link = Link(token, SecretStr(""), section)
    name = asyncio.run(bot_name(link))
    _console.print(f"the token is good; now write anything to @{name} in a private chat")
    writer = asyncio.run(first_writer(link, within_s))
    _console.print(f"{writer.name}: chat {writer.chat}, user {writer.user}")
    if not (yes or typer.confirm("is that you?")):
        raise ConfigError("nothing was written; begin anew when only you write to the bot")
    chat = SecretStr(str(writer.chat))
    asyncio.run(send_test(Link(token, chat, section), settings.profile.upper()))
    set_in(
        ENV_FILE,
        {
            "TELEGRAM_BOT_TOKEN": token.get_secret_value(),
            "TELEGRAM_CHAT_ID": chat.get_secret_value(),
        },
    )
    _console.print(f"a test was sent; both lines stand in {ENV_FILE}, which only you can read")
    _console.print("messages go out from the next start; for commands too, set in your YAML file:")
    _console.print(f"telegram:\n  commands: reduce  # or all\n  users: [{writer.user}]")


@app.command("test")
def try_it(config: ConfigOption = None) -> None:
    """Send a message by what is set."""
    from runtime.notify.link import Link
    from runtime.notify.setup import send_test

    settings, secrets = load(config).settings, load_secrets()
    if not secrets.has_messenger:
        raise ConfigError(
            "TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID must both be set: "
            "python launch.py telegram setup"
        )
    link = Link(secrets.telegram_bot_token, secrets.telegram_chat_id, settings.telegram)
    asyncio.run(send_test(link, settings.profile.upper()))
    _console.print("a test was sent")


@app.command()
def commands(config: ConfigOption = None) -> None:
    """Print every command of the chat, and which the settings permit."""
    from rich.table import Table

    from runtime.notify.verbs import VERBS, active, usage

    permitted = active(load(config).settings.telegram)
    table = Table("command", "what", "needs", "active", box=None)
    for verb in VERBS:
        is_active = "yes" if verb.name in permitted else "no"
        table.add_row(usage(verb), verb.words, verb.permission.name.lower(), is_active)
    _console.print(table)
