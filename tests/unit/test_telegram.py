"""Commands by Telegram: who is heard, what is answered, what is confirmed, what faults cost."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blackboard.facts import ACCOUNT, Summary
from blackboard.facts.control import Command
from config.system import LogSection
from config.telegram import EVENTS, EventsSection, TelegramSection
from runtime.log_setup import set_up_logs
from runtime.notify import desk as desk_module
from runtime.notify.service import telegram_of
from runtime.notify.verbs import VERBS, Permission, active, usage
from tests.bot_api import CHAT_ID, TOKEN, USER_ID, FakeBotApi, serving
from tests.console_run import plan_in
from tests.telegram_chat import SECRETS, Chat, a_chat, present_of_run

PNG = b"\x89PNG\r\n"
OTHER = 555
TICKET = 100_094
"""A closed trade of the recorded run."""
READS = [verb.name for verb in VERBS if verb.permission is Permission.READ]
ARGUMENTS = {"why": str(TICKET), "whynot": "EURUSD", "votes": "EURUSD", "logs": "risk 5"}
SAYS = {
    "status": "#100102 SELL",
    "profit": "closed trades",
    "daily": "2025-01-13",
    "weekly": "2025-01-13",
    "monthly": "2025-01",
    "balance": "equity",
    "performance": "EURUSD",
    "count": "open positions",
    "trades": "stop reached",
    "entries": "trend rules",
    "exits": "target reached",
    "report": "London 2025-01-13",
    "agents": "technical.trend",
    "votes": "trend rules: ",
    "why": "OrderIntent",
    "whynot": "blocked",
    "news": "calendar covered",
    "models": "har: the baseline serves",
    "risk": "drawdown, all ends",
    "breaker": "ACTIVE",
    "locks": "none",
    "health": "messages that wait: 0",
    "logs": "nothing is written",
    "show_config": "profile: sim",
    "version": "python-telegram-bot 22.",
}
"""What stands in the answer over the recorded run, which wrote no log."""


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """Give one chat for all questions, which change nothing."""
    with a_chat(tmp_path_factory.mktemp("reading"), commands_per_min_max=600) as chat:
        yield chat


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    """Give a chat of its own."""
    with a_chat(tmp_path) as found:
        yield found


@pytest.mark.parametrize("name", READS)
def test_every_question_is_answered(reading: Chat, name: str) -> None:
    """Each command answers from what the system knows, with the marker first."""
    answer = reading.answer(f"/{name} {ARGUMENTS.get(name, '')}")

    assert answer.startswith("<b>[SIM]</b> <b>")
    assert SAYS[name] in answer
    assert "Not answered" not in answer


@pytest.mark.parametrize("name", ["profit", "report"])
def test_pictures_go_with_their_answers(reading: Chat, name: str) -> None:
    """The curve of equity is sent as PNG, and its text is under it where it is short enough."""
    before = len(reading.api.sent("sendPhoto"))
    reading.write(f"/{name}")
    picture = reading.api.wait(before + 1, "sendPhoto")[before]

    assert picture["photo"].startswith(PNG)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/why", "a ticket is needed"),
        ("/why 7", "nothing is known of a ticket 7"),
        ("/whynot", "a symbol is needed"),
        ("/whynot EURUSD noon", "the time must be"),
        ("/whynot EURUSD 2025-01-13 12:00Z", "close of 2025-01-13 12:00"),
        ("/whynot EURUSD 12:00", "close of 2025-01-13 12:00"),
        ("/whynot EURUSD 18:01", "close of 2025-01-12"),
        ("/votes XXXYYY", "XXXYYY is no symbol of this run"),
        ("/daily 0", "from 1 to 60"),
        ("/logs ../../etc/passwd", "the agent must be one of"),
        ("/forceexit", "say which"),
        ("/forceexit 7", "7 is no open position of ours"),
        ("/retrain nothing", "the family must be one of all"),
        ("/agent sentiment", "an agent and one of on, shadow, off, restart are needed"),
        ("/nosuch", "/nosuch is not there"),
        ("hello", "commands begin with /"),
        ("/Status@quorum_bot", "#100102"),
        ("/start", "/flatten: close everything of ours and halt"),
        ("/votes <b>&", "&lt;B&gt;&amp; is no symbol"),
        ("/" + "x" * 5000, "is not there"),
    ],
)
def test_what_cannot_be_answered_says_why(reading: Chat, text: str, says: str) -> None:
    """A wrong argument, an unknown command, markup and a huge text are named, not obeyed."""
    assert says in reading.answer(text)


def test_help_and_menu_are_what_is_permitted(reading: Chat) -> None:
    """The list and Telegram's own menu show the active commands and no others."""
    sent = reading.api.wait(1, "setMyCommands")[0]
    menu = sent["commands"]
    assert sent["scope"]["chat_id"] == CHAT_ID

    names = [*active(reading.plan.settings.telegram), "help"]
    assert [each["command"] for each in menu] == names
    answer = reading.answer("/help")
    assert all(f"/{name}" in answer for name in names)
    assert len({verb.name for verb in VERBS}) == len(VERBS)


