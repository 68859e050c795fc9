"""Messages to people: durable and in order, whatever Telegram answers; the token stays unseen."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from blackboard.facts import ACCOUNT, Summary
from config.system import LogSection
from config.telegram import EVENTS, EventsSection, TelegramSection
from runtime.log_setup import set_up_logs
from runtime.notify.link import RETRY_AFTER_MAX_S, Delivery, Link
from runtime.notify.markup import LENGTH_MAX, compose, escape_within, units
from runtime.notify.outbox import Button, Message, Note, Outbox
from runtime.notify.sending import BACKOFF_MAX_S, Attempt, Sender
from runtime.notify.telegram import Telegram, loudness_of
from tests.bot_api import CHAT_ID, TOKEN, WAIT_S, FakeBotApi, serving

UNREACHABLE = "http://127.0.0.1:1"
HEAD = "<b>[SIM]</b> "


@pytest.fixture
def api() -> Iterator[FakeBotApi]:
    """Give a bot API that accepts what has the right token."""
    with serving(FakeBotApi()) as found:
        yield found


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """Return an empty outbox."""
    return Outbox(tmp_path / "outbox")


def link_to(url: str, token: str = TOKEN) -> Link:
    """Return a link to a bot API."""
    section = TelegramSection(base_url=url)
    return Link(SecretStr(token), SecretStr(str(CHAT_ID)), section)


def attempts(link: Link, outbox: Outbox, count: int = 1) -> list[Attempt]:
    """Return what became of some attempts, the pauses between them left out."""

    async def work() -> list[Attempt]:
        async with link.opened() as bot:
            sender = Sender(bot, link, outbox, "SIM")
            made = [await sender.deliver() for _ in range(count)]
            return [attempt for attempt in made if attempt]

    return asyncio.run(work())


def deliveries(link: Link, outbox: Outbox, count: int = 1) -> list[Delivery]:
    """Return the same without its figures."""
    return [attempt.delivery for attempt in attempts(link, outbox, count)]


def posted(outbox: Outbox, *titles: str) -> None:
    """Post some messages that cannot be joined, because each has a button."""
    for title in titles:
        outbox.post(Note(title=title, buttons=(Button("ok", title),)))


async def at_once(_seconds: float) -> None:
    """Wait for nothing but the others."""
    await asyncio.sleep(0)


def telegram_to(api: FakeBotApi, outbox: Outbox, **changes: object) -> Telegram:
    """Return what sends to the bot API without pauses, not yet started."""
    values: dict[str, object] = {"pause": at_once, **changes}
    return Telegram(link_to(api.url), outbox, "SIM", EventsSection(), **values)  # type: ignore[arg-type]


def test_message_arrives_with_its_marker_first(api: FakeBotApi, outbox: Outbox) -> None:
    """Nobody takes a simulated trade for a real one: the marker is the first word."""
    outbox.post(Note(title="Day closed", text="all well"))

    (attempt,) = attempts(link_to(api.url), outbox, 2)

    assert (attempt.delivery, attempt.wait_s) == (Delivery.SENT, 1.0)
    assert api.texts == [f"{HEAD}<b>Day closed</b>\nall well"]
    assert api.sent()[0]["chat_id"] == CHAT_ID


@pytest.mark.parametrize(
    ("asked", "waits_s"),
    [(b"7", 7.0), (b"0", 1.0), (b"-3", 1.0), (b"1000000", RETRY_AFTER_MAX_S), (b'"soon"', 1.0)],
)
def test_429_waits_as_long_as_telegram_asks(
    api: FakeBotApi, outbox: Outbox, asked: bytes, waits_s: float
) -> None:
    """The pause is Telegram's, within bounds, and the message is sent after it."""
    api.answers = [(429, b'{"ok": false, "parameters": {"retry_after": ' + asked + b"}}")]
    posted(outbox, "a")

    first, second = attempts(link_to(api.url), outbox, 2)

    assert (first.delivery, first.wait_s) == (Delivery.LATER, waits_s)
    assert second.delivery is Delivery.SENT


