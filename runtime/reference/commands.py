"""The command reference: every verb with its arguments and options, as the program knows them."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

from runtime.reference.markdown import chapter, code, contents, table
from runtime.reference.wording import type_of

TITLE: Final = "Commands"
PROGRAM: Final = "python launch.py"
_INTRODUCTION: Final = """\
Every verb of the command line. `python launch.py` alone means `python launch.py up`; `--help`
after any verb prints what stands here.

Exit codes: 0 fine, 1 failure, 2 wrong usage, 3 invalid configuration, 4 `doctor` or `data verify`
found errors. With `--json` a verb prints machine-readable lines."""


def commands_chapter(root: Any) -> str:
    """Return the chapter as Markdown.

    Parameters
    ----------
    root : typer.core.TyperGroup
        The whole command line.
    """
    verbs = list(_verbs(root, ""))
    parts = [_INTRODUCTION, contents([name for name, _ in verbs])]
    for name, command in verbs:
        parts += [f"## {name}", _help(command), _parameters(command)]
    return chapter(TITLE, *parts)


def _verbs(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None or command.invoke_without_command:
            yield f"{prefix}{name}", command
        if inner is not None:
            yield from _verbs(command, f"{prefix}{name} ")


def _help(command: Any) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _parameters(command: Any) -> str:
    rows = [
        (_spelled(each), _kind(each), _default(each), getattr(each, "help", "") or "")
        for each in command.params
        if each.name != "help"
    ]
    return table(("argument or option", "takes", "default", "meaning"), rows) if rows else ""


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.name.upper())
    return code(" / ".join((*parameter.opts, *parameter.secondary_opts)))


def _kind(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    if getattr(parameter, "is_bool_flag", False):
        return ""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(str(one.value)) for one in annotation)
    return type_of(annotation)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    is_told = value not in (None, "", 0, False, ()) and not callable(value)
    return code(str(value)) if is_told else ""
