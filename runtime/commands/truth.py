"""``parity``, ``audit`` and ``why-not``: what the journal proves, with nothing running.

Each verb ends with 0 where what it looks at holds, and with 1 where it does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from runtime.commands.options import ConfigOption, JsonOption, load
from runtime.commands.progress import progress
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


def parity(name: NameArgument = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Run six agents again over a recorded run and compare every fact, bit for bit.

    Data, sentiment and execution are played back; technical, lstm_vol, portfolio, risk, learner and
    supervisor say again what they said. Ends with 0 if all is identical, with 1 and the first
    difference if not, or if something cannot be run again.
    """
    from runtime.book import find_book
    from runtime.proof.parity import certify
    from runtime.proof.recording import open_recording

    found = find_book(load(config).settings.home.absolute(), name)
    with open_recording(found) as recording, _told("parity", recording, json=json) as tell:
        certificate = certify(recording, found.name, tell=tell)
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


@contextmanager
def _told(what: str, recording: Recording, *, json: bool) -> Iterator[Tell]:
    with progress(_console, f"{what}, entries", recording.head, is_quiet=json) as advance:
        yield lambda seq, now_ns: advance(seq, clock_text(now_ns))
