"""P12: whatever a send comes to, the reason of its outcome begins with a word of the vocabulary."""

from hypothesis import given
from hypothesis import strategies as st

from agents.orders.outcomes import ERRORS, RETCODES, VOCABULARY, classify
from agents.orders.reasons import REASON_LENGTH_MAX, Why, first_word, told
from agents.requests import SendAnswered, SendOrder
from agents.retries import REASON_OF_STOPS, RETCODE_TOO_MANY_REQUESTS
from blackboard.facts import OrderOutcome
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from runtime.terminals.port import Refusal
from tests.execution_desk import LOST, LOST_DONE, PLACED
from tests.order_builders import a_desk_with_position, an_amendment, an_exit, enter

ORDER = SendOrder(
    needs="slot",
    intent_id="one",
    purpose=Purpose.ENTRY,
    symbol="EURUSD",
    side=Side.BUY,
    lots=0.2,
    stop_price=1.098,
    target_price=1.106,
    position_ticket=0,
    magic=1,
    comment="fx",
    deviation_points=20,
)
CODES = st.one_of(st.sampled_from(sorted(RETCODES | ERRORS)), st.integers(-20_000, 120_000))
COMMENTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from([f"{refusal}: text" for refusal in Refusal]),
    st.sampled_from(["Requote", "rejected by dealer", "donexyz", "spread of EURUSD was 1, is 2"]),
)
TONGUES = st.one_of(st.sampled_from([LOST, LOST_DONE, PLACED, 10_009, 99_999]), CODES)


@given(CODES, COMMENTS, st.booleans(), st.booleans())
def test_p12_every_reply_has_a_reason_of_the_vocabulary(
    code: int, comment: str, has_result: bool, was_refused: bool
) -> None:
    """A listed code gives its name, any other says that it is not listed, a refusal its rule."""
    reply = SendAnswered(
        request=ORDER,
        has_result=has_result,
        code=code,
        comment=comment,
        lots=0.0,
        price=0.0,
        order_ticket=0,
        deal_ticket=0,
        was_refused_before_send=was_refused,
    )

    assert first_word(classify(reply).reason) in VOCABULARY


@given(st.lists(TONGUES, min_size=1, max_size=4), st.booleans())
def test_p12_every_outcome_on_the_board_has_a_reason_of_the_vocabulary(
    tongues: list[str | int], gone: bool
) -> None:
    """Entries, stops and exits of whatever fate: the reason begins with a word that is listed."""
    desk, ticket = a_desk_with_position()
    desk.broker.tongue.extend(tongues)
    enter(desk, "EURUSD-2")
    desk.say(an_amendment(ticket))
    desk.settle()
    if gone and ticket in desk.broker.positions:
        desk.broker.close(ticket, 1.0990, desk.now_ns, "client")
    desk.say(an_exit(ticket))
    desk.settle()
    for _ in range(4):
        desk.advance_to(desk.now_ns + 60_000_000_000)

    said = [fact.reason for fact in desk.facts(OrderOutcome) if isinstance(fact, OrderOutcome)]
    assert said
    assert [reason for reason in said if first_word(reason) not in VOCABULARY] == []


@given(st.text(max_size=400))
def test_p12_a_reason_keeps_its_word_and_its_length(text: str) -> None:
    """Free text stands after the colon and is cut to what a fact may hold."""
    reason = told(Why.NO_REPLY, text)

    assert first_word(reason) == Why.NO_REPLY
    assert len(reason) <= REASON_LENGTH_MAX


def test_p12_what_the_terminal_process_refuses_by_is_in_the_vocabulary() -> None:
    """Its refusals reach the outcome under their own names."""
    assert {refusal.value for refusal in Refusal} <= VOCABULARY


def test_p12_what_a_retry_rests_on_is_named_once() -> None:
    """Execution says what supervisor and data go by."""
    assert Why.STOPS_LEVEL.value == REASON_OF_STOPS
    assert RETCODES[RETCODE_TOO_MANY_REQUESTS].reason == Why.TOO_MANY_REQUESTS
