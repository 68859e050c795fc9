"""``parity``, ``audit`` and ``why-not``: what the journal proves, with nothing running.

Each verb ends with 0 where what it looks at holds, and with 1 where it does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from blackboard.entry import Entry
from runtime.commands.options import ConfigOption, JsonOption, load
from runtime.commands.progress import progress
from runtime.instants import instant_ns
from runtime.picture import clock_text
from runtime.proof.recording import Recording, Tell

DIFFERS = 1
"""Exit code where something does not hold."""

_console = Console(soft_wrap=True, highlight=False, markup=False)
NameArgument = Annotated[
    str, typer.Argument(metavar="[RUN|BOOK]", help="Its name; the one used last without it.")
]


def mount(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(parity)
    app.command()(audit)
    app.command(name="why-not")(why_not)


def parity(name: NameArgument = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Run six agents again over a recorded run and compare every fact, bit for bit.

    Data, sentiment and execution are played back; technical, lstm_vol, portfolio, risk, learner and
    supervisor say again what they said. Ends with 0 if all is identical, with 1 and the first
    difference if not, or if something cannot be run again.
    """
    from runtime.book import find_book
    from runtime.proof.parity import certify
    from runtime.proof.recording import open_recording
    from runtime.run_plan import models_of

    home = load(config).settings.home.absolute()
    found = find_book(home, name)
    with open_recording(found) as recording, _told("parity", recording, json=json) as tell:
        # The whole state may have been moved since.
        recorded = recording.starts[-1].settings.model_copy(update={"home": home})
        models = models_of(found, recorded)
        certificate = certify(recording, found.name, models=models, tell=tell)
    if json:
        print(msgspec.json.encode(certificate).decode())
    else:
        from runtime.proof.wording import certificate_lines

        for line in certificate_lines(certificate):
            _console.print(line)
    if not certificate.holds:
        raise typer.Exit(DIFFERS)


def audit(name: NameArgument = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Hold a journal against its promises: order, causes, decisions, sizes, permissions, money.

    Every Decision is arbitrated and every approval sized again from the facts that it names as its
    causes. Ends with 0 if nothing is found, else with 1 and the first finding of each kind.
    """
    from runtime.book import find_book
    from runtime.proof.audit import audit as hold
    from runtime.proof.recording import open_recording

    found = find_book(load(config).settings.home.absolute(), name)
    with open_recording(found) as recording, _told("audit", recording, json=json) as tell:
        report = hold(recording, found.name, tell=tell)
    if json:
        print(msgspec.json.encode(report).decode())
    else:
        from runtime.proof.wording import audit_lines

        for line in audit_lines(report):
            _console.print(line)
    if not report.holds:
        raise typer.Exit(DIFFERS)


def why_not(
    symbol: Annotated[str, typer.Argument(help="Symbol that was not traded.")],
    time: Annotated[
        str, typer.Argument(help='As "2018-02-05 12:15"; UTC, unless it has an offset.')
    ],
    book: Annotated[
        str,
        typer.Option("--run", "--book", help="Its name; the one used last without it."),
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say why a symbol was not traded at a time: the first gate that blocked, or what came instead.

    The time belongs to the latest close at or before it.
    """
    from runtime.book import find_book
    from runtime.proof.recording import open_recording
    from runtime.proof.why_not import explain

    asked_ns = _instant_ns(time)
    found = find_book(load(config).settings.home.absolute(), book)
    with open_recording(found) as recording, _told("why-not", recording, json=json) as tell:
        timeframe = recording.starts[-1].settings.timeframe
        entries = _followed(recording, tell)
        explanation = explain(entries, found.name, symbol.upper(), asked_ns, timeframe)
    if json:
        print(msgspec.json.encode(explanation).decode())
        return
    from runtime.proof.wording import explanation_lines

    for line in explanation_lines(explanation):
        _console.print(line)


def _followed(recording: Recording, tell: Tell) -> Iterator[Entry]:
    for entry in recording.entries(recording.head):
        tell(entry.seq, entry.known_at_ns)
        yield entry


def _instant_ns(text: str) -> int:
    """Return an instant; one without an offset is in UTC, because all times here are."""
    for written in (text, f"{text}Z"):
        try:
            return instant_ns(written)
        except ValueError:
            continue
    raise typer.BadParameter(f'the time must be as "2018-02-05 12:15" or ISO 8601, was {text!r}')


@contextmanager
def _told(what: str, recording: Recording, *, json: bool) -> Iterator[Tell]:
    with progress(_console, f"{what}, entries", recording.head, is_quiet=json) as advance:
        yield lambda seq, now_ns: advance(seq, clock_text(now_ns))
