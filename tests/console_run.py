"""A console over a recorded run, without a browser: its pages asked by an HTTP client."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
from starlette.testclient import TestClient

from blackboard.entry import Entry
from blackboard.journal import Durability
from config.settings import Settings
from runtime.clock import ScaledClock
from runtime.console.access import CSRF_HEADER, Access
from runtime.console.app import Site
from runtime.console.metrics import Metrics
from runtime.console.present import Present
from runtime.journals.diskcache import DiskcacheJournal
from runtime.run_plan import RunPlan
from runtime.status import Status
from tests.recorded_run import a_run, entries_of_run, sealed
from tests.statuses import a_status, an_agent_line

HOST = "127.0.0.1:8280"
TOKEN = "a-token-of-the-console-for-tests"
SESSION_S = 3600.0


class Shown(NamedTuple):
    """A console and what it was made from."""

    client: TestClient
    plan: RunPlan
    present: Present
    access: Access


@cache
def settings_of_run() -> Settings:
    """Return the settings of the recorded run."""
    return a_run()[1].settings


def plan_in(folder: Path, **changes: object) -> RunPlan:
    """Return the plan of a run in a folder, its journal written there."""
    book = folder / "books" / "embedded"
    for name in ("mailbox", "journal"):
        (book / name).mkdir(parents=True)
    journal = DiskcacheJournal(book / "journal")
    for block in sealed(a_run()[0]):
        journal.append(block, {}, Durability.UNSYNCED)
    journal.close()
    values = settings_of_run().model_dump(mode="json") | {"home": str(folder), **changes}
    return RunPlan(
        run_id="1",
        folder=str(book),
        settings_json=Settings.model_validate(values).model_dump_json(),
        clock=ScaledClock(wall_anchor_ns=0, market_anchor_ns=0, speed=1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=0,
    )


def status_of_run(entries: list[Entry]) -> Status:
    """Return what a driver would say after these entries."""
    return a_status(
        an_agent_line(pid=7, restarts=1, last_fact_age_s=2.0, posts_per_s=1.0),
        pid=1,
        written_wall_ns=0,
        now_ns=entries[-1].known_at_ns,
        head=entries[-1].seq,
    )


@contextmanager
def a_console(folder: Path, **changes: object) -> Iterator[Shown]:
    """Give a console over the whole recorded run."""
    plan = plan_in(folder, **changes)
    entries = entries_of_run()
    present, metrics = Present(plan.settings, plan.start_ns), Metrics(plan)
    for entry in entries:
        present.add(entry)
        metrics.add(entry)
    status = status_of_run(entries)
    present.tell(status)
    metrics.tell(status)
    access = Access(TOKEN, frozenset({HOST}), SESSION_S)
    site = Site(plan, present, access, metrics, lambda: True)
    with TestClient(site.application(), base_url=f"http://{HOST}") as client:
        yield Shown(client, plan, present, access)


def logged_in(shown: Shown) -> dict[str, str]:
    """Show the token; return the headers with which a page of ours steers."""
    answer = shown.client.post("/session", content=TOKEN, headers={"origin": f"http://{HOST}"})
    assert answer.status_code == 200, answer.text
    csrf = msgspec.json.decode(answer.content)["csrf"]
    return {"origin": f"http://{HOST}", CSRF_HEADER: csrf}
