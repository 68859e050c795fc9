"""The commands of the chat, as data: what each is called, says, needs, and is answered by."""

from collections.abc import Callable
from enum import IntEnum
from typing import Final

import msgspec

from config.telegram import ConfirmedSection, TelegramSection
from runtime.notify.answers import account, council, orders, results, safety, system
from runtime.notify.sources import Answer, Order, Sources, Words


class Permission(IntEnum):
    """What a command does to the risk that is run."""

    READ = 0
    """Nothing: it is answered."""
    REDUCE = 1
    """It can only become less."""
    RAISE = 2
    """It can become more."""


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One command; it has an answer, or an order that is carried out."""

    name: str
    arguments: str = ""
    words: str
    permission: Permission = Permission.READ
    answer: Answer | None = None
    order: Callable[[Sources, Words], Order] | None = None
    is_confirmed: bool = False
    """Whether a button must be pressed before the order leaves."""


_READ: Final[tuple[tuple[str, str, str, Answer], ...]] = (
    ("status", "", "state, equity and open positions", account.status),
    ("profit", "", "what all closed trades came to, with a picture", results.profit),
    ("daily", "[DAYS]", "profit by trading day", results.daily),
    ("weekly", "[WEEKS]", "profit by week", results.weekly),
    ("monthly", "[MONTHS]", "profit by month", results.monthly),
    ("balance", "", "balance, equity, drawdown, risk by currency", account.balance),
    ("performance", "", "profit by symbol", results.performance),
    ("count", "", "open positions and entries against their limits", account.count),
    ("trades", "[NUMBER]", "the latest closed trades", account.trades),
    ("entries", "", "profit by who led to the entry", results.entries),
    ("exits", "", "profit by the reason of the exit", results.exits),
    ("report", "", "the latest digests, with a picture", results.report),
    ("agents", "", "health, weight and skill of the council", council.agents),
    ("votes", "[SYMBOL]", "the latest decisions, or one in detail", council.votes),
    ("why", "TICKET", "from a trade back to its votes", council.why),
    ("whynot", "SYMBOL [TIME]", "what kept a symbol from being traded", council.why_not),
    ("news", "", "calendar, events near, latest texts", council.news),
    ("models", "", "who serves, the last verdicts, the next training", council.models),
    ("risk", "", "every limit and how much of it is used", safety.risk),
    ("breaker", "", "trading state, restrictions and their ways out", safety.breaker),
    ("locks", "", "what may not be entered for a while", safety.locks),
    ("health", "", "processes, agents, feeds, waiting messages", system.health),
    ("logs", "[AGENT] [LINES]", "the latest lines of a log", system.logs),
    ("show_config", "", "settings that differ from the defaults", system.show_config),
    ("version", "", "versions", system.version),
)

VERBS: Final = (
    *(
        Verb(name=name, arguments=more, words=words, answer=answer)
        for name, more, words, answer in _READ
    ),
    Verb(
        name="pause",
        words="no new entries until resume",
        permission=Permission.REDUCE,
        order=orders.pause,
    ),
    Verb(
        name="stopentry",
        words="the same as pause",
        permission=Permission.REDUCE,
        order=orders.pause,
    ),
    Verb(
        name="forceexit",
        arguments="TICKET, SYMBOL or all",
        words="close positions, trading goes on",
        permission=Permission.REDUCE,
        order=orders.forceexit,
        is_confirmed=True,
    ),
    Verb(
        name="flatten",
        words="close everything of ours and halt",
        permission=Permission.REDUCE,
        order=orders.flatten,
        is_confirmed=True,
    ),
    Verb(
        name="resume",
        words="let entries leave again",
        permission=Permission.RAISE,
        order=orders.resume,
        is_confirmed=True,
    ),
    Verb(
        name="retrain",
        arguments="[FAMILY]",
        words="ask for a candidate, which the gates judge",
        permission=Permission.RAISE,
        order=orders.retrain,
        is_confirmed=True,
    ),
    Verb(
        name="agent",
        arguments="NAME on, shadow, off or restart",
        words="switch one agent, or start it anew",
        permission=Permission.RAISE,
        order=orders.agent,
        is_confirmed=True,
    ),
)
"""Every command but /help and /start, which tell of these."""
_PERMITTED: Final = {"off": -1, "reduce": Permission.REDUCE, "all": Permission.RAISE}


def active(section: TelegramSection) -> dict[str, Verb]:
    """Return the commands that the settings permit, by name."""
    most = _PERMITTED[section.commands]
    return {
        verb.name: verb
        for verb in VERBS
        if verb.permission <= most and _is_on(section.confirmed, verb.name)
    }


def usage(verb: Verb) -> str:
    """Return a command with what stands behind it."""
    return f"/{verb.name} {verb.arguments}".rstrip()


def _is_on(section: ConfirmedSection, name: str) -> bool:
    switches = {
        "resume": section.resume,
        "retrain": section.retrain,
        "agent": section.agent,
        "forceexit": section.forceexit,
        "flatten": section.flatten,
    }
    return switches.get(name, True)
