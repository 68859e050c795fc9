"""What would make two runs of one seed differ, found in the syntax: clocks, chance, order of sets.

A set of text is ordered by a hash that differs from process to process. Whoever walks through one
where the order can be seen gives the same facts another order in another process. Sorting it first,
asking whether something is in it, and building a set again are all fine.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("agents", "models", "blackboard", "runtime/simulation")
ALONE = ("runtime/live_loop.py", "runtime/board_service.py", "runtime/board_port.py")
FILES = sorted(
    [
        *(path.relative_to(ROOT) for each in FOLDERS for path in (ROOT / each).rglob("*.py")),
        *map(Path, ALONE),
    ]
)
BANNED_MODULES = {"random", "secrets", "uuid", "time"}
BANNED_CALLS = {"now", "utcnow", "today", "urandom", "uuid1", "uuid4", "monotonic", "perf_counter"}
OF_DATETIME = {"now", "utcnow", "today"}
"""Only of these classes: a clock of ours may be asked for its `now`."""
SETS = {"set", "frozenset"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)
ORDERLESS = {"sorted", "set", "frozenset", "any", "all", "min", "max", "len"}
"""What gives the same whatever the order of what it is given."""
ORDERED = {"list", "tuple", "enumerate", "iter", "next", "zip", "map", "sum", "dict"}
MAY_LEAVE_THE_ORDER: dict[str, str] = {
    "runtime/simulation/campaign.py": "its worker processes' results are put in order of their ends"
}
"""Files in which an order may differ, and why."""

by_path = pytest.mark.parametrize("path", FILES, ids=str)


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax of a file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


@by_path
def test_p7_no_clock_and_no_chance_of_the_machine(path: Path) -> None:
    """Time comes from `runtime/clock.py`, chance from a generator with a seed."""
    found = [f"{node.lineno}: {text}" for node, text in _chances(tree(path))]

    assert found == []


def _chances(module: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from ((node, each.name) for each in names if each.name in BANNED_MODULES)
            case ast.ImportFrom(module=str(name)) if name in BANNED_MODULES:
                yield node, name
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in BANNED_CALLS:
                if name not in OF_DATETIME or ast.unparse(owner).endswith(("datetime", "date")):
                    yield node, ast.unparse(node.func)
            case _:
                pass


@by_path
def test_p7_no_order_of_a_set_can_be_seen(path: Path) -> None:
    """Whoever walks through a set sorts it first, or does something that knows no order."""
    found = [f"{node.lineno}: {ast.unparse(node)}" for node in _walks(tree(path))]

    assert (found == []) or str(path) in MAY_LEAVE_THE_ORDER


def _walks(module: ast.Module) -> Iterator[ast.expr]:
    """Yield every set that something walks through where its order shows."""
    parents = {
        child: parent for parent in ast.walk(module) for child in ast.iter_child_nodes(parent)
    }
    fields = _attributes_that_are_sets(module)
    for scope in ast.walk(module):
        if not isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        names = _names_that_are_sets(scope)
        for node in _own_nodes(scope):
            for walked in _walked(node, parents):
                if _is_set(walked, names, fields):
                    yield walked


def _walked(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> list[ast.expr]:
    match node:
        case ast.For(iter=walked) | ast.AsyncFor(iter=walked):
            return [walked]
        case ast.ListComp(generators=parts) | ast.DictComp(generators=parts):
            is_hidden = _is_orderless(parents.get(node))
            return [] if is_hidden else [part.iter for part in parts]
        case ast.GeneratorExp(generators=parts):
            return [] if _is_orderless(parents.get(node)) else [part.iter for part in parts]
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in ORDERED:
            return [] if _is_orderless(parents.get(node)) else list(arguments)
        case ast.Call(func=ast.Attribute(attr="join" | "extend"), args=arguments):
            return list(arguments)
        case ast.Starred(value=walked):
            parent = parents.get(node)
            return [] if isinstance(parent, ast.Set) or _is_orderless(parent) else [walked]
        case _:
            return []


def _is_orderless(node: ast.AST | None) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDERLESS
    )


def _is_set(node: ast.expr, names: frozenset[str], fields: frozenset[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SETS
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in SET_METHODS
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, SET_OPERATORS):
            sides = (left, right)
            return any(_is_set(side, names, fields) or _are_keys(side) for side in sides)
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name in fields
        case _:
            return False


def _are_keys(node: ast.expr) -> bool:
    # The keys of a dictionary have an order; what is put together of them has none.
    return isinstance(node, ast.Call) and (
        isinstance(node.func, ast.Attribute) and node.func.attr in {"keys", "items"}
    )


def _is_set_annotation(node: ast.expr | None) -> bool:
    return node is not None and ast.unparse(node).split("[")[0] in SETS


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of the functions inside it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def _names_that_are_sets(
    scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef,
) -> frozenset[str]:
    found: set[str] = set()
    if not isinstance(scope, ast.Module):
        arguments = (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)
        found |= {each.arg for each in arguments if _is_set_annotation(each.annotation)}
    for node in _own_nodes(scope):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                found |= {name} if _is_set_annotation(annotation) else set()
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found |= {name} if _is_set(value, frozenset(found), frozenset()) else set()
            case _:
                pass
    return frozenset(found)


def _attributes_that_are_sets(module: ast.Module) -> frozenset[str]:
    return frozenset(
        node.target.attr
        for node in ast.walk(module)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Attribute)
        and _is_set_annotation(node.annotation)
    )


@pytest.mark.parametrize(
    "code",
    [
        "for x in {'a', 'b'}: print(x)",
        "names = set(words)\nfor name in names: print(name)",
        "def f(names: frozenset[str]): return [n for n in names]",
        "def f(a, b): return list(a.keys() | b.keys())",
        "def f(a, b): return tuple(set(a) - set(b))",
        "def f(names: set[str]): return ', '.join(names)",
        "def f(names: set[str]): return {n: 1 for n in names}",
        "def f(names: set[float]): return sum(n for n in names)",
    ],
)
def test_an_order_that_shows_is_found(code: str) -> None:
    """The rule finds what it is there for."""
    assert list(_walks(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "for x in sorted({'a', 'b'}): print(x)",
        "names = set(words)\nfound = {len(n) for n in names}",
        "def f(names: frozenset[str]): return sorted(n for n in names)",
        "def f(names: set[str]): return any(n == 'a' for n in names)",
        "def f(names: set[str], words: list[str]): return [w for w in words if w in names]",
    ],
)
def test_an_order_that_does_not_show_is_let_pass(code: str) -> None:
    """The rule leaves alone what cannot differ."""
    assert not list(_walks(ast.parse(code)))
