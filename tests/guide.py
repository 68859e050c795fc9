"""A guide taken literally: its blocks written, its edits made, its commands run in a copy of us.

A block says what it is beside its language: ``python agents/new.py`` is a file, ``python append to
agents/old.py`` goes to its end after two empty lines, ``diff agents/old.py`` is an edit whose lines
without a sign show the one place where it belongs. A block without a language lists commands.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("agents", "blackboard", "config", "models", "runtime", "tests")
FILES = ("launch.py", "pyproject.toml")
COMMAND_S = 300
"""A command that takes longer hangs."""
_BLOCK = re.compile(r"^```(\w*)(?: (\S[^\n]*))?\n(.*?)^```$", re.M | re.S)
_APPEND = "append to "


class Step(NamedTuple):
    """One block of a guide."""

    language: str
    where: str
    """File that it is about, empty for commands."""
    text: str


def steps_of(guide: Path) -> list[Step]:
    """Return the blocks of a guide that tell to do something, in its order."""
    found = [Step(*groups) for groups in _BLOCK.findall(guide.read_text(encoding="utf-8"))]
    return [step for step in found if step.where or not step.language]


def written_by(guide: Path) -> set[str]:
    """Return the files that a guide writes anew."""
    steps = steps_of(guide)
    return {s.where for s in steps if s.language == "python" and not s.where.startswith(_APPEND)}


def taken(text: str, step: Step) -> str:
    """Return the text of a file after a step, of which it is empty before it is written."""
    if step.language == "diff":
        return edited(text, step)
    if step.where.startswith(_APPEND):
        return f"{text}\n\n{step.text}"
    assert not text, f"{step.where} is there already"
    return step.text


def file_of(step: Step) -> str:
    """Return the path of the file that a step writes or edits."""
    return step.where.removeprefix(_APPEND)


def followed_in_memory(guide: Path) -> dict[str, str]:
    """Return the texts of all files that a guide touches as it leaves them; nothing is run."""
    texts: dict[str, str] = {}
    for step in steps_of(guide):
        if step.where:
            path = ROOT / file_of(step)
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            texts[file_of(step)] = taken(texts.get(file_of(step), before), step)
    return texts


class Copy:
    """A copy of the source tree, in which a guide is followed."""

    def __init__(self, folder: Path) -> None:
        """Copy the tree with its times, by which what numba has compiled stays valid."""
        self.folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name)
        for name in FILES:
            shutil.copy2(ROOT / name, folder / name)

    def run(self, command: str, **variables: str) -> str:
        """Run one command line of the guide and return what it says; it has to succeed."""
        python, *arguments = command.split()
        assert python == "python", command
        kept = {name: text for name, text in os.environ.items() if not name.startswith("QUORUM_")}
        environment = {
            **kept,
            "PYTHONPATH": str(self.folder),
            "QUORUM_HOME": str(self.folder / "var"),
            "PYTEST_ADDOPTS": "-n0 -p no:cacheprovider",
            **variables,
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def follow(self, guide: Path) -> dict[str, str]:
        """Take every step of a guide; return what each command said."""
        said = {}
        for step in steps_of(guide):
            if step.where:
                path = self.folder / file_of(step)
                before = path.read_text(encoding="utf-8") if path.exists() else ""
                path.write_text(taken(before, step), encoding="utf-8")
                continue
            for command in step.text.splitlines():
                said[command] = self.run(command)
        return said


def edited(text: str, step: Step) -> str:
    """Return a text after an edit, whose place must be there once."""
    before, after = _sides(step.text)
    assert text.count(before) == 1, f"{step.where}: {text.count(before)} places for\n{before}"
    return text.replace(before, after)


def _sides(edit: str) -> tuple[str, str]:
    def without(sign: str) -> Iterator[str]:
        for line in edit.splitlines(keepends=True):
            if not line.startswith(sign):
                yield line[1:] or line

    return "".join(without("+")), "".join(without("-"))
