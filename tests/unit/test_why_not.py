"""Why a symbol was not traded: the gate, the refusal, the order, or why there was no round."""

import json
from pathlib import Path

import msgspec
import pytest

from agents.limits.reasons import Reason
from blackboard.entry import Entry
from blackboard.facts import (
    AgentHealth,
    AnyFact,
    Bar,
    Decision,
    Fact,
    FeedStatus,
    OrderIntent,
    OrderSubmitting,
    RiskApproved,
    RiskRefused,
    Timeframe,
)
from blackboard.facts.control import Health
from blackboard.facts.decision import Action
from blackboard.facts.market import FeedState
from models.decision.arbitration import GATES
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, next_week_open_ns
from runtime.instants import iso
from runtime.proof.plain_words import OF_GATE, OF_REASON, of_reason
from runtime.proof.why_not import Answer, Explanation, explain
from runtime.proof.wording import explanation_lines
from tests.command_line import CommandLine
from tests.recorded_run import entries_of_run

M15 = Timeframe.M15


def ask(entries: list[Entry], symbol: str, asked_ns: int) -> Explanation:
    """Return the explanation from some entries."""
    return explain(entries, "run", symbol, asked_ns, M15)


def first(kind: type[Fact]) -> Entry:
    """Return the first entry of a kind."""
    return next(entry for entry in entries_of_run() if isinstance(entry.fact, kind))


def a_hold() -> Entry:
    """Return the first decision to hold."""
    return next(
        entry
        for entry in entries_of_run()
        if isinstance(entry.fact, Decision) and entry.fact.action is Action.HOLD
    )


def an_order() -> Entry:
    """Return the first entry intent that was handed to the broker."""
    sent = {e.fact.intent_id for e in entries_of_run() if isinstance(e.fact, OrderSubmitting)}
    return next(
        entry
        for entry in entries_of_run()
        if isinstance(entry.fact, OrderIntent) and entry.fact.intent_id in sent
    )


def without_round(asked: Entry, *facts: AnyFact) -> list[Entry]:
    """Return the run without bar and decision of a close, with facts that stand before it."""
    before = [
        msgspec.structs.replace(asked, fact=fact, key=f"driver/{number}", author="driver")
        for number, fact in enumerate(facts)
    ]
    others = [
        entry
        for entry in entries_of_run()
        if not (
            isinstance(entry.fact, Bar | Decision)
            and (entry.fact.scope, entry.ts_event_ns) == (asked.fact.scope, asked.ts_event_ns)
        )
    ]
    return [*before, *others]


def test_the_first_gate_that_blocked_is_named_with_its_figures() -> None:
    """Gate, value, threshold and plain words; every voter with weight and probability."""
    entry = a_hold()
    assert isinstance(entry.fact, Decision)
    gate = entry.fact.gates[-1]

    found = ask(entries_of_run(), entry.fact.scope, entry.ts_event_ns + 7 * MINUTE_NS)

    assert (found.answer, found.name) == (Answer.BLOCKED, entry.fact.blocked_by)
    assert (found.value, found.threshold, found.detail) == (
        gate.value,
        gate.threshold,
        gate.detail,
    )
    assert found.words == OF_GATE[gate.name]
    assert (found.close_ns, found.seq) == (entry.ts_event_ns, entry.seq)
    assert [voice.weight for voice in found.voices] == [s.weight for s in entry.fact.shares]
    text = "\n".join(explanation_lines(found))
    assert f"held by the gate {gate.name}" in text
    assert "technical.trend" in text
    assert "times are UTC" in text


def test_a_refusal_is_named_with_its_reason() -> None:
    """What risk refused is told by its rule, both figures beside it."""
    entry = first(RiskRefused)
    assert isinstance(entry.fact, RiskRefused)

    found = ask(entries_of_run(), entry.fact.scope, entry.ts_event_ns)

    assert (found.answer, found.name, found.seq) == (
        Answer.REFUSED,
        entry.fact.reason,
        entry.seq,
    )
    assert (found.value, found.threshold) == (entry.fact.value, entry.fact.limit)
    assert found.words == of_reason(entry.fact.reason)
    assert found.side in {"BUY", "SELL"}


def test_an_order_is_told_with_its_outcome() -> None:
    """Where it was traded after all, the ticket leads on to `why`."""
    entry = an_order()

    found = ask(entries_of_run(), entry.fact.scope, entry.ts_event_ns)

    assert (found.answer, found.name) == (Answer.ORDERED, "FILLED")
    assert "why 1" in found.words


@pytest.mark.parametrize(
    ("missing", "answer"),
    [
        ((OrderIntent,), Answer.NOT_WANTED),
        ((RiskApproved, RiskRefused), Answer.NOT_JUDGED),
        ((OrderSubmitting,), Answer.NOT_SENT),
    ],
)
def test_a_trail_that_ends_early_is_told_where_it_ends(
    missing: tuple[type[Fact], ...], answer: Answer
) -> None:
    """No intent, no verdict, no order: each is said as what it is."""
    entry = an_order()
    gone = missing if answer is not Answer.NOT_SENT else (OrderSubmitting,)
    left = [each for each in entries_of_run() if not isinstance(each.fact, gone)]
    if answer is Answer.NOT_SENT:
        left = [each for each in left if each.kind != "OrderOutcome"]

    assert ask(left, entry.fact.scope, entry.ts_event_ns).answer is answer