@pytest.mark.parametrize(
    ("commands", "most"), [("off", None), ("reduce", Permission.REDUCE), ("all", Permission.RAISE)]
)
def test_permissions_are_nested(commands: str, most: Permission | None) -> None:
    """Off permits nothing, reduce all that lowers risk, all everything."""
    section = TelegramSection.model_validate({"commands": commands})

    permitted = {verb.permission for verb in active(section).values()}
    assert permitted == {each for each in Permission if most is not None and each <= most}


@pytest.mark.parametrize("name", ["resume", "retrain", "agent", "forceexit", "flatten"])
def test_every_confirmed_command_can_be_switched_off(name: str) -> None:
    """What is switched off is not there, whatever is permitted."""
    section = TelegramSection.model_validate({"commands": "all", "confirmed": {name: False}})

    assert name not in active(section)
    assert {verb.name for verb in VERBS if verb.is_confirmed} - {*active(section)} == {name}


def test_off_asks_telegram_for_nothing(tmp_path: Path) -> None:
    """Without commands messages go out, and no update is ever asked for."""
    with a_chat(tmp_path, commands="off") as chat:
        chat.telegram.tell(Summary(scope=ACCOUNT, event="trade", title="closed", text="x"))
        chat.api.wait(1)

        assert {method for method, _ in chat.api.calls} == {"sendMessage"}


def test_the_digest_of_the_day_has_its_picture(chat: Chat) -> None:
    """A summary of a day goes out with the curve of equity."""
    chat.telegram.tell(Summary(scope=ACCOUNT, event="day", title="Day", text="all well"))

    (picture,) = chat.api.wait(1, "sendPhoto")
    assert picture["photo"].startswith(PNG)
    assert picture["caption"] == "<b>[SIM]</b> <b>Day</b>\nall well"


def test_a_picture_that_is_refused_costs_no_text(chat: Chat) -> None:
    """Telegram takes no picture: the text is sent alone."""
    chat.api.refused = "sendPhoto"
    chat.telegram.tell(Summary(scope=ACCOUNT, event="week", title="Week", text="all well"))

    assert chat.api.wait(1, "sendMessage")[0]["text"].endswith("all well")


