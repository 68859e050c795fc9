"""The command line without some packages: ``python -m tests.without_packages torch,plotly up ...``.

A package that is blocked is one that is not installed: neither found nor imported.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


def is_of(name: str, modules: Sequence[str]) -> bool:
    """Whether a module is one of some, or lies in one of them."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


class Blocked:
    """A finder that knows of no such package."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse the blocked packages, and leave all others to the finders behind."""
        del path, target
        if is_of(name, self._modules):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Let packages be missing for a while in this process, also those that were imported."""
    finder = Blocked(modules)
    taken = {name: module for name, module in sys.modules.items() if is_of(name, modules)}
    for name in taken:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        sys.modules.update(taken)


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocked(sys.argv[1].split(",")))
    sys.argv = ["launch.py", *sys.argv[2:]]
    import launch

    launch.main()
