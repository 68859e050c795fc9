"""The one step that both hosts share, and the one place that catches whatever an agent raises."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from agents.agent import Agent, Inbox, Outbox
from blackboard.entry import Entry
from blackboard.errors import QuorumError

_log = structlog.get_logger()
T = TypeVar("T")


class AgentFault(QuorumError):
    """An agent's step raised; its host rebuilds it within the restart budget."""


def guarded_step(agent: Agent, now_ns: int, inbox: Inbox) -> Outbox:
    """Step an agent; whatever it raises is logged with its traceback and becomes AgentFault."""
    return _guarded(agent, lambda: agent.step(now_ns, inbox), now_ns=now_ns)


def guarded_fold(agent: Agent, entries: Iterable[Entry]) -> None:
    """Let an agent see what it need not answer yet; what it raises becomes AgentFault as well."""
    _guarded(agent, lambda: [agent.see(entry) for entry in entries])


def _guarded(agent: Agent, work: Callable[[], T], **told: int) -> T:
    try:
        return work()
    except Exception as error:  # the one catch site of the system
        _log.exception("agent_step_failed", agent=agent.name, **told)
        raise AgentFault(f"{agent.name}: {type(error).__name__}: {error}") from error
