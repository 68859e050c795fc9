"""The facts reference: every kind with its fields, its poster, its readers, its lifetime."""

import ast
import importlib
import inspect
import typing
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from blackboard.access import Access
from blackboard.facts import AnyFact, Fact, kind_of
from config.settings import Settings
from runtime.council import declarations
from runtime.reference.glossary import MEANINGS
from runtime.reference.markdown import chapter, code, contents, plain, table
from runtime.reference.wording import unit_of

TITLE: Final = "Facts"
SUBJECTS: Final = (
    *("market", "news", "opinion", "decision", "permission", "execution", "control", "learning"),
)
"""Modules of `blackboard/facts/`, in the order in which a bar becomes money."""
FOREVER: Final = "FOREVER_NS"
_PLAIN: Final = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Name, ast.Attribute)
"""Bounds that a line of a table can hold; one that depends on a case is left to the meaning."""
_BUILT_IN: Final = ("agents", "runtime")
_INTRODUCTION: Final = """\
Every kind of fact that may stand on the board, written from the classes in `blackboard/facts/`
and from what the agents declare that they post and read. How the board works stands in
[architecture.md](architecture.md#facts-and-the-board), how to add a kind in
[extending.md](extending.md#a-fact).

**Every fact** has a `scope` (what it is about: a symbol, a currency, an agent, a model,
`account`, `market`) and `valid_until_ns`, the market time after which no decision may use it.
*Holds until the next* means that no clock outdates it.

**Every entry** wraps a fact with `seq` (its place in the one order), `author`, `epoch`, `causes`
(the seqs it was derived from), `ts_event_ns` (when it is true in the market), `known_at_ns` (when
the board had it), `read_to` and `now_ns` (what its author had seen, and when it decided).

**The key** names the slot: author, kind, scope, timeframe, `ts_event_ns`, ordinal. The board
keeps the first entry of a slot and answers a repetition with its seq. The author always gets its
own entries back, so it is not named among the readers.

Times are nanoseconds in UTC, fractions 0..1, prices bids where nothing else is said."""


def facts_chapter() -> str:
    """Return the chapter as Markdown."""
    access = Access(declarations(Settings())).declarations
    posters = _by_kind({name: each.posts for name, each in access.items()})
    readers = _by_kind({name: each.reads for name, each in access.items()})
    by_subject: dict[str, list[type[Fact]]] = {subject: [] for subject in SUBJECTS}
    for kind in typing.get_args(AnyFact):
        by_subject[kind.__module__.rpartition(".")[2]].append(kind)
    parts = [_INTRODUCTION, _overview(by_subject)]
    for subject, kinds in by_subject.items():
        module = importlib.import_module(f"blackboard.facts.{subject}")
        parts += [f"## {subject.capitalize()}", plain(module.__doc__)]
        for kind in kinds:
            posted, read = posters[kind_of(kind)], readers[kind_of(kind)] - posters[kind_of(kind)]
            parts += list(_described(kind, posted, read))
        for part in sorted(_parts(kinds), key=lambda each: each.__name__):
            parts += [f"### {part.__name__} (part of others)", plain(part.__doc__), _fields(part)]
    return chapter(TITLE, *parts)