def test_an_order_without_an_outcome_is_unknown() -> None:
    """What nobody has answered is neither done nor failed."""
    entry = an_order()
    left = [each for each in entries_of_run() if each.kind != "OrderOutcome"]

    found = ask(left, entry.fact.scope, entry.ts_event_ns)

    assert (found.answer, found.name) == (Answer.ORDERED, "UNKNOWN")


def test_a_time_before_the_start_and_one_after_the_end() -> None:
    """Nothing was recorded then, and the record says from when to when it reaches."""
    entries = entries_of_run()
    start_ns, end_ns = entries[0].known_at_ns, entries[-1].known_at_ns

    before = ask(entries, "EURUSD", start_ns - HOUR_NS)
    after = ask(entries, "EURUSD", end_ns + HOUR_NS)

    assert before.answer is Answer.BEFORE_START
    assert after.answer is Answer.AFTER_END
    assert iso(end_ns) in after.words
    assert after.last_round_ns > 0
    assert ask([], "EURUSD", start_ns).answer is Answer.BEFORE_START


def test_a_closed_market_has_no_round() -> None:
    """On a weekend it is said when the market opens."""
    entries = entries_of_run()
    saturday_ns = next_week_open_ns(entries[0].known_at_ns) - DAY_NS

    found = ask(entries, "EURUSD", saturday_ns)

    assert found.answer is Answer.MARKET_CLOSED
    assert iso(next_week_open_ns(saturday_ns)) in found.words
    assert "no round" in "\n".join(explanation_lines(found))


def test_a_symbol_that_is_not_traded_is_told() -> None:
    """Nobody decides about what the book does not have."""
    assert ask(entries_of_run(), "NZDCHF", a_hold().ts_event_ns).answer is Answer.NOT_TRADED


def test_a_stale_feed_is_the_reason() -> None:
    """No bar came, and the DataAgent has said why."""
    asked = a_hold()
    status = FeedStatus(
        scope=asked.fact.scope,
        state=FeedState.STALE,
        source="terminal",
        reason="3 bars without a new one",
        last_bar_ns=0,
    )
    entries = [
        *[e for e in without_round(asked) if e.kind != "FeedStatus"],
    ]
    place = next(n for n, e in enumerate(entries) if e.known_at_ns > asked.ts_event_ns)
    entries.insert(place, msgspec.structs.replace(asked, fact=status))

    found = ask(entries, asked.fact.scope, asked.ts_event_ns)

    assert (found.answer, found.name) == (Answer.FEED_STALE, "stale")
    assert "3 bars without a new one" in found.words


def test_an_agent_that_is_down_is_the_reason() -> None:
    """Health at the time of the close counts, with what was said of it."""
    asked = a_hold()
    down = AgentHealth(
        scope="data", health=Health.DOWN, mode="true", restarts=2, reason="killed by a person"
    )

    found = ask(without_round(asked, down), asked.fact.scope, asked.ts_event_ns)

    assert (found.answer, found.name) == (Answer.AGENT_DOWN, "data")
    assert "killed by a person" in found.words


def test_a_close_without_a_bar_or_without_a_decision() -> None:
    """With everybody well, it is still said what was missing."""
    asked = a_hold()
    scope, close_ns = asked.fact.scope, asked.ts_event_ns
    undecided = [
        entry
        for entry in entries_of_run()
        if not (isinstance(entry.fact, Decision) and entry.ts_event_ns == close_ns)
    ]

    assert ask(without_round(asked), scope, close_ns).answer is Answer.NO_BAR
    assert ask(undecided, scope, close_ns).answer is Answer.UNDECIDED


def test_a_gap_in_the_record_is_told() -> None:
    """Between two starts nothing runs."""
    asked = a_hold()
    from_ns, until_ns = asked.ts_event_ns, asked.ts_event_ns + M15.length_ns
    left = [e for e in entries_of_run() if not from_ns <= e.known_at_ns < until_ns]

    assert ask(left, asked.fact.scope, from_ns).answer is Answer.NOT_RUNNING


def test_every_gate_and_every_reason_has_plain_words() -> None:
    """A name of a setting alone would explain little."""
    assert set(OF_GATE) == set(GATES)
    assert set(OF_REASON) == set(Reason)
    assert of_reason("of_tomorrow") == "the rule of_tomorrow did not pass"


def test_the_verb_reads_a_time_in_utc_or_with_an_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both name the same close; what is no time is a wrong usage."""
    quorum = CommandLine(tmp_path / "home", monkeypatch, capsys)
    quorum.trade("--symbols", "EURUSD", "--duration", "1h")
    close_ns = max(e.ts_event_ns for e in quorum.entries() if isinstance(e.fact, Decision))
    text = iso(close_ns)[:-1].replace("T", " ")

    told = quorum("why-not", "eurusd", text)
    machine = quorum("why-not", "EURUSD", f"{text}+00:00", "--book", "embedded", "--json")
    wrong = quorum("why-not", "EURUSD", "yesterday")

    assert (told.code, machine.code, wrong.code) == (0, 0, 2)
    assert "EURUSD at" in told.out
    assert json.loads(machine.out)["close_ns"] == close_ns
