"""Laws of the supervisor: the order and the batches in which the board speaks do not matter."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import Inbox
from agents.supervisor import SupervisorAgent
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AmendIntent,
    AnyFact,
    ExitIntent,
    OperatorCommand,
    OrderIntent,
)
from blackboard.facts.control import Command, Health
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome, Purpose
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from tests.builders import (
    M15_NS,
    T0_NS,
    a_coverage,
    a_health,
    a_position,
    a_quote,
    a_reconciled,
    a_spec,
    an_entry,
    an_outcome,
)
from tests.chamber import Chamber, a_bar, a_forecast, a_stop, a_vote

SYMBOLS = ("EURUSD", "GBPUSD")


def facts_of_a_close() -> list[tuple[str, AnyFact]]:
    """Return everything that two symbols' close holds, with its authors."""
    said: list[tuple[str, AnyFact]] = [("data", a_bar(symbol)) for symbol in SYMBOLS]
    said += [("data", a_quote(symbol)) for symbol in SYMBOLS]
    for place, symbol in enumerate(SYMBOLS):
        said += [
            ("technical", a_vote("technical.trend", 0.6 + 0.05 * place, symbol)),
            ("technical", a_vote("technical.reversion", 0.55, symbol)),
            ("technical", a_stop(symbol)),
            ("sentiment", a_vote("sentiment", 0.5, symbol, abstains=True)),
        ]
        said += [("lstm_vol", a_forecast(bars, symbol)) for bars in (4, 16)]
    return said


def entries_of(said: list[tuple[str, AnyFact]]) -> list[Entry]:
    """Return them as entries after those of a start."""
    start: list[tuple[str, AnyFact]] = [
        ("execution", a_reconciled()),
        ("sentiment", a_coverage()),
        *(("data", a_spec(symbol)) for symbol in SYMBOLS),
    ]
    return [
        an_entry(fact, seq=seq, author=author, ordinal=str(seq))
        for seq, (author, fact) in enumerate([*start, *said], 1)
    ]


def wanted(drafts: list[Draft]) -> list[tuple[str, AnyFact]]:
    """Return slots and facts, without the seqs of the causes, which follow the order."""
    return [(draft.slot, draft.fact) for draft in drafts]


@given(st.permutations(facts_of_a_close()))
def test_f31_the_order_of_answers_does_not_matter(said: list[tuple[str, AnyFact]]) -> None:
    """Any permutation of what belongs to a close gives the same post."""
    sorted_agent, agent = SupervisorAgent(Settings()), SupervisorAgent(Settings())

    usual = sorted_agent.step(T0_NS, Inbox(entries=tuple(entries_of(facts_of_a_close()))))
    shuffled = agent.step(T0_NS, Inbox(entries=tuple(entries_of(said))))

    assert wanted(shuffled.drafts) == wanted(usual.drafts)
    assert sum(type(draft.fact).__name__ == "OrderIntent" for draft in usual.drafts) == 2


@given(st.sets(st.integers(6, 19)))
def test_batches_do_not_matter(cuts: set[int]) -> None:
    """However the inbox is cut, the round is posted once everything is there, and is the same.

    No cut falls before the sixth entry: the DataAgent posts all bars of a close in one piece, and
    nobody can answer before.
    """
    entries = entries_of(facts_of_a_close())
    whole = SupervisorAgent(Settings()).step(T0_NS, Inbox(entries=tuple(entries)))
    agent = SupervisorAgent(Settings())

    borders = [0, *sorted(cuts), len(entries)]
    outboxes = [
        agent.step(T0_NS, Inbox(entries=tuple(entries[low:high])))
        for low, high in pairwise(borders)
    ]

    def round_of(drafts: list[Draft]) -> list[Draft]:
        return [draft for draft in drafts if draft.timeframe]

    assert round_of(outboxes[-1].drafts) == round_of(whole.drafts)
    assert all(round_of(outbox.drafts) == [] for outbox in outboxes[:-1])


STORY = st.lists(
    st.sampled_from(
        [
            "close up",
            "close down",
            "naked",
            "protected",
            "closed",
            "requote",
            "unknown",
            "exit failed",
            "pause",
            "resume",
            "flatten",
            "risk down",
            "risk back",
            "minute",
            "bar",
        ]
    ),
    max_size=12,
)


def tell(chamber: Chamber, event: str) -> None:
    """Let one thing happen."""
    intents = chamber.board.history(ExitIntent)
    exit_id = intents[-1].fact.intent_id if intents else "none"  # type: ignore[union-attr]
    rejected: dict[str, Any] = {"outcome": Outcome.REJECTED, "retcode": 10004}
    side = {"side": Side.BUY}
    match event:
        case "close up" | "close down":
            p = 0.6 if event == "close up" else 0.4
            chamber.hear_close(trend=p, reversion=p, stop={"long_stop_price": 1.0985})
        case "naked" | "protected" | "closed":
            stop_price = 1.098 if event == "protected" else 0.0
            lots = 0.0 if event == "closed" else 0.1
            chamber.say("execution", a_position(stop_price=stop_price, lots=lots, **side))
        case "requote" | "unknown":
            outcome = Outcome.UNKNOWN if event == "unknown" else Outcome.REJECTED
            for entry in chamber.board.history(OrderIntent)[-1:]:
                intent_id = entry.fact.intent_id  # type: ignore[union-attr]
                answer: dict[str, Any] = {
                    "outcome": outcome,
                    "may_retry": event == "requote",
                    "retcode": 0,
                }
                chamber.say("execution", an_outcome(intent_id=intent_id, **answer))
        case "exit failed":
            failed = an_outcome(intent_id=exit_id, purpose=Purpose.EXIT, **rejected)
            chamber.say("execution", failed)
        case "pause" | "resume" | "flatten":
            command = Command(event)
            chamber.say("driver", OperatorCommand(scope=ACCOUNT, command=command, origin="t"))
        case "risk down" | "risk back":
            health = Health.DOWN if event == "risk down" else Health.HEALTHY
            chamber.say("driver", a_health("risk", health))
        case "minute":
            chamber.now_ns += MINUTE_NS
        case "bar":
            chamber.now_ns += M15_NS - (chamber.now_ns - T0_NS) % M15_NS
        case _:
            raise AssertionError(event)


@settings(max_examples=60)
@given(STORY)
def test_f32_a_rebuilt_supervisor_wants_the_same(story: list[str]) -> None:
    """Whatever happens, a rebuilt one agrees at every turn, all come to rest, exits only reduce."""
    chamber = Chamber()

    for event in story:
        tell(chamber, event)
        chamber.settle()  # each turn compares with a supervisor that is fed the whole journal

    keys = [entry.key for entry in chamber.board.history(AmendIntent)]
    assert len(set(keys)) == len(keys)
    for intent in chamber.all(ExitIntent):
        assert intent.side is intent.position_side.opposite
        assert intent.lots <= intent.position_lots
    for amend in chamber.all(AmendIntent):
        assert amend.stop_price >= amend.current_stop_price  # every position here is long
