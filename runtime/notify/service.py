"""Telegram for one run: the sender, and what hears commands where the settings permit any."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from config.secrets import Secrets
from runtime.console.present import Present
from runtime.console.questions import Questions
from runtime.notify.chart import equity_picture
from runtime.notify.desk import Desk
from runtime.notify.gate import Gate
from runtime.notify.link import Link
from runtime.notify.listening import Listener
from runtime.notify.outbox import Outbox
from runtime.notify.sources import Sources
from runtime.notify.telegram import Pause, Telegram
from runtime.run_plan import RunPlan

OUTBOX: Final = "outbox"
LAST_UPDATE: Final = "telegram.update"
"""File of a book that names the last update that was taken."""


@contextmanager
def telegram_of(
    plan: RunPlan, secrets: Secrets, present: Present, pause: Pause | None = None
) -> Iterator[Telegram | None]:
    """Run Telegram while a system runs; None unless both of its secrets are set.

    Parameters
    ----------
    plan
        The run; messages wait in the folder of its book, which this process holds.
    secrets
        Of them TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are used.
    present
        What is known of the run, for answers and pictures.
    pause
        Waits for some seconds; by default until the end at the latest.
    """
    if not secrets.has_messenger:
        yield None
        return
    settings = plan.settings
    section, marker = settings.telegram, settings.profile.upper()
    link = Link(secrets.telegram_bot_token, secrets.telegram_chat_id, section)
    outbox = Outbox(plan.book.folder / OUTBOX)
    telegram = Telegram(
        link,
        outbox,
        marker,
        section.events,
        paint=lambda: equity_picture(present, marker),
        pause=pause,
    )
    if section.commands != "off":
        sources = Sources(
            plan=plan,
            settings=settings,
            present=present,
            questions=Questions(plan, present),
            waiting=outbox.__len__,
        )
        gate = Gate(section, link.chat_id, plan.book.folder / LAST_UPDATE)
        desk = Desk(sources, section)
        telegram.ear = Listener(link, gate, desk, telegram.post)
    telegram.start()
    try:
        yield telegram
    finally:
        telegram.close()
