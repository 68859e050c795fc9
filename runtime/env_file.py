"""`.env`: lines of keys that a person keeps, changed without losing any other."""

from collections.abc import Mapping
from pathlib import Path

from blackboard.errors import ConfigError
from runtime.book import write_durably


def set_in(path: Path, values: Mapping[str, str]) -> None:
    """Set variables in a file of them; it is replaced in one step, and read by its owner alone.

    A variable that stands there, commented out or not, keeps its place; a new one comes last.
    """
    for name, value in values.items():
        if not value.isprintable() or any(sign in value for sign in "\"'\\#"):
            raise ConfigError(f"{name} must be one line without quotes, which {path} cannot hold")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    waiting = dict(values)
    for place, line in enumerate(lines):
        name = line.partition("=")[0].strip().removeprefix("export ").strip()
        if name in values:
            lines[place] = f"{name}={values[name]}"
            waiting.pop(name, None)
    lines += [f"{name}={value}" for name, value in waiting.items()]
    write_durably(path, ("\n".join(lines) + "\n").encode())
