"""Texts for people: what happened, as Summary facts, and one digest a day.

Each text follows from one entry, or from the figures of one trading day, and stands in a slot of
its own; it is due from the moment its cause is seen until it is seen on the board itself. A digest
is due after the configured hour in New York, and only the latest finished day is told.
"""

from collections.abc import Iterable
from typing import Final

from agents.rounds.care import UNPROTECTED
from agents.rounds.days import SETTLING_NS, Told
from agents.rounds.drawdown_path import DRAWDOWN
from agents.rounds.restrictions import RULES, UNFIT
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    FOREVER_NS,
    AccountSnapshot,
    AgentHealth,
    DayStatistics,
    DriftDetected,
    ExitIntent,
    LimitBreached,
    OperatorCommand,
    PortfolioBudget,
    PositionChanged,
    Summary,
    TradeClosed,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.control import Command, Health, ReasonCount
from blackboard.facts.execution import Origin
from config.settings import Settings
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    from_market_clock_ns,
    market_clock_ns,
)

DUE_MAX: Final = 256
"""Texts that wait to be posted; the oldest gives way."""

REASONS_MAX: Final = 5
"""Reasons for holds and refusals that a digest names, the most frequent first."""

TEXT_LENGTH_MAX: Final = 2000
"""Longest text; the rest is cut, because messengers refuse longer ones."""

TITLE_LENGTH_MAX: Final = 120

MARKET_CLOCK_LEAD_NS: Final = 7 * HOUR_NS
"""What the market clock is ahead of New York's wall time."""


