"""``why`` and ``journal``: what happened and from what it followed, from the journal alone."""

from collections.abc import Collection, Iterator
from typing import Annotated

import typer
from rich.console import Console

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import DayCounters, DayStatistics, EquityMark, kind_of
from runtime.commands.files import CsvOption, write_csv
from runtime.commands.options import BookOption, ConfigOption, JsonOption, load

_console = Console(soft_wrap=True, highlight=False, markup=False)
_TOTALS = frozenset({kind_of(DayCounters), kind_of(DayStatistics), kind_of(EquityMark)})
"""Each of these follows from the one before it, back to the beginning of the book."""


def mount(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(why)
    app.command()(journal)


def why(
    ticket: Annotated[int, typer.Argument(help="Ticket of a position, order or deal.")],
    book: BookOption = "",
    config: ConfigOption = None,
) -> None:
    """Walk from a trade back to the bars: order, approval, intent, decision, votes.

    What stands further in was derived from. The history of a running total (equity mark, day's
    counters) is not walked, and what was shown once is only named the second time.
    """
    from runtime.book import find_book
    from runtime.proof.lineage import explain_ticket

    found = find_book(load(config).settings.home.absolute(), book)
    root, lineage = explain_ticket(found.journal, ticket)
    width = _console.width if _console.is_terminal else 0
    for line in _tree(root, lineage):
        _console.print(line[:width] if width else line)


def journal(
    book: BookOption = "",
    config: ConfigOption = None,
    kind: Annotated[str, typer.Option(help="Only facts of this kind.")] = "",
    scope: Annotated[str, typer.Option(help="Only facts about this.")] = "",
    author: Annotated[str, typer.Option(help="Only facts of this author.")] = "",
    last: Annotated[int, typer.Option(min=1, help="How many, counted from the newest.")] = 20,
    json: JsonOption = False,
    csv: CsvOption = "",
    verify: Annotated[bool, typer.Option(help="Check the whole hash chain.")] = False,
) -> None:
    """Print entries of a journal, oldest first, or check its hash chain."""
    from collections import deque

    import msgspec

    from blackboard.access import DRIVER
    from runtime.book import find_book
    from runtime.council import ORDER
    from runtime.journals.export import KINDS
    from runtime.proof.lineage import entries_of

    _require_known("--kind", kind, KINDS)
    found = find_book(load(config).settings.home.absolute(), book)
    newest: deque[Entry] = deque(maxlen=last)
    count = 0
    for entry in entries_of(found.journal):
        count += 1
        if _matches(entry, kind, scope, author):
            newest.append(entry)
    if not newest:  # an old journal may have an author whom nobody knows any more
        _require_known("--author", author, (*ORDER, DRIVER))
    if verify:
        _console.print(f"{found.journal}: {count} entries, gapless, hash chain unbroken")
        return
    if csv:
        from runtime.reports.entry_rows import EntryRow, row_of_entry

        write_csv(EntryRow, map(row_of_entry, newest), csv)
        return
    for entry in newest:
        print(msgspec.json.encode(entry).decode() if json else _text(entry))


def _require_known(option: str, asked: str, known: Collection[str]) -> None:
    if asked and asked not in known:
        raise ConfigError(f"{option} must be one of {', '.join(sorted(known))}, was {asked!r}")


def _matches(entry: Entry, kind: str, scope: str, author: str) -> bool:
    return (
        (not kind or entry.kind == kind)
        and (not scope or entry.fact.scope == scope)
        and (not author or entry.author == author)
    )


def _tree(root: Entry, lineage: dict[int, Entry]) -> Iterator[str]:
    """Yield the lines of the tree of causes, a level two columns further in than the one above."""
    shown: set[int] = set()
    waiting = [(0, root)]
    while waiting:
        depth, entry = waiting.pop()
        again = entry.seq in shown
        shown.add(entry.seq)
        yield "  " * depth + (f"#{entry.seq} {entry.kind}: see above" if again else _text(entry))
        if not again:
            causes = [lineage[seq] for seq in entry.causes if seq in lineage]
            waiting += [
                (depth + 1, cause)
                for cause in sorted(causes, key=lambda cause: cause.seq, reverse=True)
                if not (cause.kind == entry.kind and cause.kind in _TOTALS)
            ]


def _text(entry: Entry) -> str:
    from runtime.picture import clock_text
    from runtime.proof.lineage import brief

    return (
        f"#{entry.seq} {clock_text(entry.ts_event_ns)} {entry.author} "
        f"{entry.kind} {entry.fact.scope}: {brief(entry.fact)}"
    )
