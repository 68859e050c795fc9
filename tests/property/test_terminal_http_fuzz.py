"""Whatever is thrown at the terminal process: an answer, no traceback, no trade, nobody let in."""

import string
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.terminals.port import Request
from runtime.terminals.server import TerminalServer
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderCheckResult, OrderSendResult, TradeRequest
from runtime.terminals.wire import (
    CONTROLS,
    FUNCTIONS,
    Call,
    Reply,
    decode_call,
    decode_reply,
    decode_result,
)
from tests.scripted_market import HandClock, ScriptedMarket, a_terminal, traits

TOKEN = "a-token-of-the-test"
REFUSED = {400, 401, 404, 405, 413, 421}
fuzzed = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.sampled_from(("EURUSD", "*", 0, 1, 2**31, 2**62, float("nan")))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
names = st.sampled_from((*FUNCTIONS, *CONTROLS, "close", "steer", "__init__", "last_error", ""))
keys = st.sampled_from(
    ("login", "timeout", "ticket", "symbol", "group", "position", "request_id", "epoch", "action")
)
calls = st.fixed_dictionaries(
    {"function": names},
    optional={
        "args": st.lists(values, max_size=5),
        "kwargs": st.dictionaries(keys | st.text(max_size=9), values, max_size=4),
        "request_id": st.text(max_size=140),
        "epoch": scalars,
        "now_ns": st.sampled_from((None, -1, 0, 2**62, 2**63, 2**64 - 1, "now", 1.5)),
    },
)
bodies = st.binary(max_size=200) | st.one_of(values, calls).map(msgspec.msgpack.encode)
paths = st.sampled_from(("/call", "/health", "/call/", "/", "//call")) | st.text(
    string.ascii_letters + "/%.?#é\\", max_size=20
).map("/".__add__)
methods = st.sampled_from(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE")) | st.text(
    string.ascii_uppercase, min_size=1, max_size=9
)
headers = st.dictionaries(
    st.text(string.ascii_lowercase + "-", min_size=1, max_size=12).map("x-".__add__)
    | st.sampled_from(("accept", "content-type", "cookie", "origin", "range", "upgrade")),
    st.text(string.printable[:94], max_size=30),
    max_size=4,
)
requests = st.dictionaries(
    st.sampled_from((*TradeRequest._fields, "unknown")),
    st.one_of(scalars, st.integers(0, 10), st.floats(0.0, 2.0), st.just("EURUSD")),
    max_size=8,
)


@pytest.fixture(scope="module")
def behind() -> SimulatedTerminal:
    """Give a terminal that knows no symbol with a price, so nothing can be traded."""
    return a_terminal(ScriptedMarket(traits("EURUSD")), HandClock())


@pytest.fixture(scope="module")
def client(behind: SimulatedTerminal) -> Iterator[httpx.Client]:
    """Give a client without a token of the served terminal."""
    server = TerminalServer(behind, "127.0.0.1", 0, TOKEN)
    thread = threading.Thread(target=server.run)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as made:
        yield made
    server.stop()
    thread.join()


def assert_nothing_was_done(behind: SimulatedTerminal) -> None:
    """Check that the account has its deposit and nothing else."""
    assert behind.initialize()
    assert behind.positions_get() == ()
    assert behind.orders_get() == ()
    assert behind.history_deals_total(0, 2**31 - 1) == 1


@fuzzed
@given(method=methods, path=paths, extra=headers, body=bodies, token=st.text(max_size=30))
def test_f43_without_the_token_nothing_is_answered(
    client: httpx.Client,
    behind: SimulatedTerminal,
    method: str,
    path: str,
    extra: dict[str, str],
    body: bytes,
    token: str,
) -> None:
    """Every method, path and body is refused in the same words, whatever stands in its headers."""
    sent = extra | {"authorization": f"Bearer {token.encode().hex()}x"}

    response = client.request(method, path, headers=sent, content=body)

    assert response.status_code == 401
    assert response.text in ("token required", "")
    assert_nothing_was_done(behind)