def _by_kind(declared: dict[str, frozenset[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, kinds in declared.items():
        for kind in kinds:
            found[kind].add(name)
    return found


def _overview(by_subject: dict[str, list[type[Fact]]]) -> str:
    rows = (
        (subject, " ".join(contents([kind.__name__])[2:] for kind in kinds))
        for subject, kinds in by_subject.items()
    )
    return table(("subject", "kinds"), rows)


def _described(kind: type[Fact], posted: set[str], read: set[str]) -> Iterator[str]:
    yield f"### {kind.__name__}"
    yield plain(kind.__doc__)
    yield "\n".join(
        (
            f"- posted by {', '.join(map(code, sorted(posted)))}",
            f"- read by {', '.join(map(code, sorted(read))) or 'people and reports'}",
            f"- {_lifetime(kind.__name__)}",
        )
    )
    yield _fields(kind)


def _parts(kinds: list[type[Fact]]) -> set[type[Fact]]:
    # Structs within facts; they are never posted by themselves.
    found: set[type[Fact]] = set()
    waiting: list[Any] = list(kinds)
    while waiting:
        hints = typing.get_type_hints(waiting.pop()).values()
        inner = {one for hint in hints for one in (hint, *typing.get_args(hint))}
        new = {one for one in inner if isinstance(one, type) and issubclass(one, Fact)} - found
        found |= new
        waiting += list(new)
    return found - set(kinds)


def _fields(kind: type[Fact]) -> str:
    meanings, bounds = _docstrings(kind), _bounds(kind)
    rows = [
        (
            code(field.name),
            _type_text(field.type),
            "; ".join(filter(None, (unit_of(field.name), bounds.get(field.name), _choices(field)))),
            "" if field.default is msgspec.NODEFAULT else code(_default_text(field.default)),
            meanings.get(field.name) or MEANINGS.get(field.name, ""),
        )
        for field in msgspec.structs.fields(kind)
        if field.name not in Fact.__struct_fields__
    ]
    return table(("field", "type", "unit, bounds", "default", "meaning"), rows) if rows else ""


def _choices(field: msgspec.structs.FieldInfo) -> str:
    is_choice = isinstance(field.type, type) and issubclass(field.type, Enum)
    return " | ".join(str(one.value) for one in field.type) if is_choice else ""


def _default_text(value: object) -> str:
    return str(getattr(value, "value", value)) if value != "" else '""'


def _type_text(hint: Any) -> str:
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return f"tuple of {_type_text(inner[0])}"
    name = getattr(hint, "__name__", str(hint))
    return code(name) if isinstance(hint, type) else str(hint)


@cache
def _class_tree(kind: type[Fact]) -> ast.ClassDef:
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)
    return node


def _docstrings(kind: type[Fact]) -> dict[str, str]:
    # Python keeps no docstring of a field, so the source is read.
    found, name = {}, ""
    for node in _class_tree(kind).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=field)):
                name = field
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                found[name], name = plain(text), ""
            case _:
                name = ""
    return found


def _bounds(kind: type[Fact]) -> dict[str, str]:
    # As `__post_init__` checks them.
    names = vars(importlib.import_module(kind.__module__))
    found: dict[str, str] = {}
    for node in ast.walk(_class_tree(kind)):
        match node:
            case ast.Call(
                func=ast.Name(id="within"), args=[_, ast.Attribute(attr=field), low, high]
            ) if isinstance(low, _PLAIN) and isinstance(high, _PLAIN):
                found[field] = f"{_figure(low, names)}..{_figure(high, names)}"
            case ast.Call(func=ast.Name(id="above"), args=[_, ast.Attribute(attr=field), low]):
                found.setdefault(field, f"> {_figure(low, names)}")
            case _:
                pass
    return found


def _figure(node: ast.expr, names: dict[str, Any]) -> str:
    if isinstance(node, ast.Name):
        return f"{names[node.id]:g}"
    try:
        return f"{ast.literal_eval(node):g}"
    except ValueError:
        return ast.unparse(node).replace("self.", "")


def _lifetime(kind: str) -> str:
    ends = _endings().get(kind, set())
    return "holds until `valid_until_ns`" if ends else "holds until the next"


@cache
def _endings() -> dict[str, set[str]]:
    # Kinds that some author builds with an end of their own.
    found: dict[str, set[str]] = defaultdict(set)
    root = Path(__file__).parents[2]
    for folder in _BUILT_IN:
        for path in sorted((root / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    found[node.func.id] |= {
                        ast.unparse(keyword.value)
                        for keyword in node.keywords
                        if keyword.arg == "valid_until_ns" and ast.unparse(keyword.value) != FOREVER
                    }
    return found
