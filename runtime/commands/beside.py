"""What stands beside a run that people follow: heartbeat, memory, console, and Telegram."""

from collections.abc import Iterator
from contextlib import contextmanager

from config.secrets import load_secrets
from runtime.console.memory import Memory
from runtime.console.present import Present
from runtime.driver import Display, Displays, Notify, to_nobody
from runtime.heartbeat import Heartbeat
from runtime.run_plan import RunPlan


@contextmanager
def watched(plan: RunPlan, view: Display, present: Present) -> Iterator[Display]:
    """Add heartbeat, memory and console to the terminal's view."""
    # At full speed nobody can follow, and the agents need the processor more.
    if plan.is_virtual and not plan.is_paced:
        yield view
        return
    home = plan.settings.home.absolute()
    memory = Memory(present)
    # Without a page only a chat asks for what is remembered, and every fact is read for it.
    plain = [view, Heartbeat(home), *([memory] if load_secrets().has_messenger else [])]
    try:
        from runtime.console.server import console_of, token_path
    except ModuleNotFoundError:  # which was said at the start
        yield Displays(*plain)
        return
    with console_of(plan, present) as console:
        if console is None:
            yield Displays(*plain)
            return
        place = token_path(home)
        view.line(f"console    {console.url} (it asks for a token once: the content of {place})")
        yield Displays(view, Heartbeat(home), memory, console)


@contextmanager
def messenger(plan: RunPlan, present: Present) -> Iterator[Notify]:
    """Tell the operator by Telegram, where it is set up."""
    # A run over history would flood the chat with the digests of days long past.
    if plan.is_virtual and not plan.is_paced:
        yield to_nobody
        return
    try:
        from runtime.notify.service import telegram_of
    except ModuleNotFoundError:  # which was said at the start
        yield to_nobody
        return
    with telegram_of(plan, load_secrets(), present) as telegram:
        yield telegram.tell if telegram else to_nobody
