"""What linters cannot see: nothing is dead, nothing is hidden, and every rule of form holds."""

import ast
import importlib
import typing
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest

from agents.agent import Agent
from blackboard import facts
from blackboard.access import DRIVER, Access
from blackboard.facts import AnyFact, Fact, kind_of
from config.agents import AgentsSection
from config.section import Section
from config.settings import Settings
from runtime.council import ORDER, class_name, declarations
from runtime.picture import SEEN_KINDS
from runtime.proof.decisions_hash import HASHED_KINDS

ROOT = Path(__file__).parents[2]
FOLDERS = ("agents", "blackboard", "config", "models", "runtime")
FILES = [
    *sorted(path.relative_to(ROOT) for each in FOLDERS for path in (ROOT / each).rglob("*.py")),
    Path("launch.py"),
]
KINDS = typing.get_args(AnyFact)

BANNED_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "handler"} | {
    "processor"
}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LONG_FILES: dict[str, str] = {}
"""Files that may be longer, and why."""
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer, as path:name, and why."""
READS_ENVIRONMENT = {
    "launch.py": "threads of numerical libraries, before they are imported",
    "runtime/ray_session.py": "what Ray itself is told by",
    "runtime/log_setup.py": "what terminals are told by",
    "runtime/self_check.py": "how Ray was told to authenticate is what is checked",
    "runtime/fault_sites.py": "faults that a test arms reach processes it does not start",
    "runtime/simulation/campaign.py": "the hash seed of the interpreters that repeat a run",
}
"""Files beside config/ that may, and why: variables of others, which no setting can stand for."""
CATCHES_EVERYTHING = ["runtime/step.py"]
ROOTS = {"launch", *(f"agents.{name}" for name in ORDER)}
"""Modules that are started or loaded by name."""
NEVER_BUILT: dict[str, str] = {}
"""Facts that readers understand and no poster makes yet, and why."""
SECTION_ALIASES = {"settings", "section", "limits", "own", "terms"}
"""What the code calls the settings, or a section of them, when it holds one."""

by_path = pytest.mark.parametrize("path", FILES, ids=str)


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax of a file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    """Return the name under which a file is imported."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@by_path
def test_file_is_named_for_what_it_does(path: Path) -> None:
    """No file is a dumping ground."""
    assert not set(path.stem.split("_")) & BANNED_NAMES


@by_path
def test_file_says_its_one_job(path: Path) -> None:
    """A module starts with a sentence."""
    first = (ast.get_docstring(tree(path)) or "").split("\n", maxsplit=1)[0]

    assert first.endswith((".", ":"))


@by_path
def test_file_is_short_enough_to_be_one_idea(path: Path) -> None:
    """A longer file stands in the list with its reason, and leaves the list when it is short."""
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())

    assert (lines > FILE_LINES_MAX) == (str(path) in LONG_FILES)