@pytest.mark.parametrize(
    "answer",
    [
        (500, b""),
        (502, b"<html>"),
        (302, b""),
        (200, b"<html>portal"),
        (200, b'{"ok": "\xff"}'),
        (200, b'{"ok": true}'),
        (200, b'{"ok": true, "result": 7}'),
        (200, b"[]"),
    ],
    ids=["500", "502", "redirect", "portal", "no-utf-8", "empty", "number", "list"],
)
def test_what_is_no_answer_of_telegram_is_no_delivery(
    api: FakeBotApi, outbox: Outbox, answer: tuple[int, bytes]
) -> None:
    """A failing server or somebody in between costs no message."""
    api.answers = [answer]
    posted(outbox, "a")

    assert deliveries(link_to(api.url), outbox, 2) == [Delivery.LATER, Delivery.SENT]


def test_pause_after_failures_doubles_up_to_its_bound(api: FakeBotApi, outbox: Outbox) -> None:
    """An outage is not hammered, and a success starts over."""
    api.answers = [(500, b"")] * 10
    posted(outbox, "a", "b")

    waits_s = [attempt.wait_s for attempt in attempts(link_to(api.url), outbox, 11)]

    # 512 would be the tenth; the eleventh is sent.
    assert waits_s == [1, 2, 4, 8, 16, 32, 64, 128, 256, BACKOFF_MAX_S, 1]


def test_five_minutes_of_outage_keep_all_messages_in_order(api: FakeBotApi, outbox: Outbox) -> None:
    """What is posted while Telegram is away arrives after it, in order, and `post` never waits."""
    waited_s: list[float] = []

    async def pause(seconds: float) -> None:
        waited_s.append(seconds)
        await asyncio.sleep(0)

    api.answers = [(503, b"")] * 8  # 1 + 2 + … + 128 s
    telegram = telegram_to(api, outbox, pause=pause)
    telegram.start()
    for number in range(30):
        telegram.post(Note(title=f"event {number}"))
    api.wait(1)
    telegram.close(WAIT_S)

    assert sum(waited_s[:8]) == 255.0
    told = "\n".join(api.texts)
    assert [told.index(f"<b>event {number}</b>") for number in range(30)] == sorted(
        told.index(f"<b>event {number}</b>") for number in range(30)
    )
    assert len(outbox) == 0


def test_a_burst_goes_out_as_few_messages(api: FakeBotApi, outbox: Outbox) -> None:
    """Plain messages that wait together are one; a loud one is not made silent by the others."""
    for number in range(3):
        outbox.post(Note(title=f"{number}", text="x"))
    outbox.post(Note(title="quiet", is_silent=True))
    posted(outbox, "asked")

    assert deliveries(link_to(api.url), outbox, 4) == [Delivery.SENT] * 3
    assert api.texts == [
        f"{HEAD}<b>0</b>\nx\n\n<b>1</b>\nx\n\n<b>2</b>\nx",
        f"{HEAD}<b>quiet</b>",
        f"{HEAD}<b>asked</b>",
    ]
    assert [body["disable_notification"] for body in api.sent()] == [False, True, False]


def test_unreachable_telegram_costs_no_message(outbox: Outbox) -> None:
    """A refused connection leaves the message where it is and raises nothing."""
    posted(outbox, "a")

    assert deliveries(link_to(UNREACHABLE), outbox) == [Delivery.LATER]
    assert len(outbox) == 1


