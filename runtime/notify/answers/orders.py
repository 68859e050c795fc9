"""What may be ordered from the chat, by the same ways as from the command line."""

from collections.abc import Callable, Iterable
from typing import Final

from agents.rounds.closings import ALL
from blackboard.errors import ConfigError
from blackboard.facts import PositionChanged
from blackboard.facts.control import Command
from blackboard.facts.execution import Origin
from config.agent import Mode
from runtime.mailbox import Letter, leave
from runtime.notify.sources import Order, Refused, Sources, Words
from runtime.retraining import ask_for_training, require_family
from runtime.switching import restart, switch
from runtime.terminals.gate import STOP_FILE_NAME

ORIGIN: Final = "telegram"
NAMED_MAX: Final = 20
"""Positions that a question names."""
MODES: Final = {"on": Mode.ENABLED, "shadow": Mode.SHADOW, "off": Mode.DISABLED}
RESTART: Final = "restart"


def pause(sources: Sources, words: Words) -> Order:
    """Let only what reduces risk leave, until resume; stops stay at the broker."""
    del words
    what = (
        f"no entries until resume; {len(positions(sources))} positions stay open with their stops"
    )
    return Order("pause", what, _left(sources, Command.PAUSE))


def resume(sources: Sources, words: Words) -> Order:
    """End a pause and whatever waits for a person."""
    del words
    if (sources.settings.home.absolute() / STOP_FILE_NAME).exists():
        raise Refused("the kill switch is set; only python launch.py resume releases it")
    with sources.present.held():
        state = sources.present.picture.state
    causes = ", ".join(one.scope for one in state.restrictions) if state else ""
    what = f"ends {causes or 'nothing, for nothing restricts'}; entries may leave again"
    return Order("resume", what, _left(sources, Command.RESUME))


def flatten(sources: Sources, words: Words) -> Order:
    """Close everything of ours and halt."""
    del words
    open_ones = named(positions(sources))
    what = f"closes {open_ones}, takes back what rests, and halts until resume"
    return Order("flatten", what, _left(sources, Command.FLATTEN))


def forceexit(sources: Sources, words: Words) -> Order:
    """Close one position by its ticket, those of a symbol, or all; trading goes on."""
    own = positions(sources)
    if len(words) != 1:
        raise Refused(f"say which: /forceexit TICKET, SYMBOL or all; open are {named(own)}")
    asked = ALL if words[0].lower() == ALL else words[0].upper()
    meant = [one for one in own if asked in {ALL, one.scope, str(one.ticket)}]
    if not meant:
        raise Refused(f"{asked[:40]} is no open position of ours; open are {named(own)}")
    what = f"closes {named(meant)}; trading goes on"
    return Order(f"close {asked}", what, _left(sources, Command.CLOSE, asked))


def retrain(sources: Sources, words: Words) -> Order:
    """Ask for a candidate of one family, or of all; the gates decide whether it serves."""
    try:
        family = require_family(words[0].lower() if words else ALL)
    except ConfigError as error:
        raise Refused(str(error)) from error
    what = "asks for a candidate, which serves only if the gates let it"
    book = sources.plan.book
    return Order(f"retrain {family}", what, lambda: ask_for_training(book, family, ORIGIN))


def agent(sources: Sources, words: Words) -> Order:
    """Switch one agent on, off or into shadow, or start its process anew."""
    book = sources.plan.book
    match [word.lower() for word in words]:
        case [name, wish] if wish == RESTART:
            what = "starts its process anew"
            return Order(f"restart {name}", what, lambda: restart(book, name, ORIGIN).text)
        case [name, wish] if wish in MODES:
            what = "is kept over restarts until python launch.py agents reset"
            mode = MODES[wish]
            return Order(f"{name} {wish}", what, lambda: switch(book, name, mode, ORIGIN).text)
        case _:
            wishes = ", ".join((*MODES, RESTART))
            raise Refused(f"an agent and one of {wishes} are needed: /agent NAME WISH")


def positions(sources: Sources) -> list[PositionChanged]:
    """Return the open positions that are ours."""
    with sources.present.held():
        found = sources.present.picture.positions.values()
        return [one for one in found if one.origin is Origin.OWN]


def named(found: Iterable[PositionChanged]) -> str:
    """Return positions in one line."""
    names = [f"#{one.ticket} {one.side} {one.lots:g} {one.scope}" for one in found]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return (", ".join(names[:NAMED_MAX]) + more) or "nothing"


def _left(sources: Sources, command: Command, argument: str = "") -> Callable[[], str]:
    """Return what leaves a letter for the driver."""
    letter = Letter(command=command.value, origin=ORIGIN, argument=argument)

    def carry() -> str:
        leave(sources.plan.book.mailbox, letter)
        return "handed to the council; what follows is told as it happens"

    return carry
