"""What only processes can show of an order that happens once: `kill -9` on the path of a send.

One live system trades often and is killed at every named site in turn, each time the moment an
order gets there. Afterwards journal and broker's ledger are held side by side.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from blackboard.entry import Entry
from blackboard.facts import (
    Fill,
    OrderOutcome,
    OrderSubmitting,
    Reconciled,
    TradeClosed,
    kind_of,
)
from blackboard.facts.execution import Outcome, Purpose
from runtime.fault_sites import SITES, VARIABLE
from runtime.proof.lineage import entries_of
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from tests.cluster.test_cluster import (
    ARGUMENTS,
    WAIT_S,
    book_of,
    check_journal,
    command,
    driver,
    pid_of,
    until,
    wait_for_kind,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(280),
    pytest.mark.skipif(
        sys.platform == "win32", reason="processes are killed and frozen by POSIX signals"
    ),
]

EAGER = """
speed: 900
trading: {min_confidence: 0.5, min_rr_ratio: 2.5, atr_multiplier: 1.0, expected_value_margin_r: 0.0,
  families_min: 1}
terminal: {spread_factor: 0.1, commission_per_lot: 0.2, send_timeout_s: 2.0, read_timeout_s: 2.0,
  hang_deadline_s: 4.0}
cluster: {dashboard: false, restarts_max: 50, health_timeout_s: 1.0, watch_interval_s: 0.3}
agents:
  technical: {calibration_rows_min: 50, calibration_ridge: 10.0}
  risk: {entry_cooldown_min: 0, stop_cooldown_min: 0, losses_cooldown_min: 30,
    stop_side_cooldown_min: 0, entries_per_hour_max: 100, entries_per_day_max: 100,
    consecutive_losses_max: 20, daily_loss_max: 0.06, weekly_loss_max: 0.2}
"""
"""Costs are small and every lean is acted on, so that orders meet the sites often."""
OWN_MAGIC_MIN = 1 << 32
EXPERT = 3


@pytest.fixture
def eager(tmp_path: Path) -> tuple[str, ...]:
    """Return the arguments of a live system that trades often."""
    config = tmp_path / "eager.yaml"
    config.write_text(EAGER)
    symbols = ARGUMENTS[1:3]
    return "up", *symbols, "--config", str(config)


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + WAIT_S  # noqa: TID251 - a test outside of the system's clocks
    while time.monotonic() < end_s:  # noqa: TID251
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(f"did not come about: {what}")


def test_f6_f42_killed_at_every_point_of_a_send_there_is_at_most_one_order(
    tmp_path: Path, eager: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Execution at five points and the terminal at three; afterwards ledger and journal agree.

    The last blow is SIGTERM with whatever is open: the stops stay at the broker, and the next start
    reconciles cleanly.
    """
    site_file = tmp_path / "site"
    monkeypatch.setenv(VARIABLE, str(site_file))
    with driver(tmp_path, *eager) as process:
        until(tmp_path, lambda told: told["head"] > 0)
        for site in SITES:
            victim = "terminal" if site.startswith("terminal") else "execution"
            pid = running(tmp_path, victim)
            site_file.write_text(site)
            wait_for(lambda: not site_file.exists(), f"an order at {site}")
            replaced(tmp_path, victim, pid)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    restart(tmp_path, eager)

    check_journal(book_of(tmp_path))
    check_orders(tmp_path)


def running(home: Path, name: str) -> int:
    """Return the process of an agent, the board or the terminal, once there is one."""
    return pid_of(until(home, lambda told: pid_of(told, name) > 0), name)


def replaced(home: Path, name: str, pid: int) -> None:
    """Wait until another process has taken a dead one's place, and facts flow again."""
    head = int(until(home, lambda told: pid_of(told, name) not in {0, pid})["head"])
    until(home, lambda told: told["head"] > head + 10)


def restart(home: Path, eager: tuple[str, ...]) -> None:
    """Continue the book until it is reconciled and nothing is open, then close everything."""
    before = len(list(entries_of(book_of(home))))
    with driver(home, *eager):
        wait_for(
            lambda: any(
                entry.seq > before and isinstance(entry.fact, Reconciled) and entry.fact.is_clean
                for entry in entries_of(book_of(home))
            ),
            "a clean reconciliation after the restart",
        )
        until(home, lambda told: not told["has_ended"] and told["head"] > before)
        assert command(home, "flatten").returncode == 0
        wait_for(lambda: not open_intents(home), "an outcome of every order")


def last_outcomes(entries: list[Entry]) -> dict[str, Outcome | None]:
    """Return the latest outcome of every order that was announced, None if it has none."""
    outcomes: dict[str, Outcome | None] = {}
    for entry in entries:
        match entry.fact:
            case OrderSubmitting(intent_id=intent):
                outcomes[intent] = None
            case OrderOutcome(intent_id=intent, outcome=outcome) if intent in outcomes:
                outcomes[intent] = outcome
            case _:
                pass
    return outcomes


def open_intents(home: Path) -> list[str]:
    """Return the orders of which nobody knows yet what became of them."""
    outcomes = last_outcomes(list(entries_of(book_of(home))))
    unsettled = {None, Outcome.UNKNOWN, Outcome.ACCEPTED}
    return [intent for intent, outcome in outcomes.items() if outcome in unsettled]


def check_orders(home: Path) -> None:
    """Assert that broker and journal tell the same: no order twice, none without its intent."""
    entries = list(entries_of(book_of(home)))
    announced = {
        entry.fact.magic: entry.fact for entry in entries if isinstance(entry.fact, OrderSubmitting)
    }
    outcomes = last_outcomes(entries)
    ledger = SqliteLedger(next(home.glob("books/*/broker/ledger.sqlite")))
    try:
        orders = [one for one in ledger.orders_between(0, 2**62) if one.magic >= OWN_MAGIC_MIN]
        held = ledger.positions()
    finally:
        ledger.close()
    sent = Counter(order.magic for order in orders if order.reason == EXPERT)
    assert set(sent) <= announced.keys()
    assert set(sent.values()) <= {1}
    done = {Outcome.FILLED, Outcome.PARTIAL}
    for magic, fact in announced.items():
        if fact.purpose is not Purpose.AMEND:
            assert (outcomes[fact.intent_id] in done) == (magic in sent), fact
    closed = {entry.fact.ticket for entry in entries if isinstance(entry.fact, TradeClosed)}
    entered = {order.position for order in orders if order.ticket == order.position}
    assert entered == closed | {position.ticket for position in held}
    assert all(position.sl > 0.0 for position in held)


def exists(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_f5_f29_f32_hung_terminal_dead_board_dead_supervisor(
    tmp_path: Path, eager: tuple[str, ...]
) -> None:
    """A terminal that hangs is replaced, a board and a supervisor that die come back; all agree."""
    with driver(tmp_path, *eager):
        told = until(tmp_path, lambda told: told["head"] > 0 and pid_of(told, "terminal") > 0)
        wait_for_kind(tmp_path, kind_of(Fill))
        hung = pid_of(told, "terminal")
        os.kill(hung, signal.SIGSTOP)
        replaced(tmp_path, "terminal", hung)
        for name in ("board", "supervisor"):
            pid = running(tmp_path, name)
            os.kill(pid, signal.SIGKILL)
            replaced(tmp_path, name, pid)
    restart(tmp_path, eager)
    check_journal(book_of(tmp_path))
    check_orders(tmp_path)
