"""Types and units in words: a unit ends its value's name, `_min` or `_max` may follow it."""

import types
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin

UNITS: Final = {
    "ns": "nanoseconds",
    "ms": "milliseconds",
    "s": "seconds",
    "minutes": "minutes",
    "hours": "hours",
    "days": "days",
    "weeks": "weeks",
    "frac": "share, 0..1",
    "pips": "pips",
    "points": "points",
    "lots": "lots",
    "bars": "bars",
    "bytes": "bytes",
    "r": "units of risk",
    "atr": "average true ranges",
    "usd": "US dollars",
    "price": "price",
    "pnl": "account currency",
}
MINUTES: Final = "minutes"
_OF_TIME: Final = ("cooldown", "age", "rest", "flat", "rollover", "poll", "cache", "life", "max")
"""Words after which a `min` at the end of a name means minutes, not the least."""


def unit_of(name: str, meaning: str = "") -> str:
    """Return the unit that a name ends with, empty if it has none.

    Parameters
    ----------
    name : str
        Of a setting or a field, such as ``spread_pips_max``.
    meaning : str
        What is said of it; a name in `_min` that is said to be in minutes is.
    """
    *words, last = name.split("_")
    if last == "min" and ((words[-1:] and words[-1] in _OF_TIME) or "inutes" in meaning):
        return MINUTES
    if last in {"min", "max"} and words:
        last = words[-1]
    return UNITS.get(last, "")


def type_of(annotation: Any) -> str:
    """Return a type in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return type_of(inner[0])
    if origin in {tuple, list}:
        return f"list of {type_of(inner[0])}"
    if origin is dict:
        return f"{type_of(inner[0])} to {type_of(inner[1])}"
    if origin in {Union, types.UnionType}:
        return " or ".join(type_of(one) for one in inner)
    if origin is Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        return "choice"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())
