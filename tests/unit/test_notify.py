"""Messages to people: durable and in order, whatever Telegram answers; the token stays unseen."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from config.secrets import Secrets
from config.system import LogSection
from runtime.book import Book
from runtime.log_setup import set_up_logs
from runtime.notify.outbox import Outbox
from runtime.notify.telegram import (
    BACKOFF_MAX_S,
    LENGTH_MAX,
    RETRY_AFTER_MAX_S,
    Delivery,
    TelegramNotifier,
    escape_within,
    start_notifier,
)

TOKEN = "123456789:AAFakeFakeFakeFakeFakeFakeFakeFake-_x"
CHAT_ID = "987654321"
WAIT_S = 20.0
"""Longest wait for another thread; only a failing test ever waits for it."""


class FakeBotApi:
    """Telegram's side: takes messages, or answers what it was told to."""

    def __init__(self, token: str = TOKEN) -> None:
        self.texts: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[tuple[int, bytes]] = []
        """Taken one a request before messages are accepted."""
        self.token = token
        self.held: threading.Event | None = None
        """Where requests wait before they are answered."""
        self.asked = threading.Event()
        self.arrived = threading.Semaphore(0)

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Return status and content for one request."""
        self.asked.set()
        if self.held is not None:
            self.held.wait(WAIT_S)
        if self.answers:
            return self.answers.pop(0)
        if path != f"/bot{self.token}/sendMessage":
            return 401, b'{"ok": false, "error_code": 401, "description": "Unauthorized"}'
        self.bodies.append(body)
        self.texts.append(body["text"])
        self.arrived.release()
        return 200, b'{"ok": true, "result": {}}'


def _handler(api: FakeBotApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = api.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def api() -> FakeBotApi:
    """Return a bot API that accepts what has the right token."""
    return FakeBotApi()


@pytest.fixture
def url(api: FakeBotApi) -> Iterator[str]:
    """Serve the bot API on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """Return an empty outbox."""
    return Outbox(tmp_path / "outbox")


Make = Callable[..., TelegramNotifier]


@pytest.fixture
def make(url: str, outbox: Outbox) -> Iterator[Make]:
    """Return a maker of notifiers that reach the fake and are closed with the test."""
    made: list[TelegramNotifier] = []

    def build(token: str = TOKEN, base_url: str = url, **changes: Any) -> TelegramNotifier:
        notifier = TelegramNotifier(
            SecretStr(token),
            SecretStr(CHAT_ID),
            outbox,
            "SIM",
            base_url=base_url,
            client=httpx.Client(timeout=WAIT_S, trust_env=False),
            **changes,
        )
        made.append(notifier)
        return notifier

    yield build
    for notifier in made:
        notifier.close()


def delivered(notifier: TelegramNotifier) -> Delivery | None:
    """Return what became of one attempt."""
    attempt = notifier.deliver()
    return attempt.delivery if attempt else None


def test_message_arrives_with_its_marker_first(make: Make, api: FakeBotApi) -> None:
    """Nobody takes a simulated trade for a real one: the marker is the first word."""
    notifier = make()

    notifier.post("Day closed")
    attempt = notifier.deliver()

    assert attempt is not None
    assert (attempt.delivery, attempt.wait_s) == (Delivery.SENT, 1.0)
    assert api.texts == ["[SIM] Day closed"]
    assert api.bodies[0]["chat_id"] == CHAT_ID
    assert notifier.deliver() is None


@pytest.mark.parametrize(
    ("asked", "waits_s"),
    [(b"7", 7.0), (b"0", 1.0), (b"-3", 1.0), (b"1000000", RETRY_AFTER_MAX_S), (b'"soon"', 1.0)],
)
def test_429_waits_as_long_as_telegram_asks(
    make: Make, api: FakeBotApi, asked: bytes, waits_s: float
) -> None:
    """The pause is Telegram's, within bounds, and the message is sent after it."""
    api.answers = [(429, b'{"ok": false, "parameters": {"retry_after": ' + asked + b"}}")]
    notifier = make()
    notifier.post("a")

    attempt = notifier.deliver()

    assert attempt is not None
    assert (attempt.delivery, attempt.wait_s) == (Delivery.LATER, waits_s)
    assert delivered(notifier) is Delivery.SENT
    assert api.texts == ["[SIM] a"]


@pytest.mark.parametrize(
    "answer",
    [(500, b""), (502, b"<html>"), (302, b""), (200, b"<html>portal"), (200, b'{"ok": "\xff"}')],
    ids=["500", "502", "redirect", "portal", "no-utf-8"],
)
def test_what_is_no_answer_of_telegram_is_no_delivery(
    make: Make, api: FakeBotApi, answer: tuple[int, bytes]
) -> None:
    """A failing server or somebody in between costs no message."""
    api.answers = [answer]
    notifier = make()
    notifier.post("a")

    assert delivered(notifier) is Delivery.LATER
    assert delivered(notifier) is Delivery.SENT
    assert api.texts == ["[SIM] a"]


