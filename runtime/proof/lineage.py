"""From a ticket back to what it followed from, read from the journal with nothing running."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from blackboard.chain import read_all
from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import (
    FOREVER_NS,
    Fact,
    Fill,
    OrderOutcome,
    PositionChanged,
    TradeClosed,
)
from runtime.journals.opening import open_journal
from runtime.picture import clock_text

_TEXT_LENGTH_MAX = 60
_LEFT_OUT = frozenset({"kind", "scope", "valid_until_ns", "evidence", "gates"})
_FIGURES = {
    "factors": ("name", "value"),
    "shares": ("scope", "weight"),
    "weights": ("scope", "weight"),
}
"""Lists that are told figure by figure: what names one, and the figure that matters."""


def entries_of(folder: Path) -> Iterator[Entry]:
    """Yield the entries of the journal of a folder, verifying its hash chain."""
    journal = open_journal(folder)
    try:
        yield from read_all(journal)
    finally:
        journal.close()


def explain_ticket(folder: Path, ticket: int) -> tuple[Entry, dict[int, Entry]]:
    """Return the entry that says most of a ticket, and everything it derives from, by seq."""
    entries: dict[int, Entry] = {}
    root: Entry | None = None
    for entry in entries_of(folder):
        entries[entry.seq] = entry
        rank = _rank(entry.fact, ticket)
        if rank and (root is None or rank >= _rank(root.fact, ticket)):
            root = entry
    if root is None:
        raise ConfigError(f"no order, deal or position with ticket {ticket} in {folder}")
    lineage: dict[int, Entry] = {}
    waiting = [root.seq]
    while waiting:
        seq = waiting.pop()
        if seq not in lineage:
            lineage[seq] = entries[seq]
            waiting += entries[seq].causes
    return root, lineage


def brief(fact: Fact) -> str:
    """Return the fields of a fact in one line, long ones shortened."""
    content = msgspec.to_builtins(fact)
    parts = [_field(name, value) for name, value in content.items() if name not in _LEFT_OUT]
    return ", ".join(part for part in parts if part)


def _field(name: str, value: object) -> str:
    match value:
        case list() | tuple() if name in _FIGURES:
            label, figure = _FIGURES[name]
            told = (f"{each[label]} {each[figure]:.4g}" for each in value)
            return f"{name}=({', '.join(told)})" if value else ""
        case list() | tuple() | dict():
            return f"{name}={len(value)}" if value else ""
        case float():
            return f"{name}={value:.6g}"
        case str() if len(value) > _TEXT_LENGTH_MAX or "\n" in value:
            line = value.replace("\n", "; ")
            return f"{name}={line[:_TEXT_LENGTH_MAX]}{'…' if len(line) > _TEXT_LENGTH_MAX else ''}"
        case "":
            return ""
        case int() if name.endswith("_ns") and 0 < value < FOREVER_NS:
            return f"{name.removesuffix('_ns')}={clock_text(value)}"
        case _:
            return f"{name}={value}"


def _rank(fact: Fact, ticket: int) -> int:
    match fact:
        case TradeClosed(ticket=found) if found == ticket:
            return 4
        case PositionChanged(ticket=found) if found == ticket:
            return 3
        case Fill(deal_ticket=deal, position_ticket=position) if ticket in {deal, position}:
            return 2
        case OrderOutcome(order_ticket=order, deal_ticket=deal) if ticket in {order, deal}:
            return 1
        case _:
            return 0
