"""The system itself: /health, /logs, /show_config, /version."""

import platform
from typing import Final

import telegram

from blackboard.errors import ConfigError
from config.loading import flatten
from config.settings import Settings
from runtime.console.views.overview import overview
from runtime.log_reading import LogReader
from runtime.log_setup import redact_text
from runtime.notify.markup import units
from runtime.notify.outbox import Note
from runtime.notify.sources import Refused, Sources, Words, whole_number
from runtime.picture import clock_text
from runtime.preparation import own_version

LINES_SHOWN, LINES_MAX = 10, 50
LOG_UNITS_MAX: Final = 3000
"""Longest log in one message, before signs of markup are escaped."""
WELL: Final = frozenset({"healthy", "starting"})
_SHOWN: Final = ("profile", "book", "symbols", "timeframe", "speed", "terminal.kind")


def health(sources: Sources, words: Words) -> Note:
    """Tell whether processes, agents, feeds and messages are as they should be."""
    del words
    with sources.present.held():
        page, status = overview(sources.present), sources.present.status
    if status is None:
        return Note(title="Health", text="the driver has told nothing of itself yet")
    unwell = [
        f"{one.name} {one.health}: {one.reason}" for one in status.agents if one.health not in WELL
    ]
    stale = [f"prices of {one['scope']}: {one['reason']}" for one in page["feeds"]]
    lines = [
        f"{status.marker} {status.book} on {status.host}, process {status.pid}",
        f"journal {status.head} entries, market time {clock_text(status.now_ns)} UTC",
        *(unwell or [f"all {len(status.agents)} agents are well"]),
        *(stale or ["all prices are fresh"]),
        f"calendar {page['calendar']['state']}: {page['calendar']['reason']}",
        f"messages that wait: {sources.waiting()}",
    ]
    return Note(title="Health", text="\n".join(lines))


def logs(sources: Sources, words: Words) -> Note:
    """Show the latest lines of the logs, of all processes or of one."""
    process = words[0].lower() if words and not words[0].isdecimal() else ""
    shown = whole_number(words[1:] if process else words, LINES_SHOWN, LINES_MAX)
    try:
        lines = LogReader(sources.plan.book.logs, process).last(shown)
    except ConfigError as error:
        raise Refused(str(error)) from error
    kept = _newest([line.text() for line in lines])
    left_out = len(lines) - len(kept)
    head = [f"({left_out} earlier ones do not fit)"] if left_out else []
    text = "\n".join([*head, *kept]) or "nothing is written there"
    return Note(title=f"Log of {process or 'all'}", text=text)


def _newest(lines: list[str]) -> list[str]:
    """Return the last lines that fit into one message."""
    kept: list[str] = []
    length = 0
    for line in reversed(lines):
        length += units(line) + 1
        if kept and length > LOG_UNITS_MAX:
            break
        kept.insert(0, line)
    return kept


def show_config(sources: Sources, words: Words) -> Note:
    """Show the settings that differ from the defaults, and the main ones; no keys."""
    del words
    values = flatten(sources.settings.model_dump(mode="json"))
    defaults = flatten(Settings().model_dump(mode="json"))
    lines = [
        f"{key}: {value}"
        for key, value in values.items()
        if key in _SHOWN or value != defaults.get(key)
    ]
    return Note(title="Settings", text=redact_text("\n".join(lines)))


def version(sources: Sources, words: Words) -> Note:
    """Tell the versions of Quorum, Python and the library that speaks here."""
    del words, sources
    text = f"Quorum {own_version()}, Python {platform.python_version()}, "
    return Note(title="Version", text=f"{text}python-telegram-bot {telegram.__version__}")
