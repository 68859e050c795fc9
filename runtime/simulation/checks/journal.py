"""P6: nothing that was acknowledged is lost, and the journal is one unbroken order."""

from collections.abc import Iterator

from blackboard.facts import Bar, Decision, Vote
from runtime.simulation.checks.record import Record, Violation, grouped
from runtime.simulation.history import GENESIS, Acknowledged, block_hash

PROMISE = "P6"
SEQS_MAX = 8
"""Entries that a violation names at most."""
SYNCED_KINDS = frozenset(
    {
        *("OrderIntent", "ExitIntent", "AmendIntent", "CancelIntent"),
        *("RiskApproved", "OrderSubmitting", "OrderOutcome"),
        *("Fill", "PositionChanged", "TradeClosed"),
        *("EquityMark", "LimitBreached", "Lock", "TradingStateChanged", "OperatorCommand"),
    }
)
"""Orders and what they did, marks, limits and states, and a person's word: they are on the disk
before anybody hears of them."""


def chain_is_unbroken(record: Record) -> Iterator[Violation]:
    """Every block of the journal follows the one before it, unchanged."""
    previous_hash, next_seq = GENESIS, 1
    for block in record.history.blocks:
        expected = block_hash(previous_hash, block.first_seq, block.last_seq, block.payload)
        follows = block.previous_hash == previous_hash and block.first_seq == next_seq
        if not follows or block.hash != expected:
            text = f"block {block.first_seq}..{block.last_seq} breaks the chain"
            yield _violation("chain_is_unbroken", 0, text, block.first_seq)
        previous_hash, next_seq = block.hash, block.last_seq + 1


def seqs_are_gapless(record: Record) -> Iterator[Violation]:
    """Every entry has the seq after the one before it, from 1."""
    for place, entry in enumerate(record.entries, start=1):
        if entry.seq != place:
            text = f"entry {place} of the journal has seq {entry.seq}"
            yield _violation("seqs_are_gapless", entry.known_at_ns, text, entry.seq)
            return


def keys_are_unique(record: Record) -> Iterator[Violation]:
    """No slot is filled twice."""
    for key, entries in grouped((entry.key, entry) for entry in record.entries).items():
        if len(entries) > 1:
            seqs = tuple(entry.seq for entry in entries)
            text = f"slot {key} is filled {len(entries)} times"
            yield _violation("keys_are_unique", entries[1].known_at_ns, text, *seqs)


def causes_come_before(record: Record) -> Iterator[Violation]:
    """No entry derives from itself or from what came after it."""
    for entry in record.entries:
        if any(not 0 < cause < entry.seq for cause in entry.causes):
            text = f"entry {entry.seq} derives from {entry.causes}"
            yield _violation("causes_come_before", entry.known_at_ns, text, entry.seq)


def acknowledged_is_kept(record: Record) -> Iterator[Violation]:
    """Everything that a client was told to be on the board is in the journal, in its place."""
    keys = {entry.seq: entry.key for entry in record.entries}
    committed_ns: dict[int, int] = {}
    for commit in record.history.commits:
        for seq in range(commit.first_seq, commit.last_seq + 1):
            committed_ns.setdefault(seq, commit.at_ns)
    for ack in record.history.acknowledged:
        if _was_lost(record, ack):
            continue
        key = f"{ack.author}/{ack.slot}"
        if keys.get(ack.seq) != key:
            text = f"{key} was acknowledged as {ack.seq} and is not in the journal there"
            yield _violation("acknowledged_is_kept", ack.at_ns, text, ack.seq)
        elif record.history.commits and committed_ns.get(ack.seq, ack.at_ns + 1) > ack.at_ns:
            text = f"{key} was acknowledged before the journal had it"
            yield _violation("acknowledged_is_kept", ack.at_ns, text, ack.seq)


def _was_lost(record: Record, ack: Acknowledged) -> bool:
    is_synced = ack.slot.partition("/")[0] in SYNCED_KINDS
    return any(
        ack.seq >= loss.from_seq
        and ack.at_ns <= loss.at_ns
        and not (loss.is_power_cut and is_synced)
        for loss in record.history.journal_losses
    )


