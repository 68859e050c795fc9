"""The one step that both hosts share, and the one place that catches whatever an agent raises."""

import structlog

from agents.agent import Agent, Inbox, Outbox
from blackboard.errors import QuorumError

_log = structlog.get_logger()


class AgentFault(QuorumError):
    """An agent's step raised; its host rebuilds it within the restart budget."""


def guarded_step(agent: Agent, now_ns: int, inbox: Inbox) -> Outbox:
    """Step an agent; whatever it raises is logged with its traceback and becomes AgentFault."""
    try:
        return agent.step(now_ns, inbox)
    except Exception as error:  # the one catch site of the system
        _log.exception("agent_step_failed", agent=agent.name, now_ns=now_ns)
        raise AgentFault(f"{agent.name}: {type(error).__name__}: {error}") from error
