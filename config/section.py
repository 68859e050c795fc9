"""What every section of the settings has in common: frozen, strict, validated defaults included."""

from typing import Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue


class Section(BaseModel):
    """A group of settings; unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


LIMIT: Final[dict[str, JsonValue]] = {"is_limit": True}
"""Marks a setting outside the risk section that refuses orders or trips a breaker, as
`json_schema_extra`; `python launch.py prove-safety` must show an order that it refuses."""


def _items_of(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [item.strip(" \"'") for item in value.strip("[] ").split(",") if item.strip()]


FROM_TEXT = BeforeValidator(_items_of)
"""Lets a list be given as text, ``EURUSD,GBPUSD``: all that a variable or an argument can hold."""


def _pairs_of(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [item.partition(":") for item in value.strip("{} ").split(",") if item.strip()]
    return {name.strip(" \"'"): text.strip(" \"'") for name, _, text in pairs}


PAIRS_FROM_TEXT = BeforeValidator(_pairs_of)
"""Lets a mapping be given as text, ``EURUSD:EURUSD.m,GBPUSD:GBPUSD.m``."""
