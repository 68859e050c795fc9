"""What a person may do to one agent: switch it on, off or into shadow, restart it.

The command line, the console and Telegram ask here; the answer says from when on it holds. A choice
is kept as an override of the book first, then handed to the driver of a run that can apply it now:
on Ray, following the clock, and only for agents whose absence orders survive. What such a switch
means to the others is compiled into them, so the cluster starts those whom it concerns anew, by a
manifest of its own (`runtime.cluster`): a replay finds out from the record which modes held when.
"""

from typing import Final

import msgspec

from blackboard.errors import ConfigError
from blackboard.facts.control import Command
from config.agent import Mode
from config.loading import LoadedSettings, with_overrides
from config.settings import Settings
from runtime.book import Book
from runtime.council import ORDER
from runtime.mailbox import Letter, leave
from runtime.overrides import keep_override, read_overrides, remove_override, setting_of
from runtime.run_plan import PLAN_FILE, RunPlan, read_plan
from runtime.status import Status, read_status

SWITCHED_NOW: Final = frozenset(ORDER) - {"data", "risk", "execution", "supervisor"}
"""Agents that may be switched while others trade; an order may be under way by the rest."""
CONCERNED: Final = frozenset({"sentiment", "risk", "learner", "supervisor"})
"""Agents into which the modes of others are compiled."""
WORDS: Final = {Mode.ENABLED: "on", Mode.SHADOW: "in shadow", Mode.DISABLED: "off"}
NOW: Final = "applied now"
NEXT: Final = "at next start"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a wish."""

    agent: str
    what: str
    is_now: bool
    """Whether the driver has been told; otherwise it holds from the next start on."""
    why_later: str = ""

    @property
    def text(self) -> str:
        """The answer for a person."""
        when = NOW if self.is_now else NEXT
        return f"{self.agent} {self.what}: {when}" + (
            f" ({self.why_later})" if self.why_later else ""
        )


def switch(book: Book, agent: str, mode: Mode, origin: str) -> Answer:
    """Let an agent take part in another mode; ConfigError says why not."""
    plan = _plan(book, agent)
    waiting = {setting_of(name): kept.value for name, kept in read_overrides(book).items()}
    _validated(plan.settings, waiting | {setting_of(agent): mode.value})
    keep_override(book, agent, mode)
    what = WORDS[mode]
    if why := _why_later(book, plan, agent):
        return Answer(agent=agent, what=what, is_now=False, why_later=why)
    # Also where it seems to hold: another switch may be on its way that the plan does not tell of.
    _tell(book, Command.SWITCH, f"{agent} {mode.value}", origin)
    return Answer(agent=agent, what=what, is_now=True)


def reset(book: Book, agent: str) -> Answer:
    """Forget a choice: the configuration decides again; ConfigError if there is none."""
    _plan(book, agent)
    if not remove_override(book, agent):
        raise ConfigError(f"{agent} has no override in book {book.name}")
    return Answer(agent=agent, what="as configured", is_now=False)


def restart(book: Book, agent: str, origin: str) -> Answer:
    """Start the process of an agent anew, with a fresh budget; ConfigError if it has none."""
    plan, told = _plan(book, agent), read_status(book.state)
    if why := _why_no_process(plan, told):
        raise ConfigError(f"{agent} cannot be restarted by itself: {why}")
    if plan.settings.mode(agent) is Mode.DISABLED:
        raise ConfigError(f"{agent} is switched off: python launch.py agents enable {agent}")
    _tell(book, Command.RESTART, agent, origin)
    return Answer(agent=agent, what="restarted", is_now=True)


def switched(settings: Settings, argument: str) -> tuple[str, Settings]:
    """Return agent and settings of a switch as its command has it; ConfigError if it is none."""
    agent, _, mode = argument.partition(" ")
    _require_agent(agent)
    if agent not in SWITCHED_NOW:
        raise ConfigError(f"{agent} is switched at the next start only")
    return agent, _validated(settings, {setting_of(agent): mode})


def _validated(settings: Settings, values: dict[str, str]) -> Settings:
    return with_overrides(LoadedSettings(settings, {}), values, "switch").settings


def _plan(book: Book, agent: str) -> RunPlan:
    _require_agent(agent)
    if book.is_run:
        raise ConfigError(f"{book.name} is a run over history, which no start continues")
    try:
        return read_plan(book.folder / PLAN_FILE)
    except FileNotFoundError as error:
        raise ConfigError(f"{book.name} has never been started") from error


def _require_agent(agent: str) -> None:
    if agent not in ORDER:
        raise ConfigError(f"the agent must be one of {', '.join(ORDER)}, was {agent!r}")


def _why_later(book: Book, plan: RunPlan, agent: str) -> str:
    told = read_status(book.state)
    if told is None or not told.is_alive():
        return "nothing is running"
    if why := _why_no_process(plan, told):
        return why
    return "" if agent in SWITCHED_NOW else "an order may be under way by it"


def _why_no_process(plan: RunPlan, told: Status | None) -> str:
    if told is None or not told.is_alive():
        return "nothing is running"
    if told.host != "ray":
        return "all agents share one process"
    return "time stands still without it" if plan.is_virtual else ""


def _tell(book: Book, command: Command, argument: str, origin: str) -> None:
    leave(book.mailbox, Letter(command=command.value, origin=origin, argument=argument))