def test_pause_after_failures_doubles_up_to_its_bound(make: Make, api: FakeBotApi) -> None:
    """An outage is not hammered, and a success starts over."""
    api.answers = [(500, b"")] * 10
    notifier = make()
    notifier.post("a")

    waits_s = [attempt.wait_s for _ in range(10) if (attempt := notifier.deliver())]

    assert waits_s == [1, 2, 4, 8, 16, 32, 64, 128, 256, BACKOFF_MAX_S]  # 512 would be the next
    assert delivered(notifier) is Delivery.SENT
    api.answers = [(500, b"")]
    notifier.post("b")
    attempt = notifier.deliver()
    assert attempt is not None
    assert attempt.wait_s == 1.0


def test_outage_keeps_all_messages_in_order(make: Make, api: FakeBotApi) -> None:
    """What is posted while Telegram is away arrives after it, in the order of posting."""
    api.answers = [(503, b"")] * 4
    notifier = make(pause=lambda _seconds: None)
    for text in ("a", "b", "c"):
        notifier.post(text)

    notifier.start()
    for _ in range(3):
        assert api.arrived.acquire(timeout=WAIT_S)

    assert api.texts == ["[SIM] a", "[SIM] b", "[SIM] c"]


def test_unreachable_telegram_costs_no_message(make: Make, outbox: Outbox) -> None:
    """A refused connection leaves the message where it is and raises nothing."""
    notifier = make(base_url="http://127.0.0.1:1")
    notifier.post("a")

    assert delivered(notifier) is Delivery.LATER
    assert len(outbox) == 1


def test_refused_message_gives_way_to_the_next(make: Make, api: FakeBotApi) -> None:
    """One message that Telegram cannot take does not block the others, and its loss is told."""
    api.answers = [(400, b'{"ok": false, "description": "Bad Request"}')]
    notifier = make()
    notifier.post("a")
    notifier.post("b")

    assert delivered(notifier) is Delivery.REFUSED
    assert delivered(notifier) is Delivery.SENT
    assert api.texts == ["[SIM] (1 older messages were lost)\nb"]


def test_wrong_token_stops_the_sending_and_keeps_the_messages(make: Make, outbox: Outbox) -> None:
    """No message is thrown at a bot that does not know us; the next start has them all."""
    notifier = make(token="1:wrong")
    notifier.post("a")

    assert delivered(notifier) is Delivery.CLOSED
    assert len(outbox) == 1


def test_token_with_a_line_break_stops_the_sending(make: Make) -> None:
    """A token that cannot stand in an address is a wrong token, not an outage."""
    notifier = make(token="1:a\nb")
    notifier.post("a")

    assert delivered(notifier) is Delivery.CLOSED


@pytest.mark.parametrize("token", [TOKEN, "mistyped-token-of-another-form"])
def test_token_never_reaches_a_log(make: Make, tmp_path: Path, token: str) -> None:
    """Neither refusals nor failing connections write the token, whatever its form."""
    set_up_logs("driver", tmp_path, LogSection(level="debug"), profile="sim")
    refused, unreachable = make(token=f"{token}9"), make(token=token, base_url="http://127.0.0.1:1")
    broken = make(token=token, base_url=f"http://[{token}]")
    refused.post("a")

    reasons = [attempt.reason for n in (refused, unreachable, broken) if (attempt := n.deliver())]

    written = (tmp_path / "driver.jsonl").read_text(encoding="utf-8")
    assert len(reasons) == 3
    assert all(reasons)
    assert "notifications_stopped" in written
    assert token not in written + "".join(reasons)
    assert token not in repr(vars(unreachable))


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Put the logging of the process back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_long_message_is_cut_to_the_limit(make: Make, api: FakeBotApi) -> None:
    """5,000 characters arrive as 4,096, marker included, and show that something is missing."""
    notifier = make()
    notifier.post("x" * 5000)

    assert delivered(notifier) is Delivery.SENT

    assert len(api.texts[0]) == LENGTH_MAX
    assert api.texts[0].startswith("[SIM] xxx")
    assert api.texts[0].endswith("x…")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("abcd", "abcd"),
        ("abcdefghi", "abcdefg…"),  # 7 + 1
        ("a&&", "a&amp;…"),  # 1 + 5 + 1: a second &amp; would need 11
        ("€€€€€€€€", "€€€€€€€€"),
        ("😀😀😀😀😀", "😀😀😀…"),  # each takes two units: 6 + 1
    ],
)
def test_cutting_never_splits_an_escaped_character(text: str, escaped: str) -> None:
    """At 8 units the text ends before the character that does not fit whole."""
    assert escape_within(text, 8) == escaped


def test_markup_in_a_text_is_shown_not_obeyed(make: Make, api: FakeBotApi) -> None:
    """A headline with markup cannot make a link or break the message."""
    notifier = make()
    notifier.post('<a href="http://x">win</a> & </b>')

    assert delivered(notifier) is Delivery.SENT

    escaped = '[SIM] &lt;a href="http://x"&gt;win&lt;/a&gt; &amp; &lt;/b&gt;'
    assert api.texts == [escaped]
    assert api.bodies[0]["link_preview_options"] == {"is_disabled": True}