def test_refused_message_gives_way_to_the_next(api: FakeBotApi, outbox: Outbox) -> None:
    """One message that Telegram cannot take does not block the others, and its loss is told."""
    api.answers = [(400, b'{"ok": false, "description": "Bad Request"}')]
    posted(outbox, "a", "b")

    assert deliveries(link_to(api.url), outbox, 2) == [Delivery.REFUSED, Delivery.SENT]
    assert api.texts == [f"{HEAD}(1 older messages were lost)\n<b>b</b>"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_wrong_token_or_blocked_bot_keeps_the_messages(
    api: FakeBotApi, outbox: Outbox, status: int
) -> None:
    """No message is thrown at a bot that does not know us; it goes out once that is mended."""
    api.answers = [(status, b'{"ok": false}')]
    posted(outbox, "a")

    assert deliveries(link_to(api.url), outbox, 2) == [Delivery.CLOSED, Delivery.SENT]


@pytest.mark.parametrize("token", [TOKEN, "mistyped-token-of-another-form", "1:a\nb"])
def test_token_never_reaches_a_log(
    api: FakeBotApi, outbox: Outbox, tmp_path: Path, token: str
) -> None:
    """Neither refusals nor failing connections write the token, whatever its form."""
    set_up_logs("driver", tmp_path, LogSection(level="debug"), profile="sim")
    posted(outbox, "a")
    links = [
        link_to(api.url, f"{token}9"),
        link_to(UNREACHABLE, token),
        link_to(f"http://127.0.0.1:1/{token}".replace("\n", ""), token),
    ]

    reasons = [attempt.reason for link in links for attempt in attempts(link, outbox)]

    written = (tmp_path / "driver.jsonl").read_text(encoding="utf-8")
    assert len(reasons) == 3
    assert all(reasons)
    assert "notifications_" in written
    assert token not in written + "".join(reasons)
    assert str(CHAT_ID) not in written
    assert all(token not in repr(vars(link)) for link in links[:2])


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


@pytest.mark.parametrize("is_table", [False, True])
def test_long_message_is_cut_to_the_limit(is_table: bool) -> None:
    """5,000 characters become at most 4,096, marker included, and show that they were cut."""
    text = compose("SIM", [message(Note(title="T", text="&" * 5000, is_table=is_table))])

    assert LENGTH_MAX - 10 <= units(text) <= LENGTH_MAX
    assert text.startswith(f"{HEAD}<b>T</b>\n")
    assert text.removesuffix("</pre>").endswith("&amp;…")
    assert text.endswith("</pre>") is is_table


def message(note: Note) -> Message:
    """Return a message without losses before it."""
    return Message(number=1, note=note)


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


def test_markup_in_a_text_is_shown_not_obeyed(api: FakeBotApi, outbox: Outbox) -> None:
    """A headline with markup cannot make a link or break the message."""
    outbox.post(Note(title="<b>", text='<a href="http://x">win</a> & </pre>', is_table=True))

    assert deliveries(link_to(api.url), outbox) == [Delivery.SENT]

    body = '<pre>&lt;a href="http://x"&gt;win&lt;/a&gt; &amp; &lt;/pre&gt;</pre>'
    assert api.texts == [f"{HEAD}<b>&lt;b&gt;</b>\n{body}"]
    assert api.sent()[0]["link_preview_options"] == {"is_disabled": True}


def test_close_sends_what_waits_and_leaves_the_rest(api: FakeBotApi, outbox: Outbox) -> None:
    """The last summary still goes out; an outage at that moment keeps it for the next start."""
    telegram = telegram_to(api, outbox, pause=None)
    telegram.post(Note(title="stopped"))
    telegram.start()
    telegram.close(WAIT_S)
    assert api.texts == [f"{HEAD}<b>stopped</b>"]

    api.answers = [(500, b"")]
    late = telegram_to(api, outbox, pause=None)
    late.post(Note(title="stopped again"))
    late.start()
    late.close(WAIT_S)

    assert len(api.texts) == 1
    assert len(outbox) == 1


def test_close_does_not_wait_for_an_answer_that_never_comes(
    api: FakeBotApi, outbox: Outbox
) -> None:
    """A hanging request does not hold up the stop: close returns while it still hangs."""
    api.held = threading.Event()
    telegram = telegram_to(api, outbox)
    telegram.post(Note(title="a"))
    telegram.start()
    assert api.asked.wait(WAIT_S)

    telegram.close(within_s=0.01)

    assert not api.held.is_set()
    assert len(outbox) == 1
    api.held.set()
    api.wait(1)
    telegram.close(WAIT_S)


def test_close_before_start_is_harmless(api: FakeBotApi, outbox: Outbox) -> None:
    """A start that fails half way can still close everything it has built."""
    telegram = telegram_to(api, outbox)

    telegram.close()
    telegram.close()


def test_post_never_raises(api: FakeBotApi, outbox: Outbox, tmp_path: Path) -> None:
    """A folder that is gone costs the message, not the run."""
    (tmp_path / "outbox").rmdir()

    telegram_to(api, outbox).post(Note(title="a"))

    assert attempts(link_to(api.url), outbox) == []


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("loudness", ["on", "silent", "off"])
def test_every_event_is_as_loud_as_it_is_set(
    outbox: Outbox, api: FakeBotApi, event: str, loudness: str
) -> None:
    """An event that is off is not told, a silent one rings nowhere, and the others do."""
    events = EventsSection.model_validate({event: loudness})
    telegram = Telegram(link_to(api.url), outbox, "SIM", events)

    telegram.tell(Summary(scope=ACCOUNT, event=event, title="t", text="x"))

    told = [each.note.is_silent for each in outbox.first(5)]
    assert told == {"on": [False], "silent": [True], "off": []}[loudness]
    assert loudness_of(events, "of a later version") == "on"


def test_message_survives_the_process(tmp_path: Path) -> None:
    """A new outbox on an old folder has its messages, in order, and goes on after them."""
    before = Outbox(tmp_path)
    before.post(Note(title="a"))
    before.post(Note(title="b\ud800"))  # half a character must not make it unreadable

    after = Outbox(tmp_path)
    after.post(Note(title="c"))

    assert drained(after) == ["a", "b?", "c"]
    assert drained(Outbox(tmp_path)) == []


def drained(outbox: Outbox) -> list[str]:
    """Take everything."""
    titles = []
    while found := outbox.first():
        titles += [message.note.title for message in found]
        outbox.settle(found)
    return titles


def test_full_outbox_drops_the_oldest_and_counts_it(tmp_path: Path) -> None:
    """The newest messages stay; how many went is told once, also after a restart."""
    full = Outbox(tmp_path, messages_max=2)
    for text in "abcde":
        full.post(Note(title=text))

    outbox = Outbox(tmp_path, messages_max=2)
    first = outbox.first()
    assert [(each.note.title, each.dropped) for each in first] == [("d", 3)]
    outbox.settle(first)

    assert [(each.note.title, each.dropped) for each in outbox.first()] == [("e", 0)]


def test_message_that_gave_way_while_it_was_sent_is_not_lost(tmp_path: Path) -> None:
    """A loss that did not happen is not told."""
    outbox = Outbox(tmp_path, messages_max=1)
    outbox.post(Note(title="a"))
    sending = outbox.first()

    outbox.post(Note(title="b"))
    outbox.settle(sending)

    assert [(each.note.title, each.dropped) for each in outbox.first()] == [("b", 0)]


def test_outbox_is_private_and_passes_over_what_is_not_its_own(tmp_path: Path) -> None:
    """Only the user reads waiting messages; foreign files neither count nor disturb."""
    folder = tmp_path / "outbox"
    outbox = Outbox(folder)
    outbox.post(Note(title="a"))
    (folder / "notes.json").write_text("x", encoding="utf-8")
    (folder / "dropped").write_text("many", encoding="utf-8")

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.glob("0*.json")}
    assert modes == {"000000000001.json": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert drained(Outbox(folder)) == ["a"]


def test_removed_file_is_passed_over(tmp_path: Path) -> None:
    """A message that somebody deleted by hand does not stop the ones behind it."""
    outbox = Outbox(tmp_path)
    outbox.post(Note(title="a"))
    outbox.post(Note(title="b"))

    (tmp_path / "000000000001.json").unlink()

    assert drained(outbox) == ["b"]
