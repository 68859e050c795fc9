"""The project's face: what README, docs and samples say is what stands in the code."""

import ast
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from blackboard.errors import ConfigError
from config.agents import AgentsSection
from config.secrets import SECRET_SOURCES
from runtime.book import Book
from runtime.council import ORDER, class_name
from runtime.reference.checkout import generated
from runtime.reference.markdown import anchor_of
from tests.guide import followed_in_memory, written_by

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / ".env.example"])
"""Everything that is written for people."""

IMPORTED_AS = {
    "annotated-types": "annotated_types",
    "grpcio": "grpc",
    "pandas-ta-classic": "pandas_ta_classic",
    "prometheus-client": "prometheus_client",
    "pydantic-settings": "pydantic_settings",
    "python-telegram-bot": "telegram",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "stable-baselines3": "stable_baselines3",
    "tzdata": "zoneinfo",  # reads it where the system has no time zones
    "xgboost-cpu": "xgboost",
}
"""Import names that differ from the package's."""
SEVERAL = 4
"""Users from which on the table of agents' modules does not name them."""


def rows_below(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table rows in a section, its header and rule left out."""
    section = text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def in_code(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def imports_of(path: Path) -> set[str]:
    """Return the packages that a module imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


def sources() -> Iterator[Path]:
    """Yield the modules of the project, tests left out."""
    yield ROOT / "launch.py"
    for folder in ("agents", "blackboard", "config", "models", "runtime"):
        yield from (ROOT / folder).rglob("*.py")


def declared(agent: str) -> dict[str, list[str]]:
    """Return what an agent's class body posts and reads, without importing it."""
    tree = ast.parse((ROOT / "agents" / f"{agent}.py").read_text(encoding="utf-8"))
    (body,) = (
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == class_name(agent)
    )
    kinds: dict[str, list[str]] = {}
    for line in body:
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Tuple):
            names = [ast.unparse(each) for each in line.value.elts]
            plain = [name for name in names if not name.startswith("*")]
            spread = [kind for name in names if name[0] == "*" for kind in kinds[name[1:]]]
            kinds[ast.unparse(line.targets[0])] = plain + spread
    return {name: kinds[name] for name in ("posts", "reads")}


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    """Return the command line; what its import does to this process is undone."""
    umask, environment = os.umask(0o077), dict(os.environ)
    try:
        from launch import app as found
    finally:
        os.umask(umask)
        os.environ.clear()
        os.environ.update(environment)
    return found


@pytest.fixture
def run(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Return what runs a verb in an empty folder and gives its exit code and output."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("QUORUM_")]:
        monkeypatch.delenv(name)
    for name in SECRET_SOURCES:
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str) -> tuple[int, str]:
        answer = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300"})
        return answer.exit_code, answer.output

    return invoke


# Commands.


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install -e . && python launch.py",
        'python -m pip install -e ".[test]" && python -m pytest',
    ],
)
def test_readme_starts_with_the_two_commands(command: str) -> None:
    """The two commands that set everything up stand in README as lines of their own."""
    assert command in README.splitlines()


