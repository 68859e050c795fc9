"""What the proofs found, in words for people."""

from collections.abc import Iterator
from typing import Final

from runtime.instants import iso
from runtime.proof.audit import AuditReport
from runtime.proof.divergence import Divergence
from runtime.proof.parity import Certificate
from runtime.proof.why_not import Answer, Explanation


def certificate_lines(certificate: Certificate) -> Iterator[str]:
    """Yield a parity certificate in lines."""
    agents = sum(count > 0 for count in certificate.by_agent.values())
    counts = ", ".join(f"{name} {count}" for name, count in certificate.by_agent.items())
    verdict = "parity holds" if certificate.holds else "NO PARITY"
    yield f"{certificate.run}: {verdict}: {certificate.facts} facts of {agents} agents identical"
    yield f"run again: {counts}; {certificate.entries} entries, {certificate.starts} starts"
    if certificate.divergence is not None:
        yield from _divergence_lines(certificate.divergence)
    for line in certificate.unproven:
        yield f"not shown: {line}"
    if certificate.answers_from_record:
        count = certificate.answers_from_record
        yield f"{count} readings failed in the run; taken as the agents told of them"
    if not certificate.is_same_code:
        yield "recorded by other sources than these: a difference may be a change of the code"
    if certificate.holds:
        yield f"decisions_hash {certificate.decisions_hash}"


MEANINGS: Final = {
    "chain": "blocks follow each other unchanged",
    "gapless": "entries count without a gap",
    "unique_keys": "no slot is filled twice",
    "causes": "causes stand before their effects",
    "decisions": "decisions made again from their causes",
    "approvals": "sizes worked out again from their causes",
    "permissions": "orders that an approval covers, or that only reduce",
    "fills": "deals that belong to an order or to others",
    "accounting": "balances that deals explain",
}
"""What each check of the audit counts."""


def audit_lines(report: AuditReport) -> Iterator[str]:
    """Yield a report of the audit in lines."""
    verdict = "audit holds" if report.holds else "AUDIT FAILED"
    yield f"{report.run}: {verdict}: {report.entries} entries"
    first = {finding.check: finding for finding in report.findings}
    for check in report.checks:
        mark = f"FAIL {check.found}" if check.found else "ok"
        yield f"  {mark:8} {check.checked:8} {MEANINGS[check.name]}"
        if check.name in first:
            finding = first[check.name]
            where = f"{finding.author} {finding.kind}".strip()
            yield f"           first at seq {finding.seq}, {where}: {finding.detail}"


HEADS: Final = {
    Answer.BLOCKED: "held by the gate",
    Answer.REFUSED: "refused by risk",
    Answer.NOT_WANTED: "no intent",
    Answer.NOT_JUDGED: "no verdict",
    Answer.NOT_SENT: "never sent",
    Answer.ORDERED: "it was ordered",
}
"""How the reasons inside a round begin; every other means that there was no round."""


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Yield in lines why a symbol was not traded at a time."""
    found = explanation
    yield (
        f"{found.run}: {found.symbol} at {iso(found.asked_ns)}: "
        f"the close of {iso(found.close_ns)} (times are UTC)"
    )
    head = HEADS.get(found.answer, "no round")
    name = f" {found.name}" if found.name else ""
    side = f"{found.side}: " if found.side else ""
    yield f"{side}{head}{name}: {found.words}"
    if found.answer in {Answer.BLOCKED, Answer.REFUSED}:
        detail = f" ({found.detail})" if found.detail else ""
        yield f"  value {found.value:.6g}, threshold {found.threshold:.6g}{detail}"
    if found.seq:
        yield f"  entry #{found.seq}"
    if found.voices:
        yield f"  {'voter':22} {'p up':>7} {'weight':>7}  says"
        for voice in found.voices:
            said = f"abstains: {voice.said}" if voice.abstains else ""
            yield f"  {voice.voter:22} {voice.probability_up:7.4f} {voice.weight:7.4f}  {said}"
    elif found.last_round_ns:
        yield f"  the latest round before was that of {iso(found.last_round_ns)}"


def _divergence_lines(found: Divergence) -> Iterator[str]:
    yield (
        f"first difference at seq {found.seq}: {found.author} {found.kind} {found.scope} "
        f"of {iso(found.ts_event_ns)}, decided {iso(found.now_ns)}"
    )
    yield f"  {found.field} recorded   {found.recorded}"
    yield f"  {found.field} run again  {found.rerun}"