@fuzzed
@given(method=methods, path=paths, extra=headers, body=bodies, host=st.text(string.ascii_letters))
def test_f43_with_the_token_nonsense_is_refused(
    client: httpx.Client,
    behind: SimulatedTerminal,
    method: str,
    path: str,
    extra: dict[str, str],
    body: bytes,
    host: str,
) -> None:
    """No 5xx: a status that says what was wrong; another host is turned away before all else."""
    own = {"authorization": f"Bearer {TOKEN}"}

    response = client.request(method, path, headers=extra | own, content=body)
    foreign = client.request(method, path, headers=extra | own | {"host": f"{host}.example"})

    assert response.status_code in REFUSED | {200}
    assert foreign.status_code == 421
    assert_nothing_was_done(behind)


@fuzzed
@given(body=calls.map(msgspec.msgpack.encode) | bodies)
def test_every_body_gets_a_reply_or_a_refusal(
    client: httpx.Client, behind: SimulatedTerminal, body: bytes
) -> None:
    """A call with wrong arguments is answered as the package does, or refused by its status."""
    response = client.post("/call", headers={"authorization": f"Bearer {TOKEN}"}, content=body)

    assert response.status_code in {200, 400}
    if response.status_code == 200:
        decode_reply(response.content)
    assert "Traceback" not in response.text
    assert_nothing_was_done(behind)


@pytest.mark.parametrize(
    "opening", [b"\x91", b"\x81\xa1a", b"\x82\xa8function\xa7advance\xa4args\x91"]
)
def test_a_deeply_nested_body_is_refused(client: httpx.Client, opening: bytes) -> None:
    """As deep as a body can be: 400, and the next call is answered."""
    own = {"authorization": f"Bearer {TOKEN}"}

    response = client.post("/call", headers=own, content=opening + b"\x91" * 60_000)

    assert response.status_code == 400
    assert client.get("/health", headers=own).status_code == 200


@settings(max_examples=300)
@given(request=requests | values.filter(lambda value: not isinstance(value, dict)))
def test_a_request_is_answered_or_refused_as_documented(
    behind: SimulatedTerminal, request: Request
) -> None:
    """A result, None with -2, or SystemError for an integer out of range; nothing else."""
    behind.initialize()
    try:
        check = behind.order_check(request)
    except SystemError:
        assert behind.last_error()[0] == -2
        return
    if check is None:
        code, text = behind.last_error()
        assert code == -2
        assert text.startswith("Invalid")
        return
    assert isinstance(check, OrderCheckResult)
    assert check.retcode > 0  # there is no price to trade at
    result = behind.order_send(
        request, request_id=repr(request)[:128].encode().hex()[:128], epoch=1
    )
    assert result is None or not isinstance(result, OrderSendResult) or result.retcode > 0


@fuzzed
@given(
    function=st.sampled_from(sorted(FUNCTIONS.keys() - {"order_send", "epoch_seen"})),
    unnamed=st.lists(values, max_size=5),
    named=st.dictionaries(keys, values, max_size=2),
)
def test_a_call_is_answered_or_refused_as_documented(
    behind: SimulatedTerminal, function: str, unnamed: list[Any], named: dict[str, Any]
) -> None:
    """An answer and success, None or False and an error; SystemError, TypeError where CPython does.

    TypeError is for keywords that a function cannot take, or arguments to one that takes none.
    """
    behind.initialize()
    try:
        answer = getattr(behind, function)(*unnamed, **named)
    except SystemError:
        return
    except TypeError:
        assert named or unnamed
        return
    code, _ = behind.last_error()
    assert (answer is None or answer is False) == (code < 0)


@fuzzed
@given(body=bodies, function=st.sampled_from(sorted(FUNCTIONS)))
def test_a_foreign_body_has_one_kind_of_error(body: bytes, function: str) -> None:
    """Neither side can be surprised by what the other one says."""
    for decode in (decode_call, decode_reply):
        with suppress(msgspec.MsgspecError):
            decode(body)
    with suppress(msgspec.MsgspecError):
        reply = Reply(result=msgspec.Raw(body), last_error=(1, "Success"))
        decode_result(function, reply)


def test_the_names_of_a_call_are_those_of_the_wire() -> None:
    """Fuzzing throws at what is there: every field that a call can have."""
    fields = {"function", "args", "kwargs", "request_id", "epoch", "now_ns"}
    assert set(Call.__struct_fields__) == fields