def test_close_sends_what_waits_and_leaves_the_rest(
    make: Make, api: FakeBotApi, outbox: Outbox
) -> None:
    """The last summary still goes out; an outage at that moment keeps it for the next start."""
    notifier = make()
    notifier.post("stopped")
    notifier.start()
    notifier.close()

    assert api.texts == ["[SIM] stopped"]

    api.answers = [(500, b"")]
    late = make()
    late.post("stopped again")
    late.start()
    late.close()

    assert api.texts == ["[SIM] stopped"]
    assert len(outbox) == 1


def test_close_does_not_wait_for_an_answer_that_never_comes(
    make: Make, api: FakeBotApi, outbox: Outbox
) -> None:
    """A hanging request does not hold up the stop: close returns while it still hangs."""
    api.held = threading.Event()
    notifier = make()
    notifier.post("a")
    notifier.start()
    assert api.asked.wait(WAIT_S)

    notifier.close(within_s=0.01)

    assert not api.held.is_set()
    assert len(outbox) == 1
    api.held.set()
    assert api.arrived.acquire(timeout=WAIT_S)


def test_close_before_start_is_harmless(make: Make) -> None:
    """A start that fails half way can still close everything it has built."""
    notifier = make()

    notifier.close()
    notifier.close()


def test_post_never_raises(make: Make, tmp_path: Path) -> None:
    """A folder that is gone costs the message, not the run."""
    notifier = make()
    (tmp_path / "outbox").rmdir()

    notifier.post("a")

    assert notifier.deliver() is None


def test_message_survives_the_process(tmp_path: Path) -> None:
    """A new outbox on an old folder has its messages, in order, and goes on after them."""
    before = Outbox(tmp_path)
    before.post("a")
    before.post("b\ud800")  # half of a character: it must not make the message unreadable

    after = Outbox(tmp_path)
    after.post("c")

    assert drained(after) == ["a", "b?", "c"]
    assert drained(Outbox(tmp_path)) == []


def drained(outbox: Outbox) -> list[str]:
    """Take everything."""
    texts = []
    while (message := outbox.oldest()) is not None:
        texts.append(message.text)
        outbox.settle(message)
    return texts


def test_full_outbox_drops_the_oldest_and_counts_it(tmp_path: Path) -> None:
    """The newest messages stay; how many went is told once, also after a restart."""
    full = Outbox(tmp_path, messages_max=2)
    for text in "abcde":
        full.post(text)

    outbox = Outbox(tmp_path, messages_max=2)
    first = outbox.oldest()
    assert first is not None
    assert (first.text, first.dropped) == ("d", 3)
    outbox.settle(first)

    second = outbox.oldest()
    assert second is not None
    assert (second.text, second.dropped) == ("e", 0)


def test_message_that_gave_way_while_it_was_sent_is_not_lost(tmp_path: Path) -> None:
    """A loss that did not happen is not told."""
    outbox = Outbox(tmp_path, messages_max=1)
    outbox.post("a")
    sending = outbox.oldest()
    assert sending is not None

    outbox.post("b")
    outbox.settle(sending)

    left = outbox.oldest()
    assert left is not None
    assert (left.text, left.dropped) == ("b", 0)


def test_outbox_is_private_and_passes_over_what_is_not_its_own(tmp_path: Path) -> None:
    """Only the user reads waiting messages; foreign files neither count nor disturb."""
    folder = tmp_path / "outbox"
    outbox = Outbox(folder)
    outbox.post("a")
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    (folder / "dropped").write_text("many", encoding="utf-8")

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.glob("0*.txt")}
    assert modes == {"000000000001.txt": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert drained(Outbox(folder)) == ["a"]


def test_removed_file_is_passed_over(tmp_path: Path) -> None:
    """A message that somebody deleted by hand does not stop the ones behind it."""
    outbox = Outbox(tmp_path)
    outbox.post("a")
    outbox.post("b")

    (tmp_path / "000000000001.txt").unlink()

    assert drained(outbox) == ["b"]


@pytest.mark.parametrize(("token", "chat_id"), [("", CHAT_ID), (TOKEN, ""), ("", "")])
def test_notifier_needs_both_secrets(tmp_path: Path, token: str, chat_id: str) -> None:
    """Half a configuration sends nothing and leaves no folder."""
    secrets = Secrets(TELEGRAM_BOT_TOKEN=token, TELEGRAM_CHAT_ID=chat_id)

    assert start_notifier(secrets, Book(tmp_path), "SIM") is None
    assert not (tmp_path / "outbox").exists()


def test_notifier_with_both_secrets_waits_in_the_book(tmp_path: Path) -> None:
    """With both it runs, asks nobody anything before the first text, and stops when asked."""
    secrets = Secrets(TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_CHAT_ID=CHAT_ID)

    notifier = start_notifier(secrets, Book(tmp_path), "SIM")

    assert notifier is not None
    assert (tmp_path / "outbox").is_dir()
    notifier.close()
