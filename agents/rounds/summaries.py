"""Texts for people: what happened, as Summary facts, and one digest a day.

Each text follows from one entry, or from the tally of one day, and stands in a slot of its own; it
is due from the moment its cause is seen until it is seen on the board itself. A digest's day ends
at the configured hour in New York; it is due a little later, when the last close of the day has
been settled, and only the latest finished day is told.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from agents.rounds.care import UNPROTECTED
from agents.rounds.drawdown_path import DRAWDOWN
from agents.rounds.restrictions import RULES, UNFIT
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    FOREVER_NS,
    AccountSnapshot,
    AgentHealth,
    Decision,
    DriftDetected,
    EquityMark,
    ExitIntent,
    LimitBreached,
    OrderOutcome,
    PortfolioBudget,
    PositionChanged,
    RiskRefused,
    Summary,
    TradeClosed,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.decision import Action
from blackboard.facts.execution import Origin, Outcome, Purpose
from config.settings import Settings
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    from_market_clock_ns,
    market_clock_ns,
    trading_day,
)

DUE_MAX: Final = 256
"""Texts that wait to be posted; the oldest gives way."""

DAYS_MAX: Final = 3
"""Days whose tallies are kept."""

REASONS_MAX: Final = 5
"""Reasons for holds and refusals that a digest names, the most frequent first."""

DIGEST_DELAY_NS: Final = 5 * MINUTE_NS
"""Market time after the end of a day in which its last close is settled."""

TEXT_LENGTH_MAX: Final = 2000
"""Longest text; the rest is cut, because messengers refuse longer ones."""

TITLE_LENGTH_MAX: Final = 120

MARKET_CLOCK_LEAD_NS: Final = 7 * HOUR_NS
"""What the market clock is ahead of New York's wall time."""

FILLED: Final = frozenset({Outcome.FILLED, Outcome.PARTIAL})


@dataclass(slots=True)
class Tally:
    """What one day held."""

    equity_start: float
    equity: float
    decisions: int = 0
    entries: int = 0
    trades: int = 0
    wins: int = 0
    pnl: float = 0.0
    holds: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)


class Summaries:
    """The texts that are due, and the tallies behind the digest."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due: dict[str, Draft] = {}
        self._days: dict[int, Tally] = {}
        self._told_ns = 0
        self._equity = 0.0
        self._currency = ""
        self._drawdown_frac = 0.0
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

    def digest(self, now_ns: int, state: str, weights: VoterWeights | None) -> Draft | None:
        """Return the digest of the latest finished day, None if it is told or held nothing."""
        ended = [end_ns for end_ns in self._days if end_ns + DIGEST_DELAY_NS <= now_ns]
        end_ns = max(ended, default=0)
        if end_ns <= self._told_ns or not self._days[end_ns].decisions:
            return None
        lines = self._lines(self._days[end_ns], state, weights)
        return Draft(
            fact=Summary(
                scope=ACCOUNT,
                event="day",
                title=f"Day {trading_day(end_ns - 1).isoformat()}",
                text="\n".join(lines)[:TEXT_LENGTH_MAX],
            ),
            ts_event_ns=end_ns,
            ordinal="day",
        )

    def next_digest_ns(self, now_ns: int) -> int:
        """Return when the next digest falls due, `FOREVER_NS` while no day holds anything."""
        due = [end_ns + DIGEST_DELAY_NS for end_ns in self._days if end_ns > self._told_ns]
        return min((at_ns for at_ns in due if at_ns > now_ns), default=FOREVER_NS)

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
            text = f"{report.health.value} after {report.restarts} restarts"
            self.note(entry, "agent", f"{report.scope} is back", text)

    def _count(self, entry: Entry) -> None:
        match entry.fact:
            case AccountSnapshot() as account:
                self._currency = account.currency
                self._equity = self._equity or account.equity
                self._day(entry).equity = account.equity
                self._equity = account.equity
            case EquityMark(drawdown_frac=drawdown_frac):
                self._drawdown_frac = drawdown_frac
            case PortfolioBudget(scope=symbol, multiplier=multiplier):
                self._budgets[symbol] = multiplier
            case Decision() as decision:
                day = self._day(entry)
                day.decisions += 1
                if decision.action is Action.HOLD:
                    day.holds[decision.blocked_by] += 1
            case RiskRefused(reason=reason):
                self._day(entry).refusals[reason] += 1
            case OrderOutcome(purpose=Purpose.ENTRY, outcome=outcome) if outcome in FILLED:
                self._day(entry).entries += 1
            case TradeClosed(pnl=pnl):
                day = self._day(entry)
                day.trades += 1
                day.wins += pnl > 0.0
                day.pnl += pnl
            case _:
                pass

    def _day(self, entry: Entry) -> Tally:
        hour = self._settings.agents.supervisor.summary_hour_new_york
        end_ns = day_end_ns(entry.ts_event_ns, hour)
        found = self._days.get(end_ns)
        if found is None:
            found = self._days[end_ns] = Tally(equity_start=self._equity, equity=self._equity)
            if len(self._days) > DAYS_MAX:
                del self._days[min(self._days)]
        return found

    def _lines(self, day: Tally, state: str, weights: VoterWeights | None) -> list[str]:
        change = day.equity - day.equity_start
        lines = [
            f"state {state}",
            f"equity {day.equity:.2f} {self._currency}, {change:+.2f} on the day",
            f"drawdown {self._drawdown_frac:.2%}",
            f"entries {day.entries}",
            f"trades closed {day.trades}, won {day.wins}, P&L {day.pnl:+.2f}",
            f"decisions {day.decisions}, held by {_ranked(day.holds)}",
            f"refused by risk: {_ranked(day.refusals)}",
        ]
        if weights is not None:
            lines.append("weights " + _listed((w.scope, w.weight) for w in weights.weights))
        if self._budgets:
            lines.append("budgets " + _listed(sorted(self._budgets.items())))
        return lines


def day_end_ns(ts_ns: int, hour_new_york: int) -> int:
    """Return the first instant, at or after one, at which New York's clock shows a full hour."""
    shift_ns = hour_new_york * HOUR_NS + MARKET_CLOCK_LEAD_NS
    days = -((shift_ns - market_clock_ns(ts_ns)) // DAY_NS)
    return from_market_clock_ns(days * DAY_NS + shift_ns)


def _ranked(counts: Counter[str]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:REASONS_MAX]
    return ", ".join(f"{reason} {count}" for reason, count in ranked) or "nothing"


def _listed(values: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values)