@pytest.mark.parametrize(
    ("command", "letter"),
    [
        ("/forceexit 100102", (Command.CLOSE, "100102")),
        ("/forceexit gbpusd", (Command.CLOSE, "GBPUSD")),
        ("/forceexit ALL", (Command.CLOSE, "all")),
        ("/flatten", (Command.FLATTEN, "")),
        ("/resume", (Command.RESUME, "")),
        ("/retrain", (Command.RETRAIN, "all")),
        ("/retrain HAR", (Command.RETRAIN, "har")),
        ("/agent Sentiment restart", (Command.RESTART, "sentiment")),
        ("/agent sentiment shadow", (Command.SWITCH, "sentiment shadow")),
    ],
)
def test_what_is_confirmed_is_ordered_once(
    chat: Chat, command: str, letter: tuple[Command, str]
) -> None:
    """Nothing leaves before the button, one order with it, and none when it is pressed again."""
    yes, _ = chat.buttons(command)
    assert chat.letters() == []

    assert "Ordered" in chat.pressed(yes)
    assert "nothing waits" in chat.pressed(yes)

    (left,) = chat.letters()
    assert (left.operator_command, left.argument) == letter
    assert left.origin == "telegram"
    assert chat.api.wait(2, "editMessageReplyMarkup")


@pytest.mark.parametrize("command", ["/pause", "/stopentry"])
def test_pause_is_ordered_at_once(chat: Chat, command: str) -> None:
    """What only keeps entries back needs no second word, and says what stays open."""
    assert "2 positions stay open" in chat.answer(command)

    assert [letter.operator_command for letter in chat.letters()] == [Command.PAUSE]


def test_a_confirmation_can_be_taken_back_and_expires(chat: Chat) -> None:
    """No is no; a minute later yes is no more; forged buttons say nothing."""
    _, no = chat.buttons("/flatten")
    assert "Taken back" in chat.pressed(no)
    yes, _ = chat.buttons("/flatten")
    chat.clock.seconds += 60.5
    assert "more than 60 s ago" in chat.pressed(yes)
    for forged in ("flatten:yes", "", ":yes", f"{yes}:yes", "<b>&:yes", "x" * 64):
        assert "nothing waits" in chat.pressed(forged)

    assert chat.letters() == []


def test_only_who_asked_confirms(tmp_path: Path) -> None:
    """Another user, permitted or not, cannot press somebody's button, and spoils nothing."""
    with a_chat(tmp_path, users=[USER_ID, OTHER]) as chat:
        yes, _ = chat.buttons("/flatten")
        assert "only who has asked" in chat.pressed(yes, user=OTHER)
        chat.press(yes, user=777)
        chat.press(yes, chat=777)
        assert "Ordered" in chat.pressed(yes)

        assert [letter.operator_command for letter in chat.letters()] == [Command.FLATTEN]


def test_a_restart_forgets_what_waits_for_its_button(tmp_path: Path) -> None:
    """A button of an earlier start orders nothing."""
    with a_chat(tmp_path) as first:
        yes, _ = first.buttons("/flatten")
        plan = first.plan
    with a_chat(tmp_path, plan=plan) as second:
        second.api.skip_to(5000)
        assert "nothing waits" in second.pressed(yes)
        assert second.letters() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"user": OTHER},
        {"chat": OTHER, "user": OTHER},
        {"chat": OTHER},
        {"type": "group"},
        {"date": 1_700_000_000 - 61},
    ],
    ids=["user", "chat and user", "chat", "group", "old"],
)
def test_strangers_and_stale_messages_get_silence(
    chat: Chat, tmp_path: Path, changes: dict[str, Any], logs: Path
) -> None:
    """Nothing is answered or obeyed, and the log tells that somebody wrote, not what."""
    chat.write("/pause secret-words", **changes)

    assert chat.is_silent_after()
    assert chat.letters() == []
    log = logs.read_text(encoding="utf-8")
    assert "telegram_" in log
    assert "secret-words" not in log


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    """Return the log of this process, put back afterwards."""
    import structlog

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    set_up_logs("driver", tmp_path / "logs", LogSection(level="debug"), profile="sim")
    yield tmp_path / "logs" / "driver.jsonl"
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_replayed_update_is_ignored_also_after_a_restart(tmp_path: Path) -> None:
    """Ids only grow: what Telegram repeats, or sends late, is not obeyed again."""
    with a_chat(tmp_path) as chat:
        number = chat.write("/pause")
        chat.api.wait(1)
        chat.write("/pause", update_id=number)
        chat.write("/pause", update_id=number - 1)
        assert chat.is_silent_after()
        assert len(chat.letters()) == 1
        plan, seen = chat.plan, chat.api.updates
    api = FakeBotApi()
    api.updates, api.repeats = list(seen), True
    with a_chat(tmp_path, api=api, plan=plan) as again:
        api.skip_to(2000)
        assert again.is_silent_after()
        assert again.letters() == []


