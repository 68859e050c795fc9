"""What a run does without: the price of every agent that is off or in shadow, said at the start."""

from collections.abc import Iterator
from typing import Final

from agents.voters import live_voters
from config.agent import Mode
from config.agents import AgentsSection
from config.settings import Settings
from runtime.terminals.simulated.traits import DOLLARS

_WITHOUT: Final = {
    "technical": "no technical votes, no trailing stops, no range that stops are measured by: "
    "nothing is entered",
    "lstm_vol": "no volatility forecast: no storm veto, stops are not scaled",
    "sentiment": "no vote of its own, no blackouts and no calendar: entries at half risk",
    "portfolio": "every symbol has the same budget",
    "risk": "nothing is approved, so nothing is traded",
    "execution": "the account is not read and nothing is sent, so nothing is traded",
    "learner": "weights and calibrations stay as they are, nobody judges candidates",
    "supervisor": "nothing is decided, so nothing is traded, and breakers change no state",
}
_IN_SHADOW: Final = {
    "technical": "its votes weigh nothing, its ranges and levels set no stop: nothing is entered",
    "lstm_vol": "its forecasts veto nothing and scale no stop",
    "sentiment": "its votes weigh nothing, its blackouts block nothing: entries at half risk",
    "portfolio": "its budgets are not applied: every symbol has the same",
    "execution": "the account is read, every order is answered NOT_SENT",
    "learner": "it judges and never promotes: weights and calibrations stay as they are",
    "supervisor": "it decides without intents, so nothing is traded",
}
_NO_WORD: Final = "what it says is missing", "what it says weighs nothing"
"""Of an agent that the tables above do not know."""


def reductions(settings: Settings) -> Iterator[str]:
    """Yield a line for everything that the operator has switched off or not configured."""
    for name in AgentsSection.model_fields:
        match settings.mode(name):
            case Mode.DISABLED:
                yield f"{name} is disabled: {_WITHOUT.get(name, _NO_WORD[0])}"
            case Mode.SHADOW:
                yield f"{name} is in shadow: {_IN_SHADOW.get(name, _NO_WORD[1])}"
            case Mode.ENABLED:
                pass
    voters, quorum = len(live_voters(settings)), settings.agents.supervisor.quorum
    if voters < quorum and settings.mode("supervisor") is not Mode.DISABLED:
        yield (
            f"{voters} voters weigh, fewer than agents.supervisor.quorum, {quorum}: "
            "every decision is a hold"
        )
    # A real broker states its own terms.
    symbols = settings.symbols if settings.terminal.kind == "simulated" else ()
    currencies = {name[place : place + 3] for name in symbols for place in (0, 3)}
    if unknown := sorted(currencies - DOLLARS.keys()):
        names = ", ".join(unknown)
        yield f"{names}: unknown currencies, whose terms are averages; a slip of the pen?"
    is_synthetic = settings.terminal.kind == "simulated" and not settings.market.history.path
    has_calendar = settings.agents.sentiment.calendar_file or is_synthetic
    if not has_calendar and settings.mode("sentiment") is Mode.ENABLED:
        yield "no calendar is configured (agents.sentiment.calendar_file): entries at half risk"
