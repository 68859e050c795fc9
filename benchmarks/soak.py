"""Benchmark: months of market time through the real cluster, with processes killed and frozen.

In the first half something is struck every minute; the second half is left alone, so that memory
can be told from restarts. Afterwards the journal is audited.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final, NamedTuple

import msgspec
import numpy as np
from rich.console import Console

from benchmarks.hops import rounds_of
from benchmarks.sections import Section, table
from benchmarks.soak_watch import Watch
from models.market.sessions import DAY_NS
from runtime.clock import process_s, sleep_s
from runtime.commands.progress import Advance, progress
from runtime.proof.audit import AuditReport
from runtime.status import Status, read_status
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger

TITLE: Final = "Months on a real cluster"
MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "120"))
SPEED: Final = 1200.0
"""Market seconds in one: three months take an hour and fifty minutes."""
SYMBOLS: Final = "EURUSD,GBPUSD,USDJPY,AUDUSD"
SEED: Final = 7
LOOK_EVERY_S: Final = 10.0
STRIKE_EVERY_S: Final = float(os.environ.get("SOAK_STRIKE_EVERY_S", "60"))
STRIKES_FRAC: Final = 0.5
"""Share of the time in which something is struck."""
SETTLE_FRAC: Final = 0.1
"""Share of the time after the last strike that does not count for memory."""
WEEK_NS: Final = 7 * DAY_NS
OWN_MAGIC_MIN: Final = 1 << 32
"""An order's own number is beyond what the broker gives to what it does by itself."""
ROOT: Final = Path(__file__).resolve().parents[1]
SETTINGS: Final = (
    "cluster.dashboard=false",
    "cluster.restarts_max=1000",
    "terminal.send_timeout_s=2",
    "terminal.read_timeout_s=2",
    "terminal.hang_deadline_s=5",
    "agents.learner.training.when=never",
)


class Strike(NamedTuple):
    """What was done to whom."""

    victim: str
    blow: str


class Ended(NamedTuple):
    """What a run left behind."""

    status: Status
    audit: AuditReport
    doubled: int
    """Orders beyond the first under one magic number at the broker."""
    rounds: list[dict[str, float]]
    """Of the calm half."""
    journal_mb: float


def run() -> Section:
    """Run, strike, watch, audit; what an unsound run left is kept, and it is said where."""
    home = Path(mkdtemp(prefix="soak-"))
    watch, strikes = Watch(), list[Strike]()
    process = subprocess.Popen(_command(home), cwd=ROOT, stdout=subprocess.DEVNULL)
    with progress(Console(), "minutes of soak", MINUTES, is_quiet=False) as advance:
        calm_ns = _attend(process, home, watch, strikes, advance)
    if process.returncode:
        raise RuntimeError(f"the run must end in order, was code {process.returncode}: {home}")
    ended = _ended(home, calm_ns)
    if ended.audit.holds and not ended.doubled:
        rmtree(home)
    else:
        print(f"kept: {home}", *ended.audit.findings, sep="\n", flush=True)
    return _section(ended, watch, strikes, calm_ns)