@by_path
def test_functions_are_short_enough_to_be_read_at_once(path: Path) -> None:
    """A longer function stands in the list with its reason."""
    long = {
        f"{path}:{node.name}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    }

    assert long == {name for name in LONG_FUNCTIONS if name.startswith(f"{path}:")}


def imports(path: Path) -> Iterator[str]:
    """Yield every name that a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case _:
                pass


@cache
def reached(*roots: str) -> frozenset[str]:
    """Return the modules that some modules import, directly or not, and these themselves."""
    found: set[str] = set()
    waiting = set(roots)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {each for each in imports(MODULES[name]) if each in MODULES} - found
        package = name.rpartition(".")[0]
        waiting |= {package} & MODULES.keys() - found
    return frozenset(found)


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_dead(name: str) -> None:
    """Whatever is written is used by the system that starts, not by tests alone."""
    assert name in reached(*ROOTS)


@by_path
def test_only_the_step_catches_everything(path: Path) -> None:
    """Every other place names the errors that it knows how to answer."""
    caught = [
        str(path)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node.type)
    ]

    assert caught == [each for each in CATCHES_EVERYTHING if each == str(path)]


def _catches_everything(caught: ast.expr | None) -> bool:
    match caught:
        case None:
            return True
        case ast.Name(id="Exception" | "BaseException"):
            return True
        case ast.Tuple(elts=elements):
            return any(map(_catches_everything, elements))
        case _:
            return False


@by_path
def test_randomness_has_a_seed(path: Path) -> None:
    """A generator without a seed would make a run that cannot be repeated."""
    unseeded = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and _called(node.func) in {"default_rng", "PCG64", "SeedSequence", "RandomState"}
        and (not (node.args or node.keywords) or _is_none(node.args[:1]))
    ]

    assert unseeded == []


def _called(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _is_none(arguments: list[ast.expr]) -> bool:
    match arguments:
        case [ast.Constant(value=None)]:
            return True
        case _:
            return False


@by_path
def test_only_config_reads_the_environment(path: Path) -> None:
    """A value that an operator can set has one place in which it is declared."""
    reads = [
        node.lineno
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"})
        or (isinstance(node, ast.Name) and node.id in {"environ", "getenv"})
    ]

    may_read = path.parts[0] == "config" or str(path) in READS_ENVIRONMENT
    assert may_read or not reads


def settings_keys(section: type[Section] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from settings_keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@cache
def readings() -> dict[str, frozenset[str]]:
    """Return, by attribute, the names of what it is read from outside config/."""
    found = defaultdict(set)
    for path in FILES:
        if path.parts[0] == "config":
            continue
        for node in ast.walk(tree(path)):
            match node:
                case ast.Attribute(value=ast.Attribute(attr=holder) | ast.Name(id=holder)):
                    found[node.attr].add(holder.removeprefix("_"))
                case _:
                    pass
    return {attribute: frozenset(holders) for attribute, holders in found.items()}


@pytest.mark.parametrize("key", [key for key in settings_keys() if not key.endswith(".enabled")])
def test_every_setting_is_read(key: str) -> None:
    """A setting that nothing reads would promise an operator what does not happen."""
    section, _, name = key.rpartition(".")

    holders = SECTION_ALIASES | {section.rpartition(".")[2]} if section else {"settings"}
    assert readings().get(name, frozenset()) & holders


def test_the_mode_of_every_agent_is_read() -> None:
    """`enabled` goes through `Settings.mode`, by which the council is made up."""
    assert "settings" in readings()["mode"]


@cache
def posted() -> dict[str, set[str]]:
    """Return the authors of each kind."""
    authors = defaultdict(set)
    for author, declaration in Access(declarations(Settings())).declarations.items():
        for kind in declaration.posts:
            authors[kind].add(author)
    return authors


@pytest.mark.parametrize("kind", KINDS, ids=kind_of)
def test_every_fact_has_a_poster(kind: type[Fact]) -> None:
    """A kind that nobody declares, or that no declared poster builds, is no part of the language.

    One that waits for its poster stands in the list with its reason, and leaves the list with it.
    """
    name = kind_of(kind)
    authors = posted()[name]

    assert authors
    assert any(name in built_by(author) for author in authors) == (name not in NEVER_BUILT)


@cache
def built_by(author: str) -> frozenset[str]:
    """Return the names that an author's modules call, or the runtime, whose replies hold facts."""
    modules = {name for name in MODULES if name.startswith("runtime.")}
    if author != DRIVER:
        modules |= {name for name in reached(f"agents.{author}") if name.startswith("agents.")}
    return frozenset(
        _called(node.func)
        for name in modules
        for node in ast.walk(tree(MODULES[name]))
        if isinstance(node, ast.Call)
    )


@pytest.mark.parametrize("kind", KINDS, ids=kind_of)
def test_every_fact_has_a_reader(kind: type[Fact]) -> None:
    """Another agent decides by it, its author lives by it after a restart, or a person sees it."""
    agents = Access(declarations(Settings())).declarations
    is_read = any(kind_of(kind) in declared.reads for declared in agents.values())
    is_folded = kind_of(kind) in folded()
    is_shown = kind_of(kind) in SEEN_KINDS | HASHED_KINDS

    assert is_read or is_folded or is_shown


@cache
def folded() -> frozenset[str]:
    """Return the classes by which agents, which see their own entries too, and reports decide."""
    found = set()
    for path in FILES:
        if path.parts[0] != "agents" and path.parent.name not in {"reports", "proof"}:
            continue
        for node in ast.walk(tree(path)):
            match node:
                case ast.MatchClass(cls=ast.Name(id=name)):
                    found.add(name)
                case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                    found |= {each.id for each in ast.walk(kinds) if isinstance(each, ast.Name)}
                case _:
                    pass
    return frozenset(found)


@pytest.mark.parametrize("kind", KINDS, ids=kind_of)
def test_every_fact_has_a_golden_sample(kind: type[Fact]) -> None:
    """A journal of today can be read by every later release."""
    golden = (ROOT / "tests" / "contract" / "golden_facts.json").read_bytes()

    assert kind_of(kind) in msgspec.json.decode(golden, type=dict[str, msgspec.Raw])


def test_every_struct_of_the_vocabulary_is_a_fact_or_part_of_one() -> None:
    """No class is left over that can never stand on the board."""
    defined = {
        found
        for path in (ROOT / "blackboard" / "facts").glob("*.py")
        for found in vars(importlib.import_module(f"blackboard.facts.{path.stem}")).values()
        if isinstance(found, type) and issubclass(found, Fact) and found is not Fact
    }

    parts = {part for kind in KINDS for part in _structs(kind)}
    assert defined == parts
    assert {kind.__name__ for kind in KINDS} <= set(vars(facts))


def _structs(kind: type[Fact]) -> Iterator[type[Fact]]:
    yield kind
    for hint in typing.get_type_hints(kind).values():
        for part in (hint, *typing.get_args(hint)):
            if isinstance(part, type) and issubclass(part, Fact):
                yield from _structs(part)


@pytest.mark.parametrize("name", ORDER)
def test_agent_has_one_name_everywhere(name: str) -> None:
    """File, class, setting, author and log field are one word."""
    module = importlib.import_module(f"agents.{name}")
    found = getattr(module, class_name(name))

    assert issubclass(found, Agent)
    assert found.name == name
    assert name in AgentsSection.model_fields
    assert name != DRIVER


def test_every_exception_to_a_rule_is_still_needed() -> None:
    """The lists of exceptions name what exists, each with its reason."""
    named = {*LONG_FILES, *READS_ENVIRONMENT, *CATCHES_EVERYTHING}
    named |= {name.split(":")[0] for name in LONG_FUNCTIONS}

    assert named <= {str(path) for path in FILES}
    assert set(NEVER_BUILT) <= {kind_of(kind) for kind in KINDS}
    assert all({**LONG_FILES, **LONG_FUNCTIONS, **READS_ENVIRONMENT, **NEVER_BUILT}.values())
