"""Texts for people: what happened, as Summary facts.

Each text follows from one entry and stands in a slot of its own; it is due from the moment its
cause is seen until it is seen on the board itself. Digests of periods are in
`agents.rounds.digests`.
"""

from typing import Final

from agents.rounds.care import UNPROTECTED
from agents.rounds.drawdown_path import DRAWDOWN
from agents.rounds.restrictions import RULES, UNFIT
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    FOREVER_NS,
    AccountSnapshot,
    AgentHealth,
    CalendarCoverage,
    Decision,
    DriftDetected,
    ExitIntent,
    Fact,
    FeedStatus,
    GateReport,
    LimitBreached,
    ModelPromoted,
    ModelRolledBack,
    OperatorCommand,
    OrderIntent,
    PositionChanged,
    Summary,
    TradeClosed,
    TradingStateChanged,
    TrainingSkipped,
)
from blackboard.facts.control import Command, Health
from blackboard.facts.execution import Origin
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS, WEEK_NS

DUE_MAX: Final = 256
"""Texts that wait to be posted; the oldest gives way."""

TEXT_LENGTH_MAX: Final = 2000
"""Longest text; the rest is cut, because messengers refuse longer ones."""

TITLE_LENGTH_MAX: Final = 120

TOLD_NS_MAX: Final = WEEK_NS
"""Age beyond which nobody is told any more."""

REASONS_MAX: Final = 128
"""Intents whose reasons are kept; an older one has come to its end."""

USABLE: Final = frozenset({FeedState.LIVE, FeedState.CLOSED})
"""States of a feed that nobody needs to be told of."""

LATE_DEALS_NS_MAX: Final = HOUR_NS
"""How long deals may be missing to a balance before they count as lost: a terminal shows some late,
and after a restart it fetches them again."""