def _ended(home: Path, calm_ns: int) -> Ended:
    book = home / "books" / "embedded"
    status = read_status(book / "cluster.json")
    audit = subprocess.run(
        (sys.executable, "launch.py", "audit", "--json"),
        env={**os.environ, "QUORUM_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if status is None or not audit.stdout:
        raise RuntimeError(f"the audit must come to an end, {home}: {audit.stderr[-2000:]}")
    return Ended(
        status=status,
        audit=msgspec.json.decode(audit.stdout, type=AuditReport),
        doubled=_doubled_orders(book),
        rounds=rounds_of(book / "journal", SPEED, calm_ns),
        journal_mb=sum(path.stat().st_size for path in (book / "journal").iterdir()) / 2**20,
    )


def _command(home: Path) -> list[str]:
    options = [each for term in (*SETTINGS, f"home={home}") for each in ("--set", term)]
    duration = ("--duration", f"{MINUTES:g}m", "--speed", f"{SPEED:g}")
    return [sys.executable, "launch.py", "up", "--symbols", SYMBOLS, *duration, *options]


def _attend(
    process: subprocess.Popen[bytes],
    home: Path,
    watch: Watch,
    strikes: list[Strike],
    advance: Advance,
) -> int:
    """Look and strike until the run is over; return the market time from which it was left calm."""
    path = home / "books" / "embedded" / "cluster.json"
    random = np.random.default_rng(SEED)
    started_s = struck_s = process_s()
    calm_ns = 0
    while process.poll() is None:
        sleep_s(LOOK_EVERY_S)
        minutes = round((process_s() - started_s) / 60.0, 1)
        advance(min(minutes, MINUTES), f"{len(strikes)} strikes")
        status = read_status(path)
        if status is None or not all(agent.pid for agent in status.agents):
            continue
        watch.look(status)
        gone_frac = (process_s() - started_s) / (MINUTES * 60.0)
        if gone_frac < STRIKES_FRAC and process_s() - struck_s >= STRIKE_EVERY_S:
            struck_s = process_s()
            strikes.append(_strike(status, random))
        if not calm_ns and gone_frac >= STRIKES_FRAC + SETTLE_FRAC:
            calm_ns = status.now_ns
    return calm_ns


def _strike(status: Status, random: np.random.Generator) -> Strike:
    living = {agent.name: agent.pid for agent in status.agents}
    living |= {"board": status.board_pid, "terminal": status.terminal_pid}
    victim = str(random.choice(sorted(living)))
    blow = signal.SIGKILL if random.random() < 0.7 else signal.SIGSTOP
    with suppress(ProcessLookupError):
        os.kill(living[victim], blow)
    return Strike(victim, "killed" if blow is signal.SIGKILL else "frozen")


def _doubled_orders(book: Path) -> int:
    ledger = SqliteLedger(book / "broker" / "ledger.sqlite")
    try:
        orders = ledger.orders_between(0, 2**62)
    finally:
        ledger.close()
    sent = [one.magic for one in orders if one.reason == mt5.ORDER_REASON_EXPERT]
    own = Counter(magic for magic in sent if magic >= OWN_MAGIC_MIN)
    return sum(own.values()) - len(own)


def _section(ended: Ended, watch: Watch, strikes: list[Strike], calm_ns: int) -> Section:
    status, audit, rounds = ended.status, ended.audit, ended.rounds
    first_ns = min(sample.now_ns for sample in watch.samples["driver"])
    weeks = (status.now_ns - first_ns) / WEEK_NS
    growth = watch.growth(calm_ns, WEEK_NS)
    steep = [each.name for each in growth if not each.is_flat]
    memory = f"grows in {', '.join(steep)}" if steep else "is flat everywhere"
    killed = sum(strike.blow == "killed" for strike in strikes)
    half = len(rounds) // 2
    return Section(
        name="soak",
        title=TITLE,
        text=(
            f"{weeks:.1f} market weeks in {MINUTES:g} minutes on Ray; {killed} processes killed, "
            f"{len(strikes) - killed} frozen in the first half. `audit` found "
            f"{'nothing' if audit.holds else 'a broken promise'}; {ended.doubled} orders were sent "
            f"twice. {status.head:,} entries, {ended.journal_mb / weeks:.0f} MB of journal a week. "
            f"In the calm half memory {memory}, and "
            f"decisions came {_delay(rounds[:half])} after the close was told, later "
            f"{_delay(rounds[half:])}."
        ),
        tables=(
            table(
                ("struck", "killed", "frozen"),
                [
                    [victim, *(str(told[Strike(victim, blow)]) for blow in ("killed", "frozen"))]
                    for told in [Counter(strikes)]
                    for victim in sorted({strike.victim for strike in strikes})
                ],
            ),
            table(
                ("audit", "looked at", "broken"),
                [[each.name, f"{each.checked:,}", str(each.found)] for each in audit.checks],
            ),
            table(
                ("process", "MB first", "MB last", "MB a market week", "±", "files"),
                [
                    [
                        each.name,
                        f"{each.first_mb:.0f}",
                        f"{each.last_mb:.0f}",
                        f"{each.slope_mb:+.2f}",
                        f"{each.error_mb:.2f}",
                        f"{each.files_first} → {each.files_last}",
                    ]
                    for each in growth
                ],
            ),
        ),
        notes=(
            "Resident memory over the calm half: least squares, and the slope's standard error.",
            f"Weekends take as long as weekdays: {SPEED:g} market seconds in one all the time.",
            "The terminal's growth is the simulated market's, which keeps twelve weeks: in a "
            "process of its own it took 37 MB in 16 weeks and nothing after. The driver's last "
            "sample is its closing report.",
        ),
    )


def _delay(rounds: list[dict[str, float]]) -> str:
    if not rounds:
        return "no round"
    p50, p99 = np.percentile([each["decision"] for each in rounds], (50, 99))
    return f"{p50:.0f} ms (p99 {p99:.0f})"
