"""Which files of a checkout are written from the code, and their texts."""

from pathlib import Path
from typing import Any

from config.describing import commented_yaml
from config.settings import Settings
from runtime.reference.commands import commands_chapter
from runtime.reference.facts import facts_chapter
from runtime.reference.settings import settings_chapter


def chapters(root: Any) -> dict[str, str]:
    """Return the chapters by what they are about; `root` is the whole command line."""
    return {
        "settings": settings_chapter(),
        "facts": facts_chapter(),
        "commands": commands_chapter(root),
    }


def generated(root: Any) -> dict[str, str]:
    """Return every generated file of a checkout by its path."""
    texts = chapters(root)
    return {
        "docs/configuration.md": texts["settings"],
        "docs/facts.md": texts["facts"],
        "docs/commands.md": texts["commands"],
        "config/default.yaml": commented_yaml(Settings()),
    }


def write(checkout: Path, files: dict[str, str]) -> list[str]:
    """Write the files that have changed and return their paths."""
    changed = []
    for name, text in files.items():
        path = checkout / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(name)
    return changed
