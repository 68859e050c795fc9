"""What a page may order: the commands that the command line has too, by the same mailbox."""

from pathlib import Path
from typing import Final

import msgspec

from blackboard.facts.control import Command
from runtime.mailbox import Letter, leave

BODY_BYTES_MAX: Final = 4_096
CONFIRMED: Final = frozenset({Command.FLATTEN, Command.RESUME})
"""Commands that close trades or let risk rise again: they are asked for twice."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that steers."""

    command: Command
    confirm: str = ""
    """The command's own word where it must be confirmed."""


class Refused(ValueError):
    """An order that was not handed on, with the reason for a person."""


def obey(body: bytes, mailbox: Path) -> Command:
    """Hand an order to the driver; `Refused` says what is wrong with it."""
    try:
        order = msgspec.json.decode(body, type=Order)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"not an order: {error}") from error
    command = order.command
    if command is Command.RETRAIN:
        raise Refused("retrain is asked for on the command line")
    if command in CONFIRMED and order.confirm != command.value:
        raise Refused(f"{command.value} must be confirmed by its own word")
    try:
        leave(mailbox, Letter(command=command.value, origin="console"))
    except OSError as error:
        raise Refused(str(error)) from error
    return command