def test_every_command_in_the_texts_exists(app: typer.Typer) -> None:
    """Every `python launch.py VERB --option` that a text names is one that the program has."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    lines = {
        line
        for path in TEXTS
        for line in re.findall(r"python launch\.py ([^`\n#)]+)", path.read_text(encoding="utf-8"))
        if re.match(r"[a-z]", line)
    }

    assert lines, "README names no verb"
    assert [line for line in sorted(lines) if not _is_known(root, line.split())] == []


def _is_known(group: TyperGroup, words: list[str]) -> bool:
    if group.invoke_without_command and (not words or words[0].startswith("--")):
        return all(word in {name for each in group.params for name in each.opts} for word in words)
    command = group.commands.get(words[0].rstrip(".,;:"))
    if isinstance(command, TyperGroup):
        return _is_known(command, words[1:])
    if command is None:
        return False
    options = {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    return all(word in options for word in words if word.startswith("--"))


COMMAND_LINES = sorted(
    {
        (path.name, line)
        for path in TEXTS
        for block in re.findall(r"^```\w*\n(.*?)^```", path.read_text("utf-8"), re.M | re.S)
        for line in re.findall(r"^(?:\$ )?python launch\.py ?([^\n#|>]*)", block, re.M)
    }
)
"""Every command line of a block, what is commented or redirected left out."""


@pytest.mark.parametrize(("text", "line"), COMMAND_LINES)
def test_command_lines_of_the_texts_are_taken_by_the_parser(
    app: typer.Typer, text: str, line: str
) -> None:
    """Whoever types what stands in a block is understood; a word in capitals is for a value."""
    del text
    words = [
        PLACEHOLDERS.get(word, word) for word in shlex.split(line.replace("[", "").replace("]", ""))
    ]
    parsed(typer.main.get_command(app), "launch.py", words)


@pytest.mark.parametrize("line", ["up --nothing", "why me", "nowhere"])
def test_a_command_line_that_is_none_is_found_out(app: typer.Typer, line: str) -> None:
    """An unknown option, a word for a number, an unknown verb: the parser takes none of them."""
    with pytest.raises(Exception, match=r"No such|valid integer"):
        parsed(typer.main.get_command(app), "launch.py", line.split())


PLACEHOLDERS = {"TICKET": "1", "NUMBER": "1", "RUN|BOOK": "x"}
"""Values for words that stand for one which cannot be a text."""


def parsed(command: Any, name: str, words: list[str]) -> None:
    """Let the program's own parser take the words of a command line, and run nothing."""
    context = command.make_context(name, words)
    if isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        _, inner, left = command.resolve_command(context, rest)
        parsed(inner, rest[0], left)


def test_generated_files_are_those_of_the_code(app: typer.Typer) -> None:
    """Settings, facts and commands as the docs tell them are those of the program."""
    files = generated(typer.main.get_command(app))

    stale = [name for name, text in files.items() if (ROOT / name).read_text("utf-8") != text]
    assert stale == [], "python launch.py reference write"


def test_settings_are_shown_with_their_origin(run: Callable[..., tuple[int, str]]) -> None:
    """`config show` tells what an override changed, and of no secret more than its presence."""
    code, output = run("config", "show", "--set", "agents.risk.heat_max=0.015")
    assert code == 0
    (line,) = (line for line in output.splitlines() if "agents.risk.heat_max" in line)
    assert line.split() == ["agents.risk.heat_max", "0.015", "command", "line"]


def test_a_written_settings_file_is_valid(run: Callable[..., tuple[int, str]]) -> None:
    """What `config init` writes is what `config validate` accepts."""
    assert run("config", "init", "mine.yaml")[0] == 0

    code, output = run("config", "validate", "--config", "mine.yaml")
    assert code == 0
    assert "valid: profile sim" in output


def test_every_secret_has_its_line_in_the_command_line(
    run: Callable[..., tuple[int, str]],
) -> None:
    """`config secrets` lists every secret, and in an empty folder none is set."""
    code, output = run("config", "secrets")

    assert code == 0
    rows = [line.split()[:2] for line in output.splitlines()[1:]]
    assert rows == [[name, "no"] for name in SECRET_SOURCES]


def test_one_process_at_a_time_holds_a_book(tmp_path: Path) -> None:
    """A second start on a book is refused by name while the first one holds it."""
    book = Book(tmp_path / "books" / "embedded")

    with book.held(), pytest.raises(ConfigError, match="embedded is in use"), book.held():
        pytest.fail("the book was held twice")
    with book.held():
        assert book.mailbox.is_dir()


# Samples.


