"""What follows a rejection that may be tried anew: when, and that a fresh quote comes first.

The supervisor asks again only at a price that is younger than the rejection, and the DataAgent
reads that price as soon as asking again makes sense. Both count from here.
"""

from typing import Final

from blackboard.entry import Entry
from blackboard.facts import OrderOutcome
from blackboard.facts.execution import Outcome, Purpose
from config.settings import Settings
from models.market.sessions import SECOND_NS

RETCODE_TOO_MANY_REQUESTS: Final = 10024
"""The broker asks for a pause; whoever goes on at once is refused again."""

RETCODES_OF_STOPS: Final = frozenset({10015, 10016, 10029})
"""Rejections of a stop for its place beside the price: price, stops level, freeze level."""

REASON_OF_STOPS: Final = "stops_level"
"""Why execution itself does not send a stop: it would be refused for its place."""


def retry_from_ns(outcome: OrderOutcome, rejected_ns: int, settings: Settings) -> int:
    """Return the market time from which what was rejected may be asked for again."""
    if outcome.retcode != RETCODE_TOO_MANY_REQUESTS:
        return rejected_ns
    # Process time does not scale with the simulated market's speed.
    speed = settings.speed if settings.terminal.kind == "simulated" else 1.0
    return rejected_ns + int(settings.agents.supervisor.retry_pause_s * speed * SECOND_NS)


def wants_quote(outcome: OrderOutcome) -> bool:
    """Whether what follows an outcome needs a price that is younger than it."""
    if outcome.purpose not in (Purpose.ENTRY, Purpose.AMEND):
        return False
    if outcome.may_retry and outcome.outcome.is_settled:
        return True  # a stop as well: its position may be naked, and a bar is long
    if outcome.purpose is Purpose.ENTRY:
        return False
    is_refused = outcome.outcome is Outcome.REJECTED and outcome.retcode in RETCODES_OF_STOPS
    is_held_back = outcome.outcome is Outcome.NOT_SENT and outcome.reason == REASON_OF_STOPS
    return is_refused or is_held_back


def quote_ordinal(entry: Entry) -> str:
    """Return the outcome that a quote was read for, empty for the quote of a close."""
    return entry.key.rpartition("/")[2]
