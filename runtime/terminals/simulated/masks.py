"""How a terminal selects by ticket, symbol and group masks."""

import re
from collections.abc import Iterable


def is_selected(
    own_ticket: int,
    own_symbol: str,
    *,
    ticket: int | None = None,
    symbol: str | None = None,
    group: str = "",
) -> bool:
    """Whether something is asked for: ticket goes before symbol, symbol before group."""
    if ticket is not None:
        return own_ticket == ticket
    if symbol is not None:
        return own_symbol == symbol
    return is_in_group(group, own_symbol)


def is_in_group(group: str, symbol: str) -> bool:
    """Whether a symbol is in a group; everything is in the empty one."""
    return not group or bool(matching(group, (symbol,)))


def matching(group: str, names: Iterable[str]) -> list[str]:
    """Return the names that masks select, in their order; ``!`` takes out what came before it."""
    every = list(names)
    masks = [mask.strip() for mask in group.split(",")]
    chosen = set(every) if masks[0].startswith("!") else set()
    for mask in masks:
        pattern = re.compile(re.escape(mask.lstrip("!")).replace(r"\*", ".*"))
        hit = {name for name in every if pattern.fullmatch(name)}
        chosen = chosen - hit if mask.startswith("!") else chosen | hit
    return [name for name in every if name in chosen]