class Summaries:
    """The texts that are due."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due: dict[str, Draft] = {}
        self._unfit: set[str] = set()
        self._naked: set[int] = set()
        self._open: set[int] = set()
        self._decisions: dict[str, Decision] = {}
        self._reasons: dict[str, str] = {}
        """Why a position was wanted, by the intent."""
        self._troubled: set[str] = set()
        self._unexplained_ns = FOREVER_NS
        """Since when the account's deals have not made its balance."""

    def see(self, entry: Entry) -> None:
        """Fold one entry: note the text that it calls for."""
        match entry.fact:
            case Summary():
                self._strike(entry)
            case TradingStateChanged() as changed:
                self._tell_state(changed, entry)
            case AgentHealth() as report:
                self._tell_health(report, entry)
            case Decision() | OrderIntent() as wish:
                self._remember(wish)
            case TradeClosed() as trade:
                self._tell_trade(trade, entry)
            case PositionChanged() as position if position.origin is Origin.OWN:
                self._tell_position(position, entry)
            case FeedStatus() | CalendarCoverage() as feed:
                self._tell_feed(feed, entry)
            case AccountSnapshot() as account:
                self._tell_deals(account, entry)
            case _:
                self._tell_warning(entry)

    def _tell_warning(self, entry: Entry) -> None:
        match entry.fact:
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
            case OperatorCommand(command=Command.SWITCH | Command.RESTART) as order:
                title = f"{order.command.value} of an agent: {order.argument}"
                self.note(entry, "agent", title, f"asked by {order.origin}")
            case GateReport() | TrainingSkipped() | ModelRolledBack() as learned:
                title = f"{learned.scope} was judged"
                self.note(entry, "training", title, verdict_of(learned))
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

    def due(self, now_ns: int) -> list[Draft]:
        """Return the noted texts that are not on the board, and forget those that nobody needs."""
        self._due = {slot: draft for slot, draft in self._due.items() if is_news(draft, now_ns)}
        return list(self._due.values())

    def _strike(self, entry: Entry) -> None:
        self._due.pop(entry.key.removeprefix(f"{entry.author}/"), None)

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

    def _remember(self, wish: Decision | OrderIntent) -> None:
        """Keep why a position will have been opened: its intent stands behind its decision."""
        if isinstance(wish, Decision):
            self._decisions[wish.scope] = wish
            return
        decision = self._decisions.get(wish.scope)
        lead = decision.lead if decision is not None else None
        led = f", led by {lead.scope}" if lead else ""
        expected = f"expected {wish.expected_value_r:+.2f} R"
        self._reasons[wish.intent_id] = f"; chance {wish.confidence:.1%}, {expected}{led}"
        if len(self._reasons) > REASONS_MAX:
            del self._reasons[next(iter(self._reasons))]

    def _tell_opened(self, position: PositionChanged, entry: Entry) -> None:
        self._open.add(position.ticket)
        title = f"{position.side} {position.lots:g} {position.scope} opened at "
        title += f"{position.open_price:g}"
        text = f"stop {position.stop_price:g}, target {position.target_price:g}"
        self.note(entry, "opened", title, text + self._reasons.get(position.intent_id, ""))

    def _tell_feed(self, feed: FeedStatus | CalendarCoverage, entry: Entry) -> None:
        match feed:
            case FeedStatus():
                name, is_troubled = f"prices of {feed.scope}", feed.state not in USABLE
            case CalendarCoverage():
                name, is_troubled = "the calendar", feed.state is Coverage.UNKNOWN
        self._tell_trust(entry, name, f"{feed.state.value}: {feed.reason}", is_troubled=is_troubled)

    def _tell_deals(self, account: AccountSnapshot, entry: Entry) -> None:
        since_ns = min(self._unexplained_ns, entry.ts_event_ns)
        self._unexplained_ns = FOREVER_NS if account.is_explained else since_ns
        are_lost = entry.ts_event_ns - self._unexplained_ns > LATE_DEALS_NS_MAX
        if are_lost:
            late_min = LATE_DEALS_NS_MAX // MINUTE_NS
            text = f"they have not made the balance of {account.balance:,.2f} for more than "
            text += f"{late_min} min: a payment may pass for profit or loss"
        else:
            text = f"they make the balance of {account.balance:,.2f}"
        self._tell_trust(entry, "the account's deals", text, is_troubled=are_lost)

    def _tell_trust(self, entry: Entry, name: str, text: str, *, is_troubled: bool) -> None:
        if is_troubled and name not in self._troubled:
            self._troubled.add(name)
            self.note(entry, "feed", f"Not to be relied on: {name}", text)
        elif not is_troubled and name in self._troubled:
            self._troubled.discard(name)
            self.note(entry, "feed", f"Back: {name}", text)

    def _tell_position(self, position: PositionChanged, entry: Entry) -> None:
        if position.lots == 0.0:
            self._open.discard(position.ticket)
        elif position.ticket not in self._open:
            self._tell_opened(position, entry)
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


def is_news(draft: Draft, now_ns: int) -> bool:
    """Whether a text is young enough to be told; figures are, whatever their age."""
    return not isinstance(draft.fact, Summary) or draft.ts_event_ns > now_ns - TOLD_NS_MAX


def verdict_of(learned: GateReport | TrainingSkipped | ModelPromoted | ModelRolledBack) -> str:
    """Return what came of a training, or who serves from now on, in one line."""
    match learned:
        case GateReport(shadow_until_ns=until_ns, is_promoted=True) if until_ns:
            return f"{_named(learned, learned.version)} passed, now in shadow"
        case GateReport(is_promoted=is_promoted, failed_gate=gate, detail=detail):
            by = "" if gate in detail else f" by {gate}"
            verdict = "promoted" if is_promoted else f"refused{by}"
            return f"{_named(learned, learned.version)} {verdict}: {detail}"
        case TrainingSkipped():
            return f"{learned.scope} gave no candidate: {learned.reason}"
        case ModelPromoted():
            return f"{_named(learned, learned.version)} serves"
        case ModelRolledBack():
            return f"{_named(learned, learned.replaced_version)} taken back: {learned.reason}"


def _named(learned: Fact, version: str) -> str:
    return version if version.startswith(learned.scope) else f"{learned.scope} {version}"