def created_once(record: Record) -> Iterator[Violation]:
    """No slot is said to have been created twice: what needs it would be sent twice."""
    created = (
        (f"{ack.author}/{ack.slot}", ack)
        for ack in record.history.acknowledged
        if ack.created and not _was_lost(record, ack)
    )
    for key, acks in grouped(created).items():
        if len(acks) > 1:
            text = f"{key} was created {len(acks)} times"
            yield _violation("created_once", acks[1].at_ns, text, *(ack.seq for ack in acks))


def epochs_only_rise(record: Record) -> Iterator[Violation]:
    """No older instance of an author posts after a younger one."""
    newest: dict[str, int] = {}
    for entry in record.entries:
        if entry.epoch < newest.get(entry.author, 0):
            text = f"{entry.author} posted under epoch {entry.epoch} after {newest[entry.author]}"
            yield _violation("epochs_only_rise", entry.known_at_ns, text, entry.seq)
        newest[entry.author] = max(entry.epoch, newest.get(entry.author, 0))


def rounds_are_decided_once(record: Record) -> Iterator[Violation]:
    """Every symbol and close has one decision, and each voter one vote in it."""
    decisions = (
        ((said.fact.scope, said.fact.timeframe, said.entry.ts_event_ns, "decision"), said)
        for said in record.all(Decision)
    )
    for slot, said in grouped(decisions).items():
        if len(said) > 1:
            seqs = tuple(each.seq for each in said)
            yield _violation("rounds_are_decided_once", said[1].at_ns, f"{slot} twice", *seqs)
    votes = {vote.seq: vote for vote in record.all(Vote)}
    for decision in record.all(Decision):
        voters = [votes[seq].fact.voter for seq in decision.entry.causes if seq in votes]
        if len(set(voters)) < len(voters):
            text = f"decision on {decision.fact.scope} counts one voter twice: {sorted(voters)}"
            yield _violation("rounds_are_decided_once", decision.at_ns, text, decision.seq)


def decisions_use_their_own_votes(record: Record) -> Iterator[Violation]:
    """No decision weighs a vote on another symbol or close, or one that has run out."""
    votes = {vote.seq: vote for vote in record.all(Vote)}
    for said in record.all(Decision):
        for vote in (votes[seq] for seq in said.entry.causes if seq in votes):
            is_other = (
                vote.fact.scope != said.fact.scope
                or vote.entry.ts_event_ns != said.entry.ts_event_ns
            )
            if is_other or vote.fact.valid_until_ns < said.entry.now_ns:
                text = f"decision on {said.fact.scope} weighs vote {vote.seq} that is not its own"
                yield _violation("decisions_use_own_votes", said.at_ns, text, said.seq, vote.seq)


def bars_come_once_in_order(record: Record) -> Iterator[Violation]:
    """Every symbol's bars follow each other in time: none twice, none late."""
    newest: dict[tuple[str, str], int] = {}
    for said in record.all(Bar):
        place, close_ns = (said.fact.scope, said.fact.timeframe.value), said.entry.ts_event_ns
        if close_ns <= newest.get(place, 0):
            text = f"bar of {place[0]} at {close_ns} after {newest[place]}"
            yield Violation(
                promise="P2",
                invariant="bars_come_once_in_order",
                at_ns=said.at_ns,
                text=text,
                seqs=(said.seq,),
            )
        newest[place] = max(close_ns, newest.get(place, 0))


def _violation(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    shown = seqs[:SEQS_MAX]
    return Violation(promise=PROMISE, invariant=invariant, at_ns=at_ns, text=text, seqs=shown)


CHECKS = (
    chain_is_unbroken,
    seqs_are_gapless,
    keys_are_unique,
    causes_come_before,
    acknowledged_is_kept,
    created_once,
    epochs_only_rise,
    rounds_are_decided_once,
    decisions_use_their_own_votes,
    bars_come_once_in_order,
)
