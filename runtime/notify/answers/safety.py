"""What holds trading back: /risk, /breaker, /locks."""

from typing import Any

from runtime.console.views.limits import limits
from runtime.console.views.overview import overview
from runtime.notify.outbox import Note
from runtime.notify.sources import Sources, Words, aligned
from runtime.picture import clock_text, lock_text
from runtime.terminals.gate import STOP_FILE_NAME

BREACHES_SHOWN = 5


def risk(sources: Sources, words: Words) -> Note:
    """Tell every limit with its value, and the open risk by currency."""
    del words
    with sources.present.held():
        page, overall = limits(sources.present), overview(sources.present)
    rows = [("", "now", "limit", "used")]
    rows += [
        (row["words"], _figure(row["value"], row), _figure(row["limit"], row), _share(row))
        for row in page["rows"]
    ]
    rows += [
        (f"net risk in {one['currency']}", f"{one['risk_frac']:+.2%}", "", "")
        for one in overall["currencies"]
    ]
    return Note(title="Risk", text=aligned(rows), is_table=True)


def breaker(sources: Sources, words: Words) -> Note:
    """Tell the trading state, each restriction with its way out, and what was breached last."""
    del words
    with sources.present.held():
        page, breaches = overview(sources.present), limits(sources.present)["breaches"]
    lines = [f"{page['state']}: {page['state_reason']}"]
    for one in page["restrictions"]:
        lines.append(f"{one['cause']} ({one['state']}) since {clock_text(one['since_ns'])}")
        lines.append(f"  {one['evidence']}")
        lines.append(f"  way out: {one['way_out']}")
    if (sources.settings.home.absolute() / STOP_FILE_NAME).exists():
        lines.append("the kill switch is set: python launch.py resume releases it")
    lines += [
        f"breached {clock_text(one['at_ns'])}: {one['limit']} {one['value']:.4g} against "
        f"{one['threshold']:.4g}"
        for one in breaches[:BREACHES_SHOWN]
    ]
    return Note(title="Breaker", text="\n".join(lines))


def locks(sources: Sources, words: Words) -> Note:
    """Tell what may not be entered for a while, why, and until when."""
    del words
    with sources.present.held():
        found = [lock_text(lock) for lock in sources.present.picture.open_locks]
    return Note(title="Locks", text="\n".join(found) or "none")


def _figure(value: float | None, row: dict[str, Any]) -> str:
    if value is None:
        return "?"
    return f"{value:.2%}" if row["unit"] == "frac" else f"{value:g}"


def _share(row: dict[str, Any]) -> str:
    return "" if row["used_frac"] is None else f"{row['used_frac']:.0%}"
