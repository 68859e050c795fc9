"""What a page may order: the commands that the command line has too, by the same ways."""

from typing import Final

import msgspec

from blackboard.errors import ConfigError
from blackboard.facts.control import Command
from config.agent import Mode
from runtime.book import Book
from runtime.mailbox import Letter, leave
from runtime.retraining import ask_for_training
from runtime.switching import restart, switch

BODY_BYTES_MAX: Final = 4_096
ARGUMENT_LENGTH_MAX: Final = 32
"""Longest name of what is to be closed."""
UNCONFIRMED: Final = frozenset({Command.PAUSE})
"""Commands that only reduce risk; every other one is asked for twice."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that steers."""

    command: Command
    confirm: str = ""
    """The command's own word where it must be confirmed."""
    argument: str = ""
    """A family, an agent, an agent and its mode, or what to close, as the command has it."""


class Refused(ValueError):
    """An order that was not handed on, with the reason for a person."""


def obey(body: bytes, book: Book) -> str:
    """Hand an order to the driver and return the answer; `Refused` says what is wrong with it."""
    try:
        order = msgspec.json.decode(body, type=Order)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"not an order: {error}") from error
    command = order.command
    if command not in UNCONFIRMED and order.confirm != command.value:
        raise Refused(f"{command.value} must be confirmed by its own word")
    try:
        return _done(command, order.argument, book)
    except (ConfigError, OSError) as error:
        raise Refused(str(error)) from error


def _done(command: Command, argument: str, book: Book) -> str:
    match command:
        case Command.SWITCH:
            agent, _, mode = argument.partition(" ")
            if mode not in set(Mode):
                raise ConfigError(f"the mode must be true, shadow or false, was {mode!r}")
            return switch(book, agent, Mode(mode), "console").text
        case Command.RESTART:
            return restart(book, argument, "console").text
        case Command.RETRAIN:
            return ask_for_training(book, argument, "console")
        case Command.CLOSE:
            if not 0 < len(argument) <= ARGUMENT_LENGTH_MAX:
                raise ConfigError("close needs a ticket, a symbol, or all")
            letter = Letter(command=command.value, origin="console", argument=argument)
            leave(book.mailbox, letter)
            return f"close {argument} was handed to the council"
        case _:
            leave(book.mailbox, Letter(command=command.value, origin="console"))
            return f"{command.value} was handed to the council"
