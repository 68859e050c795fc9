"""The audit: a journal held against what it promises, from itself alone.

The chain of hashes, one order, causes before effects; every Decision and every approval made again
from its causes; no order without permission, no deal without an order, no money without a deal.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from blackboard.entry import Entry
from blackboard.errors import JournalCorrupt
from blackboard.facts import kind_of
from runtime.proof.checks.account import Accounting
from runtime.proof.checks.check import Check
from runtime.proof.checks.judgement import Approvals, Decisions
from runtime.proof.checks.order import CausesBefore, Gapless, UniqueKeys
from runtime.proof.checks.orders import Fills, Permissions
from runtime.proof.checks.past import Past
from runtime.proof.recording import Recording, Tell, to_nobody

CHAIN: Final = "chain"
"""Name of the check that every block follows the one before it, unchanged."""
TELL_EVERY: Final = 500
"""Commits between two notes of the progress."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not hold."""

    check: str
    seq: int
    """Entry at which it shows; of a broken chain the last one before the break."""
    author: str
    kind: str
    detail: str


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one check came to."""

    name: str
    checked: int
    """How often there was something to look at."""
    found: int
    """How often it did not hold."""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole audit came to."""

    run: str
    holds: bool
    entries: int
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    """The first finding of each check."""


def audit(recording: Recording, run: str, *, tell: Tell = to_nobody) -> AuditReport:
    """Hold a recording against every check and return the report."""
    past = Past(recording.entry)
    auditor = _Auditor(
        (
            Gapless(),
            UniqueKeys(),
            CausesBefore(),
            Decisions(recording, past),
            Approvals(recording, past),
            Permissions(),
            Fills(),
            Accounting(),
        )
    )
    blocks = entries = 0
    broken: tuple[Finding, ...] = ()
    try:
        for number, commit in enumerate(recording.commits()):
            for entry in commit:
                auditor.look(entry)
                past.add(entry)
            blocks, entries = blocks + 1, entries + len(commit)
            if number % TELL_EVERY == 0:
                tell(commit[-1].seq, commit[-1].known_at_ns)
    except JournalCorrupt as error:
        broken = (Finding(check=CHAIN, seq=entries, author="", kind="block", detail=str(error)),)
    chain = CheckResult(name=CHAIN, checked=blocks + len(broken), found=len(broken))
    results = (chain, *auditor.results())
    return AuditReport(
        run=run,
        holds=not any(result.found for result in results),
        entries=entries,
        checks=results,
        findings=(*broken, *auditor.first.values()),
    )


class _Auditor:
    """Every check, with what it found."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(checks)
        self._found = dict.fromkeys((check.name for check in self._checks), 0)
        self.first: dict[str, Finding] = {}

    def look(self, entry: Entry) -> None:
        """Hold one entry against every check."""
        for check in self._checks:
            for detail in check.look(entry):
                self._found[check.name] += 1
                self.first.setdefault(
                    check.name,
                    Finding(
                        check=check.name,
                        seq=entry.seq,
                        author=entry.author,
                        kind=kind_of(entry.fact),
                        detail=detail,
                    ),
                )

    def results(self) -> Iterator[CheckResult]:
        """Yield what each check came to."""
        for check in self._checks:
            yield CheckResult(name=check.name, checked=check.checked, found=self._found[check.name])
