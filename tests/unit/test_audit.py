"""The audit holds for a recorded run, and each of its checks finds what it is there for."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    AmendIntent,
    AnyFact,
    Decision,
    ExitIntent,
    Fact,
    Fill,
    OrderSubmitting,
    PositionChanged,
    RiskApproved,
    Vote,
)
from blackboard.facts.decision import Action, Side
from blackboard.facts.execution import Origin, Purpose
from runtime.proof.audit import AuditReport, Finding, audit
from runtime.proof.checks.orders import Permissions
from runtime.proof.recording import Recording
from tests.builders import an_entry
from tests.command_line import CommandLine
from tests.recorded_run import (
    a_run,
    altered,
    entries_of_run,
    field_changed,
    of_blocks,
    recording,
    sealed,
)

Doctored = Callable[[Entry], Entry]


def first(kind: type[Fact], is_wanted: Callable[[Entry], bool] = lambda _: True) -> Entry:
    """Return the first entry of a kind that is wanted."""
    return next(
        entry for entry in entries_of_run() if isinstance(entry.fact, kind) and is_wanted(entry)
    )


def only(changed: Recording, check: str) -> Finding:
    """Return the first finding of a check, which the doctored journal must have."""
    report = audit(changed, "run")
    assert not report.holds
    found = {finding.check: finding for finding in report.findings}
    assert check in found, found
    return found[check]


def checked(report: AuditReport) -> dict[str, int]:
    """Return how often each check had something to look at."""
    return {check.name: check.checked for check in report.checks}


def count(kind: type[Fact]) -> int:
    """Return how many entries of a kind the run has."""
    return sum(isinstance(entry.fact, kind) for entry in entries_of_run())


def test_a_run_stands_every_check() -> None:
    """Nothing is found, and everything there is was looked at."""
    entries = entries_of_run()

    report = audit(recording(), "run")

    assert report.findings == ()
    assert report.holds
    assert checked(report) == {
        "chain": len(a_run()[0]),
        "gapless": len(entries),
        "unique_keys": len(entries),
        "causes": sum(len(entry.causes) for entry in entries),
        "decisions": count(Decision),
        "approvals": count(RiskApproved),
        "permissions": count(OrderSubmitting),
        "fills": count(Fill),
        "accounting": count(AccountSnapshot),
    }
    assert min(checked(report).values()) > 0


def test_a_changed_block_breaks_the_chain() -> None:
    """A payload that was changed without building the chain anew is found where it stands."""
    known, start = a_run()
    blocks = sealed(known)
    forged = sealed([[field_changed(known[9][0].seq, scope="X")(each) for each in known[9]]])[0]
    blocks[9] = msgspec.structs.replace(blocks[9], payload=forged.payload)

    finding = only(of_blocks(blocks, (start,), blocks[-1].last_seq), "chain")

    assert finding.seq == blocks[8].last_seq
    assert "was changed after it was written" in finding.detail


def test_an_entry_that_was_cut_out_leaves_a_gap() -> None:
    """Blocks that fit each other do not hide that the entries inside them do not."""
    known, start = a_run()
    blocks = sealed(known)
    place = next(number for number, commit in enumerate(known) if len(commit) > 2)
    cut = sealed([*known[:place], [known[place][0], *known[place][2:]], *known[place + 1 :]])
    assert [block.last_seq for block in cut] == [block.last_seq for block in blocks]

    finding = only(of_blocks(cut, (start,), cut[-1].last_seq), "gapless")

    missing = known[place][1].seq
    assert finding.seq == missing + 1
    assert finding.detail == f"seq must be {missing}, was {missing + 1}"


def test_a_slot_that_is_filled_twice_is_found() -> None:
    """An author that decided one close twice shows by the key."""
    one, other = first(Vote), first(Vote, lambda each: each.fact.scope == "GBPUSD")

    def change(entry: Entry) -> Entry:
        return msgspec.structs.replace(entry, key=one.key) if entry == other else entry

    finding = only(altered(change), "unique_keys")

    assert finding.seq == other.seq
    assert f"was taken by seq {one.seq}" in finding.detail


def test_an_effect_before_its_cause_is_found() -> None:
    """A cause that lies in the future is none."""
    vote = first(Vote)

    def change(entry: Entry) -> Entry:
        future = (entry.seq + 5,)
        return msgspec.structs.replace(entry, causes=future) if entry == vote else entry

    finding = only(altered(change), "causes")

    assert finding.seq == vote.seq
    assert str(vote.seq + 5) in finding.detail


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"action": Action.HOLD}, "action"),
        ({"probability_up": 0.5432}, "probability_up"),
        ({"expected_value_r": 0.4321}, "expected_value_r"),
        ({"gates": ()}, "gates"),
        ({"shares": ()}, "shares"),
    ],
)
def test_a_decision_that_its_causes_do_not_give_is_found(
    changes: dict[str, object], field: str
) -> None:
    """Action, probability, expected value, gates and shares are all arbitrated again."""
    entry = first(
        Decision,
        lambda each: isinstance(each.fact, Decision) and each.fact.action is not Action.HOLD,
    )

    finding = only(altered(field_changed(entry.seq, **changes)), "decisions")

    assert (finding.seq, finding.kind) == (entry.seq, "Decision")
    assert field in finding.detail


def test_a_decision_whose_vote_was_changed_is_found() -> None:
    """The decision stands, but no longer on what it says that it stands on."""
    entry = first(Decision)
    vote = first(Vote, lambda each: each.seq in entry.causes)

    finding = only(altered(field_changed(vote.seq, probability_up=0.9)), "decisions")

    assert finding.seq == entry.seq


def test_a_decision_without_its_bar_is_found() -> None:
    """Where no cause is a bar of the close there is nothing to decide about."""
    entry = first(Decision)

    def change(each: Entry) -> Entry:
        return msgspec.structs.replace(each, causes=()) if each == entry else each

    assert "no bar of its close" in only(altered(change), "decisions").detail


def test_an_approval_of_more_lots_than_its_factors_give_is_found() -> None:
    """One step of volume more is above the budget."""
    entry = first(RiskApproved)
    assert isinstance(entry.fact, RiskApproved)
    more = round(entry.fact.lots + 0.01, 2)
    risk = entry.fact.risk_account * more / entry.fact.lots

    finding = only(altered(field_changed(entry.seq, lots=more, risk_account=risk)), "approvals")

    assert finding.seq == entry.seq
    assert "above its budget" in finding.detail


def test_an_approval_of_fewer_lots_is_found_too() -> None:
    """The size is worked out again, not merely bounded."""
    entry = first(RiskApproved)
    assert isinstance(entry.fact, RiskApproved)

    finding = only(
        altered(field_changed(entry.seq, lots=round(entry.fact.lots - 0.01, 2))), "approvals"
    )

    assert "lots recorded" in finding.detail


def test_a_factor_that_its_causes_do_not_give_is_found() -> None:
    """A size that fits its factors is wrong all the same where the factors are."""
    entry = first(RiskApproved)
    assert isinstance(entry.fact, RiskApproved)
    name = entry.fact.factors[2].name
    forged = msgspec.structs.replace(entry.fact.factors[2], value=0.75)
    factors = (*entry.fact.factors[:2], forged, *entry.fact.factors[3:])

    finding = only(altered(field_changed(entry.seq, factors=factors)), "approvals")

    assert f"factor {name} recorded 0.75" in finding.detail


def an_order(purpose: Purpose) -> Entry:
    """Return the first order of a purpose."""
    return first(
        OrderSubmitting,
        lambda each: isinstance(each.fact, OrderSubmitting) and each.fact.purpose is purpose,
    )


def order_changed(purpose: Purpose, **changes: object) -> tuple[Entry, Doctored]:
    """Return an order and the change of its fields."""
    entry = an_order(purpose)
    return entry, field_changed(entry.seq, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"intent_id": "nobody"}, "no approval before it"),
        ({"lots": 9.0}, "sends 9 lots, approved were"),
        ({"scope": "NZDUSD"}, "approved was"),
    ],
)
def test_an_entry_that_no_approval_covers_is_found(changes: dict[str, object], words: str) -> None:
    """An entry needs an approval of its side and symbol, for no fewer lots."""
    entry, change = order_changed(Purpose.ENTRY, **changes)

    finding = only(altered(change), "permissions")

    assert (finding.seq, finding.author) == (entry.seq, "execution")
    assert words in finding.detail


POSITION = PositionChanged(
    scope="EURUSD",
    ticket=7,
    side=Side.BUY,
    lots=0.5,
    open_price=1.1,
    stop_price=1.09,
    target_price=1.13,
    opened_ns=1,
    origin=Origin.OWN,
    intent_id="first",
)
EXIT = ExitIntent(
    scope="EURUSD",
    intent_id="second",
    position_ticket=7,
    position_side=Side.BUY,
    position_lots=0.5,
    side=Side.SELL,
    lots=0.5,
    reason="reversal",
)
AMEND = AmendIntent(
    scope="EURUSD",
    intent_id="second",
    position_ticket=7,
    position_side=Side.BUY,
    stop_price=1.095,
    current_stop_price=1.09,
    target_price=1.13,
    reason="trailing",
)
CLOSING = OrderSubmitting(
    scope="EURUSD",
    intent_id="second",
    purpose=Purpose.EXIT,
    side=Side.SELL,
    lots=0.5,
    stop_price=0.0,
    target_price=0.0,
    position_ticket=7,
    magic=9,
    comment="second",
)
TIGHTENING = msgspec.structs.replace(
    CLOSING, purpose=Purpose.AMEND, lots=0.0, stop_price=1.095, target_price=1.13
)


def permissions(*facts: AnyFact) -> list[str]:
    """Return what the check says of some facts, one after another."""
    check = Permissions()
    entries = [an_entry(fact, seq=seq) for seq, fact in enumerate(facts, 1)]
    return [detail for entry in entries for detail in check.look(entry)]


@pytest.mark.parametrize("intent_and_order", [(EXIT, CLOSING), (AMEND, TIGHTENING)])
def test_an_order_that_only_reduces_needs_no_approval(
    intent_and_order: tuple[AnyFact, AnyFact],
) -> None:
    """An exit and a tighter stop leave by their intents alone."""
    assert permissions(POSITION, *intent_and_order) == []


@pytest.mark.parametrize(
    ("intent", "order", "words"),
    [
        (EXIT, {"lots": 0.6}, "sends SELL 0.6, its intent wants SELL 0.5"),
        (EXIT, {"side": Side.BUY}, "sends BUY 0.5, its intent wants SELL 0.5"),
        (EXIT, {"intent_id": "nobody"}, "no intent to exit before it"),
        (EXIT, {"purpose": Purpose.AMEND}, "no intent to amend before it"),
        (AMEND, {"stop_price": 1.1}, "sends stop 1.1, its intent wants 1.095"),
        (AMEND, {"stop_price": 1.08}, "which is looser than 1.09"),
        (AMEND, {"intent_id": "nobody"}, "no intent to amend before it"),
    ],
)
def test_an_order_that_does_more_than_its_intent_is_found(
    intent: ExitIntent | AmendIntent, order: dict[str, object], words: str
) -> None:
    """More lots, the other side, another stop or no intent at all: each is told."""
    sent = CLOSING if isinstance(intent, ExitIntent) else TIGHTENING

    found = permissions(POSITION, intent, msgspec.structs.replace(sent, **order))

    assert any(words in detail for detail in found), found


@pytest.mark.parametrize(
    ("intent", "changes", "words"),
    [
        (EXIT, {"position_ticket": 8}, "position 8, never seen"),
        (EXIT, {"position_lots": 0.9, "lots": 0.9}, "closes 0.9 lots of 0.5"),
        (EXIT, {"position_side": Side.SELL, "side": Side.BUY}, "position is BUY, not SELL"),
        (AMEND, {"stop_price": 1.08, "current_stop_price": 0.0}, "to 1.08, which is looser"),
    ],
)
def test_an_intent_that_does_not_reduce_is_found(
    intent: ExitIntent | AmendIntent, changes: dict[str, object], words: str
) -> None:
    """What an intent claims of its position is held against what the board knew of it."""
    found = permissions(POSITION, msgspec.structs.replace(intent, **changes))

    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("intent", "meanwhile"),
    [(EXIT, {"lots": 0.0}), (EXIT, {"lots": 0.2}), (AMEND, {"stop_price": 1.097})],
)
def test_an_intent_is_judged_by_what_its_author_had_read(
    intent: ExitIntent | AmendIntent, meanwhile: dict[str, object]
) -> None:
    """What changed while an exit was being decided breaks no promise; what was read does."""
    changed = msgspec.structs.replace(POSITION, **meanwhile)

    def found(read_to: int) -> list[str]:
        check = Permissions()
        entries = [
            an_entry(POSITION, seq=1),
            an_entry(changed, seq=2),
            an_entry(intent, seq=3, read_to=read_to),
        ]
        return [detail for entry in entries for detail in check.look(entry)]

    assert found(1) == []
    assert len(found(2)) == 1


def test_an_order_after_its_approval_expired_is_found() -> None:
    """A permission that is too old permits nothing."""
    entry = an_order(Purpose.ENTRY)
    assert isinstance(entry.fact, OrderSubmitting)
    intent_id = entry.fact.intent_id
    approved = first(
        RiskApproved,
        lambda each: isinstance(each.fact, RiskApproved) and each.fact.intent_id == intent_id,
    )

    finding = only(
        altered(field_changed(approved.seq, valid_until_ns=entry.now_ns - 1)), "permissions"
    )

    assert finding.detail == f"{intent_id}: its approval had expired"


def test_an_order_that_is_submitted_twice_is_found() -> None:
    """One intent is handed to the broker once, ever."""
    one, other = [e for e in entries_of_run() if isinstance(e.fact, OrderSubmitting)][:2]
    assert isinstance(one.fact, OrderSubmitting)

    finding = only(altered(field_changed(other.seq, intent_id=one.fact.intent_id)), "permissions")

    assert finding.seq == other.seq
    assert "already" in finding.detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"intent_id": "nobody"}, "was never submitted"),
        ({"lots": 50.0}, "fills 50 lots"),
    ],
)
def test_a_fill_that_belongs_to_no_order_is_found(changes: dict[str, object], words: str) -> None:
    """A deal that names an intent must follow from its submission, within its lots."""
    entry = first(Fill, lambda each: isinstance(each.fact, Fill) and bool(each.fact.intent_id))

    finding = only(altered(field_changed(entry.seq, **changes)), "fills")

    assert finding.seq == entry.seq
    assert words in finding.detail


def test_a_deal_that_is_told_twice_is_found() -> None:
    """One deal of the broker is one fact."""
    one, other = [e for e in entries_of_run() if isinstance(e.fact, Fill)][:2]
    assert isinstance(one.fact, Fill)

    finding = only(altered(field_changed(other.seq, deal_ticket=one.fact.deal_ticket)), "fills")

    assert finding.detail == f"deal {one.fact.deal_ticket} stands at seq {one.seq} already"


def test_money_without_a_deal_is_found() -> None:
    """A balance that moves by more than its deals explain breaks the identity."""
    snapshots = [e for e in entries_of_run() if isinstance(e.fact, AccountSnapshot)]
    entry = snapshots[5]
    assert isinstance(entry.fact, AccountSnapshot)

    finding = only(
        altered(field_changed(entry.seq, balance=entry.fact.balance + 1.0)), "accounting"
    )

    assert finding.seq == entry.seq
    assert "off by +1.00" in finding.detail


def test_a_cause_that_has_left_memory_is_read_again() -> None:
    """Old causes are found in the journal itself."""
    entries: Sequence[Entry] = entries_of_run()

    assert recording().entry(entries[100].seq) == entries[100]
    with pytest.raises(KeyError):
        recording().entry(10_000_000)


def test_the_verb_tells_and_ends_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person reads a line a check, a machine one object."""
    quorum = CommandLine(tmp_path / "home", monkeypatch, capsys)
    quorum.trade("--symbols", "EURUSD,GBPUSD", "--duration", "1h")

    told, machine = quorum("audit"), quorum("audit", "embedded", "--json")

    assert (told.code, machine.code) == (0, 0)
    assert "audit holds" in told.out
    assert "decisions made again from their causes" in told.out
    report = json.loads(machine.out)
    assert report["holds"]
    assert report["checks"][0]["name"] == "chain"
