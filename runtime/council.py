"""Who takes part in a run: the agents not disabled, in the fixed order of their commits."""

import importlib

from agents.agent import Agent
from blackboard.access import Declaration
from config.agent import Mode
from config.agents import AgentsSection
from config.settings import Settings

ORDER = tuple(AgentsSection.model_fields)
"""Order in which the outboxes of a superstep are committed."""


def class_name(agent: str) -> str:
    """Return the class of an agent by its name: lstm_vol -> LSTMVolAgent."""
    words = ("LSTM" if word == "lstm" else word.title() for word in agent.split("_"))
    return "".join(words) + "Agent"


def agent_order(settings: Settings) -> tuple[str, ...]:
    """Return the names of the agents that run, shadows included."""
    return tuple(name for name in ORDER if settings.mode(name) is not Mode.DISABLED)


def load_agent(name: str, settings: Settings) -> Agent:
    """Import and build one agent; nothing of the others is imported."""
    agent: Agent = _class_of(name)(settings)
    return agent


def declarations(settings: Settings) -> dict[str, Declaration]:
    """Return what every running agent posts and reads."""
    return declarations_of(agent_order(settings), settings)


def declarations_of(names: tuple[str, ...], settings: Settings) -> dict[str, Declaration]:
    """Return what agents post and read, whether they run or not."""
    return {name: _class_of(name).declaration(settings.timeframe) for name in names}


def _class_of(name: str) -> type[Agent]:
    module = importlib.import_module(f"agents.{name}")
    found: type[Agent] = getattr(module, class_name(name))
    return found
