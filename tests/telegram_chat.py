"""A chat with a system that has lived through the recorded run, before the fake Bot API."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from config.secrets import Secrets
from runtime.clock import NS, installed
from runtime.console.present import Present
from runtime.mailbox import Letter, take
from runtime.notify.service import telegram_of
from runtime.notify.telegram import Telegram
from runtime.run_plan import RunPlan
from runtime.status import write_status
from tests.bot_api import CHAT_ID, TOKEN, USER_ID, WAIT_S, Body, FakeBotApi, serving
from tests.console_run import plan_in, settings_of_run, status_of_run
from tests.recorded_run import entries_of_run

SECRETS = Secrets(TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_CHAT_ID=str(CHAT_ID))


class HandClock:
    """Clocks that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0
        self.steps_s = 0.0
        """What each look at the monotonic clock takes."""

    def wall_ns(self) -> int:
        """Return the wall clock."""
        return int(self.seconds * NS)

    def process_s(self) -> float:
        """Return the monotonic clock."""
        self.seconds += self.steps_s
        return self.seconds

    def sleep_s(self, seconds: float) -> None:
        """Turn itself on."""
        self.seconds += seconds


class Chat(NamedTuple):
    """A running Telegram, the other side of it, and what it is about."""

    api: FakeBotApi
    telegram: Telegram
    plan: RunPlan
    present: Present
    clock: HandClock

    def write(self, text: str, **changes: Any) -> int:
        """Write something, now unless said otherwise."""
        return self.api.write(text, **{"date": int(self.clock.seconds), **changes})

    def press(self, data: str, **changes: Any) -> int:
        """Press a button."""
        return self.api.press(data, **{"date": int(self.clock.seconds), **changes})

    def ask(self, text: str) -> Body:
        """Write something and return what is answered."""
        before = len(self.api.sent())
        self.write(text)
        return self.api.wait(before + 1)[before]

    def answer(self, text: str) -> str:
        """Return the answer's text, or its caption."""
        body = self.ask(text)
        return str(body.get("text", body.get("caption")))

    def buttons(self, text: str) -> tuple[str, str]:
        """Write a command that is confirmed; return what its two buttons say."""
        rows = self.ask(text)["reply_markup"]["inline_keyboard"]
        return rows[0][0]["callback_data"], rows[0][1]["callback_data"]

    def pressed(self, data: str, **changes: Any) -> str:
        """Press a button and return what is answered."""
        before = len(self.api.sent())
        self.press(data, **changes)
        return str(self.api.wait(before + 1)[before]["text"])

    def letters(self) -> list[Letter]:
        """Take what has reached the driver's mailbox."""
        return take(self.plan.book.mailbox)

    def is_silent_after(self) -> bool:
        """Whether nothing was answered to all that was written before a last question."""
        before = len(self.api.sent())
        return "Version" in self.answer("/version") and len(self.api.sent()) == before + 1


@cache
def present_of_run() -> Present:
    """Return what is known after the recorded run; nobody may change it."""
    entries = entries_of_run()
    present = Present(settings_of_run(), 0)
    for entry in entries:
        present.add(entry)
    present.tell(status_of_run(entries))
    return present


@contextmanager
def a_chat(
    folder: Path, api: FakeBotApi | None = None, plan: RunPlan | None = None, **telegram: Any
) -> Iterator[Chat]:
    """Give a chat; every command is permitted unless `telegram`, the settings, say otherwise."""
    clock = HandClock()
    with serving(api or FakeBotApi()) as served, installed(clock):
        section = {"commands": "all", "users": [USER_ID], "base_url": served.url, **telegram}
        made = plan or plan_in(folder, telegram=section)
        made = _at(made, served.url)
        made.write()
        told = status_of_run(entries_of_run())
        told = msgspec.structs.replace(told, written_wall_ns=clock.wall_ns())
        write_status(made.book.state, told)
        present = present_of_run()
        with telegram_of(made, SECRETS, present, pause=at_once) as running:
            assert running is not None
            yield Chat(served, running, made, present, clock)
            running.close(WAIT_S)


def _at(plan: RunPlan, url: str) -> RunPlan:
    """Return a plan whose Bot API is elsewhere: that of another start has another port."""
    section = plan.settings.telegram.model_copy(update={"base_url": url})
    settings = plan.settings.model_copy(update={"telegram": section})
    return msgspec.structs.replace(plan, settings_json=settings.model_dump_json())


async def at_once(_seconds: float) -> None:
    """Wait for nothing but the others."""
    await asyncio.sleep(0)
