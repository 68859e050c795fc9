"""What the learner of a book has done: read from its journal, with nothing running or beside it."""

import msgspec

from agents.training.schedule import Timetable, due_family, next_look_ns, timetable_of
from blackboard.entry import Entry
from blackboard.facts import (
    ACCOUNT,
    DriftDetected,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    ParametersChanged,
    TradeClosed,
    TrainingSkipped,
    TrainingStarted,
)
from blackboard.facts.execution import Origin
from config.settings import Settings
from runtime.book import Book
from runtime.instants import iso
from runtime.proof.lineage import entries_of


class FamilyStanding(msgspec.Struct, kw_only=True):
    """One family in one book."""

    family: str
    serves: str = ""
    """Version, empty for the baseline."""
    last_training: str = ""
    next_training: str = ""
    attempts: int = 0
    promotions: int = 0
    verdict: str = ""
    failed_gate: str = ""
    alarm: str = ""
    """Latest alarm about its losses or inputs."""
    taken_back: str = ""
    """Version that was rolled back or demoted last, and why; empty since something was promoted."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All families, and the latest trades."""

    now: str
    families: tuple[FamilyStanding, ...]
    recent_trades: int
    win_rate: float
    expectancy_r: float
    emergency: str
    """Latest warning about the trades, empty where there was none."""
    parameters: str
    """The adaptive parameters in force, or that they are the settings."""
    best_params_version: str
    """Version of the walk-forward parameters that serve, empty where none do."""


def standing_of(book: Book, settings: Settings) -> Standing:
    """Return what the journal of a book says of its learner."""
    section = settings.agents.learner
    lines = {family: FamilyStanding(family=family) for family in section.training.families}
    tried_ns: dict[str, int] = {}
    trades: list[TradeClosed] = []
    parameters, emergency = "as set", ""
    now_ns = 0
    for entry in entries_of(book.journal):
        now_ns = max(now_ns, entry.known_at_ns)
        match entry.fact:
            case TradeClosed(origin=Origin.OWN) as trade:
                trades.append(trade)
            case ParametersChanged() as changed:
                parameters = (
                    f"confidence {changed.min_confidence:g}, ratio {changed.min_rr_ratio:g}, "
                    f"stop {changed.atr_multiplier:g} ATR, risk {changed.risk_frac:g} "
                    f"({changed.origin})"
                )
            case DriftDetected(scope=scope) as drift if scope == ACCOUNT:
                emergency = _alarm(drift, entry)
            case TrainingStarted(scope=family):
                tried_ns[family] = entry.ts_event_ns
                _fold(lines.setdefault(family, FamilyStanding(family=family)), entry)
            case ModelPromoted(scope=family) | ModelRolledBack(scope=family):
                # Also of a family that no timetable trains, such as the winner of a search.
                _fold(lines.setdefault(family, FamilyStanding(family=family)), entry)
            case _ if entry.fact.scope in lines:
                _fold(lines[entry.fact.scope], entry)
            case _:
                pass
    table = timetable_of(section.training)
    for line in lines.values():
        if line.family not in table.families:
            continue
        line.next_training = _next(line.family, now_ns, tried_ns, table)
    recent = trades[-section.recent_trades :]
    return Standing(
        now=iso(now_ns),
        families=tuple(lines.values()),
        recent_trades=len(recent),
        win_rate=sum(trade.pnl > 0.0 for trade in recent) / max(len(recent), 1),
        expectancy_r=sum(trade.r_multiple for trade in recent) / max(len(recent), 1),
        emergency=emergency,
        parameters=parameters,
        best_params_version=lines["walkforward"].serves if "walkforward" in lines else "",
    )


def _fold(line: FamilyStanding, entry: Entry) -> None:
    match entry.fact:
        case TrainingStarted():
            line.attempts += 1
            line.last_training = iso(entry.ts_event_ns)
            line.verdict, line.failed_gate = "training", ""
        case GateReport(is_promoted=is_promoted, failed_gate=failed_gate, detail=detail) as report:
            line.promotions += is_promoted
            line.verdict = "promoted" if is_promoted else f"refused: {detail}"
            line.failed_gate = failed_gate
            if report.shadow_until_ns:
                line.verdict = f"passed, in shadow until {iso(report.shadow_until_ns)}"
        case TrainingSkipped(reason=reason, have=have, need=need):
            line.verdict = f"skipped: {reason} ({have} of {need})"
        case DriftDetected() as drift:
            line.alarm = _alarm(drift, entry)
        case ModelPromoted(version=version):
            line.serves, line.taken_back = version, ""
        case ModelRolledBack(version=version, replaced_version=replaced, reason=reason):
            line.serves, line.taken_back = version, f"{replaced}: {reason}"
        case _:
            pass


def _alarm(drift: DriftDetected, entry: Entry) -> str:
    at = iso(entry.ts_event_ns)
    return f"{drift.statistic} {drift.value:.3g} against {drift.threshold:.3g} at {at}"


def _next(family: str, now_ns: int, tried_ns: dict[str, int], table: Timetable) -> str:
    """Return when a family is due next: at once, or at the first look that finds it due."""
    alone = table._replace(families=(family,))
    at_ns = now_ns
    for _ in range(400):
        if due_family(at_ns, tried_ns, alone) is not None:
            return "now" if at_ns == now_ns else iso(at_ns)
        at_ns = next_look_ns(at_ns, alone)
    return ""
