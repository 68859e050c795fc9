"""The configuration reference: every setting with type, unit, bounds, default and variable."""

from collections.abc import Iterator
from typing import Final

from pydantic.fields import FieldInfo

from config.describing import default_text, describe_bounds
from config.limits import limit_settings
from config.secrets import SECRET_SOURCES
from config.section import Section
from config.settings import Settings
from runtime.reference.markdown import chapter, code, contents, plain, table
from runtime.reference.wording import type_of, unit_of

TITLE: Final = "Configuration"
GENERAL: Final = "General"
SECRETS: Final = "Secrets"
_INTRODUCTION: Final = """\
Every setting, as the schema in `config/` declares it. Where a value comes from, the first that
says something wins:

1. the command line: its own options, then `--set agents.risk.heat_max=0.015`
2. the environment, by the variable beside each setting: `QUORUM_AGENTS__RISK__HEAT_MAX=0.015`
3. the file `.env` in the working directory, with the same variables
4. overrides of the book: what `python launch.py agents enable`, `disable` or `shadow` has chosen
   for an agent, until `python launch.py agents reset`
5. one YAML file: the one given with `--config`, otherwise `config/default.yaml`
6. the defaults below

`python launch.py config init my.yaml` writes all of them with their meaning,
`python launch.py config show` tells where each value came from,
`python launch.py config validate --config my.yaml` checks a file. A file needs only the keys it
changes. Unknown keys and variables are refused, and all errors are reported at once. Lists are
given as text in a variable: `EURUSD,GBPUSD`.

Fractions are 0..1. A setting marked **limit** refuses orders or trips a breaker, and
`python launch.py prove-safety` shows an order that it refuses."""
_OF_SECRETS: Final = """\
Keys and passwords come from the environment or from `.env` alone, never from a YAML file, and
reach no log, fact or message. None is needed for the simulated market.
`python launch.py config secrets` shows which are set."""


def settings_chapter() -> str:
    """Return the chapter as Markdown."""
    limits = {limit.key for limit in limit_settings()}
    sections = list(_sections(Settings(), ""))
    parts = [_INTRODUCTION, contents([*(heading for heading, _, _ in sections), SECRETS])]
    for heading, section, prefix in sections:
        meaning = plain((type(section).__doc__ or "").partition("\n")[0])
        head = ("key", "type", "unit, bounds", "default", "meaning", "variable")
        rows = [
            _row(section, name, field, prefix, limits)
            for name, field in type(section).model_fields.items()
            if not isinstance(getattr(section, name), Section)
        ]
        parts += [f"## {heading}", meaning, table(head, rows)]
    where = ([code(name), source] for name, source in SECRET_SOURCES.items())
    parts += [f"## {SECRETS}", _OF_SECRETS, table(("variable", "what, and where to get it"), where)]
    return chapter(TITLE, *parts)


def _sections(section: Section, prefix: str) -> Iterator[tuple[str, Section, str]]:
    # A section, then those within it; one that only holds others has no table of its own.
    inner = {
        name: value
        for name in type(section).model_fields
        if isinstance(value := getattr(section, name), Section)
    }
    if len(inner) < len(type(section).model_fields):
        yield prefix.removesuffix(".") or GENERAL, section, prefix
    for name, value in inner.items():
        yield from _sections(value, f"{prefix}{name}.")


def _row(
    section: Section, name: str, field: FieldInfo, prefix: str, limits: set[str]
) -> tuple[str, ...]:
    key, meaning = f"{prefix}{name}", plain(field.description)
    choices = describe_bounds(field)
    told = [unit_of(name, meaning), choices, "**limit**" if key in limits else ""]
    return (
        code(key),
        type_of(field.annotation),
        "; ".join(text for text in told if text),
        code(default_text(getattr(section, name))),
        meaning,
        code(variable_of(key)),
    )


def variable_of(key: str) -> str:
    """Return the environment variable of a setting."""
    return f"QUORUM_{key.replace('.', '__').upper()}"