def test_env_example_lists_every_secret() -> None:
    """`.env.example` holds each secret with its source above it, empty, and nothing else."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    given = {
        line: lines[number - 1].removeprefix("# ")
        for number, line in enumerate(lines)
        if line and not line.startswith("#")
    }
    assert given == {f"{name}=": source for name, source in SECRET_SOURCES.items()}


# Tables.


def test_declarations_in_the_docs_are_those_of_the_classes() -> None:
    """The table of who posts and reads what is the one that the classes declare, in full."""
    rows = rows_below(ARCHITECTURE, "## Facts and the board")

    told = {row[0]: {"posts": in_code(row[1]), "reads": in_code(row[2])} for row in rows[:-1]}
    assert told == {agent: declared(agent) for agent in ORDER}


def test_agent_table_of_the_readme_is_true() -> None:
    """Every agent has its row: its class, its config key, and facts that it does post and read."""
    rows = {row[0]: row[1:] for row in rows_below(README, "## The board")}

    assert tuple(rows) == ORDER
    for agent, (name, reads, posts, key, _) in rows.items():
        own = declared(agent)
        assert in_code(name) == [class_name(agent)]
        assert in_code(key) == [f"agents.{agent}"]
        assert agent in AgentsSection.model_fields
        assert set(in_code(reads)) <= set(own["reads"])
        assert set(in_code(posts)) <= set(own["posts"])
        assert "and more" in posts or set(in_code(posts)) == set(own["posts"])


def test_modules_beside_agents_are_told_of() -> None:
    """Every module in `agents/` has its one place in the table, under the agents that use it."""
    rows = rows_below(ARCHITECTURE, "## The tree")
    agents = ROOT / "agents"
    paths = [path for path in agents.rglob("*.py") if path.stem != "__init__"]
    users = {name: imported_by(agents / f"{name}.py") for name in ORDER}

    told = [module for row in rows for module in in_code(row[1])]
    modules = {path.relative_to(agents).with_suffix("").as_posix() for path in paths}
    assert sorted(told) == sorted(modules - set(ORDER))
    for row in rows:
        for module in in_code(row[1]):
            used_by = [name for name in ORDER if module in users[name]]
            assert row[0] == (", ".join(used_by) if len(used_by) < SEVERAL else "several"), module


def imported_by(path: Path) -> set[str]:
    """Return the modules of `agents/` that one of them imports, directly or through others."""
    found: set[str] = set()
    for module in re.findall(r"^from agents\.([a-z_.]+) import", path.read_text("utf-8"), re.M):
        name = module.replace(".", "/")
        found |= {name} | imported_by(ROOT / "agents" / f"{name}.py")
    return found


def test_package_table_is_the_list_of_dependencies() -> None:
    """Every dependency has a row and every row is a dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = [re.split(r"[\[<>=;! ]", text)[0] for text in project["dependencies"]]

    told = [row[0] for row in rows_below(ARCHITECTURE, "## Dependencies")]
    assert sorted(told) == sorted(packages)


@pytest.mark.parametrize(
    "row", rows_below(ARCHITECTURE, "## Dependencies"), ids=lambda row: str(row[0])
)
def test_package_is_imported_where_the_table_says(row: list[str]) -> None:
    """A package's module imports it and its test exists; one that waits is imported nowhere."""
    package, module, test, part = row
    name = IMPORTED_AS.get(package, package)

    if part.startswith("comes with:"):
        assert [path.name for path in sources() if name in imports_of(path)] == []
        return
    assert name in imports_of(ROOT / in_code(module)[0])
    assert (ROOT / in_code(test)[0]).exists()


# Texts.


def test_files_named_in_the_texts_exist() -> None:
    """Every file of the project that a text names in backticks or links to is there."""
    missing = []
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py|[a-z_]+/[a-z]+\.yaml)`", text)
        linked = [
            path.parent.relative_to(ROOT) / target
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        ]
        written = written_by(path)
        missing += [
            f"{path.name}: {each}"
            for each in [*named, *linked]
            if each not in written and not (ROOT / each).exists()
        ]
    assert missing == []


def test_edits_of_the_guide_have_their_places() -> None:
    """What the guide for extensions edits is still where it says; its own test runs the outcome."""
    texts = followed_in_memory(ROOT / "docs" / "extending.md")

    for name, text in texts.items():
        ast.parse(text, name)
    assert "agents/momentum.py" in texts


def test_sections_linked_in_the_texts_exist() -> None:
    """Every link to a section, in this file or another, leads to one of its headings."""
    lost = []
    for path in TEXTS:
        links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", path.read_text(encoding="utf-8"))
        for name, anchor in links:
            target = path.parent / name if name else path
            if anchor not in anchors(target):
                lost.append(f"{path.name}: {name}#{anchor}")
    assert lost == []


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of the headings of a file, comments in blocks of code left out."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return frozenset(map(anchor_of, re.findall(r"^#+ (.+)$", text, re.M)))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.name))
def test_no_text_names_a_path_of_a_machine(path: Path) -> None:
    """What is written for people holds no absolute path of whoever wrote it."""
    text = path.read_text(encoding="utf-8")

    found = re.findall(
        r"(?<![\w./:~])/(?:home|root|work|Users|tmp|opt|srv|mnt|private)\b\S*|\b[A-Z]:\\\S*", text
    )
    assert found == []


def test_changelog_has_a_place_for_what_changes() -> None:
    """CHANGELOG keeps its section of what is not released."""
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