def test_commands_are_rationed(tmp_path: Path) -> None:
    """Beyond the ration of a minute one answer says so, then none; a minute later all is well."""
    with a_chat(tmp_path, commands_per_min_max=3) as chat:
        for _ in range(3):
            chat.answer("/version")
        assert "at most 3 a minute" in chat.answer("/pause")
        for _ in range(5):
            chat.write("/pause")
        chat.api.until_asked_beyond(chat.write("/pause"))
        chat.clock.seconds += 60.0

        assert chat.is_silent_after()
        assert chat.letters() == []


def test_faults_of_telegram_delay_answers_and_lose_none(chat: Chat) -> None:
    """Through 429, 5xx, garbage and a refusal of the poll every command is answered, in order."""
    chat.answer("/version")
    garbage = [b"", b"<html>", b'{"ok": true, "result": [{"update_id": "x"}]}', b"[1]"]
    with chat.api.news:
        chat.api.answers = [
            (429, b'{"ok": false, "parameters": {"retry_after": 3}}'),
            *[(503, b"")] * 5,
            *((200, content) for content in garbage),
            (409, b'{"ok": false, "description": "Conflict"}'),
        ]
    chat.write("/locks")
    chat.write("/count")
    chat.write("/pause")

    told = chat.api.until_told("Ordered: pause")
    assert told.index("Locks") < told.index("Count") < told.index("Ordered: pause")
    assert len(chat.letters()) == 1