class Summaries:
    """The texts that are due, and what the digest tells beside the figures of its day."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due: dict[str, Draft] = {}
        self._told_ns = 0
        self._currency = ""
        self._unfit: set[str] = set()
        self._naked: set[int] = set()
        self._budgets: dict[str, float] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry: count it, and note the text that it calls for."""
        self._count(entry)
        match entry.fact:
            case Summary() as told:
                self._strike(told, entry)
            case TradingStateChanged() as changed:
                self._tell_state(changed, entry)
            case TradeClosed() as trade:
                self._tell_trade(trade, entry)
            case AgentHealth() as report:
                self._tell_health(report, entry)
            case OperatorCommand(command=Command.SWITCH | Command.RESTART) as order:
                title = f"{order.command.value} of an agent: {order.argument}"
                self.note(entry, "agent", title, f"asked by {order.origin}")
            case PositionChanged() as position if position.origin is Origin.OWN:
                self._tell_position(position, entry)
            case ExitIntent(reason=reason) as intent if reason == UNPROTECTED:
                title = f"{intent.scope} {intent.position_ticket} is closed: no stop could be set"
                text = "every stop that was asked for was refused, or none could be asked for"
                self.note(entry, "unprotected", title, text)
            case LimitBreached() as breach if breach.limit not in {*RULES, DRAWDOWN}:
                text = f"{breach.value:g} against {breach.threshold:g}: {breach.consequence}"
                self.note(entry, "limit", f"Limit {breach.limit}", text)
            case DriftDetected() as drift:
                side = "above" if drift.value > drift.threshold else "below"
                text = f"{drift.statistic} {drift.value:.3f}, alarm {side} {drift.threshold:.3f}"
                self.note(entry, "drift", f"{drift.scope} fell short", text)
            case _:
                pass

    def note(self, entry: Entry, event: str, title: str, text: str, ordinal: str = "") -> None:
        """Note a text that an entry calls for; the same entry and event stand in one slot."""
        draft = Draft(
            fact=Summary(
                scope=entry.fact.scope,
                event=event,
                title=title[:TITLE_LENGTH_MAX],
                text=text[:TEXT_LENGTH_MAX],
            ),
            ts_event_ns=entry.ts_event_ns,
            ordinal=f"{event}-{ordinal or entry.seq}",
            causes=(entry.seq,),
        )
        self._due[draft.slot] = draft
        if len(self._due) > DUE_MAX:
            del self._due[next(iter(self._due))]

    def due(self) -> list[Draft]:
        """Return the noted texts that are not on the board."""
        return list(self._due.values())

    def digest(
        self, now_ns: int, state: str, weights: VoterWeights | None, day: Told | None
    ) -> Draft | None:
        """Return the digest of the latest finished day, None if it is told or held no decision."""
        if day is None or not day.fact.decisions:
            return None
        at_ns = self._digest_ns(day.end_ns)
        if at_ns <= self._told_ns or now_ns < at_ns + SETTLING_NS:
            return None
        return Draft(
            fact=Summary(
                scope=ACCOUNT,
                event="day",
                title=f"Day {day.fact.day}",
                text="\n".join(self._lines(day.fact, state, weights))[:TEXT_LENGTH_MAX],
            ),
            ts_event_ns=at_ns,
            ordinal="day",
            causes=(day.place,),
        )

    def next_digest_ns(self, now_ns: int, day: Told | None) -> int:
        """Return when the digest of the latest finished day falls due, `FOREVER_NS` if it is."""
        due_ns = self._digest_ns(day.end_ns) + SETTLING_NS if day is not None else 0
        return due_ns if due_ns > now_ns else FOREVER_NS

    def _digest_ns(self, end_ns: int) -> int:
        return at_hour_ns(end_ns, self._settings.agents.supervisor.summary_hour_new_york)

    def _strike(self, told: Summary, entry: Entry) -> None:
        self._due.pop(entry.key.removeprefix(f"{entry.author}/"), None)
        if told.event == "day":
            self._told_ns = max(self._told_ns, entry.ts_event_ns)

    def _tell_state(self, changed: TradingStateChanged, entry: Entry) -> None:
        open_ones = [f"{each.scope}: {each.evidence}" for each in changed.restrictions]
        ways_out = [f"way out of {each.scope}: {each.way_out}" for each in changed.restrictions]
        if changed.reason == "start":
            settings = self._settings
            names = sorted(type(settings.agents).model_fields)
            modes = ", ".join(f"{name} {settings.mode(name).value}" for name in names)
            lead = f"{settings.timeframe} {' '.join(settings.symbols)}; agents: {modes}"
            title = f"Started {settings.profile} book {settings.book}, {changed.state}"
            self.note(entry, "start", title, "\n".join([lead, *open_ones, *ways_out]))
        else:
            title = f"{changed.previous} to {changed.state}"
            self.note(entry, "state", title, "\n".join([changed.reason, *open_ones, *ways_out]))

    def _tell_trade(self, trade: TradeClosed, entry: Entry) -> None:
        title = f"{trade.side} {trade.lots:g} {trade.scope} closed: {trade.pnl:+.2f}"
        text = (
            f"{trade.open_price:g} to {trade.close_price:g}, {trade.r_multiple:+.2f} R, "
            f"by {trade.reason}, {trade.origin.value}"
        )
        self.note(entry, "trade", title, text, str(trade.ticket))

    def _tell_position(self, position: PositionChanged, entry: Entry) -> None:
        is_naked = position.lots > 0.0 and position.stop_price == 0.0
        if is_naked and position.ticket not in self._naked:
            self._naked.add(position.ticket)
            title = f"{position.scope} {position.ticket} has no stop at the broker"
            text = "a stop is asked for at once; if none can be set, the position is closed"
            self.note(entry, "unprotected", title, text)
        elif not is_naked:
            self._naked.discard(position.ticket)

    def _tell_health(self, report: AgentHealth, entry: Entry) -> None:
        was_unfit, is_unfit = report.scope in self._unfit, report.health in UNFIT
        if is_unfit and not was_unfit:
            self._unfit.add(report.scope)
            self.note(entry, "agent", f"{report.scope} is {report.health.value}", report.reason)
        elif was_unfit and not is_unfit:
            self._unfit.discard(report.scope)
            if report.health is Health.OFF:
                return
            text = f"{report.health.value} after {report.restarts} restarts"
            self.note(entry, "agent", f"{report.scope} is back", text)

    def _count(self, entry: Entry) -> None:
        match entry.fact:
            case AccountSnapshot(currency=currency):
                self._currency = currency
            case PortfolioBudget(scope=symbol, multiplier=multiplier):
                self._budgets[symbol] = multiplier
            case _:
                pass

    def _lines(self, day: DayStatistics, state: str, weights: VoterWeights | None) -> list[str]:
        change = day.equity_end - day.equity_start
        lines = [
            f"state {state}",
            f"equity {day.equity_end:.2f} {self._currency}, {change:+.2f} on the day",
            f"drawdown {day.drawdown_frac:.2%}",
            f"entries {day.entries}",
            f"trades closed {day.trades}, won {day.wins}, P&L {day.pnl:+.2f}",
            f"decisions {day.decisions}, held by {_ranked(day.held_by)}",
            f"refused by risk: {_ranked(day.refused_by)}",
            f"bars on time {day.bars_on_time} of {day.bars_expected}",
        ]
        if weights is not None:
            lines.append("weights " + _listed((w.scope, w.weight) for w in weights.weights))
        if self._budgets:
            lines.append("budgets " + _listed(sorted(self._budgets.items())))
        return lines


def at_hour_ns(ts_ns: int, hour_new_york: int) -> int:
    """Return the first instant, at or after one, at which New York's clock shows a full hour."""
    shift_ns = hour_new_york * HOUR_NS + MARKET_CLOCK_LEAD_NS
    days = -((shift_ns - market_clock_ns(ts_ns)) // DAY_NS)
    return from_market_clock_ns(days * DAY_NS + shift_ns)


def _ranked(counts: Iterable[ReasonCount]) -> str:
    shown = [f"{each.scope} {each.count}" for each in counts][:REASONS_MAX]
    return ", ".join(shown) or "nothing"


def _listed(values: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values)
