"""``version``: which program this is."""

import platform
from pathlib import Path
from typing import Final

import msgspec
import typer

from runtime.commands.options import JsonOption
from runtime.machine.port import run

_TOLD: Final = (
    *("ray", "numpy", "pandas", "numba", "msgspec", "torch", "scikit-learn", "xgboost-cpu"),
    *("stable-baselines3", "transformers", "fastapi", "python-telegram-bot"),
)
"""Packages that decide most of what a run computes, and most of its faults."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a report of a fault should begin with."""

    version: str
    revision: str
    """Of the checkout, ending in a plus sign where files differ from it; empty without one."""
    code_hash: str
    """Hash of the sources that decide; manifests and models name it too."""
    journal_format: int
    python: str
    system: str
    packages: dict[str, str]
    """Name to version, empty for one that is missing."""


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(version)


def version(json: JsonOption = False) -> None:
    """Tell version, revision, Python and the packages that matter."""
    found = _found()
    if json:
        print(msgspec.json.encode(found).decode())
        return
    revision = f", revision {found.revision}" if found.revision else ""
    print(f"quorum-fx {found.version}{revision}")
    print(f"code {found.code_hash[:12]}, journal format {found.journal_format}")
    print(f"Python {found.python} on {found.system}")
    for name, told in found.packages.items():
        print(f"{name} {told or 'missing'}")


def _found() -> Version:
    from runtime.journals.format import FORMAT
    from runtime.packages import version_of
    from runtime.preparation import own_version
    from runtime.source_hash import code_hash

    return Version(
        version=own_version(),
        revision=_revision(Path(__file__).resolve().parents[2]),
        code_hash=code_hash(),
        journal_format=FORMAT,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        packages={name: version_of(name) for name in _TOLD},
    )


def _revision(root: Path) -> str:
    """Return the checkout's revision; empty where it is none, or git is missing."""
    if not (root / ".git").exists():
        return ""
    try:
        told = run(["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"])
    except OSError:
        return ""
    return told.strip()
