"""Where diagnostic output goes: JSON lines in a file for each process, readable text for people.

Every record passes the same redaction, and so does the last traceback of a process: what looks like
a secret goes, and what is one of this process's own. What matters to trading is a fact; a log line
is never its only record.
"""

import logging
import logging.handlers
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import structlog

from config.secrets import load_secrets
from config.system import LogSection
from runtime.machine.current import MACHINE

REDACTED = "***"
_SECRET_KEYS = re.compile(r"token|password|secret|api_?key|authorization|bearer", re.IGNORECASE)
_SECRET_TEXTS = re.compile(
    r"\d{6,}:[\w-]{30,}"  # a Telegram token, which stands in URLs
    r"|(?<=apikey=)[^&\s'\"]+|(?<=api_key=)[^&\s'\"]+|(?<=token=)[^&\s'\"]+"
    r"|(?<=access_key=)[^&\s'\"]+"
    r"|(?<=Bearer )[\w.~+/=%-]+",
    re.IGNORECASE,
)
_QUIET_LOGGERS = ("httpx", "httpcore", "urllib3", "uvicorn.access")
"""They write whole URLs, in which keys and tokens stand."""


class _Hidden:
    """The secrets of this process, which nothing that it tells may hold."""

    pattern: re.Pattern[str] | None = None

    @classmethod
    def take(cls, values: Iterable[str]) -> None:
        """Hide these values from now on; the longest first, for one may begin another."""
        ordered = sorted(set(values), key=lambda value: (-len(value), value))
        cls.pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None


_SILENT_LOGGERS = ("telegram",)
"""They write whole answers, in which strangers' words stand; who uses them reports failures."""


def redact_text(text: str) -> str:
    """Return a text without what looks like a secret, or is one."""
    text = _SECRET_TEXTS.sub(REDACTED, text)
    return text if _Hidden.pattern is None else _Hidden.pattern.sub(REDACTED, text)


def _redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in list(event.items()):
        if _SECRET_KEYS.search(key):
            event[key] = REDACTED
        elif not key.startswith("_"):  # structlog's own, which the formatter removes
            event[key] = _redacted(value)
    event.pop("_ray_timestamp_ns", None)
    return event


def _redacted(value: object) -> object:
    match value:
        case str():
            return redact_text(value)
        case bool() | int() | float() | None:
            return value
        case dict():
            return {
                str(key): REDACTED if _SECRET_KEYS.search(str(key)) else _redacted(inner)
                for key, inner in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_redacted(inner) for inner in value]
        case _:  # an exception, say, whose text holds an address: the renderer would write its repr
            return redact_text(repr(value))


def set_up_logs(
    name: str,
    folder: Path,
    section: LogSection,
    *,
    profile: str,
    console: bool = False,
) -> None:
    """Send the logs of this process to ``folder/name.jsonl``, and warnings to a person if asked.

    From here on its secrets are taken out of every line, and of the traceback that it may end with.
    Every line says under which profile it was written, in whatever thread and by whatever library.
    """
    _Hidden.take(load_secrets().values())
    sys.excepthook = _tell_crash
    threading.excepthook = _tell_crash_of_thread
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _stamp(profile),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            _redact,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file_handler = logging.handlers.RotatingFileHandler(
        folder / f"{name}.jsonl",
        maxBytes=section.file_bytes_max,
        backupCount=section.files_max,
        encoding="utf-8",
    )
    file_handler.setFormatter(_formatter(shared, structlog.processors.JSONRenderer(sort_keys=True)))
    handlers: list[logging.Handler] = [file_handler]
    if console:
        stream_handler = logging.StreamHandler(sys.stderr)
        stream_handler.setLevel(logging.WARNING)
        colours = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        stream_handler.setFormatter(
            _formatter(shared, structlog.dev.ConsoleRenderer(colors=colours))
        )
        handlers.append(stream_handler)
    root = logging.getLogger()
    for earlier in root.handlers:
        if isinstance(earlier, logging.handlers.RotatingFileHandler):
            earlier.close()  # of a run before this one in the same process
    root.handlers = handlers
    root.setLevel(section.level.upper())
    for quiet in _QUIET_LOGGERS:
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for silent in _SILENT_LOGGERS:
        logging.getLogger(silent).setLevel(logging.CRITICAL + 1)


def _tell_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write(redact_text("".join(traceback.format_exception(kind, error, trace))))


def _tell_crash_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and ended.exc_type is not SystemExit:
        _tell_crash(ended.exc_type, ended.exc_value, ended.exc_traceback)


def output_file(path: Path, bytes_max: int) -> BinaryIO:
    """Open the file into which a process prints; one that has grown too large is begun anew.

    Nothing but warnings and a last traceback goes there, so the start is early enough to look.
    """
    if path.exists() and path.stat().st_size > bytes_max:
        MACHINE.replace(path, path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _stamp(profile: str) -> structlog.typing.Processor:
    def stamp(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event["profile"] = profile
        return event

    return stamp


def _formatter(shared: list[Any], renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.processors.format_exc_info, _redact],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