def test_an_answer_that_fails_costs_itself(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in an answer is told without secrets, and the next command is answered."""

    def fail(self: object, text: str, user: int) -> None:
        raise KeyError(f"{text} {TOKEN}")

    with monkeypatch.context() as broken:
        broken.setattr(desk_module.Desk, "command", fail)
        answer = chat.answer("/status")
    assert "Not answered" in answer
    assert "KeyError" in answer
    assert TOKEN not in answer
    assert "Version" in chat.answer("/version")


def test_trading_does_not_wait_for_telegram(tmp_path: Path) -> None:
    """What the driver calls returns while Telegram hangs, and half a configuration runs nothing."""
    import threading

    api = FakeBotApi()
    api.held = threading.Event()
    with a_chat(tmp_path, api=api) as chat:
        for number in range(50):
            chat.telegram.tell(Summary(scope=ACCOUNT, event="trade", title=f"{number}", text="x"))
        assert not api.held.is_set()
        assert api.sent() == []
        api.held.set()
        chat.api.wait(1)
    half = SECRETS.model_copy(update={"telegram_chat_id": type(SECRETS.telegram_chat_id)("")})
    with telegram_of(chat.plan, half, present_of_run()) as nobody:
        assert nobody is None


def test_nothing_that_is_sent_holds_a_secret(reading: Chat) -> None:
    """Neither the token nor a key stands in any answer, the settings' own included."""
    reading.answer("/show_config")

    bodies = [
        {key: value for key, value in body.items() if key != "chat_id" and key != "photo"}
        for body in reading.api.sent()
    ]
    assert TOKEN not in json.dumps(bodies)


def test_settings_that_open_commands_to_nobody_are_refused(tmp_path: Path) -> None:
    """Commands without users, ids of groups, and a token over plain http are contradictions."""
    for wrong, says in (
        ({"commands": "all"}, "telegram.users must name at least one id"),
        ({"users": [-CHAT_ID]}, "telegram.users must be ids of persons"),
        ({"base_url": "http://api.example"}, "telegram.base_url must be https"),
    ):
        with pytest.raises(ValueError, match=says):
            plan_in(tmp_path / says[-5:], telegram=wrong)


def test_the_fake_speaks_like_telegram() -> None:
    """A wrong token is refused, as the tests of refusals rely on."""
    import httpx

    with serving(FakeBotApi()) as api:
        answer = httpx.post(f"{api.url}/bot1:x/getMe", trust_env=False)
    assert answer.status_code == 401


def test_tables_in_the_docs_are_those_in_the_code() -> None:
    """Every command and every event has its row, with what it says, needs, and is by default."""
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    chapter = text.partition("\n## Telegram\n")[2].partition("\n## ")[0]
    needs = {Permission.RAISE: "`all`"}

    told = [line.strip("| ").split(" | ") for line in chapter.splitlines() if line[:3] == "| `"]
    commands = [row for row in told if row[0].startswith("`/")]
    assert commands == [
        [
            f"`{usage(verb)}`",
            verb.words,
            needs.get(verb.permission, "`reduce`") + (" and a button" if verb.is_confirmed else ""),
        ]
        for verb in VERBS
    ]
    events = [row for row in told if row[0].strip("`") in EVENTS]
    assert events == [
        [f"`{name}`", " ".join((field.description or "").split()), field.default]
        for name, field in EventsSection.model_fields.items()
    ]


def test_errors_nobody_thought_of_end_neither_sending_nor_hearing(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hearing begins anew after one, and a picture that cannot be drawn costs no text."""

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    chat.answer("/version")
    with monkeypatch.context() as broken:
        broken.setattr("runtime.notify.service.equity_picture", fail)
        assert "closed trades" in chat.answer("/profit")
    with monkeypatch.context() as broken:
        broken.setattr("runtime.notify.gate.Gate.is_new", fail)
        lost = chat.write("/pause")
        chat.api.until_given(lost)
    assert "Version" in chat.answer("/version")
    assert chat.api.sent("sendPhoto") == []


def test_an_agent_that_cannot_be_switched_is_refused_with_its_reason(chat: Chat) -> None:
    """The same refusals as on the command line, told in the chat."""
    yes, _ = chat.buttons("/agent data off")
    assert "agents.data.enabled must be true" in chat.pressed(yes)
    yes, _ = chat.buttons("/agent nobody on")
    assert "the agent must be one of" in chat.pressed(yes)
    assert chat.letters() == []


def test_every_event_arrives(chat: Chat) -> None:
    """What the council reports is told, event by event, in order and with nothing lost."""
    for event in EVENTS:
        chat.telegram.tell(Summary(scope=ACCOUNT, event=event, title=f"<{event}>", text="x & y"))

    told = chat.api.until_told(f"&lt;{EVENTS[-1]}&gt;")
    places = [told.index(f"<b>&lt;{event}&gt;</b>\nx &amp; y") for event in EVENTS]
    assert places == sorted(places)
    assert all(text.startswith("<b>[SIM]</b> ") for text in chat.api.texts)


def test_a_long_log_shows_its_newest_lines(chat: Chat) -> None:
    """What does not fit is counted, and the last line is there."""
    chat.plan.book.logs.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"event": f"<event {number}> " + "x" * 200}) for number in range(40)]
    (chat.plan.book.logs / "risk.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    answer = chat.answer("/logs risk 30")

    assert "earlier ones do not fit)" in answer
    assert "&lt;event 39&gt;" in answer
    assert "&lt;event 10&gt;" not in answer
    assert "…" not in answer


def test_a_garbled_answer_brings_no_foreign_text_into_the_log(chat: Chat, logs: Path) -> None:
    """The library writes answers that it cannot read into its log; ours stays clean."""
    chat.answer("/version")
    with chat.api.news:
        garbled = {"update_id": 1, "message": {"text": "secret-words"}}
        content = json.dumps({"ok": True, "result": [garbled]}).encode()
        chat.api.answers = [(200, content)] * 2
    assert "Version" in chat.answer("/version")

    written = logs.read_text(encoding="utf-8")
    assert "telegram_deaf" in written
    assert "secret-words" not in written
