"""The settings as text for people: the commented default file, written from the schema itself."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import yaml
from pydantic.fields import FieldInfo

from config.section import Section
from config.settings import Settings

_HEADER = """\
# Quorum: the embedded run, every setting with its default.
# Environment variables go before this file: QUORUM_AGENTS__RISK__HEAT_MAX=0.015
# A file of your own needs only the keys it changes: python launch.py up --config my.yaml
"""


def commented_yaml(settings: Settings) -> str:
    """Return the settings as YAML, each key under its meaning and its bounds."""
    return _HEADER + "\n".join(_lines(settings, 0)) + "\n"


def _lines(section: Section, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield ""
            doc = (type(value).__doc__ or "").strip().splitlines()[0]
            yield f"{indent}# {doc}"
            yield f"{indent}{name}:"
            yield from _lines(value, depth + 1)
            continue
        meaning = " ".join((field.description or "").split())
        bounds = describe_bounds(field)
        yield f"{indent}# {meaning}{f' [{bounds}]' if bounds else ''}"
        yield f"{indent}{name}: {default_text(value)}"


def json_schema() -> str:
    """Return the schema of a file of settings as JSON: meaning, bounds and default of each key."""
    schema = Settings.model_json_schema()
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Quorum"}
    return json.dumps(schema | dialect, indent=2)


def describe_bounds(field: FieldInfo) -> str:
    """Return the bounds or the choices of a setting as text, empty if it has none."""
    parts = [" | ".join(_choices(field.annotation))] if _choices(field.annotation) else []
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge(ge=low):
                parts.append(f">= {low}")
            case annotated_types.Gt(gt=low):
                parts.append(f"> {low}")
            case annotated_types.Le(le=high):
                parts.append(f"<= {high}")
            case annotated_types.Lt(lt=high):
                parts.append(f"< {high}")
            case _:
                pass
    return ", ".join(parts)


def _choices(annotation: object) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return []


def default_text(value: Any) -> str:
    """Return a value as YAML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            text = str(value.value)
            # Modes are true, shadow and false; a quoted "true" would read as a text.
            return text if text in {"true", "false"} else default_text(text)
        case tuple():
            return "[" + ", ".join(default_text(item) for item in value) + "]"
        case str() | Path():
            # A text such as `no` or `17:00` would read as something else without its quotes.
            text = str(value)
            is_plain = text.replace("_", "").isalnum() and yaml.safe_load(text) == text
            return text if is_plain else json.dumps(text, ensure_ascii=False)
        case _:
            return str(value)
