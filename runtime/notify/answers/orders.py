"""What may be ordered from the chat: each order is a letter, as the command line leaves them."""

from collections.abc import Iterable

from agents.rounds.closings import ALL
from blackboard.errors import ConfigError
from blackboard.facts import PositionChanged
from blackboard.facts.control import Command
from blackboard.facts.execution import Origin
from runtime.mailbox import Letter
from runtime.notify.sources import Refused, Sources, Words
from runtime.retraining import require_family
from runtime.terminals.gate import STOP_FILE_NAME

ORIGIN = "telegram"
NAMED_MAX = 20
"""Positions that a question names."""


def pause(sources: Sources, words: Words) -> Letter:
    """Only what reduces risk leaves, until resume; stops stay at the broker."""
    del sources, words
    return Letter(command=Command.PAUSE, origin=ORIGIN)


def resume(sources: Sources, words: Words) -> Letter:
    """End a pause and whatever waits for a person."""
    del words
    if (sources.settings.home.absolute() / STOP_FILE_NAME).exists():
        raise Refused("the kill switch is set; only python launch.py resume releases it")
    return Letter(command=Command.RESUME, origin=ORIGIN)


def flatten(sources: Sources, words: Words) -> Letter:
    """Close everything of ours and halt."""
    del sources, words
    return Letter(command=Command.FLATTEN, origin=ORIGIN)


def forceexit(sources: Sources, words: Words) -> Letter:
    """Close one position by its ticket, those of a symbol, or all; trading goes on."""
    own = positions(sources)
    if len(words) != 1:
        raise Refused(f"say which: /forceexit TICKET, SYMBOL or all; open are {named(own)}")
    asked = ALL if words[0].lower() == ALL else words[0].upper()
    if not any(asked in {ALL, one.scope, str(one.ticket)} for one in own):
        raise Refused(f"{asked[:40]} is no open position of ours; open are {named(own)}")
    return Letter(command=Command.CLOSE, origin=ORIGIN, argument=asked)


def retrain(sources: Sources, words: Words) -> Letter:
    """Ask for a candidate of one family, or of all; the gates decide whether it serves."""
    del sources
    try:
        family = require_family(words[0].lower() if words else ALL)
    except ConfigError as error:
        raise Refused(str(error)) from error
    return Letter(command=Command.RETRAIN, origin=ORIGIN, argument=family)


def positions(sources: Sources) -> list[PositionChanged]:
    """Return the open positions that are ours."""
    with sources.present.held():
        found = sources.present.picture.positions.values()
        return [one for one in found if one.origin is Origin.OWN]


def concerned(sources: Sources, letter: Letter) -> str:
    """Return what an order would touch, in words."""
    own = positions(sources)
    match letter.operator_command:
        case Command.FLATTEN:
            return f"closes {named(own)}, takes back what rests, and halts until resume"
        case Command.CLOSE:
            asked = letter.argument
            meant = (one for one in own if asked in {ALL, one.scope, str(one.ticket)})
            return f"closes {named(meant)}; trading goes on"
        case Command.RESUME:
            with sources.present.held():
                state = sources.present.picture.state
            causes = ", ".join(one.scope for one in state.restrictions) if state else ""
            return f"ends {causes or 'nothing, for nothing restricts'}; entries may leave again"
        case Command.RETRAIN:
            return f"asks for a candidate of {letter.argument or ALL}"
        case Command.SWITCH | Command.RESTART:
            return f"concerns {letter.argument}"
        case Command.PAUSE:
            return f"no entries until resume; {len(own)} positions stay open with their stops"


def named(found: Iterable[PositionChanged]) -> str:
    """Return positions in one line."""
    names = [f"#{one.ticket} {one.side} {one.lots:g} {one.scope}" for one in found]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return (", ".join(names[:NAMED_MAX]) + more) or "nothing"
