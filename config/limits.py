"""Which settings are limits: figures that refuse an order or trip a breaker.

Found in the schema itself, so that a limit that is added is one that must be proven: every setting
of the risk section is one, and elsewhere each that is marked by `config.section.LIMIT`.
"""

from collections.abc import Iterator

import msgspec

from config.agent import AgentSection
from config.agents import RiskSection
from config.section import LIMIT, Section
from config.settings import Settings


class LimitSetting(msgspec.Struct, frozen=True):
    """One limit of the schema."""

    key: str
    """Dotted, as in the settings' file: ``agents.risk.heat_max``."""
    section: type[Section]
    name: str
    meaning: str


def limit_settings(section: type[Section] = Settings, prefix: str = "") -> Iterator[LimitSetting]:
    """Yield every limit of the schema in its order."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from limit_settings(inner, f"{prefix}{name}.")
        elif field.json_schema_extra == LIMIT or _is_of_risk(section, name):
            meaning = " ".join((field.description or "").split())
            yield LimitSetting(f"{prefix}{name}", section, name, meaning)


def _is_of_risk(section: type[Section], name: str) -> bool:
    return section is RiskSection and name not in AgentSection.model_fields
